"""Rules 1 to 5 of the design, for any world."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.plan import plan_all
from tests.property.checks import (
    CHECKS,
    actions_of,
    check_a_hold_on_torrents_or_titles_sends_nothing_but_monitoring_given_back,
    check_a_pending_request_is_never_cleared,
    check_a_round_that_binds_sends_nothing_for_that_deletion,
    check_a_torrent_that_a_deletion_released_which_is_held_stays,
    check_a_torrent_with_a_reference_that_nobody_released_is_never_removed,
    check_a_want_stops_every_deletion_of_a_title_and_of_its_record,
    check_before_its_time_a_deletion_sends_nothing_but_monitoring_given_back,
    check_data_goes_only_if_no_torrent_that_stays_has_a_file_of_it,
    check_data_in_the_folder_of_a_title_that_stays_is_never_removed,
    check_every_action_names_a_bound_target_with_the_identity_it_was_bound_with,
    check_every_open_deletion_says_what_it_waits_for,
    check_movies_and_series_never_meet,
    check_no_more_deletions_begin_than_the_breaker_allows,
    check_no_title_that_stays_shares_its_folder_with_a_title_that_goes_with_its_files,
    check_no_torrent_that_stays_seeds_from_a_folder_that_goes,
    check_nothing_converges_while_a_covered_upstream_is_unseen,
    check_nothing_is_destroyed_while_anything_needed_is_unseen,
    check_once_the_old_copy_is_being_finished_no_title_is_ever_deleted,
    check_the_request_of_a_variant_that_is_not_covered_stays,
    check_titles_go_after_torrents_and_requests_after_titles,
    check_what_converges_is_really_gone,
    check_what_is_bound_belongs_to_the_titles_and_instances_that_were_asked_for,
    check_what_one_deletion_is_planned_does_not_depend_on_the_others_but_for_the_breaker,
)
from tests.property.hazards import HAZARDS, Hazard, staged
from tests.property.scenes import Scene, scenes, sometimes

QUIET = settings(
    max_examples=max(200, settings().max_examples),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


# --- the rules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.__name__)
def test_a_hazard_alone_is_respected(hazard: Hazard) -> None:
    @settings(QUIET, max_examples=max(25, settings().max_examples // 10))
    @given(staged(hazard=hazard))
    def respected(scene: Scene) -> None:
        for check in CHECKS:
            check(scene)

    respected()


@QUIET
@given(scenes(is_bound=True) | staged() | staged())
def test_rule_1_nothing_outside_the_request_is_touched(scene: Scene) -> None:
    check_every_action_names_a_bound_target_with_the_identity_it_was_bound_with(scene)
    check_what_is_bound_belongs_to_the_titles_and_instances_that_were_asked_for(scene)
    check_no_title_that_stays_shares_its_folder_with_a_title_that_goes_with_its_files(scene)
    check_no_torrent_that_stays_seeds_from_a_folder_that_goes(scene)
    check_movies_and_series_never_meet(scene)


@QUIET
@given(scenes(is_bound=True) | staged() | staged())
def test_rule_2_a_torrent_goes_only_when_nothing_refers_to_it_any_more(scene: Scene) -> None:
    check_a_torrent_with_a_reference_that_nobody_released_is_never_removed(scene)
    check_a_torrent_that_a_deletion_released_which_is_held_stays(scene)
    check_data_goes_only_if_no_torrent_that_stays_has_a_file_of_it(scene)
    check_data_in_the_folder_of_a_title_that_stays_is_never_removed(scene)


@QUIET
@given(scenes(is_bound=True) | staged() | staged())
def test_rule_3_a_re_request_wins(scene: Scene) -> None:
    check_a_want_stops_every_deletion_of_a_title_and_of_its_record(scene)
    check_once_the_old_copy_is_being_finished_no_title_is_ever_deleted(scene)
    check_a_pending_request_is_never_cleared(scene)
    check_the_request_of_a_variant_that_is_not_covered_stays(scene)


@QUIET
@given(scenes(is_bound=True, dark=sometimes) | staged() | staged())
def test_rule_4_absence_is_observed_and_never_assumed(scene: Scene) -> None:
    check_nothing_is_destroyed_while_anything_needed_is_unseen(scene)
    check_nothing_converges_while_a_covered_upstream_is_unseen(scene)


@QUIET
@given(scenes(is_bound=True, dark=st.just(False)) | staged() | staged())
def test_rule_4_what_converges_is_really_gone(scene: Scene) -> None:
    check_what_converges_is_really_gone(scene)


@QUIET
@given(scenes(is_bound=False) | staged(unbound=True))
def test_rule_5_everything_is_bound_before_anything_is_sent(scene: Scene) -> None:
    assert actions_of(scene) == []
    check_what_is_bound_belongs_to_the_titles_and_instances_that_were_asked_for(scene)
    check_a_round_that_binds_sends_nothing_for_that_deletion(scene)
    check_every_open_deletion_says_what_it_waits_for(scene)


@QUIET
@given(scenes() | staged() | staged())
def test_gates_and_order_are_kept(scene: Scene) -> None:
    check_a_round_that_binds_sends_nothing_for_that_deletion(scene)
    check_a_hold_on_torrents_or_titles_sends_nothing_but_monitoring_given_back(scene)
    check_titles_go_after_torrents_and_requests_after_titles(scene)
    check_no_more_deletions_begin_than_the_breaker_allows(scene)
    check_before_its_time_a_deletion_sends_nothing_but_monitoring_given_back(scene)
    check_every_open_deletion_says_what_it_waits_for(scene)


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
    check_what_one_deletion_is_planned_does_not_depend_on_the_others_but_for_the_breaker(scene)
