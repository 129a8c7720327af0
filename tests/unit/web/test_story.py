"""What a newcomer asks of a deletion is answered on its page: what, since when, what next, what to do."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.model import Condition, ConditionType, DeletionState, InstanceName, Options, Phase, SettledAs, Status
from reconciler.reasons import MEANINGS, Effect, Reason
from reconciler.web.advice import ADVICE, LATER_ADVICE, WAITING_ADVICE
from reconciler.web.pages.headline import headline_of
from reconciler.web.pages.log import row_of
from reconciler.web.pages.progress import Standing, chips_of, steps_of
from reconciler.web.pages.story import AFRESH, WATCHED, Story, story_of
from reconciler.web.schemas import StatusOut
from reconciler.web.views import deletion_out, detail_out
from tests.unit.web.fakes import NOW, World, movie

RADARR, QBITTORRENT = InstanceName("radarr"), InstanceName("qbittorrent")
LATER = NOW + timedelta(minutes=7)
DAY = timedelta(days=1)


def because(reason: Reason, type_: ConditionType = ConditionType.TORRENTS_ABSENT) -> Condition:
    return Condition(type_, QBITTORRENT, Status.FALSE, reason, "it is so", NOW)


def story(state: DeletionState, now: datetime = NOW) -> Story:
    return story_of(detail_out(state, (), (), ""), now)


def gone(*conditions: Condition, **changes: Any) -> DeletionState:
    """A deletion that converged 7 minutes after it was asked for, and is watched for a day."""
    facts = {"settled_as": SettledAs.CONVERGED, "settled_at": LATER, "watch_until": LATER + DAY, **changes}
    return having(*conditions, **facts)


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


def test_one_that_is_called_off_says_so_and_what_its_end_waits_for() -> None:
    out = because(Reason.UNREACHABLE, ConditionType.ENTRY_ABSENT)
    state = having(because(Reason.CONFIRMING), out, bound_at=NOW, cancel_requested_at=LATER)
    told = story(state)
    assert told.what == "It was cancelled, and nothing more of it is deleted. Title at qbittorrent: it is so."
    assert (told.since, told.todo) == (LATER, WAITING_ADVICE[Reason.UNREACHABLE])
    assert "monitored again" in told.then
    assert row_of(deletion_out(state, "")).says_why
    undisturbed = story(replace(state, conditions=(because(Reason.CONFIRMING),)))
    assert (undisturbed.what, undisturbed.todo) == ("It was cancelled, and nothing more of it is deleted.", "Nothing.")


def test_a_list_that_is_not_believed_says_that_it_may_return_or_be_accepted() -> None:
    told = story(having(because(Reason.UNREACHABLE), because(Reason.SUSPICIOUS_LIST, ConditionType.ENTRY_ABSENT)))
    assert (told.what, told.todo) == ("Title at qbittorrent: it is so.", ADVICE[Reason.SUSPICIOUS_LIST])
    assert "or until you decide" in told.then


def test_every_waiting_reason_has_advice_of_one_kind() -> None:
    waiting = {reason for reason, meaning in MEANINGS.items() if meaning.effect is Effect.WAIT}
    assert set(WAITING_ADVICE) == waiting - set(ADVICE)


@pytest.mark.parametrize("reason", [Reason.PROTECTED, Reason.UNREACHABLE, Reason.REMOVING])
def test_since_is_when_the_reason_came_not_when_the_status_changed(reason: Reason) -> None:
    state = having(replace(because(reason), reason_since=LATER), bound_at=NOW)
    assert story(state).since == LATER
    assert row_of(deletion_out(state, "")).story.since == LATER


def test_one_at_work_says_what_comes_after() -> None:
    at_work = having(because(Reason.AFTER_TORRENTS, ConditionType.ENTRY_ABSENT), because(Reason.REMOVING), bound_at=NOW)
    told = story(at_work)
    assert told.what == "Torrents at qbittorrent: it is so."
    assert told.then.startswith("After that come: title.")
    assert told.todo == "Nothing."
    assert story(having()).what == "It was just written down."


def test_one_that_converged_says_how_long_it_took_and_that_it_is_watched() -> None:
    told = story(gone(because(Reason.ABSENT)), LATER + DAY - timedelta(seconds=1))
    assert told.what == "Proven gone everywhere. It took 7 minutes."
    assert (told.since, told.todo) == (LATER, AFRESH)
    assert (told.then, told.next_at) == (WATCHED, LATER + DAY)


@pytest.mark.parametrize("days", [1, 30])
def test_when_the_watch_window_has_ended_nothing_comes_next(days: int) -> None:
    told = story(gone(because(Reason.ABSENT)), LATER + days * DAY)
    assert (told.then, told.next_at) == ("Nothing.", None)


def test_one_that_left_something_names_it_and_does_not_promise_a_fresh_copy() -> None:
    left = replace(because(Reason.ACCEPTED_BY_PERSON, ConditionType.FILES_ABSENT), message="left: /data/film.mkv")
    state = gone(because(Reason.ABSENT), left)
    told = story(state)
    assert told.what == (
        "Done, but not proven gone everywhere: files at qbittorrent: left: /data/film.mkv. It took 7 minutes."
    )
    assert told.todo == LATER_ADVICE[Reason.ACCEPTED_BY_PERSON]
    assert row_of(deletion_out(state, "")).says_why, "also in lists"
    assert not row_of(deletion_out(gone(because(Reason.ABSENT)), "")).says_why
    kept = gone(because(Reason.FILES_KEPT, ConditionType.FILES_ABSENT), options=Options(delete_files=False))
    assert story(kept).todo == "Nothing."


@pytest.mark.parametrize(
    ("reason", "words"),
    [(Reason.CANCELLED_BY_PERSON, "A person cancelled it."), (None, "It was cancelled.")],
)
def test_a_cancelled_one_says_how_it_ended(reason: Reason | None, words: str) -> None:
    told = story(
        replace(gone(), deletion=replace(gone().deletion, settled_as=SettledAs.CANCELLED, settled_reason=reason))
    )
    assert (told.what, told.then, told.todo) == (words, "Nothing.", "Nothing.")


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
