"""What an operator does: serve it under a path, copy its database beside the running service, and restore the copy."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from reconciler.cli.exits import ExitCode
from tests.support.e2e import Stage, open_stage, until_ready
from tests.support.e2e_cli import cli
from tests.support.real_parts import require_real_qbittorrent


async def until_resynced(stage: Stage, database: Path) -> None:
    """Wait until it is remembered which titles Radarr lists."""

    def is_remembered() -> bool:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as reading:
            ((known,),) = reading.execute("SELECT count(*) FROM resync_states WHERE instance = 'radarr'")
        return bool(known)

    await stage.wait(is_remembered, "the first resync")


async def test_a_restored_older_copy_harms_nothing_and_learns_what_happened_since(tmp_path: Path) -> None:
    """Since the copy one title was deleted, and two were deleted and downloaded again, with the very same torrents."""
    require_real_qbittorrent()
    database, copy = tmp_path / "reconciler.db", tmp_path / "copy.db"
    async with open_stage(tmp_path, is_started=False, RECONCILER_ROOT_PATH="/tools/reconciler") as stage:
        gone, back, _ = await stage.movie(), await stage.movie(), await stage.movie()
        kept = await stage.movie(tags=["keep"])
        await stage.service.start()
        await until_ready(stage)
        open_then = await stage.delete(kept)
        await stage.until_phase(open_then, "held")
        await until_resynced(stage, database)
        copied = await cli(stage, "backup", str(copy), "--json", DATABASE_URL=f"sqlite:///{database}")
        assert (copied.code, copied.json["file"]) == (ExitCode.OK, str(copy)), copied.err

        deletions = [await stage.delete(gone), await stage.delete(back), open_then]
        await stage.decide(open_then, "approve")
        for deletion in deletions:
            await stage.until_phase(deletion, "converged")
        for title in (back, kept):
            stage.house.indexer.add(title.releases[-1])
            await stage.request_again(title)
        for title in (back, kept):
            await stage.until_imported(title)
        before = await stage.snapshot()
        await stage.service.stop()

        for leftover in tmp_path.glob("reconciler.db-*"):
            leftover.unlink()
        shutil.copyfile(copy, database)
        await stage.service.start()
        await until_ready(stage)
        await stage.decide(open_then, "retry")
        ended = await stage.until_phase(open_then, "cancelled")
        assert ended["settled"]["reason"] == "WantedAgain"

        async def is_known_again() -> bool:
            found = [row for row in await stage.all_deletions() if row["media"]["tmdb_id"] == gone.tmdb_id]
            return [row["phase"] for row in found] == ["converged"]

        await stage.wait(is_known_again, "the deletion that the copy did not know to be found by the resync")
        assert {row["title"] for row in await stage.all_deletions()} == {gone.word, kept.word}
        assert await stage.snapshot() == before
        assert await stage.left_of(gone) == []

        under_its_path = f"{stage.service.url}/tools/reconciler"
        listed = await cli(stage, "list", "--json", RECONCILER_URL=under_its_path)
        assert listed.code == ExitCode.OK, listed.err
        assert {row["url"].rpartition("/")[0] for row in listed.json["deletions"]} == {"/tools/reconciler/deletions"}
