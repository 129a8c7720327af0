"""Commands that run here: the service itself, its database, its upstreams, and the demo."""

import asyncio
import dataclasses
import gc
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.exits import ExitCode
from reconciler.cli.options import ConfigOption, JsonOption, TokenOption, YesOption, settings_from
from reconciler.cli.render import say, show_checks, show_json, show_messages
from reconciler.cli.service import URL_VARIABLE
from reconciler.errors import ConfigError
from reconciler.model import UpstreamKind
from reconciler.words import size_in_words

_ADDRESSES = [f"{kind.value}_URL".upper() for kind in UpstreamKind]

# What these commands start brings in servers and database drivers: imported when asked for, so that `--help` and the
# commands that only speak HTTP stay quick.


def serve(config: ConfigOption = None) -> None:
    """Run the service until it is told to stop."""
    gc.disable()
    from reconciler.main import serve as run  # noqa: PLC0415 - slow to import: when asked for

    # What was imported stays as long as the process does: looking through it for garbage took a quarter of the start.
    gc.freeze()
    gc.enable()
    raise typer.Exit(run(settings_from(config)))


def migrate(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Bring the database's schema up to date (also done by `serve`)."""
    from reconciler.errands import migrate as run  # noqa: PLC0415 - slow to import: when asked for

    before, after = asyncio.run(run(settings_from(config)))
    if as_json:
        show_json({"schema_version": after, "before": before})
    else:
        say(f"The schema is at version {after}{f', it was at {before}' if before != after else ' already'}.")


def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to make; never one that exists.", dir_okay=False)
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the SQLite database, also while the service runs. PostgreSQL is backed up with pg_dump."""
    from reconciler.store.backup import back_up  # noqa: PLC0415 - slow to import: when asked for

    url = settings_from(config).database_url
    if not url.startswith("sqlite"):
        raise ConfigError(["database_url names a PostgreSQL, which is backed up with pg_dump; see docs/operations.md."])
    done = back_up(url, file)
    if as_json:
        show_json({"file": str(done.target), "size": done.size, "schema_version": done.schema_version})
    else:
        size = size_in_words(done.size)
        say(f"Copied {done.source} to {done.target}: {size}, schema version {done.schema_version}, checked.")


def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Ask every upstream whether it is reachable, the right program, and takes our credentials. Changes nothing."""
    from reconciler.errands import check as run  # noqa: PLC0415 - slow to import: when asked for

    results = [dataclasses.asdict(result) for result in asyncio.run(run(settings_from(config)))]
    ok = bool(results) and all(result["ok"] for result in results)
    if as_json:
        show_json({"ok": ok, "upstreams": results})
    elif results:
        show_checks(results)
    if not results:
        say(f"No upstream is configured. Set {', '.join(_ADDRESSES)} (those you have) and their credentials.")
    raise typer.Exit(ExitCode.OK if ok else ExitCode.NEGATIVE)


def notify_test(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Send a test message to every messenger under `notifications`, and say whether each took it."""
    from reconciler.errands import notify_test as run  # noqa: PLC0415 - slow to import: when asked for

    results = [dataclasses.asdict(result) for result in asyncio.run(run(settings_from(config)))]
    ok = bool(results) and all(result["ok"] for result in results)
    if as_json:
        show_json({"ok": ok, "messengers": results})
    elif results:
        show_messages(results)
    if not results:
        say("No messenger is configured. Set RECONCILER_NOTIFICATIONS_URLS; see docs/notifications.md.")
    raise typer.Exit(ExitCode.OK if ok else ExitCode.NEGATIVE)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop when everything has converged.")] = False,
    as_json: JsonOption = False,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory", help="Where to keep the demo's files; by default a temporary place.", file_okay=False
        ),
    ] = None,
) -> None:
    """Show a movie and a series disappear, on an embedded database and simulated upstreams."""
    from reconciler.demo import run_demo  # noqa: PLC0415 - slow to import: when asked for

    raise typer.Exit(run_demo(once=once, as_json=as_json, directory=directory))


def connect(
    instance: Annotated[
        list[str] | None,
        typer.Option(help="Only at this instance, by its configured name; may be repeated. Without: at all."),
    ] = None,
    replace_jellyseerr_webhook: Annotated[
        bool,
        typer.Option(
            "--replace-jellyseerr-webhook", help="Replace somebody else's webhook: Jellyseerr has room for one only."
        ),
    ] = False,
    url_for_upstreams: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The address under which the upstreams reach the service, instead of public_url."
        ),
    ] = None,
    moved_from: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The public_url of before: webhooks with that address are changed, not made anew."
        ),
    ] = None,
    yes: YesOption = False,
    config: ConfigOption = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url", envvar=URL_VARIABLE, help="Where the service answers; by default at its port on this machine."
        ),
    ] = None,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set our webhook up in Radarr, Sonarr and Jellyseerr, or put it right. Shows every change first and asks."""
    from reconciler.cli.connecting import connect_webhooks  # noqa: PLC0415 - slow to import: when asked for

    code = connect_webhooks(
        settings_from(config),
        instance or [],
        may_replace=replace_jellyseerr_webhook,
        url_for_upstreams=url_for_upstreams,
        moved_from=moved_from,
        url=url,
        token=token,
        yes=yes,
        as_json=as_json,
    )
    raise typer.Exit(code)
