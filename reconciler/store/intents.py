"""From a wish to a row of the deletion log: new, the same as an open one, in conflict with it, or our own echo."""

from datetime import datetime, timedelta

import uuid_utils

from reconciler.model import DeletionId, DeletionRequest, Event, Hints, InstanceName, Media, TargetKind
from reconciler.ports import Accepted, AcceptedDeletion, Understood
from reconciler.store.database import Connection, Row, fetch_one
from reconciler.store.rows import hints_json, hints_of, media_values
from reconciler.store.states import add_events, open_rows, wake

ECHO_AFTER_SETTLING = timedelta(hours=24)

INSERT_DELETION = """
INSERT INTO deletions (id, media_kind, tmdb_id, tvdb_id, title, year, source, requested_by, requested_at,
    coverage_key, delete_files, add_exclusion, inferred, hints, not_before, next_due_at)
VALUES (:id, :media_kind, :tmdb_id, :tvdb_id, :title, :year, :source, :requested_by, :requested_at,
    :coverage_key, :delete_files, :add_exclusion, :inferred, :hints, :not_before, :next_due_at)
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
    instances = configured if request.instances is None else request.instances
    existing = await _open_with(connection, request.media, instances)
    if existing is None:
        return AcceptedDeletion(
            Accepted.CREATED, await _create(connection, request, instances, received_at, grace, now)
        )
    deletion = DeletionId(str(existing["id"]))
    same = (bool(existing["delete_files"]), bool(existing["add_exclusion"])) == (
        request.options.delete_files,
        request.options.add_exclusion,
    )
    if not same:
        return AcceptedDeletion(Accepted.CONFLICT, deletion)
    await _merge(connection, existing, request, now)
    return AcceptedDeletion(Accepted.EXISTING, deletion)


async def _open_with(connection: Connection, media: Media, instances: frozenset[InstanceName]) -> Row | None:
    """Return the open deletion of the same title in exactly these instances."""
    for row in await open_rows(connection, media):
        covered = await connection.fetch_all(
            "SELECT instance FROM covered_instances WHERE deletion = :id", {"id": str(row["id"])}
        )
        if {c["instance"] for c in covered} == instances:
            return row
    return None


async def _create(
    connection: Connection,
    request: DeletionRequest,
    instances: frozenset[InstanceName],
    received_at: datetime,
    grace: timedelta,
    now: datetime,
) -> DeletionId:
    deletion = DeletionId(str(uuid_utils.uuid7()))
    waits = [request.not_before, received_at + grace if grace > timedelta(0) else None]
    not_before = max((moment for moment in waits if moment is not None), default=None)
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
            "coverage_key": coverage_key(deletion, request.media, instances),
            "delete_files": request.options.delete_files,
            "add_exclusion": request.options.add_exclusion,
            "inferred": request.inferred,
            "hints": hints_json(request.hints),
            "not_before": not_before,
            "next_due_at": now,  # in a grace period too: it is bound at once, so that a new request shows as one
        },
    )
    if instances:
        await connection.execute_many(
            "INSERT INTO covered_instances (deletion, instance) VALUES (:deletion, :instance)",
            [{"deletion": deletion, "instance": instance} for instance in sorted(instances)],
        )
    asked = f"asked by {request.requested_by}" if request.requested_by else "asked"
    await add_events(connection, deletion, [Event("Received", f"{asked} through {request.source.value}")], now)
    return deletion


def coverage_key(deletion: DeletionId, media: Media, instances: frozenset[InstanceName]) -> str:
    """Return the text of which only one open deletion may exist.

    A wish without any public id (the library's internal id is known) equals no other, so its own id tells it apart.
    """
    title = str(media) if media.tmdb_id or media.tvdb_id else f"{media.kind.value} {deletion}"
    return f"{title} in {', '.join(sorted(instances))}"


async def _merge(connection: Connection, existing: Row, request: DeletionRequest, now: datetime) -> None:
    """Take over what a repeated wish knows more: hints until binding, and that somebody spoke an inferred wish out."""
    deletion = DeletionId(str(existing["id"]))
    events: list[Event] = []
    hints = hints_of(existing["hints"])
    merged = hints if existing["bound_at"] is not None else _merged_hints(hints, request.hints)
    if merged != hints:
        events.append(Event("HintsAdded", f"{request.source.value} asked again and knew more"))
    inferred = bool(existing["inferred"]) and request.inferred
    if inferred != bool(existing["inferred"]):
        events.append(Event("AskedExplicitly", f"what was inferred was asked for through {request.source.value}"))
    if events:
        await connection.execute(
            "UPDATE deletions SET hints = :hints, inferred = :inferred WHERE id = :id",
            {"hints": hints_json(merged), "inferred": inferred, "id": deletion},
        )
        await add_events(connection, deletion, events, now)
    await wake(connection, [deletion], now)


def _merged_hints(first: Hints, second: Hints) -> Hints:
    return Hints(
        hashes=tuple(dict.fromkeys((*first.hashes, *second.hashes))),
        radarr_id=first.radarr_id or second.radarr_id,
        sonarr_id=first.sonarr_id or second.sonarr_id,
        jellyseerr_id=first.jellyseerr_id or second.jellyseerr_id,
        request_id=first.request_id or second.request_id,
    )
