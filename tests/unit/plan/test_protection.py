"""What the operator protects, and what must come before anything begins."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model import ConditionType, DeletionState, Media, Options, TargetKind
from reconciler.observed import Torrent, TorrentFile
from reconciler.plan import Plan, Policy, World, plan_all, plan_deletion, size_of
from reconciler.plan.actions import RestoreMonitoring
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    HEAT,
    LOST,
    POLICY,
    RONIN,
    bound,
    changed,
    deletion,
    destroyed,
    entry,
    episode,
    library,
    reference,
    torrent,
    world,
)

TORRENTS, ENTRY = ConditionType.TORRENTS_ABSENT, ConditionType.ENTRY_ABSENT


def home(*torrents: Torrent, path: str | None = None, tags: Iterable[str] = (), **more: Any) -> World:
    return world(
        torrents=torrents or [torrent(1)],
        radarr=library(entry(7, path=path, tags=tags)),
        references=[reference(1, 1, 7)],
        **more,
    )


def look(state: DeletionState, seen: World, policy: Policy = POLICY) -> Plan:
    return plan_deletion(state, seen, policy)


def protecting(**what: Iterable[str]) -> Policy:
    settings: dict[str, Any] = {f"protect_{kind}": frozenset(names) for kind, names in what.items()}
    return replace(POLICY, **settings)


def held(seen: World, policy: Policy, media: Media = HEAT, **more: Any) -> set[Reason]:
    """The holds on a deletion of what is in this world; none of them lets anything be sent."""
    state, seen = bound(deletion(media, **more), seen, policy)
    plan = look(state, seen, policy)
    reasons = {c.reason for c in plan.conditions} & {Reason.PROTECTED}
    assert not (reasons and plan.actions)
    return reasons


# --- protection ---


@pytest.mark.parametrize(
    ("policy", "seen"),
    [
        (protecting(labels=["keep"]), home(tags=["keep"])),
        (protecting(tags=["keep"]), home(torrent(1, tags=["keep"]))),
        (protecting(categories=["archive"]), home(replace(torrent(1), category="archive"))),
        (protecting(paths=["/data/movies"]), home()),
        (protecting(paths=["/data/torrents/"]), home()),
        (protecting(paths=["/data/movies/Title 7/Extras"]), home()),
        (
            protecting(paths=["/data/torrents/Release.1/Extras"]),
            home(files={torrent(1).id: (TorrentFile("Release.1/a.mkv", 1), TorrentFile("Release.1/Extras/b.mkv", 1))}),
        ),
        (
            protecting(paths=["/data/torrents/mine"]),
            home(
                torrent(1, content_path="/data/torrents"),
                files={torrent(1).id: (TorrentFile("mine/film.mkv", 1000),)},
            ),
        ),
    ],
    ids=["label", "tag", "category", "title", "torrent", "inside the title", "inside the torrent", "a torrent's file"],
)
def test_what_is_protected_is_held_until_a_person_approves(policy: Policy, seen: World) -> None:
    assert held(seen, policy) == {Reason.PROTECTED}
    assert held(seen, policy, approved=[Reason.PROTECTED]) == set()


@pytest.mark.parametrize(
    ("policy", "seen"),
    [
        (protecting(labels=["keep"], tags=[]), home(torrent(1, tags=["keep"]))),
        (protecting(paths=["/data/mov", "/data/torrents/Release.1/Extras"]), home()),
        (protecting(categories=["archive"]), home(replace(torrent(1), category="archive2"))),
        (
            protecting(paths=["/data/torrents/mine"]),
            home(torrent(1, content_path="/data/torrents")),
        ),
    ],
)
def test_what_only_looks_like_something_protected_is_not(policy: Policy, seen: World) -> None:
    assert held(seen, policy) == set()


def test_a_protected_folder_of_another_season_does_not_hold_a_season() -> None:
    series = entry(5, LOST, seasons={1: False, 2: False}, file_count=2)
    seen = world(sonarr=library(series, entry_files={5: (episode(1, 1), episode(1, 2))}, app="Sonarr"))
    policy = protecting(paths=["/data/tv/Title 5/Season 2"])
    assert held(seen, policy, LOST, seasons=[1]) == set()
    assert held(seen, policy, LOST, seasons=[2]) == {Reason.PROTECTED}
    assert held(seen, policy, LOST) == {Reason.PROTECTED}


# --- before anything begins ---


def test_nothing_begins_before_a_person_approves_it_and_it_can_be_cancelled_without_a_trace() -> None:
    state, seen = bound(deletion(needs_approval=True), home())
    plan = look(state, seen)
    assert plan.actions == ()
    assert Reason.APPROVAL_REQUIRED in {c.reason for c in plan.conditions}
    cancelled = look(changed(state, cancel_requested_at=START), seen)
    assert cancelled.settle is not None
    assert cancelled.actions == ()
    assert look(changed(state, approved=frozenset({Reason.APPROVAL_REQUIRED})), seen).actions != ()


def test_nothing_is_changed_in_a_deny_window_and_the_work_is_due_when_it_ends() -> None:
    until = START + timedelta(hours=6)
    state, seen = bound(deletion(), home())
    plan = look(state, replace(seen, denied_until=until))
    assert plan.actions == ()
    assert plan.due_at == until
    assert Reason.DENY_WINDOW in {c.reason for c in plan.conditions}
    assert look(state, seen).actions != ()


def test_monitoring_is_given_back_in_a_deny_window_too() -> None:
    state, seen = bound(deletion(), home())
    frozen = replace(seen, libraries=world(radarr=library(entry(7, monitored=False))).libraries)
    state = changed(state, frozen_at=START, cancel_requested_at=START)
    plan = look(state, replace(frozen, denied_until=START + timedelta(hours=6)))
    assert [type(a) for a in plan.actions] == [RestoreMonitoring]


# --- the breaker ---


def breaking(seen: World, policy: Policy, **changes: Any) -> Reason | None:
    state, seen = bound(deletion(), seen, policy)
    (plan,) = plan_all([changed(state, **changes)], seen, policy)
    reasons = {c.reason for c in plan.conditions}
    assert plan.trip_breaker is (Reason.BREAKER_OPEN in reasons)
    assert plan.trip_breaker is not bool(plan.actions)
    return Reason.BREAKER_OPEN if plan.trip_breaker else None


def test_the_breaker_counts_bytes() -> None:
    policy = replace(POLICY, breaker_size=10_000)
    assert breaking(replace(home(), destructive_size=9_000), policy) is None
    assert breaking(replace(home(), destructive_size=9_001), policy) is Reason.BREAKER_OPEN
    assert breaking(replace(home(), destructive_size=9_001), POLICY) is None


def test_the_breaker_counts_what_turns_destructive_in_the_same_round() -> None:
    policy = replace(POLICY, breaker_size=1_500)
    first, seen = bound(deletion(), home(), policy)
    seen = replace(seen, libraries=world(radarr=library(entry(7), entry(8, RONIN))).libraries)
    second, seen = bound(deletion(RONIN, number=2, requested_at=START + timedelta(seconds=1)), seen, policy)
    plans = plan_all([second, first], seen, policy)
    assert [p.trip_breaker for p in plans] == [False, True]


def test_what_a_person_released_or_what_has_begun_passes_the_breaker() -> None:
    policy = replace(POLICY, breaker_size=1)
    assert breaking(home(), policy, approved=frozenset({Reason.BREAKER_OPEN})) is None
    state, seen = bound(deletion(), home(), policy)
    (plan,) = plan_all([destroyed(state)], seen, policy)
    assert not plan.trip_breaker


def test_what_the_breaker_held_once_stays_held_until_a_person_looks() -> None:
    assert breaking(home(), POLICY, breaker_tripped_at=START) is Reason.BREAKER_OPEN


def test_a_copy_in_the_library_and_its_torrent_count_once() -> None:
    state, _ = bound(deletion(), home())
    assert size_of(state) == 1000


def test_of_a_series_of_which_seasons_go_only_their_files_count() -> None:
    series = entry(5, LOST, seasons={1: True, 2: True}, file_count=3)
    files = (episode(1, 1, size=10), episode(2, 1, size=20), episode(1, 2, size=40))
    state, _ = bound(
        deletion(LOST, seasons=[1], options=Options()), world(sonarr=library(series, entry_files={5: files}))
    )
    assert [t.size for t in state.targets_of(TargetKind.FILE)] == [10, 20]
    assert size_of(state) == 30
