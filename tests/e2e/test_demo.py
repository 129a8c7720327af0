"""The demo is the main job, as a user runs it."""

import json
import os
import subprocess
import sys

from tests.support.real_parts import require_real_qbittorrent


def test_the_demo_prints_one_document_that_says_that_all_converged_and_nothing_else_was_touched() -> None:
    require_real_qbittorrent()
    ours = ("RECONCILER_", "QBITTORRENT_", "RADARR_", "SONARR_", "JELLYSEERR_", "DATABASE_URL")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "demo", "--once", "--json"],
        capture_output=True,
        text=True,
        timeout=180,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    document = json.loads(done.stdout)
    assert document["converged"] is True
    assert document["torrent_client"]["real"] is True
    assert [d["phase"] for d in document["deletions"]] == ["converged", "converged"]
    for deletion in document["deletions"]:
        assert {c["status"] for c in deletion["conditions"]} == {"True"}
        assert deletion["seconds_to_converge"] > 0
        assert deletion["upstream_calls"] > 0
    assert not any(document["left_at_upstreams"].values())
    assert document["files_left_on_disk"] == []
    assert document["anything_else_touched"] == []
    assert document["requested_again"]["downloaded_afresh"] is True
    assert "Traceback" not in done.stderr
