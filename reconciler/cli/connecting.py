"""What `reconciler connect` does: compares webhooks at Radarr, Sonarr and Jellyseerr, asks, writes, and tries them."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import typer
from pydantic import TypeAdapter, ValidationError

from reconciler.cli.connected import show_found, show_outcomes
from reconciler.cli.exits import ExitCode
from reconciler.cli.options import ask
from reconciler.cli.render import say, show_json
from reconciler.cli.service import Service
from reconciler.clock import SystemClock
from reconciler.config import Settings
from reconciler.config.kinds import Url
from reconciler.connect.steps import Done, Found, look, put_right
from reconciler.connect.wanted import wanted_webhooks
from reconciler.connections import Step
from reconciler.errors import ConfigError, ReconcilerError, UpstreamError
from reconciler.main import connect_upstreams
from reconciler.model import InstanceName, WantedWebhook
from reconciler.telemetry import Calls
from reconciler.upstreams import Upstreams

_EVERYWHERE = frozenset({"0.0.0.0", "::"})
_NO_ADDRESS = (
    "public_url is missing: set RECONCILER_PUBLIC_URL (in YAML public_url) to the address under which Radarr, Sonarr "
    "and Jellyseerr reach this service, such as http://reconciler:8585, or give it once with --url-for-upstreams."
)

Heard = Mapping[tuple[str, str | None], str | None]
"""When a test last came, by source and instance."""


@dataclass
class Outcome:
    """What came of one instance. `confirmed` is `None` when the service could not be asked, or nothing was tested."""

    found: Found
    done: Done | None = None
    is_left_alone: bool = False
    confirmed: bool | None = None
    problem: str = ""
    fix: str = ""

    @property
    def ok(self) -> bool:
        return self.done is not None and not self.problem

    def document(self) -> dict[str, Any]:
        comparison = self.found.comparison
        changes = comparison.changes if comparison else ()
        return {
            "instance": self.found.wanted.instance,
            "kind": self.found.wanted.kind.value,
            "step": comparison.step.value if comparison else None,
            "changes": [{"what": one.what, "now": one.now, "then": one.then} for one in changes],
            "notes": list(comparison.notes) if comparison else [],
            "connected": self.done is not None and self.done.is_right,
            "tested": self.done is not None and self.done.is_tested,
            "confirmed": self.confirmed,
            "problem": self.problem or None,
            "fix": self.fix or None,
        }


@dataclass
class _Ears:
    """The running service, which tells whether a test arrived. `problem` says why it cannot be asked."""

    service: Service
    problem: str = ""
    exit_code: ExitCode = ExitCode.OK
    before: Heard = field(default_factory=dict)

    def listen(self) -> None:
        """Remember what was heard until now."""
        self.before = self._heard()

    def confirm(self, outcomes: Sequence[Outcome]) -> None:
        """Say of each instance whether a test of it came since. It was noted before it was answered."""
        heard = self._heard() if outcomes and not self.problem else {}
        if self.problem:
            return
        for outcome in outcomes:
            key = (outcome.found.wanted.kind.value, str(outcome.found.wanted.instance))
            outcome.confirmed = heard.get(key) is not None and heard.get(key) != self.before.get(key)
            if not outcome.confirmed:
                outcome.problem = "its test was answered, but did not arrive at the service"
                outcome.fix = "see that public_url leads to the service that --url names, and not to another one"

    def _heard(self) -> Heard:
        try:
            document = self.service.get("/webhooks")
        except ReconcilerError as error:
            self.problem = str(error)
            self.exit_code = ExitCode.UNREACHABLE if isinstance(error, UpstreamError) else ExitCode.REFUSED
            return {}
        try:
            return {(row["source"], row["instance"]): row["webhook"]["test_at"] for row in document["senders"]}
        except (KeyError, TypeError):
            self.problem = "what answers there is not the deletion reconciler; correct --url or RECONCILER_URL"
            self.exit_code = ExitCode.UNREACHABLE
            return {}


def connect_webhooks(
    settings: Settings,
    names: Collection[str],
    *,
    may_replace: bool,
    url_for_upstreams: str | None,
    moved_from: str | None,
    url: str | None,
    token: str | None,
    yes: bool,
    as_json: bool,
) -> ExitCode:
    """Look, show, ask, write and try, at the instances of these names or at all; return how it went."""
    wanted = _wanted(settings, names, url_for_upstreams, moved_from)
    by_hand = [one.name for one in settings.jellyfin if not names]
    if not wanted:
        say("No Radarr, Sonarr or Jellyseerr is configured, so there is nothing to connect.")
        return ExitCode.NEGATIVE
    secret = settings.api_token.get_secret_value() if settings.api_token else None
    ears = _Ears(Service(url or _own_address(settings), token or secret))
    ears.listen()
    with _opened(settings) as (runner, upstreams):
        outcomes = [Outcome(found) for found in runner.run(_look(upstreams, wanted))]
        for outcome in outcomes:
            _judge(outcome, may_replace=may_replace)
        show_found([(outcome.found, outcome.is_left_alone) for outcome in outcomes], to_stderr=as_json)
        able = [outcome for outcome in outcomes if not outcome.problem]
        if any(_needs_writing(outcome) for outcome in able):
            ask("Change this?", yes)
        done = runner.run(_put_right(upstreams, [outcome.found for outcome in able]))
    for outcome, came in zip(able, done, strict=True):
        outcome.done, outcome.problem, outcome.fix = came, came.problem, came.fix
    ears.confirm([outcome for outcome in able if outcome.done and outcome.done.is_tested])
    ok = all(outcome.ok for outcome in outcomes) and not ears.problem
    documents = [outcome.document() for outcome in outcomes]
    if as_json:
        show_json({"ok": ok, "service_problem": ears.problem or None, "webhooks": documents, "by_hand": by_hand})
    else:
        show_outcomes(documents)
    _say_what_remains(ears, by_hand)
    is_connected = any(outcome.done is not None and outcome.done.is_right for outcome in outcomes)
    if is_connected and url_for_upstreams and url_for_upstreams.rstrip("/") != (settings.public_url or "").rstrip("/"):
        say(
            "--url-for-upstreams was for this run only: make it public_url, so that the status and the next run know "
            "these webhooks as ours."
        )
    return _exit_code(outcomes, ears)


# --- before anything is asked --------------------------------------------------------------------------------------


def _wanted(
    settings: Settings, names: Collection[str], override: str | None, moved_from: str | None
) -> list[WantedWebhook]:
    override = _address("--url-for-upstreams", override)
    wanted = wanted_webhooks(settings, override, moved_from=_address("--moved-from", moved_from))
    known = {one.instance for one in wanted}
    for name in names:
        if name not in known:
            raise typer.BadParameter(f'"{name}" is none of the instances that can be connected: {", ".join(known)}')
    if wanted and not wanted[0].urls:
        raise ConfigError([_NO_ADDRESS])
    return [one for one in wanted if not names or one.instance in names]


def _address(option: str, given: str | None) -> str | None:
    if given is None:
        return None
    try:
        return TypeAdapter(Url).validate_python(given)
    except ValidationError:
        raise typer.BadParameter(
            f"{option} must be an http:// or https:// address without user name, password or query"
        ) from None


def _own_address(settings: Settings) -> str:
    """Return where the service of this configuration answers on this machine."""
    host = "127.0.0.1" if settings.host in _EVERYWHERE else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _judge(outcome: Outcome, *, may_replace: bool) -> None:
    """Set aside what cannot be done."""
    found = outcome.found
    if found.comparison is None:
        outcome.problem, outcome.fix = found.problem, found.fix
    elif found.comparison.step is Step.REPLACE and not may_replace:
        outcome.is_left_alone = True
        outcome.problem = "somebody else's webhook is there, and there is room for one only"
        outcome.fix = "if it may go, add --replace-jellyseerr-webhook"


def _needs_writing(outcome: Outcome) -> bool:
    return outcome.found.comparison is not None and outcome.found.comparison.step is not Step.NOTHING


# --- at the upstreams ----------------------------------------------------------------------------------------------


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[asyncio.Runner, Upstreams]]:
    """Open the connections once, for what is done before the person is asked and for what is done afterwards."""
    with asyncio.Runner() as runner:
        upstreams = connect_upstreams(settings, Calls(), SystemClock())
        try:
            yield runner, upstreams
        finally:
            runner.run(upstreams.aclose())


async def _look(upstreams: "Upstreams", wanted: Sequence[WantedWebhook]) -> list[Found]:
    return list(await asyncio.gather(*(look(upstreams.webhooks[one.instance], one) for one in wanted)))


async def _put_right(upstreams: "Upstreams", found: Sequence[Found]) -> list[Done]:
    return list(await asyncio.gather(*(put_right(upstreams.webhooks[one.wanted.instance], one) for one in found)))


# --- afterwards ----------------------------------------------------------------------------------------------------


def _say_what_remains(ears: _Ears, by_hand: Sequence[InstanceName]) -> None:
    if ears.problem:
        say(f"Whether the tests arrived could not be asked: {ears.problem}")
    for name in by_hand:
        say(f"{name}: its webhook plugin is set up by hand; docs/webhooks.md says how.")


def _exit_code(outcomes: Sequence[Outcome], ears: _Ears) -> ExitCode:
    if not all(outcome.ok for outcome in outcomes):
        return ExitCode.NEGATIVE
    return ears.exit_code
