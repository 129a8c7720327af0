"""Server-sent events, put together from pieces that end anywhere."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clients.sse import LONGEST_EVENT, EventParser, Place, ServerEvent

STREAM = (
    "\ufeffretry: 2000\r\nid: 7\r\n\r\n"
    ": a comment\n\n"
    'id: 8\nevent: timeline\ndata: {"a":\ndata:  1}\nunknown: x\n\n'
    "data: Amélie \u2028 \x0b 🎬\r\r"
    "event: nothing\n\n"
    "id: 9\ndata\n\n"
    "id: 10\ndata: cut"
)
HEARD = [
    Place("7"),
    ServerEvent("timeline", '{"a":\n 1}', "8"),
    ServerEvent("message", "Amélie \u2028 \x0b 🎬", "8"),
    ServerEvent("message", "", "9"),
]


@given(cuts=st.lists(st.integers(0, len(STREAM.encode())), max_size=8))
def test_wherever_a_piece_ends_the_same_is_heard(cuts: list[int]) -> None:
    raw = STREAM.encode()
    bounds = [0, *sorted(cuts), len(raw)]
    parser = EventParser()
    heard = [one for start, end in itertools.pairwise(bounds) for one in parser.feed(raw[start:end])]
    assert heard == HEARD


def test_only_what_was_complete_counts_as_heard() -> None:
    parser = EventParser()
    parser.feed(STREAM.encode())
    assert parser.last_id == "9", "10 was cut off, and has to come again"
    assert parser.retry == timedelta(seconds=2)


@pytest.mark.parametrize("field", ["retry: -1", "retry: 1e3", "retry: \u0661", "retry: 9999999999", "id: a\0b"])
def test_a_field_that_cannot_be_used_is_left_out(field: str) -> None:
    parser = EventParser()
    assert parser.feed(f"{field}\n\n".encode()) == []
    assert (parser.last_id, parser.retry) == ("", None)


@pytest.mark.parametrize("endless", ["data: " + "x" * LONGEST_EVENT, f"data: {'x' * 999}\n" * (LONGEST_EVENT // 900)])
def test_what_has_no_end_does_not_fill_the_memory(endless: str) -> None:
    with pytest.raises(ValueError, match="without an end"):
        EventParser().feed(endless.encode())
