"""Large bodies: measured before they are parsed, one at a time, and never in the way of other requests."""

import asyncio
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.ports import Heard
from reconciler.web import ingest
from reconciler.web.body import MIB
from reconciler.web.parsing import (
    LARGE_BYTES,
    MAX_DEPTH,
    MAX_VALUES,
    LargeBodies,
    TooManyValues,
    digest_of,
    parse_json,
    structure_of,
)
from reconciler.web.problems import Problem
from tests.unit.web.fakes import World

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab,[]{}:"\\\n\u00e9'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='a,[]{}:"\\'), inner),
)


def shape_of(value: object) -> str:
    """Write down the brackets and commas of a parsed value, the slow way."""
    match value:
        case dict():
            return "{" + ",".join(shape_of(inner) for inner in value.values()) + "}"
        case list():
            return "[" + ",".join(shape_of(inner) for inner in value) + "]"
        case _:
            return ""


@given(_json)
def test_the_structure_of_a_text_is_found_without_parsing_it(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert structure_of(text.encode()).decode() == shape_of(value)


@pytest.mark.parametrize("text", [b"[" * 5_000_000, b'{"a":' * 1_000_000, b'["\\"]",' + b"[" * 100_000])
def test_a_bomb_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    def parse(*_args: object, **_kwargs: object) -> object:
        raise AssertionError("parsed")

    monkeypatch.setattr(json, "loads", parse)
    with pytest.raises(Problem) as caught:
        parse_json(text, unique_keys=False)
    assert f"deeper than {MAX_DEPTH}" in caught.value.detail


def test_brackets_and_commas_in_a_text_are_no_structure() -> None:
    words = "[[[{{{,,," * 1000 + '\\"'
    assert parse_json(json.dumps([words]).encode(), unique_keys=False, most_values=2) == [words]


def test_too_many_values_are_not_parsed() -> None:
    assert parse_json(b"[1,2,3]", unique_keys=False, most_values=4) == [1, 2, 3]
    with pytest.raises(TooManyValues):
        parse_json(b"[1,2,3]", unique_keys=False, most_values=3)


async def test_a_library_body_of_too_many_values_is_made_good_like_one_that_is_too_large(world: World) -> None:
    body = b'{"eventType":"Grab","x":[' + b"0," * MAX_VALUES + b"0]}"
    async with world.sender() as client:
        response = await client.post("/webhooks/sonarr", content=body)
    assert (response.status_code, response.json()["heard"]) == (202, "oversized")
    assert world.store.written[0][1].heard is Heard.OVERSIZED
    assert world.ledger_wakes == [1]


async def test_a_large_body_is_parsed_outside_the_event_loop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    loads = json.loads

    def parse(*args: object, **kwargs: object) -> object:
        threads.append(threading.current_thread())
        return loads(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they came

    async with world.sender() as client:
        with monkeypatch.context() as patched:
            patched.setattr(json, "loads", parse)
            await client.post("/webhooks/radarr", json={"eventType": "Rename", "x": "y"})
            await client.post("/webhooks/radarr", json={"eventType": "Rename", "x": "y" * LARGE_BYTES})
    assert [thread is threading.main_thread() for thread in threads] == [True, False]


async def test_large_bodies_take_turns_and_small_ones_overtake_them() -> None:
    bodies = LargeBodies()
    together: list[int] = []
    running = 0
    may_end = threading.Event()

    def job(raw: bytes) -> int:
        nonlocal running
        running += 1
        together.append(running)
        assert may_end.wait(10)
        running -= 1
        return len(raw)

    large = [asyncio.create_task(bodies.work(b" " * LARGE_BYTES, job)) for _ in range(4)]
    await asyncio.sleep(0)
    assert await bodies.work(b"small", len) == 5
    may_end.set()
    assert await asyncio.gather(*large) == [LARGE_BYTES] * 4
    assert together == [1, 1, 1, 1]


async def test_without_an_idempotency_key_nothing_is_digested(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(_payload: object) -> str:
        raise AssertionError("digested")

    monkeypatch.setattr(ingest, "digest_of", digest)
    async with world.sender() as client:
        grab = await client.post("/webhooks/radarr", json={"eventType": "Rename"})
        wish = await client.post("/webhooks/dashboard", json={"media_type": "movie", "tmdb_id": 603})
    assert (grab.status_code, wish.status_code) == (202, 202)
    assert [receipt.body_digest for receipt, _ in world.store.written] == ["", ""]


async def test_a_large_body_leaves_a_small_receipt(world: World) -> None:
    async with world.sender() as client:
        response = await client.post("/webhooks/sonarr", json={"eventType": "Rename", "x": ["y" * 100_000] * 50})
    assert response.status_code == 202
    assert len(world.store.written[0][0].body) <= MIB // 4


def test_the_digest_does_not_depend_on_how_the_json_was_written() -> None:
    one, other = '{"a": 1, "b": ["\\u00e9"]}', '{"b":["é"],"a":1}'
    assert digest_of(json.loads(one)) == digest_of(json.loads(other))
    assert digest_of({"a": 1}) != digest_of({"a": "1"})
