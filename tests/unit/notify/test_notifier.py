"""Telling people, from a real store to a real HTTP server, with time moved by hand."""

import asyncio
import io
import random
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from reconciler.errors import ConfigError
from reconciler.model import DeletionId, Occasion, SettledAs, Status
from reconciler.notify import Messenger, Notifier, Telling, Wording, connect_messengers
from reconciler.notify.messengers import MISSING
from reconciler.ports import Lease, Store
from reconciler.reasons import Reason
from reconciler.store import open_store
from reconciler.telemetry import Metrics, configure_logging
from reconciler.web.advice import ADVICE
from tests.support.clocks import FakeClock
from tests.support.sink import PASSWORD, Sink, sink_server
from tests.support.store import HEAT, LOST, MATRIX, condition, created, lease_of, verdict, wish

INTERVAL = timedelta(minutes=1)
SHORT = timedelta(milliseconds=300)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with sink_server() as running:
        yield running


@pytest.fixture
def other_sink() -> Iterator[Sink]:
    with sink_server() as running:
        yield running


class Office:
    """A store whose deletions are moved by hand, and a notifier that `restart` makes anew."""

    def __init__(self, store: Store, clock: FakeClock, lease: Lease, *sinks: Sink) -> None:
        self.store = store
        self.clock = clock
        self.lease = lease
        self.metrics = Metrics()
        self.messengers = connect_messengers([sink.url for sink in sinks])
        self.patience = timedelta(seconds=20)
        self.notifier = self.restart()

    def restart(self) -> Notifier:
        self.notifier = Notifier(
            self.store,
            self.messengers,
            Wording(ADVICE),
            self.clock,
            tell=frozenset(Occasion),
            interval=INTERVAL,
            stalled_after=timedelta(hours=6),
            metrics=self.metrics,
            rng=random.Random(1),
            patience=self.patience,
        )
        return self.notifier

    async def run(self) -> timedelta | None:
        return await self.notifier.run(self.lease)

    async def show(self, deletion: DeletionId, reason: Reason, message: str = "so it is") -> None:
        await self.store.record(
            self.lease, [verdict(deletion, condition(reason, message=message), at=self.clock.now())]
        )

    async def converge(self, deletion: DeletionId) -> None:
        absent = condition(Reason.ABSENT, Status.TRUE)
        ended = replace(verdict(deletion, absent, at=self.clock.now()), settle=(SettledAs.CONVERGED, None))
        await self.store.record(self.lease, [ended])

    def counted(self) -> dict[str, float]:
        outcomes = {}
        for line in self.metrics.render().decode().splitlines():
            if line.startswith("reconciler_notifications_total{"):
                outcomes[line.split('"')[1]] = float(line.split()[-1])
        return outcomes


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[tuple[Store, FakeClock]]:
    clock = FakeClock()
    opened = await open_store(f"sqlite:///{tmp_path}/notices.db", clock=clock)
    try:
        yield opened, clock
    finally:
        await opened.close()


@pytest.fixture
async def office(store: tuple[Store, FakeClock], sink: Sink) -> Office:
    opened, clock = store
    return Office(opened, clock, await lease_of(opened), sink)


# --- what is told, and when ----------------------------------------------------------------------------------------


async def test_what_happens_within_one_interval_is_one_message_and_the_first_comes_at_once(
    office: Office, sink: Sink
) -> None:
    stalled, held, gone = [await created(office.store, wish(media)) for media in (HEAT, MATRIX, LOST)]
    assert await office.run() is None
    assert sink.messages == []
    await office.show(stalled, Reason.UNREACHABLE)
    office.clock.advance(timedelta(hours=6))
    await office.show(held, Reason.FILES_LEFT_BEHIND)
    await office.converge(gone)
    assert await office.run() is None
    assert sink.titles == ["Deletions: 1 needs you, 1 stands still, 1 gone everywhere"]
    assert [line.split(":")[0].split(" (")[0] for line in sink.bodies[0]] == [
        "Needs you",
        "Stands still",
        "Gone everywhere",
    ]
    assert sink.messages[0]["type"] == "warning"
    assert await office.run() is None
    assert len(sink.messages) == 1
    assert office.counted() == {"sent": 1, "failed": 0, "dropped": 0}


async def test_the_next_message_waits_for_its_interval_and_brings_all_that_came_meanwhile(
    office: Office, sink: Sink
) -> None:
    one, two, three = [await created(office.store, wish(media)) for media in (HEAT, MATRIX, LOST)]
    await office.show(one, Reason.PROTECTED)
    await office.run()
    for seconds, deletion in ((10, two), (20, three)):
        office.clock.advance(10)
        await office.show(deletion, Reason.PROTECTED)
        assert await office.run() == INTERVAL - timedelta(seconds=seconds)
    assert len(sink.messages) == 1
    office.clock.advance(INTERVAL)
    assert await office.run() is None
    assert sink.titles[1:] == ["Deletions: 2 need you"]


async def test_a_new_process_repeats_nothing_and_goes_on_where_the_last_one_was(office: Office, sink: Sink) -> None:
    held, later = await created(office.store, wish(HEAT)), await created(office.store, wish(MATRIX))
    await office.show(held, Reason.PROTECTED)
    await office.run()
    office.restart()
    await office.store.release_lease(office.lease)
    office.lease = await lease_of(office.store, "another process")
    office.clock.advance(INTERVAL)
    await office.run()
    assert len(sink.messages) == 1
    await office.show(later, Reason.PROTECTED)
    office.restart()
    await office.run()
    assert sink.titles == ["Deletions: 1 needs you"] * 2


async def test_turning_it_on_tells_what_is_to_be_decided_and_nothing_of_the_past(office: Office, sink: Sink) -> None:
    gone, held = await created(office.store, wish(HEAT)), await created(office.store, wish(MATRIX))
    await office.converge(gone)
    await office.show(held, Reason.PROTECTED)
    office.clock.advance(timedelta(minutes=5))
    await office.run()
    assert sink.titles == ["Deletions: 1 needs you"]


async def test_what_nobody_wants_to_know_is_not_told_later_either(office: Office, sink: Sink) -> None:
    deletion = await created(office.store, wish(HEAT))
    office.notifier._tell = frozenset({Occasion.HELD})
    await office.run()
    await office.converge(deletion)
    await office.run()
    office.restart()
    await office.run()
    assert sink.messages == []


# --- when it is not taken ------------------------------------------------------------------------------------------


async def test_what_is_not_taken_is_sent_until_it_is_and_said_once_when_it_begins_and_ends(
    office: Office, sink: Sink
) -> None:
    deletion = await created(office.store, wish(HEAT))
    await office.show(deletion, Reason.PROTECTED)
    sink.status = 500
    with capture_logs() as logs:
        waits = []
        for _ in range(12):
            wait = await office.run()
            assert wait is not None
            waits.append(wait)
            office.clock.advance(wait / 2)
            assert await office.run() == wait - wait / 2, "too early"
            office.clock.advance(wait - wait / 2)
        assert waits[0] < timedelta(seconds=5)
        assert max(waits) <= timedelta(minutes=15)
        (failing,) = (await office.store.overview()).messengers
        assert (failing.attempt, failing.last_error) == (12, "it answered 500")
        office.restart()
        sink.status = 200
        await office.run()
    assert sink.titles == ["Deletions: 1 needs you"]
    assert [(line["event"], line["log_level"], line["messenger"]) for line in logs] == [
        ("notifications fail", "warning", "1 (json)"),
        ("notifications work again", "info", "1 (json)"),
    ]
    assert (await office.store.messengers())[0].failing_since is None
    assert office.counted() == {"sent": 1, "failed": 12, "dropped": 0}


async def test_what_was_decided_meanwhile_is_not_told_any_more(office: Office, sink: Sink) -> None:
    deletion = await created(office.store, wish(HEAT))
    await office.show(deletion, Reason.PROTECTED)
    sink.status = 503
    await office.run()
    await office.show(deletion, Reason.REMOVING)
    sink.status = 200
    office.clock.advance(INTERVAL)
    assert await office.run() is None
    assert sink.messages == []
    (state,) = await office.store.messengers()
    assert (state.failing_since, state.attempt, state.next_try_at, state.last_error) == (None, 0, None, "")


async def test_what_could_not_be_told_for_a_day_is_given_up_and_that_is_said_once(office: Office, sink: Sink) -> None:
    old, new = await created(office.store, wish(HEAT)), await created(office.store, wish(MATRIX))
    await office.run()
    sink.status = 500
    await office.converge(old)
    await office.run()
    office.clock.advance(timedelta(hours=23))
    await office.converge(new)
    await office.run()
    with capture_logs() as logs:
        office.clock.advance(timedelta(hours=1))
        await office.run()
        sink.status = 200
        office.clock.advance(timedelta(minutes=30))
        await office.run()
    assert sink.titles == ["Deletions: 1 gone everywhere"]
    assert [line["notices"] for line in logs if line["event"] == "notices dropped"] == [1]
    assert office.counted()["dropped"] == 1


async def test_what_still_waits_for_a_person_is_told_however_long_the_messenger_was_out(
    office: Office, sink: Sink
) -> None:
    held, stalled, gone = [await created(office.store, wish(media)) for media in (HEAT, MATRIX, LOST)]
    await office.show(held, Reason.PROTECTED)
    await office.show(stalled, Reason.UNREACHABLE)
    office.clock.advance(timedelta(hours=6))
    sink.status = 500
    await office.run()
    await office.converge(gone)
    await office.run()
    with capture_logs() as logs:
        for _ in range(3):
            office.clock.advance(timedelta(days=1))
            await office.run()
    sink.status = 200
    office.clock.advance(timedelta(hours=1))
    assert await office.run() is None
    assert sink.titles == ["Deletions: 1 needs you, 1 stands still"]
    assert [line["notices"] for line in logs if line["event"] == "notices dropped"] == [1], "said once"
    assert office.counted()["dropped"] == 1


async def test_a_messenger_that_hangs_holds_up_nobody_else(
    store: tuple[Store, FakeClock], sink: Sink, other_sink: Sink
) -> None:
    opened, clock = store
    office = Office(opened, clock, await lease_of(opened), sink, other_sink)
    office.patience = SHORT
    office.restart()
    sink.hang()
    deletion = await created(opened, wish(HEAT))
    await office.show(deletion, Reason.PROTECTED)
    await office.run()
    assert other_sink.titles == ["Deletions: 1 needs you"]
    hanging, well = await opened.messengers()
    assert (hanging.last_error, well.last_error) == ("it did not answer in time", "")
    clock.advance(timedelta(hours=1))
    await office.run()
    assert (await opened.messengers())[0].last_error == "the message before is still on its way"
    assert len(other_sink.messages) == 1


@pytest.mark.parametrize("status", [200, 500])
async def test_what_a_slow_messenger_took_after_all_is_not_sent_again_and_what_it_refused_is(
    office: Office, sink: Sink, status: int
) -> None:
    office.patience = SHORT
    office.restart()
    sink.hang()
    await office.show(await created(office.store, wish(HEAT)), Reason.PROTECTED)
    await office.run()
    office.clock.advance(INTERVAL)
    await office.show(await created(office.store, wish(MATRIX)), Reason.PROTECTED)
    await office.run()
    assert (await office.store.messengers())[0].last_error == "the message before is still on its way"
    sink.status = status
    sink.released.set()
    outcome = office.messengers[0]._outcome
    assert outcome is not None
    await asyncio.wait([outcome])
    sink.status = 200
    office.notifier._patience = timedelta(seconds=20)
    with capture_logs() as logs:
        assert await office.run() is not None, "neither its interval nor its next attempt has come"
    (state,) = await office.store.messengers()
    assert (state.attempt, state.last_error) == ((0, "") if status == 200 else (2, "it answered 500"))
    assert [line["event"] for line in logs] == (["notifications work again"] if status == 200 else [])
    office.clock.advance(timedelta(minutes=30))
    await office.run()
    assert await office.run() is None
    assert sink.titles == (["Deletions: 1 needs you"] * 2 if status == 200 else ["Deletions: 2 need you"])


async def test_a_stop_does_not_wait_for_a_messenger_that_hangs(
    office: Office, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.notify.telling.LAST_MESSAGE", SHORT)
    deletion = await created(office.store, wish(HEAT))
    await office.show(deletion, Reason.PROTECTED)
    sink.hang()
    hastened: list[timedelta] = []
    telling = Telling(office.notifier, lambda: office.lease, hastened.append)
    run = asyncio.create_task(telling.run())
    await asyncio.to_thread(sink.arrived.wait)
    await telling.stop()
    await run
    await telling.run()
    (state,) = await office.store.messengers()
    assert (state.last_notice, state.failing_since, hastened) == (0, None, [])


async def test_without_the_lease_nothing_is_told(office: Office, sink: Sink) -> None:
    deletion = await created(office.store, wish(HEAT))
    await office.show(deletion, Reason.PROTECTED)
    hastened: list[timedelta] = []
    await Telling(office.notifier, lambda: None, hastened.append).run()
    stale = office.lease
    await office.store.release_lease(stale)
    await lease_of(office.store, "another process")
    await Telling(office.notifier, lambda: stale, hastened.append).run()
    assert (sink.messages, hastened) == ([], [])


# --- secrets and hostile text --------------------------------------------------------------------------------------


async def test_no_address_and_no_foreign_text_does_harm_anywhere(office: Office, sink: Sink) -> None:
    stream = io.StringIO()
    configure_logging("json", "debug", stream=stream)
    hostile = "${HOME} @everyone <b>*x*</b>\r\nGone everywhere: y \u202e:smile: &amp; \\n " + "z" * 10_000
    asked = replace(wish(HEAT), title=hostile, requested_by=hostile)
    deletion = await created(office.store, asked)
    await office.show(deletion, Reason.PROTECTED, hostile)
    for status in (401, 200):
        sink.status = status
        await office.run()
        office.clock.advance(INTERVAL)
    ((line,),) = sink.bodies
    assert line.startswith("Needs you: ${HOME} ＠everyone ‹b›∗x∗‹/b› Gone everywhere: y \N{REPLACEMENT CHARACTER}")
    assert "notifications fail" in stream.getvalue()
    assert PASSWORD not in stream.getvalue()
    assert "127.0.0.1" not in stream.getvalue()
    assert PASSWORD not in repr(await office.store.messengers())
    assert PASSWORD not in repr(office.messengers)


def test_addresses_that_cannot_be_used_are_called_by_their_place_and_kind(caplog: pytest.LogCaptureFixture) -> None:
    addresses = [f"json://127.0.0.1/{PASSWORD}", f"discord://{PASSWORD}", f"nosuch://{PASSWORD}"]
    with pytest.raises(ConfigError) as caught:
        connect_messengers([SecretStr(address) for address in addresses])
    assert [problem.split(" cannot")[0] for problem in caught.value.problems] == [
        "notifications.urls: address 2 (discord)",
        "notifications.urls: address 3 (nosuch)",
    ]
    assert PASSWORD not in str(caught.value)
    assert PASSWORD not in caplog.text


def test_an_address_with_several_targets_is_refused_with_words_on_how_to_write_it() -> None:
    """Otherwise one target that fails, or the pauses between many, would have the others told again for a day."""
    addresses = [
        f"ntfy://host/a/{PASSWORD}/c",
        "ntfy://host/a?retry=2",
        "mailto://u:p@mail.example?to=a@b.example,c@d.example",
    ]
    with pytest.raises(ConfigError) as caught:
        connect_messengers([SecretStr(address) for address in addresses])
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        "notifications.urls: address 1 (ntfy) has 3 targets",
        "notifications.urls: address 3 (mailto) has 2 targets",
    ]
    assert "write one address for each" in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert [m.name for m in connect_messengers([SecretStr("ntfy://host/a"), SecretStr("ntfy://host/b")])] == [
        "1 (ntfy)",
        "2 (ntfy)",
    ]


def test_apprise_is_needed_only_by_who_is_to_tell_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert connect_messengers([]) == ()
    with pytest.raises(ConfigError) as caught:
        connect_messengers([SecretStr("json://127.0.0.1")])
    assert caught.value.problems == (MISSING,)
    assert "pip install 'deletion-reconciler[notifications]'" in MISSING


async def test_whatever_a_messenger_raises_is_said_without_its_words() -> None:
    class Broken:
        def notify(self, **_: Any) -> bool:
            raise RuntimeError(PASSWORD)

    said = await Messenger(1, "json", Broken()).send(Wording({}).test())  # type: ignore[arg-type]  # breaks as it may
    assert said == "it could not be sent (RuntimeError)"


async def test_a_test_message_says_what_it_is(office: Office, sink: Sink) -> None:
    (messenger,) = office.messengers
    assert await messenger.send(Wording(ADVICE).test()) == ""
    assert sink.titles == ["Deletion reconciler: a test"]
    sink.status = 404
    assert await messenger.send(Wording(ADVICE).test()) == "it answered 404"
    (nobody,) = connect_messengers([SecretStr("json://127.0.0.1:1")])
    assert await nobody.send(Wording(ADVICE).test()) == "it cannot be reached"
