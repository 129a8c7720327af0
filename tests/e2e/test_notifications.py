"""A messenger is told what waits for a person, once, whatever happens to the process, and that it ended."""

import asyncio
from pathlib import Path

from tests.support.e2e import open_stage
from tests.support.real_parts import require_real_qbittorrent
from tests.support.sink import PASSWORD, sink_server


async def test_people_are_told_once_of_a_hold_and_of_its_end(tmp_path: Path) -> None:
    require_real_qbittorrent()
    with sink_server() as sink:
        telling = {"urls": [sink.url.get_secret_value()], "tell": ["held", "converged"], "interval_seconds": 1}
        config = {"require_approval": ["dashboard"], "notifications": telling}
        async with open_stage(tmp_path, config=config) as stage:
            movie, _ = await asyncio.gather(stage.movie(), stage.movie())  # where all is gone, no folder tells of it
            deletion = await stage.delete(movie)
            await stage.until_phase(deletion, "held")
            await stage.wait(lambda: len(sink.messages) == 1, "the message that it is held")
            (line,) = sink.bodies[0]
            assert line.startswith(f"Needs you: {movie.word} (1950), asked for by a test (dashboard).")
            assert "approve" in line

            async def is_noted() -> bool:
                (messenger,) = (await stage.http.get("/status")).json()["notifications"]
                return messenger["last_sent_at"] is not None

            await stage.wait(is_noted, "the note that it was taken: one that a crash forgets comes twice")
            await stage.service.kill()
            await stage.service.start()
            assert (await stage.decide(deletion, "approve")).status_code == 200
            await stage.until_phase(deletion, "converged")
            await stage.wait(lambda: len(sink.messages) >= 2, "the message that it converged")
            assert sink.titles == ["Deletions: 1 needs you", "Deletions: 1 gone everywhere"]
            status = (await stage.http.get("/status")).json()
            assert [(m["kind"], m["failing_since"]) for m in status["notifications"]] == [("json", None)]
            assert PASSWORD not in stage.service.log.read_text()
