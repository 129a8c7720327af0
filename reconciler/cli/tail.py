"""`reconciler tail`: the timelines as they grow, or one of them until its deletion is settled."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import typer

from reconciler.cli.completion import complete_id
from reconciler.cli.exits import ExitCode, NotFound
from reconciler.cli.following import Follower, Happened, Position
from reconciler.cli.options import DEFAULT_URL, JsonOption, TokenOption, UrlOption, service_at
from reconciler.cli.render import label_of, say, show_json_line, time_in_short
from reconciler.cli.service import Connection, path_of
from reconciler.cli.staying import first_of, put, stay
from reconciler.errors import UpstreamError
from reconciler.model import Phase
from reconciler.words import plain

LAST = 10
LOOK_AGAIN = timedelta(seconds=5)
_MESSAGE_LENGTH = 1000
_LATER_THAN_ANY = 10**17
_ENDED = {Phase.CONVERGED.value: "has converged", Phase.CANCELLED.value: "was cancelled"}
_SPARE = 100
"""Numbers that a database gave to no event, in the worst case, beside as many again as are asked for."""


def tail(
    deletion: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="Only this deletion, until it is settled.",
            show_default=False,
            autocompletion=complete_id,
        ),
    ] = None,
    last: Annotated[
        int | None, typer.Option(min=0, help=f"Begin with so many events of the past, {LAST} unless said.")
    ] = None,
    since: Annotated[
        int | None, typer.Option(min=0, metavar="NUMBER", help="Begin behind the event of this number instead.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="With ID: wait no longer than this.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow what happens, one line per event. With ID it ends once that is settled: 0 if it converged, 1 if not."""
    if last is not None and since is not None:
        raise typer.BadParameter("give either --last or --since")
    if timeout is not None and deletion is None:
        raise typer.BadParameter("--timeout is for following one deletion")
    connection = service_at(url, token).connection()
    start = Start(LAST if last is None else last, since)
    if deletion is None:
        raise typer.Exit(stay(follow_all(connection, start, as_json=as_json), interrupted=ExitCode.OK))
    one = follow_one(connection, deletion, start, timeout, as_json=as_json)
    raise typer.Exit(stay(one, interrupted=ExitCode.NEGATIVE))


@dataclass(frozen=True, slots=True)
class Start:
    """How much of the past is told first: the last so many events, or those behind a number."""

    last: int
    since: int | None

    def of(self, events: Iterable[Happened]) -> Iterable[Happened]:
        if self.since is not None:
            return [one for one in events if one.number > self.since]
        return deque(events, maxlen=self.last)


class _Trouble:
    def lost(self, error: UpstreamError) -> None:
        say(f"{error}. Trying again.")

    def found(self) -> None:
        say("Following again.")


class _Lines:
    """Prints one line per event, for people with the title, and at once."""

    def __init__(self, *, as_json: bool, label: Mapping[str, str] | None = None) -> None:
        self._as_json = as_json
        self._labels = label

    async def print(self, happened: Happened) -> None:
        document = happened.document
        if self._as_json:
            await show_json_line({"number": happened.number, **document})
            return
        whose = "" if self._labels is None else f" {document['deletion']} {self._labels[document['deletion']]}:"
        text = f"{time_in_short(document['at'])}{whose} {document['kind']}: {document['message']}"
        await put(plain(text, _MESSAGE_LENGTH) + "\n")


# --- all of them ---------------------------------------------------------------------------------------------------


async def follow_all(connection: Connection, start: Start, *, as_json: bool) -> int:
    """Print what happens anywhere, until cancelled."""
    async with connection:
        await _Everything(connection, start, as_json=as_json).run()
    return ExitCode.OK


class _Everything:
    def __init__(self, connection: Connection, start: Start, *, as_json: bool) -> None:
        self._connection = connection
        self._start = start
        self._as_json = as_json
        self._labels: dict[str, str] = {}
        self._lines = _Lines(as_json=as_json, label=self._labels)
        self._past: deque[Happened] = deque(maxlen=start.last)
        self._past_ends_at = 0

    async def run(self) -> None:
        after = self._start.since
        if after is None and self._start.last:
            self._past_ends_at = await self._newest()
            after = max(0, self._past_ends_at - 2 * self._start.last - _SPARE)
        await Follower(self._connection, self._tell, _Trouble(), after=after).run()

    async def _newest(self) -> int:
        """Return the number of the newest event."""
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def take(heard: Position | Happened) -> None:
            if not found.done():
                found.set_result(heard.number)

        follower = Follower(self._connection, take, _Trouble(), after=_LATER_THAN_ANY)
        await first_of(follower.run(), found)
        return found.result()

    async def _tell(self, heard: Position | Happened) -> None:
        if isinstance(heard, Position):
            return
        if heard.number > self._past_ends_at:
            await self._print(heard)
            return
        self._past.append(heard)
        if heard.number == self._past_ends_at:
            self._past_ends_at = 0
            for one in self._past:
                await self._print(one)

    async def _print(self, happened: Happened) -> None:
        deletion = happened.document["deletion"]
        if not self._as_json and deletion not in self._labels:
            self._labels[deletion] = await self._label(deletion)
        await self._lines.print(happened)

    async def _label(self, deletion: str) -> str:
        with suppress(UpstreamError, NotFound):
            return label_of(await self._connection.get(path_of(deletion)))
        return "–"


# --- one of them ---------------------------------------------------------------------------------------------------


async def follow_one(
    connection: Connection, deletion: str, start: Start, timeout: float | None, *, as_json: bool
) -> int:
    """Print what happens to one deletion, until it is settled or the time is over. Returns the exit code."""
    async with connection:
        one = _One(connection, deletion, start, as_json=as_json)
        await one.look()
        if not one.is_settled:
            follower = Follower(connection, one.tell, _Trouble(), patient=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await first_of(follower.run(), one.until_settled())
    say(f"{one.label} {_ENDED.get(one.phase, f'is {one.phase} still')}{f': {one.ending}' if one.ending else ''}.")
    return ExitCode.OK if one.phase == Phase.CONVERGED else ExitCode.NEGATIVE


class _One:
    """One deletion: read again whenever something happened to it, which tells also whether it is settled."""

    def __init__(self, connection: Connection, deletion: str, start: Start, *, as_json: bool) -> None:
        self._connection = connection
        self._deletion = deletion
        self._start: Start | None = start
        self._lines = _Lines(as_json=as_json)
        self._happened = asyncio.Event()
        self._told = 0
        self.label = ""
        self.phase = ""
        self.ending = ""

    @property
    def is_settled(self) -> bool:
        return self.phase in {Phase.CONVERGED, Phase.CANCELLED}

    async def look(self) -> None:
        """Tell what is new."""
        current = await self._connection.get(path_of(self._deletion))
        events = [_happened(current, event) for event in current["timeline"] if event["number"] > self._told]
        for one in events if self._start is None else self._start.of(events):
            await self._lines.print(one)
        self._told = max((one.number for one in events), default=self._told)
        self._start = None
        self._deletion, self.label = current["id"], label_of(current)
        if current["phase"] == Phase.HELD != self.phase:
            say(f"{self.label} is held: a person must decide. See: reconciler show {self._deletion}")
        self.phase = current["phase"]
        self.ending = (current["settled"] or {}).get("message", "")

    async def until_settled(self) -> None:
        while not self.is_settled:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN.total_seconds()):
                    await self._happened.wait()
            self._happened.clear()
            with suppress(UpstreamError):  # the follower says when the service is lost
                await self.look()

    async def tell(self, heard: Position | Happened) -> None:
        if isinstance(heard, Position) or heard.document["deletion"] == self._deletion:
            self._happened.set()


def _happened(deletion: Mapping[str, Any], event: Mapping[str, Any]) -> Happened:
    """Return an event of a deletion's timeline as the stream of all would tell it."""
    shared = {key: event[key] for key in ("kind", "message", "at")}
    return Happened(event["number"], {"deletion": deletion["id"], "url": deletion["url"], **shared})
