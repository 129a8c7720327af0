"""Looks for what no webhook told, and writes what follows from it into the deletion log like any other wish."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.clock import Clock
from reconciler.errors import UpstreamError
from reconciler.model import (
    DeletionRequest,
    InstanceName,
    LibraryRow,
    MediaKind,
    Source,
    TargetKind,
)
from reconciler.observed import FolderListing, Library, RequestBoard, Seen, Unseen
from reconciler.plan.catchup import (
    CatchUpPolicy,
    KnownBoard,
    ListedTitles,
    files_of_vanished,
    known_board,
    newly_declined,
    newly_deleted,
    vanished,
    vanished_records,
    vanished_requests,
    wish_for_declined,
    wish_for_vanished,
    wish_of_board,
)
from reconciler.plan.paths import Existence, folders_to_list
from reconciler.plan.policy import Policy
from reconciler.ports import Accepted, Heard, Lease, LibraryClient, Receipt, Store, Understood
from reconciler.telemetry import get_logger
from reconciler.upstreams import Upstreams

MOST_CONCURRENT_LISTINGS = 8


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at one library led to: how many deletions, and why it could not judge everything."""

    created: int
    doubt: str = ""


class CatchUp:
    """Compares what upstreams show with what they showed at the last resync."""

    def __init__(
        self,
        store: Store,
        upstreams: Upstreams,
        policy: Policy,
        reactions: CatchUpPolicy,
        clock: Clock,
        *,
        grace_for: Callable[[Source], timedelta] = lambda _source: timedelta(0),
        needs_approval: Callable[[Source], bool] = lambda _source: False,
    ) -> None:
        self._store = store
        self._upstreams = upstreams
        self._policy = policy
        self._reactions = reactions
        self._clock = clock
        self._grace_for = grace_for
        self._needs_approval = needs_approval
        self._log = get_logger()

    async def library(self, lease: Lease, instance: InstanceName, observation: Seen[Library]) -> Looked:
        """Look for titles that vanished from one library.

        What was seen is stored after the wishes are, so that a crash between the two repeats and loses nothing.
        """
        library = observation.data
        state = await self._store.resync_state(instance)
        unjudged: frozenset[int] = frozenset()
        created = 0
        if state is not None:
            missing = ListedTitles.of(state).missing_from(library)
            rows = vanished(await self._rows_of(instance, missing), missing, library)
            kept = await self._store.kept_titles(instance, [row.entry_id for row in rows])
            open_rows = [row for row in rows if row.entry_id not in kept]
            listings = await self._listings(self._upstreams.libraries[instance], open_rows)
            judged = {row.entry_id: files_of_vanished(row, library, listings) for row in open_rows}
            unjudged = frozenset(n for n, there in judged.items() if there is Existence.UNKNOWN)
            wishes = [
                wish_for_vanished(row, judged.get(row.entry_id, Existence.PRESENT), self._reactions, kept=kept)
                for row in rows
                if row.entry_id not in unjudged
            ]
            created = await self._ask([wish for wish in wishes if wish is not None])
        listed = ListedTitles(frozenset(library.entries), unjudged)
        await self._store.save_resync_state(lease, instance, listed.as_json(), self._clock.now())
        return Looked(created, _doubt(instance, len(unjudged)))

    async def board(self, lease: Lease, observation: Seen[RequestBoard] | Unseen | None) -> int:
        """Look for declines that were not announced, and for what vanished from Jellyseerr; likewise."""
        instance = self._policy.request_instance
        if instance is None or not isinstance(observation, Seen):
            return 0
        board = observation.data
        state = await self._store.resync_state(instance)
        created = 0
        if state is not None:
            before = KnownBoard.of(state)
            wishes = [*await self._declined(before, board), *await self._gone(instance, before, board)]
            created = await self._ask(wishes)
        await self._store.save_resync_state(lease, instance, known_board(board).as_json(), self._clock.now())
        return created

    # --- Radarr and Sonarr -----------------------------------------------------------------------------------------

    async def _rows_of(self, instance: InstanceName, missing: frozenset[int]) -> list[LibraryRow]:
        """Return the missing titles as last seen, without those that a deletion knows of already."""
        if not missing:
            return []
        bound = await self._store.known_targets(TargetKind.ENTRY, instance, [str(n) for n in missing])
        answered = await self._store.known_titles(instance, missing)
        left = {n for n in missing if str(n) not in bound} - answered
        return [row for row in await self._store.library_of(instance) if row.entry_id in left]

    async def _listings(self, client: LibraryClient, rows: Sequence[LibraryRow]) -> dict[str, FolderListing]:
        """Read the folders that show whether the files of these titles are there; what cannot be read shows nothing."""
        folders = sorted({folder for row in rows for folder in folders_to_list(row.path)})
        gate = asyncio.Semaphore(MOST_CONCURRENT_LISTINGS)

        async def listing(folder: str) -> FolderListing | None:
            async with gate:
                try:
                    return await client.list_folder(folder)
                except UpstreamError:
                    return None

        read = await asyncio.gather(*(listing(folder) for folder in folders))
        return {folder: shown for folder, shown in zip(folders, read, strict=True) if shown is not None}

    # --- Jellyseerr ------------------------------------------------------------------------------------------------

    async def _declined(self, before: KnownBoard, board: RequestBoard) -> list[DeletionRequest]:
        declined = newly_declined(before, board)
        known = await self._store.known_declines([request.id for request in declined]) if declined else frozenset()
        wishes = [wish_for_declined(r, self._reactions) for r in declined if r.id not in known]
        return [wish for wish in wishes if wish is not None]

    async def _gone(self, instance: InstanceName, before: KnownBoard, board: RequestBoard) -> list[DeletionRequest]:
        """Return what follows from records, requests and copies that are gone, unless a deletion of ours did that."""
        records = vanished_records(before, board)
        requests = vanished_requests(before, board)
        ours = await self._known(TargetKind.RECORD, instance, records)
        mine = await self._known(TargetKind.REQUEST, instance, requests)
        found = [
            wish_of_board(
                known.media,
                self._reactions.vanished_record,
                f"record {number} vanished from {instance}",
                self._policy,
            )
            for number, known in records.items()
            if number not in ours
        ]
        found += [
            wish_of_board(
                known.media,
                self._reactions.vanished_request,
                f"request {number} vanished from {instance}",
                self._policy,
                is_4k=known.is_4k,
                seasons=known.seasons,
            )
            for number, known in requests.items()
            if number not in mine
        ]
        found += [
            wish_of_board(
                media, self._reactions.status_deleted, f"{instance} calls it deleted", self._policy, is_4k=is_4k
            )
            for media, is_4k in newly_deleted(before, board)
        ]
        return [wish for wish in found if wish is not None]

    async def _known(self, kind: TargetKind, instance: InstanceName, numbers: Collection[int]) -> set[int]:
        if not numbers:
            return set()
        known = await self._store.known_targets(kind, instance, [str(number) for number in numbers])
        return {int(number) for number in known}

    # --- asking ----------------------------------------------------------------------------------------------------

    async def _ask(self, wishes: Sequence[DeletionRequest]) -> int:
        """Write the wishes, each with a receipt that tells how it came about; return how many were new."""
        created = 0
        instances = {
            kind: frozenset(n for n, library in self._policy.libraries.items() if library.kind is kind)
            for kind in MediaKind
        }
        for wish in wishes:
            needs_approval = wish.needs_approval or self._needs_approval(wish.source)
            asked = replace(wish, needs_approval=needs_approval)
            result = await self._store.ingest(
                Receipt(wish.source, None, self._clock.now(), "{}", was_sent=False),
                Understood(Heard.DELETE, (asked,), event="resync", reason=wish.because),
                instances=instances,
                grace=self._grace_for(wish.source),
            )
            outcomes = [accepted.outcome for accepted in result.deletions]
            created += outcomes.count(Accepted.CREATED)
            self._log.info("found by resync", title=wish.title, media=str(wish.media), reason=wish.because)
        return created


def _doubt(instance: InstanceName, unjudged: int) -> str:
    if not unjudged:
        return ""
    whose = "a title vanished, and whether its" if unjudged == 1 else f"{unjudged} titles vanished, and whether their"
    return f"{instance}: {whose} files are gone cannot be seen; check its root folders"
