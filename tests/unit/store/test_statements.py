"""How statements and values reach the drivers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconciler.errors import StoreError
from reconciler.store import postgres, sqlite
from reconciler.store.database import clean_text

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_postgresql_gets_numbered_parameters_and_arrays() -> None:
    text, names = postgres._spelt("SELECT 1 FROM t WHERE a = :one AND b IN :many AND c = :one")
    assert text == "SELECT 1 FROM t WHERE a = $1 AND b = ANY($2) AND c = $1"
    assert names == ("one", "many")


def test_sqlite_gets_named_parameters_and_json_arrays() -> None:
    assert sqlite._spelt("a = :one AND b IN :many") == "a = :one AND b IN (SELECT value FROM json_each(:many))"
    assert sqlite._encoded({"one": "x", "many": ["a", "b"]}) == {"one": "x", "many": '["a", "b"]'}


def test_times_in_sqlite_have_a_fixed_width_so_that_they_sort() -> None:
    times = [NOON, NOON + timedelta(microseconds=1), NOON.astimezone(timezone(timedelta(hours=5))) + timedelta(days=1)]
    texts = [sqlite._encoded({"at": at})["at"] for at in times]
    assert texts == [
        "2026-01-31T12:00:00.000000Z",
        "2026-01-31T12:00:00.000001Z",
        "2026-02-01T12:00:00.000000Z",
    ]
    assert datetime.fromisoformat(str(texts[0])) == NOON


@pytest.mark.parametrize("encode", [sqlite._encode, postgres._encode])
def test_a_time_without_a_zone_is_a_mistake(encode: object) -> None:
    assert callable(encode)
    with pytest.raises(ValueError, match="aware"):
        encode(datetime(2026, 1, 31))  # noqa: DTZ001 - the mistake under test


@pytest.mark.parametrize(
    ("text", "clean"),
    [("plain", "plain"), ("snow \N{SNOWMAN}", "snow \N{SNOWMAN}"), ("a\0b", "a\ufffdb"), ("half \ud800.", "half ?.")],
)
def test_text_loses_only_what_no_database_holds(text: str, clean: str) -> None:
    assert clean_text(text) == clean


def test_options_of_a_postgresql_url_that_are_not_the_drivers_are_left_out_of_its_dsn() -> None:
    dsn = postgres._dsn("postgres://u:p%40ss@db.example:5433/log?sslmode=verify-full&max_size=3&ssl=true")
    assert dsn == "postgresql://u:p%40ss@db.example:5433/log?sslmode=verify-full"


def test_the_size_of_the_statement_cache_goes_to_the_driver() -> None:
    url = "postgresql://db.example/log?sslmode=require&statement_cache_size=0"
    assert postgres._dsn(url) == "postgresql://db.example/log?sslmode=require"
    assert postgres._driver_options(url) == {"statement_cache_size": 0}
    assert postgres._driver_options("postgresql://db.example/log") == {}
    with pytest.raises(StoreError, match="statement_cache_size in the database URL must be a whole number"):
        postgres._driver_options("postgresql://db.example/log?statement_cache_size=none")


def test_an_sqlite_too_old_for_strict_tables_is_refused() -> None:
    with pytest.raises(StoreError, match=r"SQLite 3\.36\.1.*at least 3\.37\.0"):
        sqlite._check_version((3, 36, 1))
    sqlite._check_version((3, 37, 0))
