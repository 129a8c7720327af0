"""What was missed: differences between what an upstream showed at the last resync and what it shows now. Pure.

A webhook is sent once, and some things are never announced (upstreams.md 1.2). Everything here compares complete
readings of one upstream, so that nothing is concluded from a list that was not seen or is suspicious; and the first
reading is only remembered.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.model import (
    DeletionRequest,
    Hints,
    LibraryRow,
    Media,
    MediaKind,
    Source,
)
from reconciler.observed import FolderListing, Library, MediaRequest, MediaStatus, RequestBoard, RequestStatus
from reconciler.plan.paths import Existence, existence, is_within
from reconciler.plan.policy import Policy

Json = Mapping[str, object]


class Reaction(StrEnum):
    """What is made of something that was missed."""

    IGNORE = "ignore"
    HOLD = "hold"  # a deletion that a person must approve
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class CatchUpPolicy:
    """What the operator decided about each kind of thing that may have been missed."""

    vanished_title: Reaction = Reaction.DELETE
    vanished_title_with_files: Reaction = Reaction.IGNORE
    declined: Reaction = Reaction.DELETE
    vanished_record: Reaction = Reaction.IGNORE
    vanished_request: Reaction = Reaction.IGNORE
    status_deleted: Reaction = Reaction.IGNORE


# --- Radarr and Sonarr ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListedTitles:
    """The internal ids that a library listed at the last resync, and of those that vanished the ones left to judge."""

    ids: frozenset[int]
    unjudged: frozenset[int] = frozenset()

    def as_json(self) -> Json:
        return {"ids": sorted(self.ids), "unjudged": sorted(self.unjudged)}

    @staticmethod
    def of(state: Json) -> "ListedTitles":
        return ListedTitles(_numbers(state.get("ids")), _numbers(state.get("unjudged")))

    def missing_from(self, library: Library) -> frozenset[int]:
        """Return the ids that are not listed any more."""
        return (self.ids | self.unjudged) - library.entries.keys()


def vanished(rows: Iterable[LibraryRow], missing: Collection[int], library: Library) -> tuple[LibraryRow, ...]:
    """Return the titles that vanished, as last seen. One that is listed again under another id has not."""
    titles = [entry.media for entry in library.entries.values()]
    return tuple(row for row in rows if row.entry_id in missing and not any(m.is_same(row.media) for m in titles))


def files_of_vanished(row: LibraryRow, library: Library, listings: Mapping[str, FolderListing]) -> Existence:
    """Tell whether the folder of a vanished title is there: unknown as long as its root folder cannot be reached."""
    roots = [root for root in library.root_folders if is_within(row.path, root.path)]
    if not roots or any(not root.accessible for root in roots):
        return Existence.UNKNOWN
    return existence(row.path, listings)


def wish_for_vanished(
    row: LibraryRow, there: Existence, policy: CatchUpPolicy, *, kept: Collection[int] = ()
) -> DeletionRequest | None:
    """Return what is made of a title that vanished from its library; `None` for nothing.

    Of those in `kept` the library said that their files stayed: wherever they are now, they were not to go.
    """
    is_kept = row.entry_id in kept
    is_gone = there is Existence.ABSENT and not is_kept
    left = "its files are gone too" if is_gone else "its files are still there"
    left = "said that its files were kept" if is_kept else left
    reaction = policy.vanished_title if is_gone else policy.vanished_title_with_files
    if reaction is Reaction.IGNORE:
        return None
    movies = row.media.kind is MediaKind.MOVIE
    return DeletionRequest(
        media=row.media,
        title=row.title,
        year=row.year,
        source=Source.RADARR if movies else Source.SONARR,
        instances=frozenset({row.instance}),
        hints=Hints(radarr_id=row.entry_id if movies else None, sonarr_id=None if movies else row.entry_id),
        needs_approval=reaction is Reaction.HOLD,
        because=f"{row.instance} does not list it any more, and {left}",
        is_found=True,
    )


# --- Jellyseerr ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KnownRecord:
    media: Media
    status: int
    status_4k: int


@dataclass(frozen=True, slots=True)
class KnownRequest:
    media: Media
    record_id: int
    is_4k: bool
    status: int
    seasons: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KnownBoard:
    """Jellyseerr's records and requests at the last resync, by id."""

    records: Mapping[int, KnownRecord]
    requests: Mapping[int, KnownRequest]

    def as_json(self) -> Json:
        return {
            "records": {
                str(n): [*_media_json(r.media), r.status, r.status_4k] for n, r in sorted(self.records.items())
            },
            "requests": {
                str(n): [*_media_json(r.media), r.record_id, r.is_4k, r.status, list(r.seasons)]
                for n, r in sorted(self.requests.items())
            },
        }

    @staticmethod
    def of(state: Json) -> "KnownBoard":
        records: dict[int, KnownRecord] = {}
        requests: dict[int, KnownRequest] = {}
        for number, row in _rows(state.get("records")):
            kind, tmdb, tvdb, status, status_4k = row
            records[number] = KnownRecord(Media(MediaKind(kind), tmdb, tvdb), status, status_4k)
        for number, row in _rows(state.get("requests")):
            kind, tmdb, tvdb, record, is_4k, status, seasons = row
            media = Media(MediaKind(kind), tmdb, tvdb)
            requests[number] = KnownRequest(media, record, is_4k, status, tuple(seasons))
        return KnownBoard(records, requests)


def known_board(board: RequestBoard) -> KnownBoard:
    """Return what is remembered of a complete reading."""
    return KnownBoard(
        {n: KnownRecord(r.media, int(r.status), int(r.status_4k)) for n, r in board.records.items()},
        {n: KnownRequest(r.media, r.record_id, r.is_4k, int(r.status), r.seasons) for n, r in board.requests.items()},
    )


def newly_declined(before: KnownBoard, board: RequestBoard) -> tuple[MediaRequest, ...]:
    """Return the requests that are declined now and were not; one made and declined since is among them."""
    return tuple(
        request
        for number, request in sorted(board.requests.items())
        if request.status is RequestStatus.DECLINED and not _was_declined(number, before)
    )


def _was_declined(number: int, before: KnownBoard) -> bool:
    known = before.requests.get(number)
    return known is not None and known.status == RequestStatus.DECLINED


def wish_for_declined(request: MediaRequest, policy: CatchUpPolicy) -> DeletionRequest | None:
    """Return what is made of a decline that no webhook told: the same as if one had."""
    if policy.declined is Reaction.IGNORE:
        return None
    return DeletionRequest(
        media=request.media,
        title=None,
        year=None,
        source=Source.JELLYSEERR,
        requested_by=request.requested_by,
        hints=Hints(request_id=request.id),
        inferred=True,
        seasons=frozenset(request.seasons) or None,
        needs_approval=policy.declined is Reaction.HOLD,
        because=f"{_named(request)} was declined, which was not announced",
        is_found=True,
    )


def _named(request: MediaRequest) -> str:
    return f"request {request.id} of {request.requested_by}" if request.requested_by else f"request {request.id}"


def vanished_records(before: KnownBoard, board: RequestBoard) -> dict[int, KnownRecord]:
    """Return the records that are gone; a title that has another record now has not vanished."""
    there = [record.media for record in board.records.values()]
    return {
        number: known
        for number, known in sorted(before.records.items())
        if number not in board.records and not any(m.is_same(known.media) for m in there)
    }


def vanished_requests(before: KnownBoard, board: RequestBoard) -> dict[int, KnownRequest]:
    """Return the requests that are gone while their record is still there; a declined one asked for nothing."""
    return {
        number: known
        for number, known in sorted(before.requests.items())
        if number not in board.requests and known.record_id in board.records and known.status != RequestStatus.DECLINED
    }


def newly_deleted(before: KnownBoard, board: RequestBoard) -> tuple[tuple[Media, bool], ...]:
    """Return what Jellyseerr calls deleted now and did not: the title and whether it is the 4K variant."""
    found: list[tuple[Media, bool]] = []
    for number, record in sorted(board.records.items()):
        known = before.records.get(number)
        if known is None:
            continue
        if record.status is MediaStatus.DELETED and known.status != MediaStatus.DELETED:
            found.append((record.media, False))
        if record.status_4k is MediaStatus.DELETED and known.status_4k != MediaStatus.DELETED:
            found.append((record.media, True))
    return tuple(found)


def wish_of_board(
    media: Media,
    reaction: Reaction,
    because: str,
    policy: Policy,
    *,
    is_4k: bool | None = None,
    seasons: Collection[int] = (),
) -> DeletionRequest | None:
    """Return what is made of something that Jellyseerr shows no more; `None` for nothing.

    Nobody said in words that the title must go, so that it is held as soon as data would be lost. `is_4k` narrows it to
    one variant, `None` means both; a variant without a library here is nothing to delete.
    """
    if reaction is Reaction.IGNORE:
        return None
    instances = frozenset(
        name
        for name, library in policy.libraries.items()
        if library.kind is media.kind and is_4k in {None, library.is_4k}
    )
    if not instances:
        return None
    return DeletionRequest(
        media=media,
        title=None,
        year=None,
        source=Source.RESYNC,
        instances=instances,
        inferred=True,
        seasons=frozenset(seasons) or None,
        needs_approval=reaction is Reaction.HOLD,
        because=because,
        is_found=True,
    )


def _media_json(media: Media) -> list[object]:
    return [media.kind.value, media.tmdb_id, media.tvdb_id]


def _numbers(value: object) -> frozenset[int]:
    return frozenset(n for n in value if isinstance(n, int)) if isinstance(value, list) else frozenset()


def _rows(value: object) -> list[tuple[int, list[Any]]]:
    """Return the numbered rows that `as_json` wrote."""
    return [(int(number), row) for number, row in value.items()] if isinstance(value, dict) else []
