"""What is kept of a payload, and what is not."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from reconciler.intake import RECEIPT_BYTES, redact, to_receipt_body
from reconciler.intake.redact import redact_text
from tests.unit.intake.fixtures import FOLDER, any_json, calm, webhook


def nested(depth: int) -> object:
    value: object = "core"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("user@example.org", "[e-mail]"),
        ("from Joe <joe.x+tag@sub.example.org>, today", "from Joe <[e-mail]>, today"),
        ("mailto:joe@example.org", "mailto:[e-mail]"),
        ("/avatar?mail=joe%40example.org", "[e-mail]"),
        ("grüße@müller.example", "[e-mail]"),
        ("https://user:word@host/path", "https://user:[e-mail]"),
        ("@handle", "@handle"),
        ("five @ noon", "five @ noon"),
        ("http://x/?apikey=abc&page=2", "http://x/?apikey=[secret]&page=2"),
        ("passkey=abc", "passkey=[secret]"),
        ("The Quiet Harbour (2020)", "The Quiet Harbour (2020)"),
    ],
)
def test_addresses_and_secret_parameters_leave_text(text: str, kept: str) -> None:
    assert redact_text(text) == kept


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "apiKey",
        "api_key",
        "X-Api-Key",
        "accessToken",
        "Authorization",
        "webhook_secret",
        "Cookie",
        "passkey",
    ],
)
def test_values_under_secret_keys_are_replaced_whatever_they_are(key: str) -> None:
    assert redact({key: "abc", "a": {key: {"inner": ["abc"]}}}) == {key: "[secret]", "a": {key: "[secret]"}}


def test_empty_values_under_secret_keys_show_that_there_was_none() -> None:
    assert redact({"token": None, "password": ""}) == {"token": None, "password": ""}


def test_given_secrets_are_replaced_everywhere_the_longest_first() -> None:
    payload = {"note": "k-12345-long and k-12345", "k-12345": 1}
    assert redact(payload, ["k-12345", "k-12345-long", ""]) == {"note": "[secret] and [secret]", "[secret]": 1}


def test_everything_else_is_kept_and_the_input_is_not_changed() -> None:
    payload = webhook("jellyseerr-media-declined")
    before = json.dumps(payload)
    kept: Any = redact(payload)
    assert json.dumps(payload) == before
    assert kept["request"]["requestedBy_email"] == "[e-mail]"
    kept["request"]["requestedBy_email"] = "user@example.org"
    assert kept == payload


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_no_receipt_of_a_real_webhook_holds_an_address(path: Any) -> None:
    body = to_receipt_body(json.loads(path.read_text(encoding="utf-8")))
    assert "@" not in body
    assert isinstance(json.loads(body), dict)


def test_deep_nesting_is_left_out() -> None:
    assert "[left out]" in to_receipt_body(nested(5000))
    assert "core" in to_receipt_body(nested(20))


def test_endless_lists_and_objects_are_cut() -> None:
    kept = redact([0] * 1_000_000)
    assert isinstance(kept, list)
    assert len(kept) <= 20_001
    assert kept[-1] == "[left out]"
    wide = redact({str(number): number for number in range(100_000)})
    assert isinstance(wide, dict)
    assert len(wide) <= 20_001


def test_a_receipt_that_would_be_too_long_keeps_its_beginning() -> None:
    body = to_receipt_body({"a": ['"\\' * 10_000 for _ in range(100)]})
    assert len(body) <= RECEIPT_BYTES
    parsed = json.loads(body)
    assert parsed["truncated"] is True
    assert parsed["beginning"].startswith('{"a":["')


def test_a_long_text_is_cut_after_it_was_redacted() -> None:
    secret = "s3cret-s3cret"
    kept = redact("x" * (32 * 1024 - 5) + secret, [secret])
    assert isinstance(kept, str)
    assert "s3c" not in kept


def test_an_address_that_the_cut_goes_through_is_not_kept() -> None:
    kept = redact("x " * (16 * 1024 - 3) + "somebody@example.org and more")
    assert isinstance(kept, str)
    assert "someb" not in kept


def test_only_as_much_is_looked_at_as_can_be_kept() -> None:
    seen: list[object] = []

    class Watched(list[object]):
        def __iter__(self) -> Iterator[object]:
            for value in super().__iter__():
                seen.append(value)
                yield value

    body = to_receipt_body(Watched(["x" * 10_000] * 19_000))
    assert json.loads(body)["truncated"] is True
    assert len(seen) * 10_000 < 2 * RECEIPT_BYTES


def test_a_text_is_not_searched_far_beyond_what_is_kept() -> None:
    started = time.process_time()
    redact("a=b@c " * 3_000_000, ["some-secret"])
    assert time.process_time() - started < 0.5


def test_hostile_text_takes_time_in_proportion_to_its_length() -> None:
    started = time.process_time()
    redact(["a" * 2_000_000 + "@", "@" * 2_000_000, "a@" * 1_000_000])
    assert time.process_time() - started < 5


@calm
@given(payload=any_json)
def test_any_json_becomes_a_receipt_of_valid_ascii_json(payload: object) -> None:
    body = to_receipt_body(payload, ["secret-value"])
    assert body.isascii()
    assert len(body) <= RECEIPT_BYTES
    json.loads(body, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
