"""When a deny window is open: by the clock of its time zone, also on the days on which clocks are changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import DenyWindowSettings
from reconciler.config.times import trigger_of, zone_of
from reconciler.windows import DenyWindows

BERLIN = ZoneInfo("Europe/Berlin")


def window(cron: str, minutes: int, timezone: str = "UTC") -> DenyWindowSettings:
    return DenyWindowSettings(cron=cron, minutes=minutes, timezone=timezone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_without_windows_nothing_is_ever_denied() -> None:
    assert DenyWindows([]).open_until(at("2026-06-01T12:00Z")) is None


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-06-05T17:59:59Z", None),  # a Friday
        ("2026-06-05T18:00:00Z", "2026-06-05T23:00Z"),
        ("2026-06-05T22:59:59Z", "2026-06-05T23:00Z"),
        ("2026-06-05T23:00:00Z", None),
        ("2026-06-07T20:00:00Z", "2026-06-07T23:00Z"),
        ("2026-06-08T20:00:00Z", None),
    ],
)
def test_a_window_is_open_from_its_time_on_until_its_minutes_have_passed(now: str, end: str | None) -> None:
    windows = DenyWindows([window("0 18 * * fri-sun", 300)])
    assert windows.open_until(at(now)) == (at(end) if end else None)


def test_a_window_reaches_over_midnight_and_over_a_week() -> None:
    windows = DenyWindows([window("0 22 * * sat", 10_080)])
    assert windows.open_until(at("2026-06-13T21:59Z")) == at("2026-06-13T22:00Z")
    assert windows.open_until(at("2026-06-13T22:00Z")) == at("2026-06-20T22:00Z")


def test_the_clock_of_the_time_zone_counts() -> None:
    windows = DenyWindows([window("0 18 * * *", 60, "Europe/Berlin")])
    assert windows.open_until(at("2026-07-01T16:30Z")) == at("2026-07-01T17:00Z")
    assert windows.open_until(at("2026-01-01T16:30Z")) is None
    assert windows.open_until(at("2026-01-01T17:30Z")) == at("2026-01-01T18:00Z")
    assert windows.open_until(datetime(2026, 7, 1, 18, 30, tzinfo=BERLIN)) == at("2026-07-01T17:00Z")


def test_of_windows_that_overlap_the_last_to_close_counts() -> None:
    evening = window("0 18 * * *", 120)
    short = window("30 18 * * *", 30)
    late = window("0 19 * * *", 180)
    windows = DenyWindows([evening, short, late])
    assert windows.open_until(at("2026-06-01T18:45Z")) == at("2026-06-01T20:00Z")
    assert windows.open_until(at("2026-06-01T19:15Z")) == at("2026-06-01T22:00Z")
    assert windows.open_until(at("2026-06-01T22:00Z")) is None


def test_a_window_that_opens_anew_while_it_is_open_stays_open() -> None:
    windows = DenyWindows([window("0,20,40 9 * * *", 30)])
    assert windows.open_until(at("2026-06-01T09:25Z")) == at("2026-06-01T09:50Z")
    assert windows.open_until(at("2026-06-01T10:05Z")) == at("2026-06-01T10:10Z")


def test_a_window_is_as_long_as_ever_when_clocks_are_changed_within_it() -> None:
    windows = DenyWindows([window("0 1 * * *", 180, "Europe/Berlin")])
    assert windows.open_until(at("2026-03-29T01:30+01:00")) == at("2026-03-29T05:00+02:00")
    assert windows.open_until(at("2026-10-25T01:30+02:00")) == at("2026-10-25T03:00+01:00")


@pytest.mark.parametrize("minutes", [30, 60, 90, 600])
def test_a_window_in_the_hour_that_is_left_out_opens_an_hour_late_and_not_never(minutes: int) -> None:
    windows = DenyWindows([window("30 2 * * *", minutes, "Europe/Berlin")])
    opened = at("2026-03-29T03:30+02:00")
    assert windows.open_until(opened - timedelta(seconds=1)) is None
    for passed in range(minutes):
        assert windows.open_until(opened + timedelta(minutes=passed)) == opened + timedelta(minutes=minutes)
    assert windows.open_until(opened + timedelta(minutes=minutes)) is None


def test_a_window_in_the_hour_that_comes_twice_opens_twice() -> None:
    windows = DenyWindows([window("30 2 * * *", 30, "Europe/Berlin")])
    assert windows.open_until(at("2026-10-25T02:45+02:00")) == at("2026-10-25T03:00+02:00")
    assert windows.open_until(at("2026-10-25T02:15+01:00")) is None
    assert windows.open_until(at("2026-10-25T02:45+01:00")) == at("2026-10-25T03:00+01:00")


def test_a_window_that_opens_every_minute_of_a_week_never_closes() -> None:
    now = at("2026-06-01T12:34:56Z")
    assert DenyWindows([window("* * * * *", 10_080)]).open_until(now) == at("2026-06-08T12:34Z")


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    minute=st.sampled_from(["0", "30", "*/15", "7,9"]),
    hour=st.sampled_from(["*", "2", "0-3", "23"]),
    weekday=st.sampled_from(["*", "sun", "fri-sun"]),
    minutes=st.integers(1, 3000),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York"]),
    day=st.sampled_from(["2026-03-08T00:00Z", "2026-03-29T00:00Z", "2026-04-04T12:00Z", "2026-10-25T00:00Z"]),
    passed=st.integers(0, 2880),
)
def test_a_window_is_open_exactly_while_one_of_its_openings_is_not_over(
    minute: str, hour: str, weekday: str, minutes: int, zone: str, day: str, passed: int
) -> None:
    """The openings are found one after the other, from long before."""
    one = window(f"{minute} {hour} * * {weekday}", minutes, zone)
    now = at(day) + timedelta(minutes=passed)
    last, opening = None, at(day) - timedelta(days=10)
    trigger = trigger_of(one.cron, zone_of(zone))
    while (opening := trigger.get_next_fire_time(None, opening + timedelta(seconds=1)).astimezone(UTC)) <= now:
        last = opening
    closes = last + timedelta(minutes=minutes) if last else None
    assert DenyWindows([one]).open_until(now) == (closes if closes and closes > now else None)
