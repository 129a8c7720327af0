"""Server-sent events as they arrive, after the HTML Standard, section 9.2. Pure: it is fed bytes."""

import codecs
import re
from dataclasses import dataclass
from datetime import timedelta

MEDIA_TYPE = "text/event-stream"
LONGEST_EVENT = 1024 * 1024
"""In characters; whoever sends more without an end is no sender of events."""

_LINE_END = re.compile(r"\r\n|\n|\r")  # and no other: a message may hold what Python takes for the end of a line


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event. `id` is the last that was given, by this event or one before."""

    kind: str
    data: str
    id: str


@dataclass(frozen=True, slots=True)
class Place:
    """An id without an event: where the stream stands."""

    id: str


class EventParser:
    """Puts events together from pieces that end anywhere.

    `last_id` is what to come back with as `Last-Event-ID`: the id of the last block that was complete. `retry` is how
    long the sender asks to wait before that.
    """

    def __init__(self) -> None:
        self.last_id = ""
        self.retry: timedelta | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._id: str | None = None
        self._kind = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerEvent | Place]:
        """Return what this piece completes. Raises `ValueError` for one that has no end."""
        text = self._rest + self._decoder.decode(chunk)
        held_back = text.endswith("\r")  # the other half of this line end may come with the next piece
        lines = _LINE_END.split(text[:-1] if held_back else text)
        self._rest = lines.pop() + ("\r" if held_back else "")
        events = [event for line in lines if (event := self._take(line)) is not None]
        if len(self._rest) + sum(map(len, self._data)) > LONGEST_EVENT:
            raise ValueError("an event without an end")
        return events

    def _take(self, line: str) -> ServerEvent | Place | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._kind = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdecimal() and len(value) < 10:
                self.retry = timedelta(milliseconds=int(value))
            case _:  # a comment, or a field of another version
                pass
        return None

    def _dispatch(self) -> ServerEvent | Place | None:
        has_id, kind, data = self._id is not None, self._kind or "message", self._data
        self.last_id = self.last_id if self._id is None else self._id
        self._id, self._kind, self._data = None, "", []
        if data:
            return ServerEvent(kind, "\n".join(data), self.last_id)
        return Place(self.last_id) if has_id else None
