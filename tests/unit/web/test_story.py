"""What a newcomer asks of a deletion is answered on its page: what, since when, what next, what to do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.model import Condition, ConditionType, DeletionState, Event, InstanceName, Phase, SettledAs, Status
from reconciler.reasons import MEANINGS, Effect, Reason
from reconciler.web.advice import ADVICE, WAITING_ADVICE
from reconciler.web.pages.headline import headline_of
from reconciler.web.pages.progress import Standing, chips_of, steps_of
from reconciler.web.pages.story import ENDINGS, Story, story_of
from reconciler.web.schemas import StatusOut
from reconciler.web.views import deletion_out, detail_out
from tests.unit.web.fakes import NOW, World, movie, settled

RADARR, QBITTORRENT = InstanceName("radarr"), InstanceName("qbittorrent")
LATER = NOW + timedelta(minutes=7)


def because(reason: Reason, type_: ConditionType = ConditionType.TORRENTS_ABSENT) -> Condition:
    return Condition(type_, QBITTORRENT, Status.FALSE, reason, "it is so", NOW)


def story(state: DeletionState, *timeline: Event) -> Story:
    detail = detail_out(state, timeline, (), "")
    return story_of(detail, detail.timeline)


def having(*conditions: Condition, **changes: object) -> DeletionState:
    return replace(movie(1, **changes), conditions=conditions)


@pytest.mark.parametrize("reason", [reason for reason, meaning in MEANINGS.items() if meaning.effect is Effect.HOLD])
def test_a_held_one_says_why_and_what_to_do(reason: Reason) -> None:
    told = story(having(because(reason)))
    assert told.what == "Torrents at qbittorrent: it is so."
    assert told.todo == ADVICE[reason]
    assert "until you decide" in told.then


@pytest.mark.parametrize("reason", [reason for reason, meaning in MEANINGS.items() if meaning.effect is Effect.WAIT])
def test_a_waiting_one_says_for_what_and_when_it_is_tried_again(reason: Reason) -> None:
    told = story(having(because(reason), next_due_at=LATER))
    assert told.what == "Torrents at qbittorrent: it is so."
    assert told.next_at == LATER
    assert told.todo == (ADVICE.get(reason) or WAITING_ADVICE[reason])


def test_every_waiting_reason_has_advice_of_one_kind() -> None:
    waiting = {reason for reason, meaning in MEANINGS.items() if meaning.effect is Effect.WAIT}
    assert set(WAITING_ADVICE) == waiting - set(ADVICE)


def test_since_is_when_the_reason_came_not_when_the_status_changed() -> None:
    data = {"type": "TorrentsAbsent", "instance": "qbittorrent", "reason": "Protected"}
    changed = Event("ConditionChanged", "…", LATER, data)
    assert story(having(because(Reason.PROTECTED)), changed).since == LATER
    assert story(having(because(Reason.PROTECTED))).since == NOW
    other = replace(changed, data={**data, "reason": "BreakerOpen"})
    assert story(having(because(Reason.PROTECTED)), other).since == NOW


def test_one_at_work_says_what_comes_after() -> None:
    at_work = having(because(Reason.AFTER_TORRENTS, ConditionType.ENTRY_ABSENT), because(Reason.REMOVING), bound_at=NOW)
    told = story(at_work)
    assert told.what == "Torrents at qbittorrent: it is so."
    assert told.then.startswith("After that come: title.")
    assert told.todo == "Nothing."
    assert story(having()).what == "It was just written down."


def test_one_that_converged_says_how_long_it_took_and_that_it_is_watched() -> None:
    state = settled(having(because(Reason.ABSENT)))
    watched = replace(state.deletion, settled_at=LATER, watch_until=LATER + timedelta(days=1))
    told = story(replace(state, deletion=watched))
    assert told.what == "Proven gone everywhere, 7 minutes after it was asked for."
    assert "watched" in told.then
    assert told.next_at == LATER + timedelta(days=1)


@pytest.mark.parametrize("reason", [*ENDINGS, Reason.ABSENT, None])
def test_a_cancelled_one_says_how_it_ended(reason: Reason | None) -> None:
    state = settled(movie(), SettledAs.CANCELLED)
    told = story(replace(state, deletion=replace(state.deletion, settled_reason=reason)))
    assert told.what == (ENDINGS.get(reason, "It was cancelled.") if reason else "It was cancelled.")


def test_there_is_a_step_for_each_part_of_the_work_and_the_one_furthest_behind_counts() -> None:
    another = replace(because(Reason.UNREACHABLE), instance=InstanceName("seedbox"))
    conditions = deletion_out(
        having(
            because(Reason.CLEARED, ConditionType.REQUEST_CLEARED),
            because(Reason.ABSENT),
            another,
            replace(because(Reason.AFTER_TORRENTS, ConditionType.ENTRY_ABSENT), instance=RADARR),
        ),
        "",
    ).conditions
    steps = [(step.name, step.standing) for step in steps_of(conditions)]
    assert steps == [("Torrents", Standing.WAITING), ("Title", Standing.AHEAD), ("Request", Standing.DONE)]
    chips = [(chip.name, chip.instance, chip.reason) for chip in chips_of(conditions)]
    assert chips == [
        ("Torrents", "qbittorrent", "Absent"),
        ("Torrents", "seedbox", "Unreachable"),
        ("Title", "radarr", "AfterTorrents"),
        ("Request", "qbittorrent", "Cleared"),
    ]


@pytest.fixture
async def status() -> StatusOut:
    async with World().person() as client:
        return StatusOut.model_validate((await client.get("/status")).json(), by_alias=True)


@pytest.mark.parametrize(
    ("counts", "ok", "verdict", "words", "tone", "more"),
    [
        ({}, True, "All clear", "All clear", "good", ""),
        ({}, True, "All clear; observe mode", "All clear", "good", "observe mode"),
        ({Phase.CONVERGING: 2, Phase.WAITING: 1}, True, "2 converging; 1 waiting", "2 converging", "busy", "1 waiting"),
        ({Phase.HELD: 1}, False, "1 needs you: A Film", "1 needs you", "bad", "A Film"),
        ({Phase.HELD: 3}, False, "3 need you", "3 need you", "bad", ""),
        ({}, False, "Cannot reach radarr", "Something is wrong", "bad", "Cannot reach radarr"),
    ],
)
def test_the_headline_is_what_somebody_reads_first(
    status: StatusOut, counts: dict[Phase, int], ok: bool, verdict: str, words: str, tone: str, more: str
) -> None:
    shown = status.model_copy(
        update={"counts": counts, "needs_you": counts.get(Phase.HELD, 0), "ok": ok, "verdict": verdict}
    )
    headline = headline_of(shown)
    assert (headline.words, headline.tone, headline.more) == (words, tone, more)
