"""How long deletions took in the last day, as points over time. Pure: only the geometry, for an SVG in a template."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log10
from statistics import median

from reconciler.ports import MOST_CONVERGENCES
from reconciler.web.schemas import ConvergenceOut
from reconciler.words import duration_in_words

DAY = timedelta(days=1)
WIDTH, HEIGHT = 640.0, 150.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 8.0, 8.0, 22.0
_LINES = ((1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (6 * 3600, "6 h"), (86_400, "1 d"))
_HOURS = (24, 18, 12, 6, 0)
_LEAST_SPAN = 60.0


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of the grid, at a place along its axis."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`summary` says in words what the picture shows."""

    points: tuple[Point, ...]
    levels: tuple[Mark, ...]
    hours: tuple[Mark, ...]
    summary: str
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    floor: float = HEIGHT - BOTTOM


def chart_of(convergences: Sequence[ConvergenceOut], now: datetime) -> Chart | None:
    """Return the chart; `None` when nothing converged. The longer it took the higher, on a logarithmic scale."""
    recent = [one for one in convergences if now - DAY <= one.at <= now]
    if not recent:
        return None
    seconds = [one.seconds for one in recent]
    most = max([*seconds, _LEAST_SPAN])
    points = tuple(
        Point(_x((now - one.at) / DAY), _y(one.seconds, most), f"took {_words(one.seconds)}") for one in recent
    )
    levels = tuple(Mark(_y(level, most), words) for level, words in _LINES if level <= most)
    hours = tuple(Mark(_x(ago / 24), f"{ago} h ago" if ago else "now") for ago in _HOURS)
    summary = f"{_counted(len(recent))} half took at most {_words(median(seconds))}"
    return Chart(points, levels, hours, f"{summary}, the longest {_words(max(seconds))}.")


def _counted(count: int) -> str:
    """Say how many are shown; where that is as many as are ever given there may have been more."""
    if count >= MOST_CONVERGENCES:
        return f"The newest {count} deletions that converged in the last day:"
    return f"{count} deletion{'' if count == 1 else 's'} converged in the last day;"


def _x(days_ago: float) -> float:
    return round(LEFT + (1 - days_ago) * (WIDTH - LEFT - RIGHT), 1)


def _y(seconds: float, most: float) -> float:
    share = log10(max(seconds, 1.0)) / log10(most)
    return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)


def _words(seconds: float) -> str:
    return duration_in_words(timedelta(seconds=seconds))
