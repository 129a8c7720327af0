"""The command line put together."""

from typing import Annotated

import typer

from reconciler import __version__
from reconciler.cli import decisions, local, remote, wishes
from reconciler.cli.completion import answer_shells, completion
from reconciler.cli.exits import EXIT_CODES_HELP, Group
from reconciler.cli.tail import tail


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"reconciler {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="reconciler",
    cls=Group,
    help="Deletes a movie, series or season everywhere, keeps at it until it is gone, and shows the evidence.",
    epilog=EXIT_CODES_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

answer_shells()


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version and end.")
    ] = False,
) -> None:
    pass


_HERE = "Run here"
_SERVICE = "Ask the running service"

app.command("serve", rich_help_panel=_HERE)(local.serve)
app.command("demo", rich_help_panel=_HERE)(local.demo)
app.command("migrate", rich_help_panel=_HERE)(local.migrate)
app.command("backup", rich_help_panel=_HERE)(local.backup)
app.command("check", rich_help_panel=_HERE)(local.check)
app.command("connect", rich_help_panel=_HERE)(local.connect)
app.command("notify-test", rich_help_panel=_HERE)(local.notify_test)
app.command("completion", rich_help_panel=_HERE)(completion)
app.command("status", rich_help_panel=_SERVICE)(remote.status)
app.command("list", rich_help_panel=_SERVICE)(remote.list_deletions)
app.command("show", rich_help_panel=_SERVICE)(remote.show)
app.command("tail", rich_help_panel=_SERVICE)(tail)
app.command("plan", rich_help_panel=_SERVICE)(remote.plan)
app.command("delete", rich_help_panel=_SERVICE)(wishes.delete)
app.command("approve", rich_help_panel=_SERVICE)(decisions.approve)
app.command("bind", rich_help_panel=_SERVICE)(decisions.bind)
app.command("cancel", rich_help_panel=_SERVICE)(decisions.cancel)
app.command("retry", rich_help_panel=_SERVICE)(decisions.retry)
