"""What a pass reads and writes about deletions: lease, due list, binding, sending, verdicts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from reconciler.errors import LeaseLost, Overtaken
from reconciler.model import DeletionId, DeletionState, Event, SettledAs, Target, TargetKind
from reconciler.ports import Binding, Destroyed, Lease, PassRecord, UpstreamHealth
from reconciler.reasons import Reason
from reconciler.store import ledger, search_text
from reconciler.store.database import Connection, Value, fetch_one
from reconciler.store.rows import as_json, seasons_json, target_values, time_of, time_or_none, units_json, units_of
from reconciler.store.states import add_events, states_of

LEASE = "reconciler"
PASSES_KEPT = timedelta(days=7)

DUE = """
SELECT * FROM deletions
WHERE next_due_at <= :now AND (settled_at IS NULL OR watch_until > :now)
ORDER BY next_due_at, id LIMIT :limit
"""

DESTROYED = """
SELECT
    (SELECT coalesce(sum(t.size), 0) FROM targets t WHERE t.deletion = d.id AND t.kind = 'torrent') AS torrents,
    (
        SELECT coalesce(sum(t.size), 0) FROM targets t
        WHERE t.deletion = d.id AND (t.kind = 'file' OR (t.kind = 'entry' AND d.seasons IS NULL))
    ) AS library
FROM deletions d WHERE d.destroyed_at >= :since
"""
"""The entry of a season's deletion stays, so only the files bound beside it count."""

# --- the lease -----------------------------------------------------------------------------------------------------


async def acquire_lease(connection: Connection, holder: str, ttl: timedelta, now: datetime) -> Lease | None:
    """Take or renew the lease. The epoch stays while no other holder had it in between, however late the renewal.

    One statement decides, because a renewal does not wait for our turn to write.
    """
    values: dict[str, Value] = {"name": LEASE, "holder": holder, "now": now, "expires_at": now + ttl}
    await connection.execute(
        """
        INSERT INTO leases (name, holder, epoch, expires_at) VALUES (:name, NULL, 0, :now) ON CONFLICT (name) DO NOTHING
        """,
        {"name": LEASE, "now": now},
    )
    rows = await connection.fetch_all(
        """
        UPDATE leases SET
            epoch = CASE WHEN holder = :holder THEN epoch ELSE epoch + 1 END,
            holder = :holder,
            expires_at = :expires_at
        WHERE name = :name AND (holder IS NULL OR holder = :holder OR expires_at <= :now)
        RETURNING epoch
        """,
        values,
    )
    return Lease(holder, int(rows[0]["epoch"])) if rows else None


async def renew_lease(connection: Connection, lease: Lease, expires_at: datetime) -> bool:
    """Prolong a lease that is still this one, also after it ran out; return whether it is."""
    rows = await connection.fetch_all(
        """
        UPDATE leases SET expires_at = :expires_at WHERE name = :name AND holder = :holder AND epoch = :epoch
        RETURNING epoch
        """,
        {"name": LEASE, "holder": lease.holder, "epoch": lease.epoch, "expires_at": expires_at},
    )
    return bool(rows)


async def lease_holder(connection: Connection, now: datetime) -> str | None:
    """Return who holds a lease in force."""
    row = await fetch_one(connection, "SELECT holder, expires_at FROM leases WHERE name = :name", {"name": LEASE})
    return row["holder"] if row is not None and time_of(row["expires_at"]) > now else None


async def release_lease(connection: Connection, lease: Lease) -> None:
    """Let the next one take over at once; nothing happens when it already has."""
    await connection.execute(
        "UPDATE leases SET holder = NULL WHERE name = :name AND holder = :holder AND epoch = :epoch",
        {"name": LEASE, "holder": lease.holder, "epoch": lease.epoch},
    )


async def check_lease(connection: Connection, lease: Lease) -> None:
    """Raise `LeaseLost` unless this lease is the one in force; then it stays so until the transaction ends."""
    row = await fetch_one(connection, "SELECT holder, epoch FROM leases WHERE name = :name", {"name": LEASE})
    if row is None or row["holder"] != lease.holder or int(row["epoch"]) != lease.epoch:
        raise LeaseLost("another process reconciles now; nothing was written")


# --- what is due ---------------------------------------------------------------------------------------------------


async def due(
    connection: Connection, now: datetime, limit: int
) -> tuple[tuple[DeletionState, ...], dict[DeletionId, int]]:
    """Return what is due, and how often each deletion had been woken when it was read."""
    rows = await connection.fetch_all(DUE, {"now": now, "limit": limit})
    return await states_of(connection, rows), {DeletionId(str(row["id"])): int(row["wakes"]) for row in rows}


async def next_due_at(connection: Connection, now: datetime) -> datetime | None:
    """Return the earliest time at which anything is due."""
    row = await fetch_one(
        connection,
        """
        SELECT next_due_at FROM deletions
        WHERE next_due_at IS NOT NULL AND (settled_at IS NULL OR watch_until > :now)
        ORDER BY next_due_at LIMIT 1
        """,
        {"now": now},
    )
    return time_or_none(row["next_due_at"]) if row else None


async def became_destructive_since(connection: Connection, since: datetime) -> Destroyed:
    """Count deletions whose first destructive call lies at or after `since`, and the bytes they are about."""
    rows = await connection.fetch_all(DESTROYED, {"since": since})
    return Destroyed(len(rows), sum(max(int(row["torrents"]), int(row["library"])) for row in rows))


async def wake_waiting(connection: Connection, reasons: Collection[Reason], now: datetime) -> None:
    """Make every open deletion due that carries one of these reasons."""
    await connection.execute(
        """
        UPDATE deletions SET next_due_at = :now, wakes = wakes + 1
        WHERE settled_at IS NULL AND next_due_at > :now
            AND EXISTS (SELECT 1 FROM conditions c WHERE c.deletion = deletions.id AND c.reason IN :reasons)
        """,
        {"now": now, "reasons": sorted(reasons)},
    )


async def releasers_among(connection: Connection, deletions: Collection[DeletionId]) -> tuple[DeletionState, ...]:
    """Return those of the given deletions that are not settled, or were to keep their files."""
    rows = await connection.fetch_all(
        "SELECT * FROM deletions WHERE id IN :ids AND (settled_at IS NULL OR NOT delete_files) ORDER BY id",
        {"ids": sorted(deletions)},
    )
    return await states_of(connection, rows)


# --- acting --------------------------------------------------------------------------------------------------------


async def bind(connection: Connection, binding: Binding) -> None:
    """Store targets and release references. What the first binding said of a target or of the ledger stays.

    Nothing happens to a deletion that a person cancelled meanwhile: its references must keep protecting.
    """
    row = await fetch_one(
        connection, "SELECT settled_as, withdrawn FROM deletions WHERE id = :id", {"id": binding.deletion}
    )
    if row is None or row["settled_as"] == SettledAs.CANCELLED.value:
        return
    await connection.execute(
        """
        UPDATE deletions SET tmdb_id = coalesce(tmdb_id, :tmdb_id), tvdb_id = coalesce(tvdb_id, :tvdb_id),
            live_request_ids = CASE WHEN bound_at IS NULL THEN :live ELSE live_request_ids END,
            seasons = CASE WHEN bound_at IS NULL THEN coalesce(seasons, :seasons) ELSE seasons END,
            withdrawn = :withdrawn,
            bound_seq = coalesce(bound_seq, :bound_seq), bound_at = coalesce(bound_at, :at)
        WHERE id = :id
        """,
        {
            "tmdb_id": binding.media.tmdb_id,
            "tvdb_id": binding.media.tvdb_id,
            "live": as_json(sorted(binding.live_request_ids)),
            "seasons": seasons_json(binding.seasons),
            "withdrawn": units_json(units_of(row["withdrawn"]) | binding.withdrawn),
            "bound_seq": binding.bound_seq,
            "at": binding.at,
            "id": binding.deletion,
        },
    )
    if binding.targets:
        await connection.execute_many(
            """
            INSERT INTO targets (deletion, kind, instance, external_id, media_kind, tmdb_id, tvdb_id, added, name, path,
                files, size, prior, absent_since, season, file_ids, seen_at)
            VALUES (:deletion, :kind, :instance, :external_id, :media_kind, :tmdb_id, :tvdb_id, :added, :name, :path,
                :files, :size, :prior, :absent_since, :season, :file_ids, :seen_at)
            ON CONFLICT (deletion, kind, instance, external_id) DO NOTHING
            """,
            [
                {
                    "deletion": binding.deletion,
                    **target_values(target),
                    "seen_at": binding.at if _was_seen(target) else None,
                }
                for target in binding.targets
            ],
        )
    await search_text.renew(connection, [binding.deletion])
    await ledger.release(connection, binding.released, binding.deletion)


def _was_seen(target: Target) -> bool:
    """Tell whether a target was there when it was bound: then an upstream that we look at had listed it."""
    return target.absent_since is None and target.kind is not TargetKind.UNMANAGED


async def mark_sent(
    connection: Connection,
    lease: Lease,
    sent: Mapping[DeletionId, Sequence[int]],
    at: datetime,
    *,
    kind: str,
    destructive: bool,
) -> None:
    """Record which targets the next call is about; raises `Overtaken` when a person cancelled one meanwhile."""
    ids = sorted(sent)
    await _refuse_cancelled(connection, ids, destructive=destructive)
    targets = sorted({number for numbers in sent.values() for number in numbers})
    if targets:
        await connection.execute_many(
            """
            INSERT INTO actions (target, kind, epoch, destructive, sent_at)
            VALUES (:target, :kind, :epoch, :destructive, :at)
            """,
            [{"target": n, "kind": kind, "epoch": lease.epoch, "destructive": destructive, "at": at} for n in targets],
        )
    if destructive:
        await connection.execute(
            "UPDATE deletions SET destroyed_at = :at WHERE id IN :ids AND destroyed_at IS NULL", {"at": at, "ids": ids}
        )


async def _refuse_cancelled(connection: Connection, ids: Sequence[DeletionId], *, destructive: bool) -> None:
    """Raise `Overtaken` for a cancelled deletion, and before any destruction also for one about to be."""
    rows = await connection.fetch_all(
        "SELECT id, settled_as, cancel_requested_at FROM deletions WHERE id IN :ids", {"ids": list(ids)}
    )
    for row in rows:
        is_cancelling = row["cancel_requested_at"] is not None
        if row["settled_as"] == SettledAs.CANCELLED.value or (destructive and is_cancelling):
            raise Overtaken(f"deletion {row['id']} was cancelled meanwhile; nothing was written")


async def add_many_events(connection: Connection, events: Mapping[DeletionId, Sequence[Event]], at: datetime) -> None:
    """Append to several timelines."""
    for deletion, its in sorted(events.items()):
        await add_events(connection, deletion, its, at)


# --- bookkeeping ---------------------------------------------------------------------------------------------------


async def save_health(connection: Connection, health: Sequence[UpstreamHealth]) -> None:
    """Store what was seen of upstreams. `since` moves only when `reachable` changes; what is not known now is kept."""
    if not health:
        return
    await connection.execute_many(
        """
        INSERT INTO upstreams (instance, kind, reachable, since, app, version, last_seen_at, last_error)
        VALUES (:instance, :kind, :reachable, :since, :app, :version, :last_seen_at, :last_error)
        ON CONFLICT (instance) DO UPDATE SET
            kind = excluded.kind, reachable = excluded.reachable, last_error = excluded.last_error,
            since = CASE WHEN upstreams.reachable = excluded.reachable THEN upstreams.since ELSE excluded.since END,
            app = CASE WHEN excluded.app = '' THEN upstreams.app ELSE excluded.app END,
            version = CASE WHEN excluded.version = '' THEN upstreams.version ELSE excluded.version END,
            last_seen_at = coalesce(excluded.last_seen_at, upstreams.last_seen_at)
        """,
        [
            {
                "instance": one.instance,
                "kind": one.kind.value,
                "reachable": one.reachable,
                "since": one.since,
                "app": one.app,
                "version": one.version,
                "last_seen_at": one.last_seen_at,
                "last_error": one.last_error,
            }
            for one in health
        ],
    )


async def record_pass(connection: Connection, done: PassRecord) -> None:
    """Store what a pass did; forget old passes and due times of watch windows that ended unvisited."""
    await connection.execute(
        """
        INSERT INTO passes (started_at, finished_at, deletions, rounds, calls, error)
        VALUES (:started_at, :finished_at, :deletions, :rounds, :calls, :error)
        """,
        {
            "started_at": done.started_at,
            "finished_at": done.finished_at,
            "deletions": done.deletions,
            "rounds": done.rounds,
            "calls": done.calls,
            "error": done.error,
        },
    )
    await connection.execute("DELETE FROM passes WHERE finished_at < :old", {"old": done.finished_at - PASSES_KEPT})
    await connection.execute(
        """
        UPDATE deletions SET next_due_at = NULL
        WHERE next_due_at <= :now AND settled_at IS NOT NULL AND (watch_until IS NULL OR watch_until <= :now)
        """,
        {"now": done.finished_at},
    )
