"""Rules 1 to 5 of the design, for any world."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model import Media, MediaKind, Options, ReferenceKind, Unit
from reconciler.observed import TorrentFile
from reconciler.plan import plan_all
from reconciler.plan.actions import DeleteEntry, DeleteFiles, RemoveTorrent
from tests.property.check_course import (
    ABSENCE,
    COURSE,
    check_every_open_deletion_says_what_it_waits_for,
    check_what_converges_is_really_gone,
    check_what_one_deletion_is_planned_depends_on_the_others_only_by_what_calls_them_off,
)
from tests.property.check_reach import (
    REACH,
    RELEASE,
    check_what_is_bound_belongs_to_the_titles_and_instances_that_were_asked_for,
)
from tests.property.check_wants import WANTS
from tests.property.hazards import HAZARDS, Hazard, staged
from tests.property.houses import houses
from tests.property.judged import actions_of
from tests.property.scene import Scene
from tests.property.scenes import scenes, sometimes
from tests.support.worlds import (
    LOST,
    POLICY,
    SONARR,
    board_of,
    bound,
    changed,
    deletion,
    destroyed,
    entry,
    episode,
    library,
    record,
    reference,
    request,
    torrent,
    world,
)

QUIET = settings(
    max_examples=max(200, settings().max_examples),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

EVERYTHING = (*REACH, *RELEASE, *WANTS, *ABSENCE, check_what_converges_is_really_gone, *COURSE)


# --- the rules: first what is tried quickly, so that a fault is found soon -------------------------------------------


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.__name__)
def test_a_hazard_alone_is_respected(hazard: Hazard) -> None:
    @settings(QUIET, max_examples=max(25, settings().max_examples // 10))
    @given(staged(hazard=hazard))
    def respected(scene: Scene) -> None:
        for check in EVERYTHING:
            check(scene)

    respected()


@QUIET
@given(shared=st.integers(1, 3), more=st.integers(0, 2))
def test_a_cross_seed_is_judged_by_what_it_holds_now_and_not_when_it_was_bound(shared: int, more: int) -> None:
    """Renaming and adding files in the client takes seconds; the wait before a deletion begins may take weeks."""
    names = [f"Film/{number}.mkv" for number in range(shared + more)]
    torrents = [torrent(1, "Film"), torrent(2, "Film")]
    then = {t.id: tuple(TorrentFile(name, 1) for name in names[:shared]) for t in torrents}
    now = {**then, torrents[1].id: tuple(TorrentFile(name, 1) for name in names)}
    radarr = library(entry(7, monitored=False))
    state, seen = bound(
        deletion(), world(torrents=torrents, files=then, radarr=radarr, references=[reference(1, 1, 7)])
    )
    seen = replace(seen, torrents=world(torrents=torrents, files=now).torrents, releasers={state.deletion.id: state})
    scene = Scene((state,), seen, POLICY)
    for check in EVERYTHING:
        check(scene)
    assert {a.torrent: a.delete_files for a in actions_of(scene) if isinstance(a, RemoveTorrent)} == (
        {torrents[0].id: False} if more else {t.id: True for t in torrents}
    )


@QUIET
@given(asked=st.booleans(), looked_for=st.sets(st.integers(2, 4)), left=st.sets(st.integers(2, 4)))
def test_a_series_goes_with_a_season_only_if_asked_and_if_nothing_of_it_is_left(
    asked: bool, looked_for: set[int], left: set[int]
) -> None:
    files = tuple(episode(1, season) for season in sorted(left))
    series = entry(5, LOST, seasons={n: n in looked_for for n in (1, 2, 3, 4)}, file_count=len(files))
    sonarr = library(series, entry_files={5: files}, app="Sonarr")
    wish = deletion(LOST, seasons=[1], options=Options(remove_empty_series=asked))
    state, seen = bound(wish, world(sonarr=sonarr))
    scene = Scene((state,), replace(seen, releasers={state.deletion.id: state}), POLICY)
    for check in EVERYTHING:
        check(scene)
    goes = any(isinstance(action, DeleteEntry) for action in actions_of(scene))
    assert goes == (asked and not looked_for and not left)


@QUIET
@given(imported=st.booleans(), others=st.booleans())
def test_no_file_counts_as_the_old_copy_once_something_was_imported_for_its_season(
    imported: bool, others: bool
) -> None:
    files = (episode(1, 1), episode(1, 2))
    series = entry(5, LOST, seasons={1: True, 2: True}, file_count=2)
    seen = world(sonarr=library(series, entry_files={5: files}, app="Sonarr"))
    state, seen = bound(deletion(LOST, seasons=[1]), seen)
    state = changed(destroyed(state), finishing=frozenset({Unit(SONARR, 1)}))
    seasons = [*([1] if imported else []), *([2] if others else [])]
    imports = tuple(reference(900 + n, 9, 5, LOST, kind=ReferenceKind.IMPORT, season=n) for n in seasons)
    scene = Scene((state,), replace(seen, references=imports, releasers={state.deletion.id: state}), POLICY)
    for check in EVERYTHING:
        check(scene)
    gone = [action.file_ids for action in actions_of(scene) if isinstance(action, DeleteFiles)]
    assert gone == ([] if imported else [(files[0].id,)])


@QUIET
@given(wished=st.integers(1, 4), limit=st.integers(0, 4), before=st.integers(0, 2))
def test_no_more_deletions_begin_than_the_breaker_allows(wished: int, limit: int, before: int) -> None:
    titles = {n: Media(MediaKind.MOVIE, tmdb_id=n) for n in range(1, wished + 1)}
    seen = world(radarr=library(*(entry(n, media, monitored=False) for n, media in titles.items())))
    states = []
    for number, media in titles.items():
        state, seen = bound(deletion(media, number=number), seen)
        states.append(state)
    seen = replace(seen, destructive_recently=before, releasers={s.deletion.id: s for s in states})
    scene = Scene(tuple(states), seen, replace(POLICY, breaker_limit=limit))
    for check in EVERYTHING:
        check(scene)
    assert len(actions_of(scene)) == min(wished, max(0, limit - before))


@QUIET
@given(parts=st.integers(2, 4), wanted=st.sets(st.integers(1, 4)), due=st.sets(st.integers(1, 4)))
def test_a_pack_stays_in_the_very_round_that_shows_that_a_part_of_it_is_wanted(
    parts: int, wanted: set[int], due: set[int]
) -> None:
    titles = {n: Media(MediaKind.MOVIE, tmdb_id=n) for n in range(1, parts + 1)}
    seen = world(
        torrents=[torrent(1, "Collection")],
        radarr=library(*(entry(n, media, monitored=False) for n, media in titles.items())),
        references=[reference(n, 1, n, media) for n, media in titles.items()],
    )
    states = []
    for number, media in titles.items():
        state, seen = bound(deletion(media, number=number), seen)
        states.append(state)
    for _ in titles:  # until each has been judged with what the others released
        seen = replace(seen, releasers={s.deletion.id: s for s in states})
        judged = plan_all(states, seen, POLICY)
        states = [replace(s, conditions=p.conditions) for s, p in zip(states, judged, strict=True)]
    rows = [row for n in wanted & set(titles) for row in (record(n, titles[n]), request(50 + n, n, titles[n]))]
    seen = replace(seen, board=world(board=board_of(*rows)).board, releasers={s.deletion.id: s for s in states})
    now = [s for n, s in enumerate(states, 1) if n in due]
    goes = any(isinstance(a, RemoveTorrent) for plan in plan_all(now, seen, POLICY) for a in plan.actions)
    assert goes == (bool(now) and not rows)


@settings(QUIET, max_examples=2 * max(200, settings().max_examples))
@given(houses())
def test_every_rule_holds_in_a_house_of_seasons_packs_cross_seeds_variants_and_clients(scene: Scene) -> None:
    for check in EVERYTHING:
        check(scene)


@QUIET
@given(scenes(is_bound=True) | staged() | staged())
def test_rule_1_nothing_outside_the_request_is_touched(scene: Scene) -> None:
    for check in REACH:
        check(scene)


@QUIET
@given(scenes(is_bound=True) | staged() | staged())
def test_rule_2_a_torrent_goes_only_when_nothing_refers_to_it_any_more(scene: Scene) -> None:
    for check in RELEASE:
        check(scene)


@QUIET
@given(scenes(is_bound=True) | staged() | staged())
def test_rule_3_a_re_request_wins(scene: Scene) -> None:
    for check in WANTS:
        check(scene)


@QUIET
@given(scenes(is_bound=True, dark=sometimes) | staged() | staged())
def test_rule_4_absence_is_observed_and_never_assumed(scene: Scene) -> None:
    for check in ABSENCE:
        check(scene)


@QUIET
@given(scenes(is_bound=True, dark=st.just(False)) | staged() | staged())
def test_rule_4_what_converges_is_really_gone(scene: Scene) -> None:
    check_what_converges_is_really_gone(scene)


@QUIET
@given(scenes(is_bound=False) | staged(unbound=True))
def test_rule_5_everything_is_bound_before_anything_is_sent(scene: Scene) -> None:
    assert actions_of(scene) == []
    check_what_is_bound_belongs_to_the_titles_and_instances_that_were_asked_for(scene)
    check_every_open_deletion_says_what_it_waits_for(scene)


@QUIET
@given(scenes() | staged() | staged())
def test_gates_and_order_are_kept(scene: Scene) -> None:
    for check in COURSE:
        check(scene)


@QUIET
@given(scenes(enforce=False))
def test_observe_mode_sends_nothing(scene: Scene) -> None:
    assert actions_of(scene) == []


@QUIET
@given(scenes() | staged() | staged(), st.randoms(use_true_random=False))
def test_the_same_inputs_give_the_same_plans_in_whatever_order_they_come(scene: Scene, rng: random.Random) -> None:
    once = plan_all(scene.states, scene.world, scene.policy)
    assert plan_all(scene.states, scene.world, scene.policy) == once
    mixed = scene.shuffled(rng)
    assert plan_all(mixed.states, mixed.world, mixed.policy) == once
    check_what_one_deletion_is_planned_depends_on_the_others_only_by_what_calls_them_off(scene)
