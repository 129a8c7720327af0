"""How commands end: the exit codes, and the one place that turns an error into one."""

from enum import IntEnum
from typing import Any

import typer
from typer.core import TyperGroup

from reconciler.cli.render import say
from reconciler.errors import ConfigError, ReconcilerError, StoreError, UpstreamError


class ExitCode(IntEnum):
    OK = 0
    NEGATIVE = 1
    USAGE = 2
    CONFIGURATION = 3
    UNREACHABLE = 4
    REFUSED = 5


EXIT_CODES_HELP = (
    "Exit codes: 0 ok; 1 a negative answer (not converged, not found, a check failed, not confirmed); "
    "2 wrong usage; 3 the configuration cannot be used; 4 the service or its database cannot be reached; "
    "5 the service refused."
)


class Refused(ReconcilerError):
    """The service understood and said no; the text is for people."""


class NotFound(ReconcilerError):
    """The service knows no such thing; the text is for people."""


class Group(TyperGroup):
    """Runs a command and ends with the exit code that fits its error; anything unforeseen keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            say("The configuration cannot be used:")
            for problem in error.problems:
                say(f"  - {problem}")
            raise typer.Exit(ExitCode.CONFIGURATION) from error
        except NotFound as error:
            say(str(error))
            raise typer.Exit(ExitCode.NEGATIVE) from error
        except Refused as error:
            say(str(error))
            raise typer.Exit(ExitCode.REFUSED) from error
        except UpstreamError as error:
            say(f"{error}.")
            raise typer.Exit(ExitCode.UNREACHABLE) from error
        except StoreError as error:
            say(f"The database cannot be used: {error}")
            raise typer.Exit(ExitCode.UNREACHABLE) from error
