"""What deletions came to: the space that was freed, how long they took, and the evidence for both."""

from dataclasses import replace
from datetime import timedelta

from reconciler.model import (
    DeletionId,
    Media,
    Options,
    Phase,
    ReferenceKind,
    SettledAs,
    Status,
    Target,
    TargetKind,
)
from reconciler.ports import Convergence, Evidence, Freed, Lease, Sent, Store, Verdict
from reconciler.reasons import Reason
from reconciler.store import open_store, results
from reconciler.store.database import Value
from reconciler.store.migrations import bring_up_to_date, known_migrations
from reconciler.store.postgres import PostgresDatabase
from reconciler.store.sqlite import SqliteDatabase
from tests.support.store import (
    HEAT,
    LOST,
    MATRIX,
    RADARR,
    SONARR,
    START,
    StillClock,
    binding,
    condition,
    created,
    entry_target,
    file_target,
    hear,
    lease_of,
    reference,
    torrent_target,
    verdict,
    wish,
)

GIB = 2**30
DAY = timedelta(hours=24)


async def numbers_of(store: Store, deletion: DeletionId) -> tuple[int, ...]:
    state = await store.deletion(deletion)
    assert state is not None
    return tuple(target.number for target in state.targets)


async def destroy(
    store: Store,
    lease: Lease,
    deletion: DeletionId,
    *targets: Target,
    media: Media = MATRIX,
    sent: int | None = None,
    changes: Verdict | None = None,
) -> None:
    """Bind targets, send destructive calls about the first `sent` of them (all), and see all of them gone."""
    await store.bind(lease, binding(deletion, *targets, media=media))
    numbers = await numbers_of(store, deletion)
    await store.mark_sent(lease, {deletion: numbers[:sent]}, START, kind="Delete", destructive=True)
    ended = changes or verdict(deletion)
    await store.record(lease, [replace(ended, absent=numbers, settle=(SettledAs.CONVERGED, None))])


async def test_freed_is_what_was_sent_and_seen_gone_of_each_deletion_once(store: Store, clock: StillClock) -> None:
    lease = await lease_of(store)
    copy = (entry_target(size=5 * GIB), torrent_target(size=4 * GIB), torrent_target("c" * 40, size=2 * GIB))
    await destroy(store, lease, await created(store), *copy)
    assert (await store.overview()).freed == Freed(6 * GIB, 6 * GIB)  # the torrents are more than the title

    was_gone = (torrent_target(size=GIB), entry_target(size=9 * GIB))
    await destroy(store, lease, await created(store, wish(replace(MATRIX, tmdb_id=2))), *was_gone, sent=1)
    assert (await store.overview()).freed.total == 7 * GIB

    kept = await created(store, wish(replace(MATRIX, tmdb_id=3), options=Options(delete_files=False)))
    await destroy(store, lease, kept, torrent_target(size=GIB))
    shared = await created(store, wish(replace(MATRIX, tmdb_id=4)))
    used = condition(Reason.SHARED_WITH_UNKNOWN, Status.TRUE)
    await destroy(store, lease, shared, torrent_target(size=GIB), changes=verdict(shared, used))
    assert (await store.overview()).freed.total == 7 * GIB  # data was to be kept, or something else still used it

    season = await created(store, wish(LOST, seasons=frozenset({1})))
    series = replace(entry_target(size=90 * GIB), instance=SONARR, media=LOST)
    await destroy(store, lease, season, series, file_target(1, 1, size=GIB), media=LOST)
    assert (await store.overview()).freed.total == 8 * GIB  # the series itself stays

    clock.advance(DAY + timedelta(seconds=1))
    late = await created(store, wish(HEAT))
    await destroy(store, lease, late, entry_target(size=GIB), media=HEAT, changes=verdict(late, at=clock.now()))
    overview = await store.overview()
    assert overview.freed == Freed(9 * GIB, GIB)
    assert (overview.by_phase[Phase.CONVERGED], overview.by_phase[Phase.PENDING]) == (6, 0)


async def test_every_convergence_is_in_the_timeline_and_no_other_end_is_called_so(store: Store) -> None:
    deletion, wanted = await created(store), await created(store, wish(HEAT))
    lease = await lease_of(store)
    absent = condition(Reason.ABSENT, Status.TRUE)
    converged = replace(verdict(deletion, absent, at=START + DAY), settle=(SettledAs.CONVERGED, None))
    seen_again = replace(verdict(deletion, at=START + 2 * DAY), settle=None)  # in its watch window
    came_back = replace(verdict(deletion, condition(), at=START + 3 * DAY), reopen=True)
    gone_again = replace(converged, at=START + 4 * DAY)
    await store.record(lease, [replace(verdict(wanted), settle=(SettledAs.CANCELLED, Reason.WANTED_AGAIN))])
    for one in (converged, seen_again, replace(converged, at=START + 2 * DAY), came_back, gone_again):
        await store.record(lease, [one])
    told = [(e.kind, e.message, e.at) for e in await store.events(deletion) if e.kind == "Converged"]
    assert told == [("Converged", "proven gone everywhere", START + DAY * days) for days in (1, 4)]
    assert [e.kind for e in await store.events(wanted)] == ["Received"]


async def test_what_came_back_is_not_freed_until_it_is_gone_again(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await destroy(store, lease, deletion, torrent_target(size=GIB), entry_target(size=GIB))
    numbers = await numbers_of(store, deletion)
    await store.record(lease, [replace(verdict(deletion, condition()), reopen=True, present=numbers)])
    assert (await store.overview()).freed == Freed()
    again = replace(verdict(deletion), settle=(SettledAs.CONVERGED, None), absent=numbers[:1])
    await store.record(lease, [again])
    assert (await store.overview()).freed == Freed(GIB, GIB)
    cancelled = await created(store, wish(HEAT))
    await store.cancel(cancelled, "a test")
    assert (await store.overview()).freed == Freed(GIB, GIB)


async def test_convergences_are_those_of_the_last_day_newest_first(store: Store, clock: StillClock) -> None:
    lease = await lease_of(store)
    deletions = [await created(store, wish(replace(MATRIX, tmdb_id=n))) for n in range(1, 5)]
    for minutes, deletion in enumerate(deletions[:3], start=1):
        at = START + timedelta(minutes=minutes)
        await store.record(lease, [replace(verdict(deletion, at=at), settle=(SettledAs.CONVERGED, None))])
    await store.record(lease, [replace(verdict(deletions[3]), settle=(SettledAs.CANCELLED, None))])
    clock.advance(DAY + timedelta(minutes=2))
    shown = (await store.overview()).convergences
    assert shown == tuple(
        Convergence(deletions[n - 1], START + timedelta(minutes=n), timedelta(minutes=n)) for n in (3, 2)
    )


async def test_what_converged_last_comes_first_whenever_it_was_asked_for(store: Store) -> None:
    lease = await lease_of(store)
    first, second, third, held, cancelled = [
        await created(store, wish(replace(MATRIX, tmdb_id=n))) for n in range(1, 6)
    ]
    for deletion in (third, first, second):
        await store.bind(lease, binding(deletion, replace(entry_target(), files=("/m/a.mkv",))))
    for minutes, deletion in enumerate((third, first, second)):
        at = START + timedelta(minutes=minutes)
        await store.record(lease, [replace(verdict(deletion, at=at), settle=(SettledAs.CONVERGED, None))])
    await store.record(lease, [verdict(held), replace(verdict(cancelled), settle=(SettledAs.CANCELLED, None))])
    assert [state.deletion.id for state in await store.lately_converged(9)] == [second, first, third]
    (last,) = await store.lately_converged(1)
    assert [(target.kind, target.files) for target in last.targets] == [(TargetKind.ENTRY, ())]


async def test_an_older_database_learns_what_it_had_freed(empty_database_url: str, clock: StillClock) -> None:
    """By the statement of the migration, and the same number as that of the program."""
    url = empty_database_url
    database = await (SqliteDatabase if url.startswith("sqlite") else PostgresDatabase).opened(url)
    known = known_migrations(database.dialect)
    mine = next(m for m in known if m.name.endswith("_evidence"))
    try:
        await bring_up_to_date(database, [m for m in known if m.version < mine.version], START)
        async with database.write() as connection:
            for number, (kept, size) in enumerate(((True, 7), (False, 9)), start=1):
                values: dict[str, Value] = {
                    "id": f"01936d5e-0000-7000-8000-{number:012d}",
                    "now": START,
                    "n": number,
                    "size": size,
                }
                await connection.execute(
                    f"""
                    INSERT INTO deletions (id, media_kind, tmdb_id, source, requested_at, coverage_key, delete_files,
                        add_exclusion, inferred, hints, settled_at, settled_as)
                    VALUES (:id, 'movie', :n, 'api', :now, 'k', {kept}, FALSE, FALSE, '{{"hashes": []}}', :now,
                        'converged')
                    """,
                    {name: values[name] for name in ("id", "n", "now")},
                )
                await connection.execute(
                    """
                    INSERT INTO targets (deletion, kind, instance, external_id, files, size, absent_since)
                    VALUES (:id, 'torrent', 'qbittorrent', 'a', '[]', :size, :now),
                        (:id, 'entry', 'radarr', '7', '[]', 5, :now),
                        (:id, 'request', 'jellyseerr', '7', '[]', 99, :now)
                    """,
                    {name: values[name] for name in ("id", "size", "now")},
                )
            await connection.execute(
                """
                INSERT INTO actions (target, kind, epoch, destructive, sent_at)
                SELECT number, 'Delete', 1, TRUE, :now FROM targets
                """,
                {"now": START},
            )
        await bring_up_to_date(database, known, START)
        async with database.read() as connection:
            computed = await results.freed_by(connection, DeletionId("01936d5e-0000-7000-8000-000000000001"))
    finally:
        await database.close()
    store = await open_store(url, clock=clock)
    try:
        assert (await store.overview()).freed.total == computed == 7
    finally:
        await store.close()


# --- evidence ------------------------------------------------------------------------------------------------------


async def evidence_of(store: Store, deletion: DeletionId) -> dict[str, Evidence]:
    state = await store.deletion(deletion)
    assert state is not None
    evidence = await store.evidence(state)
    assert [one.target for one in evidence] == list(state.targets)
    return {one.target.external_id: one for one in evidence}


async def test_evidence_tells_of_each_target_why_what_was_sent_and_what_was_seen(store: Store) -> None:
    deletion, other = await created(store), await created(store, wish(HEAT))
    await hear(store, reference(history_id=11), reference(history_id=12, kind=ReferenceKind.IMPORT))
    await hear(store, reference(HEAT, raw_hash="a" * 40, entry_id=8))  # of another title: no evidence for this one
    await hear(store, reference(raw_hash="SABnzbd_nzo_x"), reference(HEAT, raw_hash="d" * 40, entry_id=8))
    lease = await lease_of(store)
    targets = (
        torrent_target(),
        torrent_target("d" * 40),
        entry_target(),
        Target(TargetKind.UNMANAGED, RADARR, "SABnzbd_nzo_x", media=MATRIX),
        replace(entry_target(9), absent_since=START),
    )
    await store.bind(lease, binding(deletion, *targets, released=(1, 4)))
    await store.bind(lease, binding(other, torrent_target("e" * 40)))
    torrent, _, entry, _, _ = await numbers_of(store, deletion)
    times = [START + timedelta(minutes=n) for n in (1, 2, 3)]
    for at in times[:2]:
        await store.mark_sent(lease, {deletion: [torrent]}, at, kind="RemoveTorrent", destructive=True)
    await store.mark_sent(lease, {deletion: [torrent]}, times[2], kind="Announce", destructive=False)
    seen = verdict(deletion, at=times[2])
    await store.record(lease, [replace(seen, absent=(torrent,), present=(entry,))])

    evidence = await evidence_of(store, deletion)
    one = evidence["a" * 40]
    assert [(t.reference.history_id, t.reference.kind, t.at) for t in one.told] == [
        (11, ReferenceKind.GRAB, "2026-01-30T10:00:00Z"),
        (12, ReferenceKind.IMPORT, "2026-01-30T10:00:00Z"),
    ]
    assert {told.heard_at for told in one.told} == {START}
    assert one.sent == (Sent("RemoveTorrent", 2, *times[:2]), Sent("Announce", 1, times[2], times[2]))
    assert (one.target.absent_since, one.seen_at) == (times[2], START)  # seen when it was bound, and gone since
    assert [t.reference.media for t in evidence["d" * 40].told] == [HEAT]  # nothing of this title: what there is
    assert (evidence["7"].told, evidence["7"].sent, evidence["7"].seen_at) == ((), (), times[2])
    assert [t.reference.raw_hash for t in evidence["SABnzbd_nzo_x"].told] == ["SABnzbd_nzo_x"]
    assert (evidence["SABnzbd_nzo_x"].seen_at, evidence["9"].seen_at) == (None, None)  # never seen there


async def test_evidence_of_a_truncated_hash_is_what_names_the_whole_one(store: Store) -> None:
    deletion = await created(store)
    v2 = "b" * 64
    await hear(store, reference(raw_hash=v2), reference(raw_hash="b" * 40 + "c" * 24))
    await store.bind(await lease_of(store), binding(deletion, torrent_target("b" * 40), torrent_target(v2)))
    told = {id_: [t.reference.raw_hash for t in one.told] for id_, one in (await evidence_of(store, deletion)).items()}
    assert told == {"b" * 40: [v2, "b" * 40 + "c" * 24], v2: [v2]}


async def test_a_deletion_without_targets_has_no_evidence(store: Store) -> None:
    assert await evidence_of(store, await created(store)) == {}
