"""Who still needs a torrent that carries a bound hash."""

from collections.abc import Iterable

from reconciler.model import DeletionState, InfoHash, Reference, Target, TargetKind
from reconciler.observed import Seen, Torrent
from reconciler.plan.facts import listed
from reconciler.plan.world import Coverage, Fetch, World
from reconciler.reasons import Reason


def owner_verdict(
    state: DeletionState, torrent: Torrent, target: Target, world: World, coverage: Coverage
) -> tuple[Reason, str] | None:
    """Return why a torrent with a bound hash must not go, or `None` if nothing refers to it any more."""
    wanting = world.needing(torrent, state.deletion.id)
    if wanting and all(_is_new_grab(r, state, coverage) for r in wanting):
        return Reason.RETURNED_FOR_NEW_REQUEST, f"{torrent.name!r} was grabbed again"
    if wanting and _is_foreign_hint(state, torrent, world, coverage):
        text = f"hash {target.external_id} was grabbed for {listed(owner_of(r) for r in wanting)}"
        return Reason.HASH_BELONGS_ELSEWHERE, text
    if wanting:
        return shared_reason(wanting, world), f"{torrent.name!r} stays: {listed(owner_of(r) for r in wanting)} needs it"
    others = [f for f in world.fetching(torrent) if not _is_covered(f, coverage)]
    if others and all(coverage.is_whole(f.instance) and f.entry.media.is_same(coverage.media) for f in others):
        return Reason.RETURNED_FOR_NEW_REQUEST, f"{torrent.name!r} is being fetched again"
    if others:
        names = listed(f"{f.entry.title} in {f.instance}" for f in others)
        return Reason.SHARED_WITH_WANTED, f"{torrent.name!r} stays: it is being fetched for {names}"
    if _may_be_in_another_client(torrent, world):
        text = f"{torrent.name!r} is in several clients, and the history does not tell in which of them it was put"
        return Reason.AMBIGUOUS_CLIENT, text
    if target.added != str(torrent.added_on):
        return (
            Reason.REAPPEARED,
            f"{torrent.name!r} was added to the client after the deletion was bound, by nobody the ledger knows",
        )
    return None


def shared_reason(wanting: tuple[Reference, ...], world: World) -> Reason:
    """It may only take a moment to learn whether another deletion takes what it needs of a torrent, too."""
    return Reason.CONFIRMING if all(world.is_unjudged(r) for r in wanting) else Reason.SHARED_WITH_WANTED


def owner_of(reference: Reference) -> str:
    """Name for people what a ledger row needs its torrent for."""
    what = str(reference.media or f"entry {reference.entry_id}")
    season = f" season {reference.season}" if reference.season is not None else ""
    return f"{what}{season} in {reference.instance}"


def is_claimed(torrent: Torrent, state: DeletionState, world: World) -> bool:
    """Tell whether anybody referred to a torrent: a grab or an import, a hint, or the library that fetches it."""
    return (
        bool(world.references_naming(torrent))
        or any(alias in state.deletion.hints.hashes for alias in torrent.aliases)
        or bool(world.fetching(torrent))
        or any(t.external_id in torrent.aliases for t in state.targets_of(TargetKind.TORRENT))
    )


def is_kept_by_another(hashes: Iterable[InfoHash], state: DeletionState, world: World) -> bool:
    """Tell whether another deletion released a torrent with any of these hashes and was told to keep the files."""
    releasers = {r.released_by for r in world.references_to(hashes) if r.released_by is not None}
    others = (world.releasers.get(by) for by in releasers - {state.deletion.id})
    return any(other is not None and not other.deletion.options.delete_files for other in others)


def _is_new_grab(reference: Reference, state: DeletionState, coverage: Coverage) -> bool:
    is_late = reference.released_by is None and reference.number > (state.deletion.bound_seq or 0)
    return is_late and coverage.covers(reference)


def _is_foreign_hint(state: DeletionState, torrent: Torrent, world: World, coverage: Coverage) -> bool:
    """Tell whether only the asker claims a torrent that the ledger gives to something else."""
    is_hinted = any(alias in state.deletion.hints.hashes for alias in torrent.aliases)
    return is_hinted and not any(coverage.covers(r) for r in world.references_naming(torrent))


def _is_covered(fetch: Fetch, coverage: Coverage) -> bool:
    return (fetch.instance, fetch.entry.id) in coverage.entry_ids and coverage.has(fetch.instance, fetch.season)


def _may_be_in_another_client(torrent: Torrent, world: World) -> bool:
    """Tell whether the same torrent is in another client, and every ledger row about it may mean that one instead."""
    if not isinstance(world.torrents, Seen):
        return False
    matching = (t for alias in torrent.aliases for t in world.torrents.data.matching(alias))
    others = {t.instance for t in matching if t.instance != torrent.instance}
    references = world.references_naming(torrent)
    return bool(others) and bool(references) and all(world.clients_meant(r) & others for r in references)
