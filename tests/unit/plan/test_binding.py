"""Which concrete things a deletion may destroy, and what speaks against deciding that."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.model import (
    ConditionType,
    DownloadProtocol,
    Hints,
    ManualAdd,
    Media,
    MediaKind,
    SettledAs,
    Source,
    TargetKind,
)
from reconciler.observed import MediaRequest, MediaStatus, Record, RequestStatus, Unseen
from reconciler.plan import plan_deletion
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    FARGO,
    HEAT,
    LOST,
    POLICY,
    RADARR,
    RADARR_4K,
    RONIN,
    SEERR,
    SONARR,
    UNREACHABLE,
    WITH_4K,
    board_of,
    bound,
    condition,
    current_ledger,
    deletion,
    entry,
    hash_of,
    incomplete_ledger,
    library,
    library_row,
    queue_item,
    reason,
    record,
    reference,
    request,
    targets,
    torrent,
    world,
)

TORRENTS, ENTRY, REQUEST = (
    ConditionType.TORRENTS_ABSENT,
    ConditionType.ENTRY_ABSENT,
    ConditionType.REQUEST_CLEARED,
)


def test_everything_of_the_title_is_bound_and_nothing_of_others() -> None:
    seen = world(
        torrents=[torrent(1), torrent(2), torrent(3)],
        radarr=library(entry(7), entry(8, RONIN)),
        board=board_of(record(4), request(5, 4), record(6, RONIN), request(7, 6, RONIN)),
        references=[reference(1, 1, 7), reference(2, 2, 7), reference(3, 3, 8, RONIN)],
    )
    state, after = bound(deletion(), seen)
    assert [t.external_id for t in targets(state, TargetKind.TORRENT)] == [hash_of(1), hash_of(2)]
    assert [(t.external_id, t.added, t.path) for t in targets(state, TargetKind.ENTRY)] == [
        ("7", entry(7).added, "/data/movies/Title 7")
    ]
    assert [t.external_id for t in targets(state, TargetKind.RECORD)] == ["4"]
    assert [t.external_id for t in targets(state, TargetKind.REQUEST)] == ["5"]
    assert state.deletion.live_request_ids == {5}
    assert [r.released_by for r in after.references] == [state.deletion.id, state.deletion.id, None]


def test_movies_and_series_with_the_same_tmdb_number_are_different_titles() -> None:
    series = Media(MediaKind.SERIES, tmdb_id=HEAT.tmdb_id, tvdb_id=5)
    seen = world(
        torrents=[torrent(1)],
        sonarr=library(entry(7, series)),
        board=board_of(record(4, series), request(5, 4, series)),
        references=[reference(1, 1, 7, series)],
    )
    state, _ = bound(deletion(), seen)
    assert state.targets == ()


def test_a_reference_of_another_title_under_a_reused_entry_id_is_not_covered() -> None:
    """A library that was set up anew numbers its titles from 1 again, and the ledger keeps the old ones' hashes."""
    seen = world(
        torrents=[torrent(1), torrent(2)],
        radarr=library(entry(7, HEAT)),
        references=[reference(1, 1, 7, RONIN), reference(2, 2, 7, HEAT)],
    )
    state, after = bound(deletion(HEAT), seen)
    assert [t.external_id for t in targets(state, TargetKind.TORRENT)] == [hash_of(2)]
    assert [r.released_by for r in after.references] == [None, state.deletion.id]


def test_a_title_as_last_seen_does_not_lend_its_entry_id_to_another_title() -> None:
    seen = world(
        torrents=[torrent(1)],
        radarr=library(entry(7, RONIN)),
        references=[reference(1, 1, 7, RONIN)],
        library_rows=[library_row(7, HEAT)],
    )
    state, after = bound(deletion(HEAT), seen)
    assert targets(state, TargetKind.TORRENT) == ()
    assert after.references[0].released_by is None


def test_references_without_media_belong_to_the_entry_they_name() -> None:
    seen = world(torrents=[torrent(1)], radarr=library(entry(7)), references=[reference(1, 1, 7, None)])
    state, _ = bound(deletion(), seen)
    assert [t.external_id for t in targets(state, TargetKind.TORRENT)] == [hash_of(1)]


def test_a_series_is_covered_by_its_tvdb_id_even_if_an_old_reference_had_another_tmdb_id() -> None:
    old = Media(MediaKind.SERIES, tmdb_id=99, tvdb_id=LOST.tvdb_id)
    seen = world(torrents=[torrent(1)], sonarr=library(entry(7, LOST)), references=[reference(1, 1, 7, old)])
    state, _ = bound(deletion(LOST), seen)
    assert [t.external_id for t in targets(state, TargetKind.TORRENT)] == [hash_of(1)]


def test_a_hash_of_the_queue_is_bound_before_any_history_tells_it() -> None:
    seen = world(
        torrents=[torrent(1), torrent(2)],
        radarr=library(entry(7), queue=[queue_item(1, 7, hash_of(1).upper()), queue_item(2, 8, hash_of(2))]),
    )
    state, _ = bound(deletion(), seen)
    assert [t.external_id for t in targets(state, TargetKind.TORRENT)] == [hash_of(1)]


def test_downloads_of_other_clients_are_listed_as_unmanaged() -> None:
    seen = world(
        radarr=library(entry(7)),
        references=[
            reference(1, None, 7, raw_hash="SABnzbd_nzo_1", protocol=DownloadProtocol.USENET, client="SABnzbd"),
            reference(2, 2, 7, client="Deluge"),
        ],
    )
    state, _ = bound(deletion(), seen)
    assert targets(state, TargetKind.TORRENT) == ()
    assert {t.external_id for t in targets(state, TargetKind.UNMANAGED)} == {"SABnzbd_nzo_1", hash_of(2)}


def test_a_title_that_is_gone_is_bound_as_it_was_last_seen() -> None:
    seen = world(library_rows=[library_row(3), library_row(7)])
    state, _ = bound(deletion(), seen)
    (target,) = targets(state, TargetKind.ENTRY)
    assert (target.external_id, target.path, target.absent_since) == ("7", "/data/movies/Title 7", START)


def test_the_entry_that_a_library_named_is_bound_even_if_it_was_never_seen() -> None:
    seen = world(torrents=[torrent(1)], references=[reference(1, 1, 7, None)])
    state, _ = bound(deletion(source=Source.RADARR, hints=Hints(radarr_id=7)), seen)
    assert [t.external_id for t in targets(state, TargetKind.ENTRY)] == ["7"]
    assert [t.external_id for t in targets(state, TargetKind.TORRENT)] == [hash_of(1)]


# --- nothing is bound from half a picture ---


def test_nothing_is_bound_while_any_covered_upstream_is_unseen() -> None:
    full = world(torrents=[torrent(1)], radarr=library(entry(7)), references=[reference(1, 1, 7)])
    for broken in (
        replace(full, torrents=UNREACHABLE),
        replace(full, libraries={**full.libraries, RADARR: UNREACHABLE}),
        replace(full, board=UNREACHABLE),
    ):
        plan = plan_deletion(deletion(), broken, POLICY)
        assert plan.bind is None
        assert plan.actions == ()
        assert Reason.UNREACHABLE in {c.reason for c in plan.conditions}


def test_a_suspicious_list_is_shown_and_nothing_is_bound() -> None:
    why = Unseen(Reason.SUSPICIOUS_LIST, "12 of 20 rows vanished at once")
    plan = plan_deletion(deletion(), world(torrents=why, radarr=library(entry(7))), POLICY)
    assert plan.bind is None
    assert reason(plan, TORRENTS) is Reason.SUSPICIOUS_LIST


def test_an_uncovered_library_that_is_down_does_not_stop_a_deletion() -> None:
    seen = world(radarr=library(entry(7)), sonarr=UNREACHABLE)
    state, _ = bound(deletion(), seen)
    assert state.deletion.bound_at is not None


def test_nothing_is_bound_before_every_ledger_is_complete() -> None:
    seen = world(radarr=library(entry(7)), ledger={SONARR: incomplete_ledger(SONARR)})
    plan = plan_deletion(deletion(), seen, POLICY)
    assert plan.bind is None
    assert reason(plan, TORRENTS) is Reason.LEDGER_INCOMPLETE
    assert "1000 of 2500" in condition(plan, TORRENTS).message


def test_nothing_is_bound_while_the_owning_history_is_not_current() -> None:
    seen = world(radarr=library(entry(7)), ledger={RADARR: current_ledger(RADARR, is_current=False)})
    plan = plan_deletion(deletion(), seen, POLICY)
    assert plan.bind is None
    assert reason(plan, TORRENTS) is Reason.LEDGER_INCOMPLETE


# --- identity ---


def test_contradicting_ids_are_held() -> None:
    impostor = Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id, tvdb_id=1)
    plan = plan_deletion(deletion(LOST), world(sonarr=library(entry(7, impostor))), POLICY)
    assert plan.bind is None
    assert reason(plan, ENTRY, SONARR) is Reason.IDENTITY_CONFLICT


def test_an_entry_id_of_another_title_is_held() -> None:
    seen = world(radarr=library(entry(7), entry(8, RONIN)))
    plan = plan_deletion(deletion(hints=Hints(radarr_id=8)), seen, POLICY)
    assert plan.bind is None
    assert reason(plan, ENTRY, RADARR) is Reason.IDENTITY_CONFLICT


def test_a_record_id_of_another_title_is_held_and_a_stale_one_is_ignored() -> None:
    seen = world(radarr=library(entry(7)), board=board_of(record(4), record(5, RONIN)))
    plan = plan_deletion(deletion(hints=Hints(jellyseerr_id=5)), seen, POLICY)
    assert plan.bind is None
    assert reason(plan, REQUEST) is Reason.IDENTITY_CONFLICT
    assert plan_deletion(deletion(hints=Hints(jellyseerr_id=99)), seen, POLICY).bind is not None


def test_jellyseerr_is_asked_for_the_tvdb_id_before_sonarr_is_believed() -> None:
    tmdb_only = Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id)
    mislabelled = Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id, tvdb_id=FARGO.tvdb_id)
    seen = world(sonarr=library(entry(7, mislabelled)), board=board_of(record(4, LOST)))
    plan = plan_deletion(deletion(tmdb_only), seen, POLICY)
    assert plan.bind is None
    assert reason(plan, ENTRY, SONARR) is Reason.IDENTITY_CONFLICT


def test_the_translated_tvdb_id_finds_the_series() -> None:
    tmdb_only = Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id)
    in_sonarr = Media(MediaKind.SERIES, tvdb_id=LOST.tvdb_id)
    assert LOST.tmdb_id is not None
    assert LOST.tvdb_id is not None
    seen = world(sonarr=library(entry(7, in_sonarr)), tvdb_ids={LOST.tmdb_id: LOST.tvdb_id})
    state, _ = bound(deletion(tmdb_only), seen)
    assert [t.external_id for t in targets(state, TargetKind.ENTRY)] == ["7"]
    assert state.deletion.media == LOST


def test_a_series_is_not_bound_by_sonarrs_word_while_the_translation_could_not_be_asked() -> None:
    """The TMDB id that Sonarr keeps may be wrong; an outage of TMDB must not make it the authority."""
    tmdb_only = Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id)
    mislabelled = Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id, tvdb_id=FARGO.tvdb_id)
    assert LOST.tmdb_id is not None
    seen = replace(world(sonarr=library(entry(7, mislabelled))), untranslated={LOST.tmdb_id: UNREACHABLE})
    plan = plan_deletion(deletion(tmdb_only), seen, POLICY)
    assert plan.bind is None
    assert reason(plan, REQUEST) is Reason.UNREACHABLE


def test_without_any_translation_sonarrs_own_tmdb_id_is_used() -> None:
    tmdb_only = Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id)
    state, _ = bound(deletion(tmdb_only), world(sonarr=library(entry(7, LOST))))
    assert [t.external_id for t in targets(state, TargetKind.ENTRY)] == ["7"]


def test_a_series_that_cannot_be_translated_is_held_because_absence_proves_nothing() -> None:
    tmdb_only = Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id)
    state, seen = bound(deletion(tmdb_only), world(sonarr=library(entry(7, FARGO))))
    plan = plan_deletion(state, seen, POLICY)
    assert reason(plan, ENTRY) is Reason.IDENTITY_UNRESOLVED
    assert plan.settle is None
    approved = replace(state, deletion=replace(state.deletion, approved=frozenset({Reason.IDENTITY_UNRESOLVED})))
    assert reason(plan_deletion(approved, seen, POLICY), ENTRY) is Reason.ACCEPTED_BY_PERSON


# --- hashes from a dashboard ---


def test_a_hash_that_the_ledger_gives_to_another_title_is_held() -> None:
    seen = world(torrents=[torrent(1)], radarr=library(entry(7)), references=[reference(1, 1, 8, RONIN)])
    plan = plan_deletion(deletion(hints=Hints(hashes=(hash_of(1),))), seen, POLICY)
    assert plan.bind is None
    assert reason(plan, TORRENTS) is Reason.HASH_BELONGS_ELSEWHERE


def test_a_hash_is_recognised_as_anothers_under_any_of_its_names() -> None:
    hybrid = torrent(1, infohash_v1=hash_of(77))
    seen = world(torrents=[hybrid], radarr=library(entry(7)), references=[reference(1, 77, 8, RONIN)])
    plan = plan_deletion(deletion(hints=Hints(hashes=(hash_of(1),))), seen, POLICY)
    assert reason(plan, TORRENTS) is Reason.HASH_BELONGS_ELSEWHERE


def test_a_hash_that_nobody_claims_is_bound_as_the_dashboard_said() -> None:
    seen = world(torrents=[torrent(1)], radarr=library(entry(7)))
    state, _ = bound(deletion(hints=Hints(hashes=(hash_of(1),))), seen)
    assert [t.external_id for t in targets(state, TargetKind.TORRENT)] == [hash_of(1)]


# --- added again before binding ---


def test_a_title_added_again_by_hand_after_radarr_deleted_it_cancels() -> None:
    seen = world(radarr=library(entry(9)), manual_adds=[ManualAdd(RADARR, 9, HEAT, 3)])
    plan = plan_deletion(deletion(source=Source.RADARR, hints=Hints(radarr_id=7)), seen, POLICY)
    assert plan.settle == (SettledAs.CANCELLED, Reason.WANTED_AGAIN)
    assert plan.bind is None


def test_a_title_added_again_by_a_list_after_radarr_deleted_it_is_held() -> None:
    plan = plan_deletion(
        deletion(source=Source.RADARR, hints=Hints(radarr_id=7)), world(radarr=library(entry(9))), POLICY
    )
    assert plan.settle is None
    assert plan.bind is None
    assert reason(plan, ENTRY) is Reason.REAPPEARED


# --- declines ---


@pytest.mark.parametrize(
    "rows",
    [
        (record(4), request(5, 4, status=RequestStatus.DECLINED)),
        (
            record(4, status=MediaStatus.UNKNOWN, status_4k=MediaStatus.PARTIALLY_AVAILABLE),
            request(5, 4, status=RequestStatus.DECLINED),
        ),
        (
            record(4, status=MediaStatus.PROCESSING),
            request(5, 4, status=RequestStatus.DECLINED),
            request(6, 4, status=RequestStatus.APPROVED),
        ),
        (
            record(4, status=MediaStatus.PROCESSING),
            request(5, 4, status=RequestStatus.DECLINED),
            request(6, 4, status=RequestStatus.PENDING),
        ),
        (record(4, status=MediaStatus.PROCESSING), request(5, 4, status=RequestStatus.APPROVED)),
    ],
    ids=["a copy", "a 4K copy", "another request", "a pending request", "approved after all"],
)
def test_a_decline_of_something_still_wanted_is_cancelled(rows: tuple[Record | MediaRequest, ...]) -> None:
    seen = world(radarr=library(entry(7)), board=board_of(*rows))
    plan = plan_deletion(deletion(source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5)), seen, POLICY)
    assert plan.settle == (SettledAs.CANCELLED, Reason.STILL_WANTED)
    assert plan.bind is None


def test_a_copy_or_request_of_a_variant_with_a_library_of_its_own_does_not_cancel_a_decline_of_the_other() -> None:
    rows = board_of(
        record(4, status=MediaStatus.AVAILABLE, status_4k=MediaStatus.PENDING),
        request(5, 4, status=RequestStatus.DECLINED, is_4k=True),
        request(6, 4, status=RequestStatus.COMPLETED),
    )
    seen = world(radarr=library(entry(7)), libraries={RADARR_4K: library(entry(3, file_count=0))}, board=rows)
    asked = deletion(source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5), instances=[RADARR, RADARR_4K])
    state, _ = bound(asked, seen, WITH_4K)
    assert [t.instance for t in targets(state, TargetKind.ENTRY)] == [RADARR_4K]


def test_a_decline_for_a_variant_without_a_library_is_not_covered() -> None:
    seen = world(
        radarr=library(entry(7)),
        board=board_of(record(4, status=MediaStatus.PENDING), request(5, 4, status=RequestStatus.DECLINED, is_4k=True)),
    )
    plan = plan_deletion(deletion(source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5)), seen, POLICY)
    assert plan.settle == (SettledAs.CANCELLED, Reason.NOT_COVERED)


def test_a_decline_binds_no_declined_request_as_its_own_may_be_any_of_them() -> None:
    seen = world(
        radarr=library(entry(7, file_count=0)),
        board=board_of(
            record(4, status=MediaStatus.PENDING),
            request(5, 4, status=RequestStatus.DECLINED),
            request(6, 4, status=RequestStatus.DECLINED),
        ),
    )
    state, _ = bound(deletion(source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5)), seen)
    assert [t.external_id for t in targets(state, TargetKind.REQUEST)] == []


def test_a_decline_covers_the_variant_of_its_request_only() -> None:
    rows = board_of(
        record(4, status=MediaStatus.UNKNOWN, status_4k=MediaStatus.PENDING),
        request(5, 4, status=RequestStatus.DECLINED, is_4k=True),
    )
    seen = world(
        radarr=library(entry(7, file_count=0)), libraries={RADARR_4K: library(entry(3, file_count=0))}, board=rows
    )
    declined = deletion(
        source=Source.JELLYSEERR, inferred=True, hints=Hints(request_id=5), instances=[RADARR, RADARR_4K]
    )
    state, _ = bound(declined, seen, WITH_4K)
    assert [t.instance for t in targets(state, TargetKind.ENTRY)] == [RADARR_4K]


def test_the_tmdb_id_that_sonarr_keeps_never_chooses_a_record_of_jellyseerr() -> None:
    by_tvdb = Media(MediaKind.SERIES, tvdb_id=LOST.tvdb_id)
    mislabelled = Media(MediaKind.SERIES, tmdb_id=FARGO.tmdb_id, tvdb_id=LOST.tvdb_id)
    another = record(9, Media(MediaKind.SERIES, tmdb_id=FARGO.tmdb_id))
    seen = world(sonarr=library(entry(7, mislabelled)), board=board_of(another))
    for told in (deletion(by_tvdb), deletion(mislabelled, source=Source.SONARR)):
        state, _ = bound(told, seen)
        assert targets(state, TargetKind.RECORD) == ()


# --- waiting ---


def test_a_grace_period_binds_at_once_so_that_a_new_request_within_it_is_recognised() -> None:
    later = START + timedelta(hours=1)
    seen = world(radarr=library(entry(7)), board=board_of(record(4), request(5, 4)))
    state, seen = bound(deletion(not_before=later), seen)
    plan = plan_deletion(state, seen, POLICY)
    assert plan.actions == ()
    assert plan.due_at == later
    assert Reason.NOT_BEFORE in {c.reason for c in plan.conditions}
    wanted = replace(seen, board=world(board=board_of(record(4), request(5, 4), request(6, 4))).board)
    assert plan_deletion(state, wanted, POLICY).settle == (SettledAs.CANCELLED, Reason.WANTED_AGAIN)
    after = plan_deletion(state, replace(seen, now=later), POLICY)
    assert after.actions != ()


def test_a_deletion_in_its_grace_period_that_cannot_be_bound_yet_shows_why() -> None:
    plan = plan_deletion(deletion(not_before=START + timedelta(hours=1)), world(torrents=UNREACHABLE), POLICY)
    assert plan.bind is None
    assert reason(plan, TORRENTS) is Reason.UNREACHABLE


# --- what is not configured ---


def test_upstreams_that_are_not_configured_are_told_so() -> None:
    policy = replace(POLICY, torrent_clients={}, request_instance=None, libraries={})
    seen = replace(world(torrents=None, board=None), libraries={}, ledger={})
    state, seen = bound(deletion(instances=[]), seen, policy)
    plan = plan_deletion(state, seen, policy)
    assert {c.reason for c in plan.conditions} == {Reason.NOT_CONFIGURED}
    assert plan.settle == (SettledAs.CONVERGED, None)


def test_the_requests_of_covered_variants_only_are_bound() -> None:
    rows = board_of(record(4, status_4k=MediaStatus.AVAILABLE), request(5, 4), request(6, 4, is_4k=True))
    seen = world(radarr=library(entry(7)), libraries={RADARR_4K: library(entry(3))}, board=rows)
    hd, _ = bound(deletion(), seen, WITH_4K)
    assert [t.external_id for t in targets(hd, TargetKind.REQUEST)] == ["5"]
    both, _ = bound(deletion(instances=[RADARR, RADARR_4K]), seen, WITH_4K)
    assert [t.external_id for t in targets(both, TargetKind.REQUEST)] == ["5", "6"]
    assert {t.instance for t in targets(both, TargetKind.REQUEST)} == {SEERR}
