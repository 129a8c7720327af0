"""PostgreSQL is backed up with its own tools, as docs/operations.md says."""

import asyncio
import os
from pathlib import Path

from reconciler.model import InstanceName, Media, MediaKind
from reconciler.store import migrate, open_store
from tests.support.pages import blocks
from tests.support.postgres import PostgresServer
from tests.support.store import StillClock, binding, created, entry_target, lease_of, wish


async def run(server: PostgresServer, folder: Path, command: str, database: str) -> None:
    """Run one line of the page with the programs that belong to the server."""
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=folder,
        env={"PATH": f"{server.binaries / 'bin'}:{os.environ['PATH']}", "DATABASE_URL": server.url(database)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_a_database_restored_from_its_dump_goes_on_where_it_was(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    (dump,) = [block for block in blocks("docs/operations.md", "sh") if "pg_dump" in block]
    (restore,) = [block for block in blocks("docs/operations.md", "sh") if "pg_restore" in block]
    name = await postgres_server.create_database()
    store = await open_store(postgres_server.url(name), clock=StillClock())
    try:
        deletion = await created(store)
        await store.bind(await lease_of(store), binding(deletion, entry_target()))
        bound = await store.deletion(deletion)
        await run(postgres_server, tmp_path, dump, name)  # while the service has it open
        await created(store, wish(Media(MediaKind.MOVIE, 949)))
    finally:
        await store.close()

    restored = await postgres_server.create_database()
    await run(postgres_server, tmp_path, restore, restored)
    before, after = await migrate(postgres_server.url(restored))
    assert before == after, "the schema comes with the data"
    again = await open_store(postgres_server.url(restored), clock=StillClock())
    try:
        assert await again.deletion(deletion) == bound
        assert sum((await again.overview()).by_phase.values()) == 1
        assert await again.known_titles(InstanceName("radarr"), [7]) is not None
        assert await created(again, wish(Media(MediaKind.MOVIE, 949))), "numbers go on where they were"
    finally:
        await again.close()
