"""The steps of `reconciler connect` at one instance: look, write, look again, let it send a test."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.connections import NOT_SHOWN, Change, Comparison, Step, compare
from reconciler.errors import Rejected, Unauthorized, Unreachable, UpstreamError
from reconciler.model import SeenWebhook, WantedWebhook
from reconciler.ports import WebhookSettings

_UNAUTHORIZED = re.compile(r"\b401\b")
_NOT_DELIVERED = 500
"""What Radarr and Sonarr answer when nobody listens at the address that they are to try."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found at one instance: what is to be done, or in `problem` why that cannot be said."""

    wanted: WantedWebhook
    comparison: Comparison | None = None
    problem: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it. `is_right`: it was read back and is as it should be; `is_tested`: the test was answered 2xx."""

    is_right: bool = False
    is_tested: bool = False
    problem: str = ""
    fix: str = ""


async def look(agent: WebhookSettings, wanted: WantedWebhook) -> Found:
    """Compare, and change nothing. Where the secret is not shown, a test tells whether it is the right one."""
    try:
        comparison = compare(wanted, await agent.read(wanted))
        if comparison.is_secret_hidden and comparison.seen is not None:
            return await _tried(agent, wanted, comparison, comparison.seen)
    except Unauthorized as error:
        return Found(wanted, problem=error.message, fix=f"correct the API key of {wanted.instance}")
    except UpstreamError as error:
        return Found(wanted, problem=error.message, fix=_elsewhere(wanted))
    return Found(wanted, comparison)


async def _tried(agent: WebhookSettings, wanted: WantedWebhook, comparison: Comparison, seen: SeenWebhook) -> Found:
    """Find out whether a secret that is not shown is the right one."""
    try:
        await agent.test(wanted, seen)
    except Rejected as refused:
        if not _UNAUTHORIZED.search(refused.message):
            return Found(wanted, comparison)
        change = Change("secret", "one that is refused here", "the webhook secret")
        return Found(wanted, replace(comparison, step=Step.REPAIR, changes=(change,), is_secret_hidden=False))
    except Unreachable as error:
        if error.status != _NOT_DELIVERED:
            raise
        return Found(wanted, problem=error.message, fix=_delivery(wanted, error.message))
    return Found(wanted, replace(comparison, notes=tuple(note for note in comparison.notes if note != NOT_SHOWN)))


async def put_right(agent: WebhookSettings, found: Found) -> Done:
    """Do what was found to be done, see that it is done, and let the upstream send its test."""
    wanted, comparison = found.wanted, found.comparison
    if comparison is None:
        return Done(problem=found.problem, fix=found.fix)
    try:
        if comparison.step is not Step.NOTHING:
            await agent.save(wanted, comparison.seen)
        now = compare(replace(wanted, is_secret_new=False), await agent.read(wanted))
        if now.step is not Step.NOTHING or now.seen is None:
            return Done(problem=f"it was written, and still is not as it should be: {_listed(now.changes)}")
        try:
            await agent.test(wanted, now.seen)
        except Unauthorized as error:
            return Done(is_right=True, problem=error.message, fix=_access(wanted))
        except UpstreamError as error:
            return Done(is_right=True, problem=error.message, fix=_delivery(wanted, error.message))
    except Unauthorized as error:
        return Done(problem=error.message, fix=_access(wanted))
    except Rejected as error:
        fix = "run this again then" if error.status == 403 else _delivery(wanted, error.message)
        return Done(problem=error.message, fix=fix)
    except UpstreamError as error:
        fix = _delivery(wanted, error.message) if error.status == _NOT_DELIVERED else _elsewhere(wanted)
        return Done(problem=error.message, fix=fix)
    return Done(is_right=True, is_tested=True)


def _listed(changes: Sequence[Change]) -> str:
    return "; ".join(map(str, changes))


def _elsewhere(wanted: WantedWebhook) -> str:
    return f"check the URL of {wanted.instance} and that it is running"


def _access(wanted: WantedWebhook) -> str:
    """Return what to do when an upstream shows its settings and does not let our key change them."""
    return f"correct the API key of {wanted.instance}: its owner must be allowed to change settings"


def _delivery(wanted: WantedWebhook, said: str) -> str:
    """Return what to do when an upstream could not deliver its test: it tries before it saves."""
    if _UNAUTHORIZED.search(said):
        return "the service that runs has another webhook_secret than this configuration; give both the same"
    return f"see that {wanted.url} leads from {wanted.instance} to this service, and that it runs"
