"""Several libraries of one kind: what is wanted in one of them, and whose request is whose."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model import (
    ConditionType,
    DeletionState,
    Hints,
    InstanceName,
    MediaKind,
    Options,
    SettledAs,
    Source,
    Target,
    TargetKind,
    Unit,
)
from reconciler.observed import (
    Library,
    MediaRequest,
    MediaStatus,
    Record,
    RequestServer,
    RequestStatus,
    Seen,
    Unseen,
)
from reconciler.plan import Plan, Policy, World, plan_deletion
from reconciler.plan.actions import DeleteEntry, DeleteRecord, DeleteRequest, RemoveTorrent, RestoreMonitoring
from reconciler.plan.policy import Address, LibraryInstance
from reconciler.plan.variants import instances_of_request
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    HEAT,
    LOST,
    POLICY,
    QBITTORRENT,
    RADARR,
    RADARR_4K,
    RONIN,
    SONARR,
    UNREACHABLE,
    WITH_4K,
    board_of,
    bound,
    changed,
    deletion,
    destroyed,
    entry,
    library,
    reason,
    record,
    reference,
    request,
    targets,
    torrent,
    torrent_id,
    world,
)

ENTRY, REQUEST = ConditionType.ENTRY_ABSENT, ConditionType.REQUEST_CLEARED
BOTH = (RADARR, RADARR_4K)
KIDS = InstanceName("radarr-kids")

SERVERS = (
    RequestServer(MediaKind.MOVIE, 0, is_4k=False, is_default=True, host="radarr", port=7878),
    RequestServer(MediaKind.MOVIE, 1, is_4k=False, is_default=False, host="kids", port=7878),
)
TWO_HD = replace(
    POLICY,
    libraries={
        RADARR: LibraryInstance(RADARR, MediaKind.MOVIE, address=Address("radarr", 7878)),
        KIDS: LibraryInstance(KIDS, MediaKind.MOVIE, address=Address("kids", 7878)),
        SONARR: LibraryInstance(SONARR, MediaKind.SERIES),
    },
)


def home(*rows: Record | MediaRequest, hd: Library | Unseen | None = None, uhd: Library | None = None) -> World:
    """HEAT in HD (7, torrent 1) and in 4K (3, torrent 2)."""
    return world(
        radarr=hd if hd is not None else library(entry(7, path="/hd/Heat")),
        libraries={RADARR_4K: uhd if uhd is not None else library(entry(3, path="/uhd/Heat"))},
        board=board_of(*rows),
        torrents=[torrent(1), torrent(2)],
        references=[reference(1, 1, 7), reference(2, 2, 3, instance=RADARR_4K)],
    )


def look(state: DeletionState, seen: World, policy: Policy = WITH_4K) -> Plan:
    return plan_deletion(state, seen, policy)


def wanting(seen: World, *rows: Record | MediaRequest) -> World:
    return replace(seen, board=world(board=board_of(*rows)).board)


def with_library(seen: World, instance: InstanceName, observed: Library | Unseen) -> World:
    return replace(
        seen,
        libraries={**seen.libraries, **world(libraries={instance: observed}).libraries}
        | {name: o for name, o in seen.libraries.items() if name != instance},
    )


# --- wanted in one of them ---


def test_what_is_wanted_in_hd_is_withdrawn_and_4k_goes_on() -> None:
    state, seen = bound(deletion(instances=BOTH), home(record(4)), WITH_4K)
    wanted = wanting(seen, record(4), request(6, 4))
    plan = look(state, wanted)
    assert plan.withdrawn == frozenset({Unit(RADARR)})
    assert plan.unreleased == (1,)
    state = changed(state, withdrawn=plan.withdrawn)
    given_back = replace(
        wanted, references=tuple(replace(r, released_by=None) if r.number == 1 else r for r in wanted.references)
    )
    given_back = with_library(given_back, RADARR_4K, library(entry(3, path="/uhd/Heat", monitored=False)))
    plan = look(state, given_back)
    assert [a.torrent for a in plan.actions if isinstance(a, RemoveTorrent)] == [torrent_id(2)]
    assert reason(plan, ENTRY, RADARR) is Reason.WANTED_AGAIN


def test_the_monitoring_of_what_is_withdrawn_is_given_back_first() -> None:
    state, seen = bound(deletion(instances=BOTH), home(record(4)), WITH_4K)
    frozen = with_library(seen, RADARR, library(entry(7, path="/hd/Heat", monitored=False)))
    plan = look(changed(state, frozen_at=START), wanting(frozen, record(4), request(6, 4)))
    (restore,) = plan.actions
    assert isinstance(restore, RestoreMonitoring)
    assert restore.instance == RADARR
    assert plan.withdrawn == frozenset()


def test_nothing_is_withdrawn_before_its_library_was_seen_as_its_monitoring_would_never_be_given_back() -> None:
    state, seen = bound(deletion(instances=BOTH), home(record(4)), WITH_4K)
    hidden = with_library(seen, RADARR, UNREACHABLE)
    plan = look(changed(state, frozen_at=START), wanting(hidden, record(4), request(6, 4)))
    assert plan.withdrawn == frozenset()
    assert plan.actions == ()
    assert reason(plan, ENTRY, RADARR) is Reason.UNREACHABLE


def test_what_was_destroyed_in_hd_is_finished_while_4k_is_only_withdrawn() -> None:
    state, seen = bound(deletion(instances=BOTH), home(record(4)), WITH_4K)
    hit = tuple(replace(t, sent_at=START) if t.external_id == torrent_id(1) else t for t in state.targets)
    state = destroyed(replace(state, targets=hit))
    plan = look(state, wanting(seen, record(4), request(6, 4), request(8, 4, is_4k=True)))
    assert plan.finishing == frozenset({Unit(RADARR)})
    assert plan.withdrawn == frozenset({Unit(RADARR_4K)})


def test_a_cross_seed_that_went_touches_nothing_but_what_its_torrent_does() -> None:
    state, seen = bound(deletion(instances=BOTH), home(record(4)), WITH_4K)
    twin = Target(TargetKind.CROSS_SEED, QBITTORRENT, torrent_id(9), sent_at=START, number=99)
    hit = tuple(replace(t, sent_at=START) if t.external_id == torrent_id(1) else t for t in state.targets)
    state = destroyed(replace(state, targets=(*hit, twin)))
    plan = look(state, wanting(seen, record(4), request(8, 4, is_4k=True)))
    assert plan.withdrawn == frozenset({Unit(RADARR_4K)})
    assert plan.finishing == frozenset()


def test_wanted_everywhere_before_anything_was_destroyed_is_a_cancellation() -> None:
    state, seen = bound(deletion(instances=BOTH), home(record(4)), WITH_4K)
    plan = look(state, wanting(seen, record(4), request(6, 4), request(8, 4, is_4k=True)))
    assert plan.settle == (SettledAs.CANCELLED, Reason.WANTED_AGAIN)


def test_a_persons_grab_speaks_for_its_own_library_only() -> None:
    state, seen = bound(deletion(instances=BOTH), home(record(4)), WITH_4K)
    grabbed = replace(seen, references=(*seen.references, reference(9, 9, 7, by_person=True)), position=9)
    assert look(state, grabbed).withdrawn == frozenset({Unit(RADARR)})


def test_a_torrent_of_4k_that_lies_in_the_folder_of_a_withdrawn_title_is_held() -> None:
    state, seen = bound(deletion(instances=BOTH), home(record(4)), WITH_4K)
    inside = replace(torrent(2), save_path="/hd/Heat", content_path="/hd/Heat/Extras")
    seen = replace(seen, torrents=world(torrents=[torrent(1), inside]).torrents)
    seen = replace(
        seen, references=tuple(replace(r, released_by=None) if r.number == 1 else r for r in seen.references)
    )
    plan = look(changed(state, withdrawn=frozenset({Unit(RADARR)})), seen)
    assert not any(isinstance(a, RemoveTorrent) for a in plan.actions)
    assert reason(plan, ConditionType.TORRENTS_ABSENT) is Reason.SEEDS_IN_PLACE


def test_only_the_covered_library_loses_the_title() -> None:
    state, seen = bound(deletion(instances=[RADARR_4K]), home(), WITH_4K)
    seen = with_library(seen, RADARR_4K, library(entry(3, path="/uhd/Heat", monitored=False)))
    plan = look(state, seen)
    assert [a.torrent for a in plan.actions if isinstance(a, RemoveTorrent)] == [torrent_id(2)]
    gone = replace(seen, torrents=world(torrents=[torrent(1)]).torrents)
    (delete,) = look(state, gone).actions
    assert isinstance(delete, DeleteEntry)
    assert delete.instance == RADARR_4K


# --- requests and their servers ---


def several(*rows: Record | MediaRequest, kids: Library | None = None) -> World:
    seen = world(radarr=library(entry(7)), libraries={KIDS: kids or library()}, board=board_of(*rows))
    assert isinstance(seen.board, Seen)
    return replace(seen, board=Seen(replace(seen.board.data, servers=SERVERS), START))


@pytest.mark.parametrize(("server", "instance"), [(0, RADARR), (1, KIDS), (None, RADARR)])
def test_the_server_of_a_request_tells_its_library(server: int | None, instance: InstanceName) -> None:
    one = request(5, 4, server_id=server)
    assert instances_of_request(one, [RADARR, KIDS], several(), TWO_HD) == {instance}


def test_a_request_to_a_server_that_nobody_knows_may_be_for_any_library_of_its_variant() -> None:
    one = request(5, 4, server_id=9)
    assert instances_of_request(one, [RADARR, KIDS], several(), TWO_HD) == {RADARR, KIDS}
    uhd = request(5, 4, server_id=9, is_4k=True)
    assert instances_of_request(uhd, [RADARR, RADARR_4K], home(), WITH_4K) == {RADARR_4K}


def test_a_request_that_may_be_for_a_library_which_is_not_covered_is_neither_bound_nor_cleared() -> None:
    waiting = request(51, 4, server_id=9, status=RequestStatus.FAILED)
    rows = (record(4, status=MediaStatus.PROCESSING), waiting)
    seen = world(libraries={KIDS: library()}, board=board_of(*rows))
    state, seen = bound(deletion(instances=[RADARR]), seen, TWO_HD)
    assert targets(state, TargetKind.REQUEST) == ()
    plan = look(state, seen, TWO_HD)
    assert plan.actions == ()
    assert reason(plan, REQUEST) is Reason.PARTLY_COVERED


ONE_HD = replace(TWO_HD, libraries={n: one for n, one in TWO_HD.libraries.items() if n != KIDS})


def test_a_request_to_a_server_that_is_not_configured_here_is_neither_bound_nor_cleared() -> None:
    rows = (record(4), request(5, 4, server_id=0), request(6, 4, server_id=1))
    state, seen = bound(deletion(instances=[RADARR], options=Options(delete_files=False)), several(*rows), ONE_HD)
    assert [t.external_id for t in targets(state, TargetKind.REQUEST)] == ["5"]
    plan = look(state, replace(seen, libraries=world().libraries), ONE_HD)
    assert [type(a) for a in plan.actions] == [DeleteRequest]


def test_a_decline_for_a_server_that_is_not_configured_here_takes_nothing_without_a_person() -> None:
    no = request(5, 4, status=RequestStatus.DECLINED, server_id=1)
    state = deletion(instances=[RADARR], source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5))
    plan = look(state, several(record(4, status=MediaStatus.PENDING), no), ONE_HD)
    assert plan.bind is None
    assert reason(plan, REQUEST) is Reason.INFERRED_DELETE


def test_servers_that_are_only_called_otherwise_than_here_are_ours() -> None:
    renamed = replace(TWO_HD, libraries={n: replace(one, address=None) for n, one in TWO_HD.libraries.items()})
    rows = (record(4), request(5, 4, server_id=0), request(6, 4, server_id=1))
    state, _ = bound(deletion(instances=[RADARR, KIDS]), several(*rows), renamed)
    assert [t.external_id for t in targets(state, TargetKind.REQUEST)] == ["5", "6"]


def test_a_request_to_another_server_is_neither_bound_nor_cleared() -> None:
    rows = (record(4), request(5, 4, server_id=0), request(6, 4, server_id=1))
    state, seen = bound(deletion(options=Options(delete_files=False)), several(*rows), TWO_HD)
    assert [t.external_id for t in targets(state, TargetKind.REQUEST)] == ["5"]
    gone = replace(seen, libraries=world(libraries={KIDS: library()}).libraries)
    plan = look(state, gone, TWO_HD)
    assert [type(a) for a in plan.actions] == [DeleteRequest]


def test_a_request_to_another_server_is_no_want() -> None:
    state, seen = bound(deletion(), several(record(4)), TWO_HD)
    board = several(record(4), request(6, 4, server_id=1)).board
    assert look(state, replace(seen, board=board), TWO_HD).settle is None
    board = several(record(4), request(6, 4, server_id=0)).board
    assert look(state, replace(seen, board=board), TWO_HD).settle == (SettledAs.CANCELLED, Reason.WANTED_AGAIN)


def test_the_request_of_a_library_that_was_withdrawn_stays_although_another_of_its_variant_is_covered() -> None:
    rows = (record(4), request(5, 4, server_id=0), request(6, 4, server_id=1))
    state, seen = bound(deletion(instances=[RADARR, KIDS], options=Options(delete_files=False)), several(*rows), TWO_HD)
    assert [t.external_id for t in targets(state, TargetKind.REQUEST)] == ["5", "6"]
    state = changed(state, withdrawn=frozenset({Unit(KIDS)}))
    gone = replace(seen, libraries=world(libraries={KIDS: library()}).libraries)
    plan = look(state, gone, TWO_HD)
    assert [a.request_id for a in plan.actions if isinstance(a, DeleteRequest)] == [5]
    assert not any(isinstance(a, DeleteRecord) for a in plan.actions)


def test_without_any_library_a_season_clears_the_requests_of_that_season_only() -> None:
    policy = replace(POLICY, libraries={}, torrent_clients={})
    rows = board_of(
        record(4, LOST), request(5, 4, LOST, seasons=[1]), request(6, 4, LOST, seasons=[1, 2]), request(7, 4, LOST)
    )
    seen = replace(world(torrents=None, board=rows), libraries={}, ledger={})
    state, _ = bound(deletion(LOST, instances=[], seasons=[1]), seen, policy)
    assert [t.external_id for t in targets(state, TargetKind.REQUEST)] == ["5"]


def test_a_request_is_cleared_no_wider_than_the_variant_that_went() -> None:
    rows = (record(4, status_4k=MediaStatus.AVAILABLE), request(5, 4), request(6, 4, is_4k=True))
    state, seen = bound(deletion(instances=[RADARR_4K], options=Options(delete_files=False)), home(*rows), WITH_4K)
    gone = with_library(replace(seen, torrents=world(torrents=[torrent(1)]).torrents), RADARR_4K, library())
    plan = look(state, gone)
    assert [a.request_id for a in plan.actions if isinstance(a, DeleteRequest)] == [6]
    assert len(plan.actions) == 1


# --- declines ---


def declined(*rows: Record | MediaRequest, **more: Any) -> tuple[DeletionState, World]:
    state = deletion(
        LOST,
        source=Source.JELLYSEERR,
        inferred=True,
        hints=Hints(request_id=5),
        **more,
    )
    series = entry(5, LOST, file_count=0, seasons={1: True, 2: True})
    return state, world(sonarr=library(series, app="Sonarr"), board=board_of(*rows))


def test_a_decline_covers_the_seasons_of_its_request_only() -> None:
    no = request(5, 4, LOST, status=RequestStatus.DECLINED, seasons=[2])
    state, seen = declined(record(4, LOST, status=MediaStatus.PENDING), no)
    state, _ = bound(state, seen)
    assert state.deletion.units == frozenset({Unit(SONARR, 2)})


def test_a_decline_never_covers_more_seasons_than_it_was_told_for() -> None:
    no = request(5, 4, LOST, status=RequestStatus.DECLINED, seasons=[1, 2])
    state, seen = declined(record(4, LOST, status=MediaStatus.PENDING), no, seasons=[2, 3])
    state, _ = bound(state, seen)
    assert state.deletion.units == frozenset({Unit(SONARR, 2)})


def test_a_request_for_other_seasons_does_not_keep_a_decline() -> None:
    no = request(5, 4, LOST, status=RequestStatus.DECLINED, seasons=[2])
    row = record(4, LOST, status=MediaStatus.PARTIALLY_AVAILABLE)
    state, seen = declined(row, no, request(6, 4, LOST, seasons=[1]))
    assert look(state, seen, POLICY).bind is not None
    state, seen = declined(row, no, request(6, 4, LOST, seasons=[1, 2]))
    assert look(state, seen, POLICY).settle == (SettledAs.CANCELLED, Reason.STILL_WANTED)


def test_a_decline_covers_the_server_of_its_request_only() -> None:
    no = request(5, 4, RONIN, status=RequestStatus.DECLINED, server_id=1)
    seen = several(record(4, RONIN, status=MediaStatus.PENDING), no)
    state = deletion(
        RONIN, instances=[RADARR, KIDS], source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5)
    )
    state, _ = bound(state, seen, TWO_HD)
    assert state.deletion.units == frozenset({Unit(KIDS)})


def test_a_decline_whose_request_is_gone_asks_a_person_before_it_takes_a_title_that_is_there() -> None:
    state, seen = declined(record(4, LOST, status=MediaStatus.PROCESSING), seasons=[2])
    plan = look(state, seen, POLICY)
    assert plan.bind is None
    assert reason(plan, REQUEST) is Reason.INFERRED_DELETE
    approved = changed(state, approved=frozenset({Reason.INFERRED_DELETE}))
    assert look(approved, seen, POLICY).bind is not None
    nothing_there = replace(seen, libraries=world(sonarr=library(app="Sonarr")).libraries)
    assert look(state, nothing_there, POLICY).bind is not None


def test_a_decline_that_may_be_for_either_of_two_libraries_asks_a_person() -> None:
    no = request(5, 4, RONIN, status=RequestStatus.DECLINED, server_id=None)
    seen = world(
        radarr=library(entry(7, RONIN, file_count=0)),
        libraries={KIDS: library()},
        board=board_of(record(4, RONIN, status=MediaStatus.PENDING), no),
    )
    state = deletion(
        RONIN, instances=[RADARR, KIDS], source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5)
    )
    plan = look(state, seen, TWO_HD)
    assert plan.bind is None
    assert reason(plan, REQUEST) is Reason.INFERRED_DELETE


def test_an_approved_decline_that_is_wanted_after_binding_is_cancelled() -> None:
    no = request(5, 4, LOST, status=RequestStatus.DECLINED, seasons=[2])
    state, seen = declined(record(4, LOST, status=MediaStatus.PENDING), no)
    state, seen = bound(state, seen)
    again = replace(no, status=RequestStatus.APPROVED)
    later = wanting(replace(seen, now=START + timedelta(hours=1)), record(4, LOST), again)
    assert look(state, later, POLICY).settle == (SettledAs.CANCELLED, Reason.WANTED_AGAIN)


def test_media_of_one_id_are_wanted_by_their_own_requests_only() -> None:
    state, seen = bound(deletion(instances=BOTH), home(record(4)), WITH_4K)
    other = request(6, 4, replace(HEAT, kind=MediaKind.SERIES))
    assert look(state, wanting(seen, record(4), other)).withdrawn == frozenset()
