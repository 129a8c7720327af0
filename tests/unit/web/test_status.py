"""The status, the probes and the metrics."""

from dataclasses import replace
from datetime import timedelta

from reconciler import __version__
from reconciler.model import InstanceName, LedgerCoverage, Phase, UpstreamKind
from reconciler.ports import Convergence, Freed, LoopStatus, MessengerState, Overview, PassRecord, UpstreamHealth
from reconciler.reasons import Reason
from tests.unit.web.fakes import API_TOKEN, NOW, WEBHOOK_SECRET, World, condition, database_down, id_of, movie, settings

QBITTORRENT, RADARR = InstanceName("qbittorrent"), InstanceName("radarr")


async def test_livez_touches_nothing(world: World) -> None:
    world.store.broken = AssertionError("livez must not ask the store")
    async with world.client() as client:
        response = await client.get("/livez")
    assert (response.status_code, response.json()) == (200, {"alive": True})


async def test_readyz_asks_the_database_only(world: World) -> None:
    async with world.client() as client:
        assert (await client.get("/readyz")).status_code == 200
        world.store.is_ready = False
        assert (await client.get("/readyz")).status_code == 503
        world.store.broken = database_down()
        assert (await client.get("/readyz")).status_code == 503


async def test_metrics_are_plain_text(world: World) -> None:
    async with world.client() as client:
        response = await client.get("/metrics")
    assert response.text == "reconciler_passes_total 1.0\n"
    assert response.headers["content-type"].startswith("text/plain; version=")


async def test_metrics_show_what_the_database_says_and_do_without_it(world: World) -> None:
    world.store.shown = Overview(by_phase={Phase.HELD: 2})
    async with world.client() as client:
        await client.get("/metrics")
        ((overview, configured),) = world.metrics.shown
        assert overview is world.store.shown
        assert configured[RADARR] is UpstreamKind.RADARR
        world.store.broken = database_down()
        world.loop = replace(world.loop, lease_held=False)
        assert (await client.get("/metrics")).status_code == 200
    assert (len(world.metrics.shown), world.metrics.lease_held) == (1, [True, False])


async def test_an_idle_service_is_all_clear(world: World) -> None:
    async with world.person() as client:
        shown = (await client.get("/status")).json()
    assert (shown["verdict"], shown["ok"]) == ("All clear", True)
    assert shown["counts"] == {phase.value: 0 for phase in Phase}
    assert (shown["mode"], shown["version"], shown["last_pass"]) == ("enforce", __version__, None)
    assert shown["loop"] == {
        "running": True,
        "process": "pod-1",
        "leader": "pod-1",
        "lease_held": True,
        "next_pass_at": "2026-03-04T05:06:07Z",
    }
    assert [(one["name"], one["configured"], one["reachable"]) for one in shown["upstreams"]] == [
        ("qbittorrent", True, None),
        ("radarr", True, None),
        ("sonarr", True, None),
        ("jellyseerr", True, None),
        ("jellyfin", True, None),
    ]


async def test_the_status_tells_passes_upstreams_and_ledger(world: World) -> None:
    gap = (NOW - timedelta(hours=2), NOW - timedelta(hours=1))
    world.store.shown = Overview(
        by_phase={Phase.CONVERGING: 2, Phase.CONVERGED: 40},
        oldest_unsettled_at=NOW,
        schema_version=3,
        upstreams=(
            UpstreamHealth(
                QBITTORRENT, UpstreamKind.QBITTORRENT, False, NOW, "", "5.1.0", NOW, "did not answer in time"
            ),
            UpstreamHealth(RADARR, UpstreamKind.RADARR, True, NOW, "Radarr", "6.0.4", NOW),
        ),
        coverage=(LedgerCoverage(RADARR, NOW, 1200, 1200, synced_at=NOW, gaps=(gap,)),),
        last_pass=PassRecord(NOW, NOW + timedelta(seconds=1.5), 2, 3, 17),
        resynced={RADARR: NOW},
        freed=Freed(2**40, 2**30),
        convergences=(Convergence(id_of(1), NOW, timedelta(seconds=1.5)),),
    )
    async with world.person() as client:
        shown = (await client.get("/status")).json()
    assert (shown["verdict"], shown["ok"]) == ("Cannot reach qbittorrent; 2 converging", False)
    assert shown["counts"]["converged"] == 40
    assert shown["schema_version"] == 3
    assert shown["space"] == {"freed": 2**40, "freed_last_24_hours": 2**30}
    assert shown["convergences"] == [{"id": id_of(1), "at": "2026-03-04T05:06:07Z", "seconds": 1.5}]
    assert shown["last_pass"] == {
        "started_at": "2026-03-04T05:06:07Z",
        "finished_at": "2026-03-04T05:06:08.500000Z",
        "duration_seconds": 1.5,
        "deletions": 2,
        "rounds": 3,
        "calls": 17,
        "error": None,
    }
    qbittorrent, radarr, *_ = shown["upstreams"]
    assert (qbittorrent["resynced_at"], radarr["resynced_at"]) == (None, "2026-03-04T05:06:07Z")
    assert (qbittorrent["reachable"], qbittorrent["last_error"]) == (False, "did not answer in time")
    assert qbittorrent["coverage"] is None
    assert (radarr["app"], radarr["version"], radarr["since"]) == ("Radarr", "6.0.4", "2026-03-04T05:06:07Z")
    assert radarr["coverage"] == {
        "complete": True,
        "backfilled_at": "2026-03-04T05:06:07Z",
        "rows": 1200,
        "total": 1200,
        "synced_at": "2026-03-04T05:06:07Z",
        "gaps": [{"since": "2026-03-04T03:06:07Z", "until": "2026-03-04T04:06:07Z"}],
    }


async def test_kinds_that_are_not_configured_are_listed_as_such() -> None:
    world = World(settings=settings(sonarr=(), jellyseerr=(), jellyfin=(), mode="observe"))
    async with world.person() as client:
        shown = (await client.get("/status")).json()
    assert [(one["name"], one["configured"]) for one in shown["upstreams"]] == [
        ("qbittorrent", True),
        ("radarr", True),
        ("sonarr", False),
        ("jellyseerr", False),
        ("jellyfin", False),
    ]
    assert shown["mode"] == "observe"
    assert shown["verdict"] == "All clear; observe mode: nothing is deleted"


async def test_an_upstream_that_is_no_longer_configured_is_not_mourned() -> None:
    gone = UpstreamHealth(InstanceName("old-radarr"), UpstreamKind.RADARR, False, NOW, last_error="refused")
    world = World()
    world.store.shown = Overview(upstreams=(gone,), coverage=(LedgerCoverage(InstanceName("old-radarr")),))
    async with world.person() as client:
        shown = (await client.get("/status")).json()
    assert shown["verdict"] == "All clear"
    assert "old-radarr" not in [one["name"] for one in shown["upstreams"]]


async def test_what_is_held_is_named(world: World) -> None:
    for number in range(1, 6):
        state = movie(number, title=f"Film {number}", year=None)
        world.store.add(replace(state, conditions=(condition(Reason.PROTECTED),)))
    world.store.shown = Overview(by_phase={Phase.HELD: 5})
    async with world.person() as client:
        shown = (await client.get("/status")).json()
    assert shown["verdict"] == "5 need you: Film 1, Film 2, Film 3, 2 more"
    assert shown["ok"] is False


async def test_no_secret_and_no_address_is_shown(world: World) -> None:
    async with world.person() as client:
        text = (await client.get("/status")).text
    for hidden in (API_TOKEN, WEBHOOK_SECRET, "a-key-of-an-upstream", "http://"):
        assert hidden not in text


async def test_a_loop_that_stopped_is_trouble() -> None:
    world = World(loop=LoopStatus(running=False, next_pass_at=None, lease_held=False, process="pod-1"))
    async with world.person() as client:
        shown = (await client.get("/status")).json()
    assert (shown["verdict"], shown["ok"]) == ("Reconciling is stopped", False)


async def test_a_messenger_that_is_not_told_is_remarked_and_shown(world: World) -> None:
    well = MessengerState(1, "ntfy", NOW, sent_at=NOW)
    failing = MessengerState(2, "discord", NOW, failing_since=NOW, last_error="it answered 401")
    world.store.shown = Overview(messengers=(well, failing))
    async with world.person() as client:
        shown = (await client.get("/status")).json()
    assert (shown["verdict"], shown["ok"]) == ("All clear; notifications are not taken by 2 (discord)", True)
    now = NOW.isoformat().replace("+00:00", "Z")
    assert shown["notifications"] == [
        {"position": 1, "kind": "ntfy", "last_sent_at": now, "failing_since": None, "last_error": None},
        {
            "position": 2,
            "kind": "discord",
            "last_sent_at": None,
            "failing_since": now,
            "last_error": "it answered 401",
        },
    ]
