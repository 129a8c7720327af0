"""From a wish to a row of the deletion log: new, the same as an open one, in conflict with it, or our own echo."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

import uuid_utils

from reconciler.model import (
    DeletionId,
    DeletionRequest,
    Event,
    Hints,
    InstanceName,
    Media,
    SettledAs,
    Source,
    TargetKind,
)
from reconciler.ports import Accepted, AcceptedDeletion, Understood
from reconciler.reasons import Reason
from reconciler.store.database import Connection, Row, fetch_one
from reconciler.store.ledger import give_back
from reconciler.store.rows import (
    hints_json,
    hints_of,
    media_values,
    options_of,
    options_values,
    seasons_json,
    seasons_of,
    time_or_none,
    units_of,
)
from reconciler.store.search_text import search_text
from reconciler.store.states import add_events, open_rows, wake

ECHO_AFTER_SETTLING = timedelta(hours=24)

INSERT_DELETION = """
INSERT INTO deletions (id, media_kind, tmdb_id, tvdb_id, title, year, source, requested_by, requested_at,
    coverage_key, seasons, delete_files, add_exclusion, blocklist, remove_empty_series, inferred, needs_approval, hints,
    not_before, next_due_at, search_text)
VALUES (:id, :media_kind, :tmdb_id, :tvdb_id, :title, :year, :source, :requested_by, :requested_at,
    :coverage_key, :seasons, :delete_files, :add_exclusion, :blocklist, :remove_empty_series, :inferred,
    :needs_approval, :hints, :not_before, :next_due_at, :search_text)
"""

ASKED_TO_GO = """
SELECT d.id, d.settled_at, d.watch_until FROM targets t JOIN deletions d ON d.id = t.deletion
WHERE t.kind = :kind AND t.instance = :instance AND t.external_id = :entry
    AND (d.settled_at IS NULL OR d.watch_until > :now OR d.settled_at > :recently)
    AND EXISTS (SELECT 1 FROM actions a WHERE a.target = t.number AND a.kind = 'DeleteEntry')
ORDER BY d.id DESC
"""
"""Deletions that may have made an upstream say "deleted": only those that asked it to delete that very entry."""


async def echo_of(connection: Connection, understood: Understood, now: datetime) -> DeletionId | None:
    """Return the deletion whose own delete a delete webhook reports, and make it due; `None` for news."""
    if understood.internal_entry is None or not understood.deletions:
        return None
    instance, entry_id = understood.internal_entry
    row = await fetch_one(
        connection,
        ASKED_TO_GO,
        {
            "kind": TargetKind.ENTRY.value,
            "instance": instance,
            "entry": str(entry_id),
            "now": now,
            "recently": now - ECHO_AFTER_SETTLING,
        },
    )
    if row is None:
        return None
    deletion = DeletionId(str(row["id"]))
    if row["settled_at"] is None or row["watch_until"] is not None:
        await wake(connection, [deletion], now)
    return deletion


async def accept(
    connection: Connection,
    request: DeletionRequest,
    *,
    configured: frozenset[InstanceName],
    received_at: datetime,
    grace: timedelta,
    now: datetime,
) -> AcceptedDeletion:
    """Write one wish. `configured` are the instances of its kind of media, covered when it names none."""
    if request.seasons is not None and not request.seasons:
        raise ValueError("a wish for no season at all covers nothing, and is never one for the whole series")
    instances = configured if request.instances is None else request.instances
    not_before = _not_before(request, received_at, grace)
    existing = await _open_with(connection, request.media, instances, request.seasons)
    if existing is not None and _is_less_by_now(existing) and _is_spoken_out(request):
        await _supersede(connection, DeletionId(str(existing["id"])), now)
        existing = None
    if existing is None:
        deletion = await _create(connection, request, instances, received_at, not_before, now)
        await _remember_decline(connection, request, deletion)
        await _remember_deleted_title(connection, request, deletion)
        return AcceptedDeletion(Accepted.CREATED, deletion)
    deletion = DeletionId(str(existing["id"]))
    if options_of(existing) != request.options:
        return AcceptedDeletion(Accepted.CONFLICT, deletion)
    if request.hints.command is None:  # nobody has verified a command yet, so what is asked already stays as it is
        await _merge(connection, existing, request, not_before, now)
        await _remember_deleted_title(connection, request, deletion)
    await wake(connection, [deletion], now)
    return AcceptedDeletion(Accepted.EXISTING, deletion)


def _not_before(request: DeletionRequest, received_at: datetime, grace: timedelta) -> datetime | None:
    waits = [request.not_before, received_at + grace if grace > timedelta(0) else None]
    return max((moment for moment in waits if moment is not None), default=None)


async def _open_with(
    connection: Connection, media: Media, instances: frozenset[InstanceName], seasons: frozenset[int] | None
) -> Row | None:
    """Return the open deletion of exactly these seasons of the same title in exactly these instances."""
    for row in await open_rows(connection, media):
        covered = await connection.fetch_all(
            "SELECT instance FROM covered_instances WHERE deletion = :id", {"id": str(row["id"])}
        )
        if {c["instance"] for c in covered} == instances and seasons_of(row["seasons"]) == seasons:
            return row
    return None


def _is_less_by_now(row: Row) -> bool:
    """Tell whether parts of an open deletion are not deleted any more, because they are wanted or were never meant."""
    return bool(units_of(row["withdrawn"]) or units_of(row["finishing"]))


def _is_spoken_out(request: DeletionRequest) -> bool:
    """Tell whether somebody asked in words, and nothing must be verified first."""
    return not request.inferred and request.hints.command is None


async def _supersede(connection: Connection, deletion: DeletionId, now: datetime) -> None:
    """End an open deletion that covers less by now than it was asked for: what is asked for anew covers all of it."""
    await connection.execute(
        """
        UPDATE deletions SET settled_at = :now, settled_as = :settled_as, settled_reason = :reason,
            watch_until = NULL, next_due_at = NULL
        WHERE id = :id
        """,
        {
            "now": now,
            "settled_as": SettledAs.CANCELLED.value,
            "reason": Reason.SUPERSEDED.value,
            "id": deletion,
        },
    )
    await give_back(connection, deletion)
    text = "all of it was asked for again, so that a new deletion takes over"
    await add_events(connection, deletion, [Event("Superseded", text)], now)


async def _remember_decline(connection: Connection, request: DeletionRequest, deletion: DeletionId) -> None:
    """Store that a declined request is answered: it stays declined, and a resync would find it again and again."""
    if request.source is Source.JELLYSEERR and request.hints.request_id is not None:
        await connection.execute(
            """
            INSERT INTO declines (request_id, deletion) VALUES (:request_id, :deletion)
            ON CONFLICT (request_id) DO NOTHING
            """,
            {"request_id": request.hints.request_id, "deletion": deletion},
        )


async def _remember_deleted_title(connection: Connection, request: DeletionRequest, deletion: DeletionId) -> None:
    """Store that a library's own delete is answered: a resync misses the title too, whatever became of the wish."""
    entry_id = request.hints.radarr_id if request.source is Source.RADARR else request.hints.sonarr_id
    if request.source not in {Source.RADARR, Source.SONARR} or entry_id is None:
        return
    for instance in sorted(request.instances or ()):
        await connection.execute(
            """
            INSERT INTO deleted_titles (instance, entry_id, deletion) VALUES (:instance, :entry_id, :deletion)
            ON CONFLICT (instance, entry_id)
            DO UPDATE SET deletion = coalesce(deleted_titles.deletion, excluded.deletion)
            """,
            {"instance": instance, "entry_id": entry_id, "deletion": deletion},
        )


async def remember_kept_title(connection: Connection, instance: InstanceName, entry_id: int) -> None:
    """Store that a library deleted a title and kept its files: where they are later says nothing about that wish."""
    await connection.execute(
        """
        INSERT INTO deleted_titles (instance, entry_id, deletion) VALUES (:instance, :entry_id, NULL)
        ON CONFLICT (instance, entry_id) DO NOTHING
        """,
        {"instance": instance, "entry_id": entry_id},
    )


async def _create(
    connection: Connection,
    request: DeletionRequest,
    instances: frozenset[InstanceName],
    received_at: datetime,
    not_before: datetime | None,
    now: datetime,
) -> DeletionId:
    deletion = DeletionId(str(uuid_utils.uuid7()))
    await connection.execute(
        INSERT_DELETION,
        {
            "id": deletion,
            **media_values(request.media),
            "title": request.title,
            "year": request.year,
            "source": request.source.value,
            "requested_by": request.requested_by,
            "requested_at": received_at,
            "coverage_key": coverage_key(deletion, request.media, instances, request.seasons),
            "seasons": seasons_json(request.seasons),
            **options_values(request.options),
            "inferred": request.inferred,
            "needs_approval": request.needs_approval,
            "hints": hints_json(request.hints),
            "not_before": not_before,
            "next_due_at": now,  # in a grace period too: it is bound at once, so that a new request shows as one
            "search_text": search_text(request.title, request.year, request.seasons, request.requested_by),
        },
    )
    if instances:
        await connection.execute_many(
            "INSERT INTO covered_instances (deletion, instance) VALUES (:deletion, :instance)",
            [{"deletion": deletion, "instance": instance} for instance in sorted(instances)],
        )
    await add_events(connection, deletion, [Event("Received", _origin_of(request))], now)
    return deletion


def _origin_of(request: DeletionRequest) -> str:
    """Say in words where a wish comes from."""
    if request.is_found:
        origin = "found by polling"
    elif request.inferred:
        origin = f"concluded from what {request.source.value} told"
    else:
        origin = f"asked{f' by {request.requested_by}' if request.requested_by else ''} through {request.source.value}"
    return f"{origin}: {request.because}" if request.because else origin


def coverage_key(
    deletion: DeletionId,
    media: Media,
    instances: frozenset[InstanceName],
    seasons: Collection[int] | None = None,
) -> str:
    """Return the text of which only one open deletion may exist.

    A wish without any public id (the library's internal id is known) equals no other, so its own id tells it apart.
    """
    title = str(media) if media.tmdb_id or media.tvdb_id else f"{media.kind.value} {deletion}"
    part = "" if seasons is None else f", seasons {', '.join(map(str, sorted(seasons)))}"
    return f"{title}{part} in {', '.join(sorted(instances))}"


# --- repeated wishes -----------------------------------------------------------------------------------------------


async def _merge(
    connection: Connection, existing: Row, request: DeletionRequest, not_before: datetime | None, now: datetime
) -> None:
    """Take over what a repeated wish knows more: hints until binding, and that it is held for less.

    It then begins no earlier than this wish alone would.
    """
    deletion = DeletionId(str(existing["id"]))
    is_bound = existing["bound_at"] is not None
    hints = hints_of(existing["hints"])
    merged = hints if is_bound else _merged_hints(hints, request.hints)
    events = [Event("HintsAdded", f"{request.source.value} asked again and knew more")] if merged != hints else []
    is_unverified = hints.command is not None and not is_bound
    if is_unverified:
        lifts = not request.inferred  # nothing was proved of the command, and such a wish needs no proof
        merged = replace(merged, command=None) if lifts else merged
    else:
        lifts = _is_held_for_less(request, existing)
        await _remember_decline(connection, request, deletion)
    if lifts:
        events.append(_lifted(existing, request, is_unverified=is_unverified))
        await _lift(connection, existing, request, not_before)
    if merged != hints:
        await connection.execute(
            "UPDATE deletions SET hints = :hints WHERE id = :id", {"hints": hints_json(merged), "id": deletion}
        )
    await add_events(connection, deletion, events, now)


async def _lift(connection: Connection, existing: Row, request: DeletionRequest, not_before: datetime | None) -> None:
    """Hold a deletion only for what this wish is held for."""
    await connection.execute(
        """
        UPDATE deletions SET inferred = :inferred, needs_approval = :needs_approval, not_before = :not_before
        WHERE id = :id
        """,
        {
            "inferred": request.inferred,
            "needs_approval": request.needs_approval,
            "not_before": _later(existing, not_before),
            "id": str(existing["id"]),
        },
    )


def _is_held_for_less(request: DeletionRequest, existing: Row) -> bool:
    """Tell whether a wish is held for some of what holds the existing one, and for nothing else.

    Else nothing is lifted: two wishes that are each held, for different reasons, would make one that is not.
    """
    asked = (request.inferred, request.needs_approval)
    holds = (bool(existing["inferred"]), bool(existing["needs_approval"]))
    return asked != holds and all(mine <= its for mine, its in zip(asked, holds, strict=True))


def _lifted(existing: Row, request: DeletionRequest, *, is_unverified: bool) -> Event:
    source = request.source.value
    if is_unverified:
        return Event("AskedExplicitly", f"what was ordered in an issue was asked for through {source}")
    if bool(existing["inferred"]) and not request.inferred:
        return Event("AskedExplicitly", f"what was inferred was asked for through {source}")
    return Event("ApprovalLifted", f"it was asked for through {source}, which needs no approval")


def _later(existing: Row, not_before: datetime | None) -> datetime | None:
    """Return when an existing deletion may begin; one that has begun is not stopped by a repeated wish."""
    its = time_or_none(existing["not_before"])
    if not_before is None or existing["frozen_at"] is not None or existing["destroyed_at"] is not None:
        return its
    return not_before if its is None else max(its, not_before)


def _merged_hints(first: Hints, second: Hints) -> Hints:
    return Hints(
        hashes=tuple(dict.fromkeys((*first.hashes, *second.hashes))),
        radarr_id=first.radarr_id or second.radarr_id,
        sonarr_id=first.sonarr_id or second.sonarr_id,
        jellyseerr_id=first.jellyseerr_id or second.jellyseerr_id,
        request_id=first.request_id or second.request_id,
        command=first.command,
    )
