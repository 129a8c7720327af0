"""The command line as a person uses it against the service of a stage."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass

from typer.testing import CliRunner

from reconciler.cli import app
from tests.support.e2e import SECRET, Stage
from tests.support.e2e_shown import Json


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        return dict(json.loads(self.out))


async def cli(stage: Stage, *arguments: str, **environment: str) -> Done:
    """Run one command as a person would."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "reconciler",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "RECONCILER_URL": stage.service.url,
            "RECONCILER_API_TOKEN": SECRET,
            **environment,
        },
    )
    out, err = await process.communicate()
    return Done(process.returncode or 0, out.decode(), err.decode())


async def cli_here(*arguments: str, **environment: str) -> Done:
    """Run one command without a process of its own, with this environment; what it asks is answered by nobody."""
    result = await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env={"COLUMNS": "300", **environment})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)
