"""Our webhook at an upstream, wanted against seen: what to change, in words. Pure, and no word holds a secret."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from reconciler.model import (
    EVENT_WORDS,
    WEBHOOK_NAME,
    SecretSeen,
    SeenWebhook,
    Source,
    UpstreamKind,
    WantedWebhook,
    WebhookState,
)

NOT_SHOWN = "the secret there is not shown; a test tells whether it is right"

MUTED = (
    "it could not deliver, and sends nothing for up to an hour after that, which may be over by now; a test that "
    "arrives ends it"
)
_ARRIVES = "it sends to {}, which arrives here and is not public_url; if that is right, make it public_url"

_OUR_PATH = re.compile(rf"/webhooks/(?:{'|'.join(Source)})(?:/[a-z0-9-]{{1,63}})?/?$")
"""How the address of every service like this one ends."""


class Step(StrEnum):
    """What has to be done at one instance."""

    NOTHING = "nothing"
    CREATE = "create"
    REPAIR = "repair"
    REPLACE = "replace"  # somebody else's webhook, in the only place there is


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it should be; all three for people."""

    what: str
    now: str
    then: str

    def __str__(self) -> str:
        return f"{self.what}: {self.now}; should be {self.then}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What to do at one instance, and what is worth knowing although nothing follows from it.

    `seen` is what is changed, or is right as it is; `None` when there is nothing of ours. `is_secret_hidden`: only a
    test can tell whether the secret there is the right one.
    """

    step: Step
    seen: SeenWebhook | None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    is_secret_hidden: bool = False


def compare(wanted: WantedWebhook, there: Sequence[SeenWebhook]) -> Comparison:
    """Return what makes our webhook as it should be. `wanted` must have an address."""
    ours = _ours(wanted, there)
    notes = tuple(_notes(wanted, there, ours))
    if ours is None and there and wanted.kind is UpstreamKind.JELLYSEERR:
        foreign = there[0]
        changes = (Change("address", shown(foreign.url), shown(wanted.url)), *_beyond_address(wanted, foreign))
        return Comparison(Step.REPLACE, foreign, changes, notes)
    if ours is None:
        return Comparison(Step.CREATE, None, _all_of(wanted), notes)
    changes = (*_address(wanted, ours), *_beyond_address(wanted, ours))
    is_hidden = _is_hidden(wanted, ours)
    return Comparison(Step.REPAIR if changes else Step.NOTHING, ours, changes, notes, is_hidden and not changes)


def state_of(
    wanted: WantedWebhook, there: Sequence[SeenWebhook], arrives: Callable[[str], bool] = lambda _: False
) -> WebhookState:
    """Return what the status shows. Here a webhook is ours too whose address only ends as ours does.

    Somebody may have set it up by hand, under another name of this host. One that has our name was made by `connect`:
    with another address than ours it leads to another installation, or to where this one was before; or here, where
    the address was given to that `connect` alone. `arrives` tells whether what is sent to an address is known to.
    """
    wanted = replace(wanted, is_secret_new=False)
    alike = (one for one in there if _ends_alike(wanted, one) and not (wanted.urls and _is_named(one)))
    ours = _ours(wanted, there) or next(alike, None)
    elsewhere = ""
    if ours is None:
        named = [one for one in there if _is_named(one)]
        other = next((one for one in named if _ends_alike(wanted, one)), None)
        elsewhere = shown(other.url) if other is not None else ""
        if other is None or not arrives(elsewhere):
            return WebhookState(exists=False, problems=tuple(map(_elsewhere, named)), elsewhere=elsewhere)
        ours = other
    address = (_ARRIVES.format(elsewhere),) if elsewhere else tuple(map(str, _address(wanted, ours)))
    changes = (change for change in _beyond_address(wanted, ours) if change.what != "state")
    return WebhookState(
        exists=True,
        enabled=ours.enabled,
        problems=(*address, *map(str, changes)),
        muted=ours.is_muted,
        elsewhere=elsewhere,
    )


def shown(url: str) -> str:
    """Return an address as it may be shown: others put secrets into theirs, of which the path may be one."""
    try:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "an address that cannot be read"
    if parts.path.strip("/") and not _is_our_path(parts.path):
        return parts._replace(netloc=netloc, path="/…", query="", fragment="").geturl()
    return parts._replace(netloc=netloc, query="…" if parts.query else "", fragment="").geturl()


def in_words(events: Iterable[str]) -> str:
    """Return events as people tick them, in the order in which they are listed there."""
    known = set(events)
    ordered = [name for name in EVENT_WORDS if name in known] + sorted(known - EVENT_WORDS.keys())
    return ", ".join(EVENT_WORDS.get(name, name) for name in ordered)


def is_same_address(one: str, other: str) -> bool:
    """Tell whether two addresses are the same but for how they are written."""
    return _plain(one) == _plain(other)


# --- which is ours -------------------------------------------------------------------------------------------------


def _ours(wanted: WantedWebhook, there: Sequence[SeenWebhook]) -> SeenWebhook | None:
    """Return the webhook with our address, of several one with our name; or else one with an address of before.

    The name alone says nothing: another installation gives its webhook the same.
    """
    for urls in (wanted.urls, wanted.former):
        known = {_plain(url) for url in urls}
        at_address = [one for one in there if _plain(one.url) in known]
        if at_address:
            return next(filter(_is_named, at_address), at_address[0])
    return None


def _is_named(one: SeenWebhook) -> bool:
    """Tell whether a `connect` gave it its name, ours or another one's; a number may follow it."""
    return re.fullmatch(rf"{re.escape(WEBHOOK_NAME)}(?: \d+)?", one.name, re.IGNORECASE) is not None


def _elsewhere(one: SeenWebhook) -> str:
    return f'"{one.name}" there sends to {shown(one.url)}, which is not public_url'


def _is_our_path(path: str) -> bool:
    """Tell whether a path is one of a service like this one, whatever its own path is; such a one holds no secret."""
    return _OUR_PATH.search(path) is not None


def _ends_alike(wanted: WantedWebhook, one: SeenWebhook) -> bool:
    return _plain(one.url)[2].endswith((wanted.path, f"{wanted.path}/{wanted.instance}"))


def _plain(url: str) -> tuple[str, str, str]:
    """Return an address in one spelling: scheme, host with port, path."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return parts.scheme, f"{(parts.hostname or '').lower()}:{port}", parts.path.rstrip("/")
    except ValueError:
        return "", "", url


def _notes(wanted: WantedWebhook, there: Sequence[SeenWebhook], ours: SeenWebhook | None) -> Iterable[str]:
    for one in there:
        if one is ours or not (_ends_alike(wanted, one) or _is_named(one)):
            continue
        if wanted.kind is UpstreamKind.JELLYSEERR:
            yield f"the webhook there looks like one of this service under another address: {shown(one.url)}"
        else:
            what_to_do = "remove it there by hand" if ours else "name the public_url of before with --moved-from"
            yield (
                f'another webhook there, "{one.name}", sends to {shown(one.url)}, and is left alone; if that is this '
                f"service too, or was before its public_url changed, {what_to_do}; if it is another installation, "
                "leave it"
            )
    if ours is not None and _is_hidden(wanted, ours):
        yield NOT_SHOWN
    if ours is not None and ours.is_muted:
        yield MUTED


def _is_hidden(wanted: WantedWebhook, seen: SeenWebhook) -> bool:
    return wanted.secret is not None and seen.secret is SecretSeen.HIDDEN and not wanted.is_secret_new


# --- what differs --------------------------------------------------------------------------------------------------


def _address(wanted: WantedWebhook, seen: SeenWebhook) -> Iterable[Change]:
    if wanted.urls and _plain(seen.url) not in {_plain(url) for url in wanted.urls}:
        yield Change("address", shown(seen.url), shown(wanted.url))


def _beyond_address(wanted: WantedWebhook, seen: SeenWebhook) -> Iterable[Change]:
    events = frozenset(wanted.events) & seen.offers
    if not seen.enabled:
        yield Change("state", "off", "on")
    if missing := events - seen.events:
        yield Change("events", f"without {in_words(missing)}", "with them")
    if surplus := seen.events - events:
        yield Change("events", f"with {in_words(surplus)}", "without them")
    if wanted.secret is not None and (now := _secret(wanted, seen)):
        yield Change("secret", now, "the webhook secret")
    if not seen.is_post:
        yield Change("method", "PUT", "POST")
    if seen.has_tags:
        yield Change("tags", "only titles with some tags", "all titles")
    if seen.lacks:
        yield Change("payload", f"without {', '.join(seen.lacks)}", "the default")


def _secret(wanted: WantedWebhook, seen: SeenWebhook) -> str:
    """Say what is wrong with the secret that is there; `""` if nothing is, or nobody can tell."""
    match seen.secret:
        case SecretSeen.MISSING:
            return "none"
        case SecretSeen.WRONG:
            return "another one"
        case SecretSeen.HIDDEN if wanted.is_secret_new:
            return "not shown, perhaps the previous one"
        case _:
            return ""


def _all_of(wanted: WantedWebhook) -> tuple[Change, ...]:
    """Return everything that a new webhook has."""
    secret = (Change("secret", "none", "the webhook secret"),) if wanted.secret is not None else ()
    payload = (Change("payload", "none", "the default"),) if wanted.template else ()
    return (
        Change("address", "none", shown(wanted.url)),
        Change("events", "none", in_words(wanted.events)),
        *secret,
        *payload,
    )
