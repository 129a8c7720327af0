"""Small shared judgements: conditions, identities, variants."""

from collections.abc import Iterable
from datetime import datetime

from reconciler.model import (
    Condition,
    ConditionType,
    Deletion,
    DeletionState,
    InstanceName,
    Media,
    MediaKind,
    Source,
    Status,
    Target,
    TargetKind,
    UpstreamKind,
)
from reconciler.observed import Entry, Unseen
from reconciler.plan.policy import Policy
from reconciler.reasons import Reason

LIBRARY_SOURCES = frozenset({Source.RADARR, Source.SONARR})
"""Sources that tell what a library has deleted already, by its own internal id."""

NOBODY = {
    ConditionType.TORRENTS_ABSENT: UpstreamKind.QBITTORRENT.value,
    ConditionType.REQUEST_CLEARED: UpstreamKind.JELLYSEERR.value,
}


def is_true(type_: ConditionType, instance: InstanceName, reason: Reason, message: str) -> Condition:
    return Condition(type_, instance, Status.TRUE, reason, message)


def is_false(type_: ConditionType, instance: InstanceName, reason: Reason, message: str) -> Condition:
    return Condition(type_, instance, Status.FALSE, reason, message)


def is_unknown(type_: ConditionType, instance: InstanceName, reason: Reason, message: str) -> Condition:
    return Condition(type_, instance, Status.UNKNOWN, reason, message)


def unseen(type_: ConditionType, instance: InstanceName, why: Unseen) -> Condition:
    """What could not be looked at is unknown, for the reason it could not."""
    return is_unknown(type_, instance, why.reason, why.message)


def absent_upstream(type_: ConditionType, kind: MediaKind | None = None) -> Condition:
    """The condition of an upstream that is not configured."""
    name = NOBODY.get(type_) or (UpstreamKind.RADARR if kind is MediaKind.MOVIE else UpstreamKind.SONARR).value
    return is_true(type_, InstanceName(name), Reason.NOT_CONFIGURED, f"{name} is not configured")


def shares_id(a: Media, b: Media) -> bool:
    """Tell whether two media of one kind agree in any id; they may still contradict each other in the other one."""
    if a.kind is not b.kind:
        return False
    same_tmdb = a.tmdb_id is not None and a.tmdb_id == b.tmdb_id
    same_tvdb = a.kind is MediaKind.SERIES and a.tvdb_id is not None and a.tvdb_id == b.tvdb_id
    return same_tmdb or same_tvdb


def contradicts(a: Media, b: Media) -> bool:
    """Tell whether two media agree in one id and differ in another, so that neither answer would be safe."""
    return shares_id(a, b) and not a.is_same(b)


def is_bound(entry: Entry, target: Target) -> bool:
    """Tell whether a live entry is the very one that was bound: same id, same title, same `added`."""
    return (
        str(entry.id) == target.external_id
        and target.media is not None
        and entry.media.is_same(target.media)
        and target.added == entry.added
    )


def is_due(target: Target, now: datetime, policy: Policy) -> bool:
    """Tell whether a call about a target may be made: it was not, or that was long enough ago to repeat it."""
    return target.sent_at is None or now - target.sent_at >= policy.resend_after


def own_id(media: Media) -> int | None:
    """The id that the library of this kind of media numbers its titles by."""
    return media.tmdb_id if media.kind is MediaKind.MOVIE else media.tvdb_id


def covered_variants(deletion: Deletion, policy: Policy) -> frozenset[bool]:
    """Which of Jellyseerr's variants (`is4k`) the deletion covers; both when no library was concerned at all.

    What was withdrawn, or is only being finished, is not, and never widens the rest.
    """
    if not deletion.instances:
        return frozenset({False, True})
    names = {unit.instance for unit in deletion.units - deletion.finishing}
    return frozenset(policy.libraries[name].is_4k for name in names if name in policy.libraries)


def unmanaged_note(state: DeletionState) -> str:
    """Return what to add to a message when something was downloaded that is not managed here."""
    unmanaged = state.targets_of(TargetKind.UNMANAGED)
    if not unmanaged:
        return ""
    return f"; not managed here: {listed(t.name or t.external_id for t in unmanaged)}"


def counted(number: int, noun: str) -> str:
    """Return a number with what it counts: "1 file", "2 files"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Iterable[str], limit: int = 3) -> str:
    """Join names for a message, shortened to the first few."""
    ordered = sorted(set(names))
    shown = ", ".join(ordered[:limit])
    return f"{shown} and {len(ordered) - limit} more" if len(ordered) > limit else shown
