"""Seeding obligations: which torrents owe what, how it is told, and what waits for it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model import ConditionType, DeletionState, Options, SettledAs, Unit
from reconciler.observed import Seen, Torrent, TorrentFile, Trackers
from reconciler.plan import Plan, Policy, World, plan_deletion
from reconciler.plan.actions import DeleteEntry, DeleteRecord, RemoveTorrent
from reconciler.plan.policy import SeedingPolicy, SeedingRule
from reconciler.plan.seeding import needs_trackers, unmet
from reconciler.reasons import Effect, Reason, effect_of
from tests.support.worlds import (
    POLICY,
    RADARR,
    board_of,
    bound,
    changed,
    condition,
    deletion,
    destroyed,
    entry,
    library,
    reason,
    record,
    reference,
    request,
    sent,
    torrent,
    torrent_id,
    world,
)

TORRENTS, ENTRY, REQUEST = (
    ConditionType.TORRENTS_ABSENT,
    ConditionType.ENTRY_ABSENT,
    ConditionType.REQUEST_CLEARED,
)
DAYS = timedelta(hours=72)


def seeded(hours: float = 14, ratio: float = 0.71, **more: Any) -> Torrent:
    busy = replace(torrent(1), state="uploading", ratio=ratio, seeding_seconds=int(hours * 3600))
    return replace(busy, **more)


def owed(one: Torrent, *rules: SeedingRule, trackers: Trackers | None = None) -> str | None:
    return unmet(one, trackers, SeedingPolicy(rules))


def tracked(*hosts: str, private: bool | None = None) -> Trackers:
    return Trackers(frozenset(hosts), private)


# --- the words ---


def test_what_is_owed_is_told_in_numbers_with_an_estimate() -> None:
    assert (
        owed(seeded(), SeedingRule(min_ratio=1.0, min_time=DAYS)) == "ratio 0.71 of 1.00, 14 h of 72 h, about 58 h more"
    )


def test_the_ratio_is_estimated_by_how_it_grew() -> None:
    assert owed(seeded(hours=10, ratio=0.5), SeedingRule(min_ratio=1.0)) == "ratio 0.50 of 1.00, about 10 h more"


def test_nothing_is_estimated_from_nothing() -> None:
    assert owed(seeded(hours=10, ratio=0), SeedingRule(min_ratio=1.0)) == "ratio 0.00 of 1.00"


def test_less_than_an_hour_is_told_in_minutes() -> None:
    assert owed(seeded(hours=0.5), SeedingRule(min_time=timedelta(hours=1))) == "30 min of 1 h, about 30 min more"


def test_less_than_a_minute_is_told_in_seconds() -> None:
    assert owed(seeded(hours=0), SeedingRule(min_time=timedelta(seconds=20))) == "0 s of 20 s, about 20 s more"


def test_what_is_stopped_will_never_be_seeded_enough_and_says_so() -> None:
    for state in ("pausedUP", "stoppedUP"):
        text = owed(seeded(state=state), SeedingRule(min_time=DAYS))
        assert text is not None
        assert text.endswith("it is stopped, so that this does not grow")


def test_the_time_of_an_idle_torrent_may_lag_and_that_is_said() -> None:
    """qBittorrent shows the time of an idle torrent as it was at its last successful announce."""
    text = owed(seeded(state="stalledUP"), SeedingRule(min_time=DAYS))
    assert text is not None
    assert text.endswith("; it is idle, so that the time shown may lag")
    assert owed(seeded(state="stalledUP"), SeedingRule(min_ratio=1.0)) == "ratio 0.71 of 1.00, about 6 h more"


# --- what is owed ---


@pytest.mark.parametrize(
    ("hours", "ratio", "both", "met"),
    [
        (80, 1.2, True, True),
        (80, 0.2, True, False),
        (2, 1.2, True, False),
        (2, 1.2, False, True),
        (2, 0.2, False, False),
    ],
)
def test_both_minimums_must_be_met_or_one_of_them(hours: float, ratio: float, both: bool, met: bool) -> None:
    rule = SeedingRule(min_ratio=1.0, min_time=DAYS, both=both)
    assert (owed(seeded(hours=hours, ratio=ratio), rule) is None) is met


def test_a_ratio_beyond_measure_is_enough() -> None:
    assert owed(seeded(ratio=-1), SeedingRule(min_ratio=5.0)) is None


def test_what_was_never_complete_owes_nothing() -> None:
    assert owed(seeded(progress=0.9), SeedingRule(min_time=DAYS)) is None


def test_of_several_rules_every_one_that_matches_must_be_met() -> None:
    text = owed(seeded(), SeedingRule(min_ratio=0.5), SeedingRule(min_time=DAYS), SeedingRule(tag="x", min_ratio=9))
    assert text == "14 h of 72 h, about 58 h more"


def test_a_rule_that_asks_for_nothing_is_met() -> None:
    assert owed(seeded(), SeedingRule(category="", both=False)) is None
    exempt = SeedingPolicy((SeedingRule(tag="free"),), private_min_time=DAYS)
    assert unmet(seeded(private=True, tags=frozenset({"free"})), None, exempt) is None
    assert unmet(seeded(private=True), None, exempt) is not None


# --- which torrents ---


@pytest.mark.parametrize(
    ("rule", "one", "trackers", "matches"),
    [
        (SeedingRule(category="tv"), seeded(category="tv"), None, True),
        (SeedingRule(category="tv"), seeded(category="films"), None, False),
        (SeedingRule(tag="hnr"), seeded(tags=frozenset({"hnr", "x"})), None, True),
        (SeedingRule(tag="hnr"), seeded(), None, False),
        (SeedingRule(tracker="example.org"), seeded(), tracked("example.org"), True),
        (SeedingRule(tracker="Example.org"), seeded(), tracked("tracker.example.org"), True),
        (SeedingRule(tracker="example.org"), seeded(), tracked("notexample.org"), False),
        (SeedingRule(tracker="example.org"), seeded(tracker="https://t.example.org:443/announce"), tracked(), True),
        (SeedingRule(tracker="example.org"), seeded(), tracked(), False),
        (SeedingRule(tracker="example.org"), seeded(), None, True),
        (SeedingRule(tracker="example.org"), seeded(tracker="https://other.net/a"), None, True),
        (SeedingRule(private=True), seeded(private=True), None, True),
        (SeedingRule(private=True), seeded(private=False), None, False),
        (SeedingRule(private=True), seeded(), tracked(private=True), True),
        (SeedingRule(private=True), seeded(), tracked(private=False), False),
        (SeedingRule(private=True), seeded(), tracked(), True),
        (SeedingRule(private=False), seeded(private=True), None, False),
        (SeedingRule(category="tv", tag="hnr"), seeded(category="tv"), None, False),
    ],
)
def test_a_rule_matches_by_all_that_it_names_and_by_what_is_unknown(
    rule: SeedingRule, one: Torrent, trackers: Trackers | None, matches: bool
) -> None:
    assert (owed(one, replace(rule, min_time=DAYS), trackers=trackers) is not None) is matches


def test_private_torrents_without_a_rule_have_a_time_of_their_own() -> None:
    policy = SeedingPolicy((SeedingRule(category="tv", min_ratio=0.1),), private_min_time=DAYS)
    assert unmet(seeded(private=True), None, policy) == "14 h of 72 h, about 58 h more"
    assert unmet(seeded(private=True, category="tv"), None, policy) is None
    assert unmet(seeded(private=False), None, policy) is None
    assert unmet(seeded(), tracked(), policy) is not None, "nobody knows whether it is private"


def test_trackers_are_read_only_if_a_rule_depends_on_them() -> None:
    assert not needs_trackers(SeedingPolicy((SeedingRule(category="tv", min_ratio=1),)))
    assert needs_trackers(SeedingPolicy((SeedingRule(tracker="example.org", min_ratio=1),)))
    assert needs_trackers(SeedingPolicy((SeedingRule(private=True, min_ratio=1),)))
    assert needs_trackers(SeedingPolicy(private_min_time=DAYS))


# --- the deletion ---


def owing(*, block_entry: bool = False) -> Policy:
    rule = SeedingRule(category="hnr", min_time=DAYS)
    return replace(POLICY, seeding=SeedingPolicy((rule,), block_entry=block_entry))


OWING = owing()
MINE = seeded(category="hnr")
DONE = seeded(category="hnr", hours=73)


def home(*torrents: Torrent, hd_path: str | None = None, references: Iterable[int] = (1,)) -> World:
    return world(
        torrents=torrents or [MINE],
        radarr=library(entry(7, monitored=False, path=hd_path)),
        board=board_of(record(4), request(5, 4)),
        references=[reference(n, n, 7) for n in references],
    )


def look(state: DeletionState, seen: World, policy: Policy = OWING) -> Plan:
    return plan_deletion(state, seen, policy)


def removed(plan: Plan) -> set[str]:
    return {a.torrent for a in plan.actions if isinstance(a, RemoveTorrent)}


def without_title(seen: World) -> World:
    return replace(seen, libraries=world().libraries)


def with_torrents(seen: World, *torrents: Torrent) -> World:
    return replace(seen, torrents=world(torrents=torrents).torrents)


def test_the_torrent_waits_and_everything_else_goes_meanwhile() -> None:
    state, seen = bound(deletion(), home(), OWING)
    plan = look(state, seen)
    assert [type(a) for a in plan.actions] == [DeleteEntry]
    found = condition(plan, TORRENTS)
    assert (found.reason, effect_of(found.reason)) == (Reason.SEEDING, Effect.WAIT)
    assert "14 h of 72 h" in found.message
    state = sent(state, *(t.kind for t in state.targets if t.kind.value == "entry"))
    plan = look(state, without_title(seen))
    assert [type(a) for a in plan.actions] == [DeleteRecord]


def test_it_finishes_alone_when_the_obligation_is_met() -> None:
    state, seen = bound(deletion(), home(), OWING)
    state = sent(state)
    cleared = replace(without_title(seen), board=world().board)
    assert look(state, cleared).settle is None
    later = replace(with_torrents(cleared, DONE), now=cleared.now + timedelta(days=3))
    assert removed(look(state, later)) == {torrent_id(1)}
    assert look(state, with_torrents(later)).settle == (SettledAs.CONVERGED, None)


def test_everything_waits_if_the_entry_is_to_wait() -> None:
    policy = owing(block_entry=True)
    state, seen = bound(deletion(), home(), policy)
    plan = look(state, seen, policy)
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.AFTER_TORRENTS


def test_a_library_without_hard_links_waits_for_the_torrent_that_lies_in_it() -> None:
    in_place = seeded(category="hnr", save_path="/data/movies", content_path="/data/movies/Title 7")
    state, seen = bound(deletion(), home(in_place), OWING)
    plan = look(state, seen)
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.AFTER_TORRENTS
    assert "SeedsInPlace" in condition(plan, ENTRY).message
    keeping, seen = bound(deletion(options=Options(delete_files=False)), home(in_place), OWING)
    assert [type(a) for a in look(keeping, seen).actions] == [DeleteEntry]


def test_what_shares_its_files_waits_together() -> None:
    """Without the data of one, the other could not be seeded on."""
    film = (TorrentFile("Film/film.mkv", 1000),)
    mine, twin = replace(MINE, name="Film", content_path="/data/torrents/Film"), torrent(2, "Film")
    lists = world(torrents=[mine, twin], files={torrent_id(1): film, torrent_id(2): film}).torrents
    state, seen = bound(deletion(), replace(home(references=(1, 2)), torrents=lists), OWING)
    assert removed(look(state, seen)) == set()
    assert reason(look(state, seen), TORRENTS) is Reason.SEEDING


def test_what_owes_nothing_goes_while_another_one_waits() -> None:
    state, seen = bound(deletion(), home(MINE, torrent(2), references=(1, 2)), OWING)
    assert removed(look(state, seen)) == {torrent_id(2)}


# --- wanted during the hold ---


def wanting(seen: World) -> World:
    return replace(seen, board=world(board=board_of(record(4), request(5, 4), request(6, 4))).board)


def test_a_want_before_anything_was_destroyed_cancels_and_the_torrent_stays() -> None:
    state, seen = bound(deletion(), home(), OWING)
    plan = look(state, wanting(seen))
    assert plan.settle == (SettledAs.CANCELLED, Reason.WANTED_AGAIN)
    assert removed(plan) == set()


def test_a_want_after_the_title_went_keeps_the_torrent_and_gives_its_references_back() -> None:
    state, seen = bound(deletion(), home(), OWING)
    entries = tuple(replace(t, sent_at=seen.now) if t.kind.value == "entry" else t for t in state.targets)
    state = destroyed(replace(state, targets=entries))
    gone = wanting(without_title(seen))
    plan = look(state, gone)
    assert plan.finishing == frozenset({Unit(RADARR)})
    assert plan.unreleased == (1,)
    state = changed(state, finishing=plan.finishing)
    back = replace(gone, references=tuple(replace(r, released_by=None) for r in gone.references))
    plan = look(state, with_torrents(back, DONE))
    assert removed(plan) == set()
    assert reason(plan, TORRENTS) is Reason.SHARED_WITH_WANTED
    assert plan.settle is not None


def test_what_was_not_waiting_for_its_seeding_is_not_given_back() -> None:
    state, seen = bound(deletion(), home(MINE, torrent(2), references=(1, 2)), OWING)
    state = sent(state)
    assert look(state, wanting(seen)).unreleased == (1,)


def test_trackers_that_were_read_decide() -> None:
    policy = replace(POLICY, seeding=SeedingPolicy((SeedingRule(tracker="example.org", min_time=DAYS),)))
    state, seen = bound(deletion(), home(), policy)
    assert isinstance(seen.torrents, Seen)
    for host, waits in (("t.example.org", True), ("other.net", False)):
        read = replace(seen.torrents.data, trackers={MINE.key: tracked(host)})
        plan = look(state, replace(seen, torrents=Seen(read, seen.now)), policy)
        assert (reason(plan, TORRENTS) is Reason.SEEDING) is waits
