"""Connect webhooks are sent once, muted after failures, and look as upstreams.md 4 and 8 say."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.simulators.arr_connections import Connection, Connections
from tests.support.arr import RadarrWorld, radarr_world, receiving

OLD = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[RadarrWorld]:
    async with radarr_world(tmp_path) as found:
        yield found


class FixedClock:
    def __init__(self) -> None:
        self.time = OLD

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


async def test_a_failed_webhook_is_not_repeated_and_does_not_fail_the_call(world: RadarrWorld) -> None:
    movie_id = world.simulator.add_movie(603, "Night Train", 2020)
    async with receiving() as receiver:
        receiver.status = 500
        connection = world.simulator.connect(receiver.url)
        assert (await world.api.delete(f"/movie/{movie_id}")).status_code == 200
        assert (len(receiver.events), connection.failed) == (1, 1)


async def test_a_failing_receiver_is_muted_after_a_grace_period_and_events_are_lost() -> None:
    clock = FixedClock()
    connections = Connections(clock)
    async with receiving() as receiver:
        connection = connections.add(Connection(receiver.url))
        receiver.status = 503
        for minutes in (0, 1, 6):  # the first two fall into the grace period
            clock.time = OLD + timedelta(minutes=minutes)
            await connections.send({"eventType": "Grab"})
        assert (connection.failed, connection.muted_until) == (3, OLD + timedelta(minutes=11))
        receiver.status = 200
        clock.time = OLD + timedelta(minutes=10)
        await connections.send({"eventType": "Grab"})
        assert (len(receiver.events), connection.dropped) == (3, 1)
        clock.time = OLD + timedelta(minutes=12)
        await connections.send({"eventType": "Grab"})
        assert (len(receiver.events), connection.delivered, connection.level) == (4, 1, 0)
    await connections.aclose()


async def test_a_receiver_that_is_not_there_counts_as_failed() -> None:
    connections = Connections(FixedClock())
    connection = connections.add(Connection("http://127.0.0.1:1/hook"))
    await connections.send({"eventType": "Grab"})
    assert connection.failed == 1
    await connections.aclose()


async def test_connections_choose_by_event_and_tag_and_can_repeat(world: RadarrWorld) -> None:
    tagged = world.simulator.add_movie(1, "One", 2020, tags=["kids"])
    plain = world.simulator.add_movie(2, "Two", 2020)
    async with receiving() as receiver:
        world.simulator.connect(receiver.url, tags=frozenset({world.simulator.tag("kids")}))
        await world.api.delete(f"/movie/{plain}")
        await world.api.delete(f"/movie/{tagged}")
        assert [payload["movie"]["id"] for payload in receiver.events] == [tagged]
        await world.simulator.connections.resend(1)
        assert len(receiver.events) == 2
    async with receiving() as picky:
        world.simulator.connect(picky.url, events=frozenset({"Grab"}))
        await world.api.delete(f"/movie/{world.simulator.add_movie(3, 'Three', 2020)}")
        assert picky.events == []


async def test_a_test_event_looks_like_a_grab(world: RadarrWorld) -> None:
    await world.simulator.send_test()
    (payload,) = world.simulator.connections.sent
    assert payload["eventType"] == "Test"
    assert (payload["movie"]["id"], payload["movie"]["tmdbId"], payload["remoteMovie"]["tmdbId"]) == (1, 0, 1234)
