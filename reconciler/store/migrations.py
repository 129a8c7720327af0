"""Numbered, forward-only schema changes, each in one transaction that waits for every other writer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from reconciler.errors import StoreError
from reconciler.store import search_text
from reconciler.store.database import Connection, Database, fetch_one

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    {integer} PRIMARY KEY,
    name       {text} NOT NULL,
    applied_at {time} NOT NULL
)
"""
_TYPES = {
    "postgres": {"integer": "bigint", "text": "text", "time": "timestamptz"},
    "sqlite": {"integer": "INTEGER", "text": "TEXT", "time": "TEXT"},
}

_COMPLETED_BY: Mapping[str, Callable[[Connection], Awaitable[None]]] = {"search_text": search_text.fill}
"""What SQL alone cannot do to the rows that are there, by the name of the step, and in its transaction."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file, `0001_name.sql`."""

    version: int
    name: str
    script: str


def known_migrations(dialect: str) -> tuple[Migration, ...]:
    """Return the migrations that this program carries, oldest first."""
    found = [
        Migration(int(file.name[:4]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in _folder(dialect).iterdir()
        if file.name.endswith(".sql")
    ]
    return tuple(sorted(found, key=lambda migration: migration.version))


def _folder(dialect: str) -> Traversable:
    """Return the folder in the installed package, or that of the source tree."""
    packaged = files("reconciler").joinpath("_sql", dialect)
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "sql" / dialect


def newest_version(dialect: str) -> int:
    """Return the schema version that this program needs."""
    return known_migrations(dialect)[-1].version


async def schema_version(connection: Connection) -> int:
    """Return the schema version of a database; raises `StoreError` when it was never migrated."""
    row = await fetch_one(connection, "SELECT max(version) AS version FROM schema_migrations")
    return int(row["version"]) if row and row["version"] is not None else 0


async def bring_up_to_date(database: Database, migrations: Sequence[Migration], now: datetime) -> tuple[int, int]:
    """Apply what is missing and return the versions before and after.

    Raises `StoreError` when the database is newer than the program.
    """
    before: int | None = None
    while True:
        async with database.write() as connection:
            await connection.execute(_TABLE.format(**_TYPES[database.dialect]))
            version = await schema_version(connection)
            refuse_newer(version, migrations[-1].version)
            before = version if before is None else before
            missing = next((m for m in migrations if m.version > version), None)
            if missing is None:
                return before, version
            await connection.run_script(missing.script)
            complete = _COMPLETED_BY.get(missing.name.partition("_")[2])
            if complete is not None:
                await complete(connection)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name, applied_at) VALUES (:version, :name, :now)",
                {"version": missing.version, "name": missing.name, "now": now},
            )


def refuse_newer(version: int, newest: int) -> None:
    """Raise `StoreError` when a newer program has already changed the schema."""
    if version > newest:
        raise StoreError(
            f"the database has schema version {version}, this program knows {newest}: "
            "upgrade the program, or restore a backup made before the upgrade"
        )
