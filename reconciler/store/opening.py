"""Opening a database: choose it by URL, prove it durable, bring its schema up to date."""

from urllib.parse import urlsplit

from reconciler.clock import Clock, SystemClock
from reconciler.errors import StoreError
from reconciler.ports import Store
from reconciler.store.database import Database
from reconciler.store.migrations import bring_up_to_date, known_migrations, newest_version, refuse_newer, schema_version
from reconciler.store.postgres import PostgresDatabase
from reconciler.store.sqlite import SqliteDatabase
from reconciler.store.store import DatabaseStore
from reconciler.store.watched import Watch, WatchedDatabase


async def open_store(database_url: str, *, clock: Clock, migrate: bool = True, watch: Watch | None = None) -> Store:
    """Open the database, migrate it unless told not to, and return the store. `watch` is told how the database is.

    Raises `StoreError`, naming the fix, when the database cannot be reached, is not durable, is in use by another
    process (SQLite), or has a schema that this program does not know.
    """
    database = await _open_database(database_url)
    try:
        if migrate:
            await bring_up_to_date(database, known_migrations(database.dialect), clock.now())
        else:
            await _check_schema(database)
        return DatabaseStore(WatchedDatabase(database, watch) if watch is not None else database, clock)
    except BaseException:
        await database.close()
        raise


async def migrate(database_url: str) -> tuple[int, int]:
    """Bring the schema up to date and return its versions before and after; raises `StoreError` as `open_store`."""
    database = await _open_database(database_url)
    try:
        return await bring_up_to_date(database, known_migrations(database.dialect), SystemClock().now())
    finally:
        await database.close()


async def _open_database(url: str) -> Database:
    scheme = urlsplit(url).scheme.partition("+")[0]
    if scheme == "sqlite":
        return await SqliteDatabase.opened(url)
    if scheme in {"postgresql", "postgres"}:
        return await PostgresDatabase.opened(url)
    raise StoreError("the database URL must start with sqlite:/// or postgresql://")


async def _check_schema(database: Database) -> None:
    async with database.read() as connection:
        try:
            version = await schema_version(connection)
        except StoreError as error:
            raise StoreError("the database has no schema yet; run `reconciler migrate`") from error
    newest = newest_version(database.dialect)
    refuse_newer(version, newest)
    if version < newest:
        raise StoreError(
            f"the database has schema version {version}, version {newest} is needed; run `reconciler migrate`"
        )
