"""What a message says."""

from dataclasses import replace
from datetime import timedelta

from reconciler.model import (
    GONE,
    Condition,
    ConditionType,
    DeletionId,
    DeletionState,
    Media,
    MediaKind,
    Notice,
    Occasion,
    SettledAs,
    Status,
)
from reconciler.notify import Wording
from reconciler.notify.wording import MOST_LINES
from reconciler.reasons import Reason
from reconciler.web.advice import ADVICE
from tests.support.clocks import START
from tests.support.worlds import RADARR, deletion, deletion_id

WORDING = Wording(ADVICE, page_url="https://deletions.example/r")
LONG_AGO = START - timedelta(hours=7)


def notice(number: int, occasion: Occasion) -> Notice:
    return Notice(number, deletion_id(number), occasion, "", START)


def state(number: int, *conditions: Condition, title: str = "Heat") -> DeletionState:
    asked = deletion(Media(MediaKind.MOVIE, tmdb_id=number), number=number, requested_at=LONG_AGO)
    named = replace(asked.deletion, title=title, year=1995, requested_by="alice")
    return DeletionState(named, conditions=conditions)


def gone(number: int, *conditions: Condition) -> DeletionState:
    done = state(number, *(conditions or [condition(Reason.ABSENT)]))
    ended = replace(done.deletion, settled_as=SettledAs.CONVERGED, settled_at=START)
    return replace(done, deletion=ended)


def condition(reason: Reason, message: str = "") -> Condition:
    return Condition(ConditionType.FILES_ABSENT, RADARR, Status.FALSE, reason, message, LONG_AGO)


def said(*told: tuple[Occasion, DeletionState], room: int = 4000, wording: Wording = WORDING) -> tuple[str, list[str]]:
    notices = [Notice(n, s.deletion.id, occasion, "", START) for n, (occasion, s) in enumerate(told)]
    message = wording.message(notices, {s.deletion.id: s for _, s in told}, START, room=room)
    assert len(message.title) + len(message.body) <= room
    return message.title, message.body.splitlines()


def link(number: int) -> str:
    return f"https://deletions.example/r/deletions/{deletion_id(number)}"


def test_a_hold_is_told_with_its_cause_what_to_do_who_asked_and_where_to_look() -> None:
    held = state(1, condition(Reason.FILES_LEFT_BEHIND, "radarr: 2 files are still in /movies/Heat."))
    title, (line,) = said((Occasion.HELD, held))
    assert title == "Deletions: 1 needs you"
    assert line == (
        "Needs you: Heat (1995), asked for by alice (dashboard). radarr: 2 files are still in /movies/Heat "
        f"(FilesLeftBehind). {ADVICE[Reason.FILES_LEFT_BEHIND]} {link(1)}"
    )


def test_a_standstill_is_told_with_what_is_waited_for_and_for_how_long() -> None:
    stalled = state(2, condition(Reason.AFTER_TORRENTS), condition(Reason.UNREACHABLE, "it refused the connection"))
    title, (line,) = said((Occasion.STALLED, stalled))
    assert title == "Deletions: 1 stands still"
    assert line == (
        "Stands still (waiting) for 7 hours: Heat (1995), asked for by alice (dashboard). radarr: it refused the "
        f"connection (Unreachable). And for 1 other reason. {link(2)}"
    )


def test_one_minute_is_one_minute() -> None:
    short = replace(condition(Reason.UNREACHABLE), last_transition_time=START - timedelta(minutes=1))
    _, (line,) = said((Occasion.STALLED, state(2, short)))
    assert line.startswith("Stands still (waiting) for 1 minute: ")


def test_what_is_gone_is_told_in_a_few_words() -> None:
    _, (line,) = said((Occasion.CONVERGED, gone(3)), wording=replace(WORDING, page_url=None))
    assert line == "Gone everywhere: Heat (1995), asked for by alice (dashboard)."


def test_what_is_done_but_not_gone_is_not_called_gone() -> None:
    left = condition(Reason.ACCEPTED_BY_PERSON, "a person accepted what is left: /data/film.mkv")
    words = f"files at radarr: {left.message}"
    title, lines = said((Occasion.CONVERGED, gone(1)), (Occasion.CONVERGED, gone(2, left)))
    assert title == "Deletions: 2 done"
    assert lines == [
        f"Gone everywhere: Heat (1995), asked for by alice (dashboard). {link(1)}",
        f"Done: Heat (1995), asked for by alice (dashboard). Not {GONE}: {words}. {link(2)}",
    ]
    _, (line,) = said((Occasion.CONVERGED, state(3, condition(Reason.PRESENT))))
    assert line == f"Done: Heat (1995), asked for by alice (dashboard). But it came back since. {link(3)}"


def test_what_needs_a_person_comes_first_and_advice_is_given_once() -> None:
    cause = condition(Reason.PROTECTED, "the tag keep protects it")
    title, lines = said(
        (Occasion.CONVERGED, gone(1)),
        (Occasion.STALLED, state(2, condition(Reason.THROTTLED))),
        (Occasion.HELD, state(3, cause)),
        (Occasion.HELD, state(4, cause)),
    )
    assert title == "Deletions: 2 need you, 1 stands still, 1 gone everywhere"
    assert [line.split(":")[0].split(" (")[0] for line in lines] == ["Needs you"] * 2 + [
        "Stands still",
        "Gone everywhere",
    ]
    assert [ADVICE[Reason.PROTECTED] in line for line in lines] == [True, False, False, False]


def test_a_deletion_that_is_held_twice_is_one_line() -> None:
    held = state(
        1, condition(Reason.PROTECTED), replace(condition(Reason.SHARED_FOLDER), type=ConditionType.ENTRY_ABSENT)
    )
    title, lines = said((Occasion.HELD, held), (Occasion.HELD, held))
    assert title == "Deletions: 1 needs you"
    assert len(lines) == 1
    assert "And for 1 other reason." in lines[0]


def test_of_many_some_are_named_and_the_rest_is_counted() -> None:
    title, lines = said(*((Occasion.CONVERGED, gone(n)) for n in range(1, MOST_LINES + 13)))
    assert title == f"Deletions: {MOST_LINES + 12} gone everywhere"
    assert (len(lines), lines[-1]) == (MOST_LINES + 1, "and 12 more")


def test_a_message_fits_into_the_room_of_its_messenger() -> None:
    told = [(Occasion.HELD, state(n, condition(Reason.PROTECTED, "x" * 500))) for n in range(1, 6)]
    _, lines = said(*told, room=1000)
    assert lines[-1].startswith("and ")
    _, lines = said(*told, room=140)
    assert (len(lines), lines[-1]) == (2, "and 4 more")


def test_what_cannot_be_named_is_counted() -> None:
    message = WORDING.message([notice(1, Occasion.HELD), notice(2, Occasion.HELD)], {}, START, room=500)
    assert (message.title, message.body) == ("Deletions: 2 need you", "2 deletions")


def test_observe_mode_says_so() -> None:
    title, _ = said((Occasion.HELD, state(1, condition(Reason.PROTECTED))), wording=replace(WORDING, is_observing=True))
    assert title == "Deletions: 1 needs you (observe mode: nothing is deleted)"


def test_no_foreign_text_leaves_its_line_or_is_interpreted() -> None:
    hostile = "@everyone <!here> *x*\r\nGone everywhere: \u202e[y](https://evil.example)" + "\n" * 10_000 + "z" * 10_000
    held = state(1, condition(Reason.PROTECTED, hostile), title=hostile)
    held = replace(held, deletion=replace(held.deletion, requested_by=hostile))
    _, (line,) = said((Occasion.HELD, held))
    assert not set("@<>[]*\u202e") & set(line)
    assert line.count("://") == 1, "our own link"
    assert len(line) < 1000


def test_only_what_asks_for_somebody_is_urgent() -> None:
    both = [notice(1, Occasion.CONVERGED), notice(2, Occasion.STALLED)]
    states: dict[DeletionId, DeletionState] = {}
    assert WORDING.message(both, states, START, room=500).is_urgent
    assert not WORDING.message(both[:1], states, START, room=500).is_urgent
