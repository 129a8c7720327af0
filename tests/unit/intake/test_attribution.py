"""Which torrents a person may say belong to a deletion."""

import pytest
from hypothesis import given

from reconciler.intake import InvalidPayload, parse_attribution
from tests.unit.intake.fixtures import any_json, calm

HASH = "c2c60f66c126652a86f7f2ee73dc83d4e255929e"


def fields(payload: object) -> list[str]:
    with pytest.raises(InvalidPayload) as caught:
        parse_attribution(payload)
    assert all(problem.message for problem in caught.value.problems)
    return [problem.field for problem in caught.value.problems]


def test_hashes_are_taken_in_any_case_and_each_counts_once() -> None:
    assert parse_attribution({"hashes": [HASH.upper(), "a" * 64, f" {HASH} "]}) == (HASH, "a" * 64)


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (None, [""]),
        ([HASH], [""]),
        ({}, ["hashes"]),
        ({"hashes": []}, ["hashes"]),
        ({"hashes": HASH}, ["hashes"]),
        ({"hashes": None, "hash": HASH}, ["hash", "hashes"]),
        ({"hashes": [HASH], "force": True}, ["force"]),
        ({"hashes": ["all"]}, ["hashes[0]"]),
        ({"hashes": [HASH, HASH[:-1], None]}, ["hashes[1]", "hashes[2]"]),
    ],
)
def test_every_problem_names_its_field(payload: object, named: list[str]) -> None:
    assert fields(payload) == named


@calm
@given(payload=any_json)
def test_any_json_is_refused_with_fields(payload: object) -> None:
    assert fields(payload)
