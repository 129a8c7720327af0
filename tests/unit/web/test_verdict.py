"""The verdict in words."""

from dataclasses import replace

import pytest

from reconciler.model import InstanceName, LedgerCoverage, Phase, UpstreamKind
from reconciler.ports import LoopStatus, PassRecord, UpstreamHealth
from reconciler.web.verdict import Situation, verdict_of
from tests.unit.web.fakes import NOW

IDLE = Situation({}, 0, (), (), (), LoopStatus(True, NOW, True, "pod-1"), "pod-1", None, observing=False)
RADARR = InstanceName("radarr")


def test_nothing_to_do_is_all_clear() -> None:
    assert verdict_of(IDLE) == ("All clear", True)


def test_settled_deletions_do_not_disturb() -> None:
    assert verdict_of(replace(IDLE, counts={Phase.CONVERGED: 9, Phase.CANCELLED: 1})) == ("All clear", True)


def test_work_under_way_is_told_and_is_no_trouble() -> None:
    counts = {Phase.PENDING: 1, Phase.WAITING: 2, Phase.CONVERGING: 3}
    assert verdict_of(replace(IDLE, counts=counts)) == ("3 converging; 2 waiting; 1 pending", True)


def test_what_needs_a_person_comes_first() -> None:
    situation = replace(IDLE, counts={Phase.HELD: 1, Phase.CONVERGING: 2}, asking=1, asking_titles=("A Film (1999)",))
    assert verdict_of(situation) == ("1 needs you: A Film (1999); 2 converging", False)


def test_held_deletions_without_a_title_at_hand_are_still_counted() -> None:
    assert verdict_of(replace(IDLE, counts={Phase.HELD: 2}, asking=2)) == ("2 need you", False)


def test_what_waits_and_needs_a_look_is_told_as_both() -> None:
    assert verdict_of(replace(IDLE, counts={Phase.WAITING: 3}, asking=1)) == ("1 needs you; 3 waiting", False)


def test_a_long_title_is_cut_and_stays_on_one_line() -> None:
    text, _ = verdict_of(replace(IDLE, counts={Phase.HELD: 1}, asking=1, asking_titles=("a\r\nb " + "x" * 500,)))
    assert text.startswith("1 needs you: a b xxx")
    assert text.endswith("…")
    assert len(text) < 80


def test_upstreams_out_of_reach_are_named() -> None:
    lost = tuple(UpstreamHealth(InstanceName(n), UpstreamKind.RADARR, False, NOW) for n in ("radarr", "a-radarr"))
    assert verdict_of(replace(IDLE, upstreams=lost)) == ("Cannot reach a-radarr, radarr", False)


def test_that_another_process_reconciles_is_no_trouble_and_that_none_does_is() -> None:
    elsewhere = replace(IDLE, loop=LoopStatus(True, None, False, "pod-2"))
    assert verdict_of(elsewhere) == ("All clear", True)
    assert verdict_of(replace(elsewhere, leader=None)) == ("No process reconciles", False)


def test_what_an_upstream_shows_and_is_not_believed_is_remarked_and_no_trouble_by_itself() -> None:
    doubted = UpstreamHealth(RADARR, UpstreamKind.RADARR, True, NOW, last_error="radarr: 12 of 14 rows vanished")
    others = (replace(doubted, instance=InstanceName("sonarr")), replace(doubted, last_error=""))
    assert verdict_of(replace(IDLE, upstreams=(doubted,))) == (
        "All clear; radarr is not believed in everything",
        True,
    )
    text, _ = verdict_of(replace(IDLE, upstreams=(doubted, *others)))
    assert text == "All clear; radarr, sonarr are not believed in everything"


def test_a_pass_that_failed_is_trouble() -> None:
    failed = PassRecord(NOW, NOW, 0, 0, 0, error="boom")
    assert verdict_of(replace(IDLE, last_pass=failed)) == ("The last pass failed", False)


@pytest.mark.parametrize(("total", "words"), [(None, "1200"), (5000, "1200 of 5000")])
def test_a_back_fill_under_way_shows_its_progress(total: int | None, words: str) -> None:
    coverage = (LedgerCoverage(RADARR, backfill_rows=1200, backfill_total=total),)
    assert verdict_of(replace(IDLE, coverage=coverage)) == (
        f"All clear; reading the history of radarr ({words})",
        True,
    )


def test_observe_mode_is_never_silent() -> None:
    text, ok = verdict_of(replace(IDLE, observing=True, counts={Phase.WAITING: 1}))
    assert (text, ok) == ("1 waiting; observe mode: nothing is deleted", True)
