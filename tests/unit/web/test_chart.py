"""The picture of how long deletions took."""

from datetime import timedelta

from reconciler.ports import MOST_CONVERGENCES
from reconciler.web.pages.chart import HEIGHT, WIDTH, chart_of
from reconciler.web.schemas import ConvergenceOut
from tests.unit.web.fakes import NOW


def took(seconds: float, hours_ago: float = 1.0) -> ConvergenceOut:
    return ConvergenceOut(id="x", at=NOW - timedelta(hours=hours_ago), seconds=seconds)


def test_without_any_there_is_none() -> None:
    assert chart_of([], NOW) is None
    assert chart_of([took(1, 25)], NOW) is None


def test_longer_is_higher_and_later_is_further_right() -> None:
    chart = chart_of([took(5, 20), took(50, 10), took(5000, 1)], NOW)
    assert chart is not None
    ys, xs = [point.y for point in chart.points], [point.x for point in chart.points]
    assert ys == sorted(ys, reverse=True)
    assert len(set(ys)) == 3
    assert xs == sorted(xs)
    assert chart.summary == (
        "3 deletions converged in the last day; half took at most 50 seconds, the longest 1 hour 23 minutes."
    )


def test_of_more_than_are_given_the_newest_are_said_to_be_shown() -> None:
    chart = chart_of([took(5)] * MOST_CONVERGENCES, NOW)
    assert chart is not None
    assert chart.summary == (
        "The newest 200 deletions that converged in the last day: half took at most 5 seconds, the longest 5 seconds."
    )
    fewer = chart_of([took(5)] * (MOST_CONVERGENCES - 1), NOW)
    assert fewer is not None
    assert fewer.summary.startswith("199 deletions converged in the last day;")


def test_everything_stays_inside() -> None:
    chart = chart_of([took(0.0, 0), took(1e7, 24), took(0.2, 12)], NOW)
    assert chart is not None
    assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in chart.points)
    assert all(0 <= level.at <= HEIGHT for level in chart.levels)
    assert [hour.words for hour in chart.hours] == ["24 h ago", "18 h ago", "12 h ago", "6 h ago", "now"]
