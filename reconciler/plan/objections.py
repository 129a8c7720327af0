"""What speaks against binding: contradicting ids, a title added again, a decline of something still wanted."""

from dataclasses import dataclass

from reconciler.model import Condition, ConditionType, Deletion, InstanceName, MediaKind, Source
from reconciler.observed import MediaRequest, MediaStatus, RequestStatus, Seen
from reconciler.plan.bind import aliases_of, live_entries
from reconciler.plan.facts import LIBRARY_SOURCES, contradicts, covered_variants, is_false, listed
from reconciler.plan.policy import Policy
from reconciler.plan.variants import may_be_elsewhere
from reconciler.plan.world import Coverage, World
from reconciler.reasons import Reason


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a deletion cannot be bound: a hold, or (with `cancels`) the end of the deletion."""

    condition: Condition
    cancels: Reason | None = None


def objection(deletion: Deletion, world: World, policy: Policy, coverage: Coverage) -> Objection | None:
    """Return what speaks against binding, or `None`. Every covered upstream must have been `Seen`."""
    media = coverage.media
    for instance in sorted(coverage.instances):
        library = world.libraries.get(instance)
        if not isinstance(library, Seen):
            continue
        for entry in world.titles[instance].sharing_an_id(media):
            if contradicts(entry.media, media):
                return Objection(
                    is_false(
                        ConditionType.ENTRY_ABSENT,
                        instance,
                        Reason.IDENTITY_CONFLICT,
                        f"{entry.title!r} is {entry.media}, the deletion is for {media}: the ids contradict",
                    )
                )
        named = deletion.hints.radarr_id if media.kind is MediaKind.MOVIE else deletion.hints.sonarr_id
        hinted = library.data.entries.get(named) if named is not None else None
        if hinted is not None and not hinted.media.is_same(media) and deletion.source not in LIBRARY_SOURCES:
            return Objection(
                is_false(
                    ConditionType.ENTRY_ABSENT,
                    instance,
                    Reason.IDENTITY_CONFLICT,
                    f"id {named} is {hinted.title!r} ({hinted.media}), not {media}",
                )
            )
    return (
        _record_is_another(deletion, world, policy, coverage)
        or _entry_added_since(deletion, world, coverage)
        or _decline_objection(deletion, world, policy, coverage)
        or _hash_belongs_elsewhere(deletion, world, coverage, policy)
    )


def _record_is_another(deletion: Deletion, world: World, policy: Policy, coverage: Coverage) -> Objection | None:
    named = deletion.hints.jellyseerr_id
    if named is None or policy.request_instance is None or not isinstance(world.board, Seen):
        return None
    record = world.board.data.records.get(named)
    if record is None or record.media.is_same(coverage.media):
        return None
    text = f"record {named} is {record.media}, not {coverage.media}"
    return Objection(is_false(ConditionType.REQUEST_CLEARED, policy.request_instance, Reason.IDENTITY_CONFLICT, text))


def _entry_added_since(deletion: Deletion, world: World, coverage: Coverage) -> Objection | None:
    """A library said that entry N was deleted; another entry of the same title is a later one and is not ours."""
    named = deletion.hints.radarr_id if coverage.media.kind is MediaKind.MOVIE else deletion.hints.sonarr_id
    if deletion.source not in LIBRARY_SOURCES or named is None:
        return None
    for instance in sorted(coverage.instances):
        for entry in live_entries(instance, world, coverage.media):
            if entry.id == named:
                continue
            by_hand = any(add.instance == instance and add.entry_id == entry.id for add in world.manual_adds)
            condition = is_false(
                ConditionType.ENTRY_ABSENT,
                instance,
                Reason.WANTED_AGAIN if by_hand else Reason.REAPPEARED,
                f"{entry.title!r} was added again as entry {entry.id} after entry {named} was deleted",
            )
            return Objection(condition, Reason.WANTED_AGAIN if by_hand else None)
    return None


def _decline_objection(deletion: Deletion, world: World, policy: Policy, coverage: Coverage) -> Objection | None:
    """A decline cleans up after its own request only: whoever else has or wants the title keeps it."""
    is_decline = deletion.inferred and deletion.source is Source.JELLYSEERR
    if not is_decline or policy.request_instance is None or not isinstance(world.board, Seen):
        return None
    board = world.board.data
    instance = policy.request_instance
    own = board.requests.get(deletion.hints.request_id or 0)
    variants = covered_variants(deletion, policy)
    if own is not None and own.is_4k not in variants:
        return Objection(
            is_false(
                ConditionType.REQUEST_CLEARED,
                instance,
                Reason.NOT_COVERED,
                "the declined request is for a variant whose library is not configured here",
            ),
            Reason.NOT_COVERED,
        )
    if own is not None and own.status is not RequestStatus.DECLINED:
        return Objection(
            is_false(
                ConditionType.REQUEST_CLEARED,
                instance,
                Reason.STILL_WANTED,
                f"request {own.id} is not declined any more",
            ),
            Reason.STILL_WANTED,
        )
    unclear = _unclear(own, world, policy, coverage)
    if unclear and Reason.INFERRED_DELETE not in deletion.approved:
        return Objection(is_false(ConditionType.REQUEST_CLEARED, instance, Reason.INFERRED_DELETE, unclear))
    apart = _kept_apart(variants, policy, coverage)
    others = [
        r.id
        for r in world.requests.same(coverage.media)
        if r.id != deletion.hints.request_id
        and r.status is not RequestStatus.DECLINED
        and r.is_4k not in apart
        and _overlaps(r, deletion)
    ]
    # Which seasons are there, Jellyseerr's own word for the whole series does not tell; their files will.
    available = [
        r.id
        for r in world.records.same(coverage.media)
        if deletion.seasons is None
        and any(_is_available(s) for s, v in ((r.status, False), (r.status_4k, True)) if v not in apart)
    ]
    if others or available:
        why = f"request {listed(str(i) for i in others)} is still open" if others else "a copy is available"
        return Objection(
            is_false(ConditionType.REQUEST_CLEARED, instance, Reason.STILL_WANTED, why), Reason.STILL_WANTED
        )
    return None


def _unclear(own: MediaRequest | None, world: World, policy: Policy, coverage: Coverage) -> str:
    """Say why a decline does not tell which title that is there it was about; `""` if it does, or none is there."""
    there = listed(
        f"{e.title!r} in {i}" for i in sorted(coverage.instances) for e in live_entries(i, world, coverage.media)
    )
    if not there:
        return ""
    if own is None:
        return f"the declined request is gone, so that nobody can tell whether it was about {there}"
    if len(coverage.instances) > 1 or may_be_elsewhere(own, world, policy):
        return f"the declined request names no server that is one of these, so that nobody can tell which of {there}"
    return ""


def _kept_apart(variants: frozenset[bool], policy: Policy, coverage: Coverage) -> frozenset[bool]:
    """Return the variants (`is4k`) that are not covered and have a library of their own: they lose nothing."""
    return frozenset(
        library.is_4k for library in policy.libraries.values() if library.kind is coverage.media.kind
    ).difference(variants)


def _overlaps(request: MediaRequest, deletion: Deletion) -> bool:
    """Tell whether a request is for any of the covered seasons; one that names none is for all."""
    return deletion.seasons is None or not request.seasons or bool(deletion.seasons & frozenset(request.seasons))


def _is_available(status: MediaStatus) -> bool:
    return status in {MediaStatus.PARTIALLY_AVAILABLE, MediaStatus.AVAILABLE}


def _hash_belongs_elsewhere(deletion: Deletion, world: World, coverage: Coverage, policy: Policy) -> Objection | None:
    for hash_ in deletion.hints.hashes:
        references = world.references_to(aliases_of(hash_, world))
        foreign = [r for r in references if r.released_by is None and not coverage.covers(r)]
        if foreign and not any(coverage.covers(r) for r in references):
            return Objection(
                is_false(
                    ConditionType.TORRENTS_ABSENT,
                    min(policy.torrent_clients, default=InstanceName("qbittorrent")),
                    Reason.HASH_BELONGS_ELSEWHERE,
                    f"hash {hash_} was grabbed for {listed(str(r.media or r.entry_id) for r in foreign)}",
                )
            )
    return None
