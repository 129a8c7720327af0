"""Values as people read them."""

from datetime import timedelta

import pytest

from reconciler.words import duration_in_short, duration_in_words, plain


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 seconds"),
        (0, "0 seconds"),
        (0.25, "0.2 seconds"),
        (1, "1 second"),
        (4, "4 seconds"),
        (9.94, "9.9 seconds"),
        (9.96, "10 seconds"),
        (59, "59 seconds"),
        (59.9, "60 seconds"),
        (60, "1 minute"),
        (119, "1 minute"),
        (3599, "59 minutes"),
        (3600, "1 hour"),
        (3661, "1 hour 1 minute"),
        (4 * 3600 + 600, "4 hours"),
        (86_400 + 3600, "1 day 1 hour"),
        (30 * 86_400, "30 days"),
    ],
)
def test_a_duration_is_as_exact_as_people_want_it(seconds: float, words: str) -> None:
    assert duration_in_words(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (86_400, "1 d"),
        (93_600, "1 d 2 h"),
    ],
)
def test_in_short_a_duration_is_told_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert duration_in_short(timedelta(seconds=seconds)) == words


def test_a_hostile_title_is_one_short_line() -> None:
    shown = plain("\u202egpj.exe\r\n\x1b[31m" + "x" * 10_000)
    assert len(shown) == 200
    assert shown.startswith("\ufffdgpj.exe\ufffd\ufffd\ufffd[31mxx")
    assert shown.endswith("x…")
