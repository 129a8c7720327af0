"""What a page says stays true where there is more than it shows, less than it expects, or nothing has happened."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reconciler.model import InstanceName, Phase, Target, TargetKind, UpstreamKind
from reconciler.ports import LoopStatus, Overview, PassRecord, UpstreamHealth
from reconciler.reasons import Reason
from tests.unit.web.fakes import (
    API_TOKEN,
    NOW,
    UNKNOWN_ID,
    World,
    condition,
    database_down,
    id_of,
    movie,
    settings,
    settled,
)

RADARR, QBITTORRENT = InstanceName("radarr"), InstanceName("qbittorrent")
RUNNING = LoopStatus(True, NOW, True, "pod-1")


async def page_of(world: World, path: str, *, status: int = 200) -> str:
    """Return the main part of a page, for somebody who may do everything."""
    async with world.client(secret=API_TOKEN) as client:
        page = await client.get(path, headers={"Accept": "text/html"})
    assert page.status_code == status, path
    return page.text.partition("<main")[2].partition("</main>")[0]


def part_of(page: str, name: str) -> str:
    return page.partition(f'<section id="{name}"')[2].partition("</section>")[0]


async def test_of_thousands_of_bound_things_the_first_are_shown_and_all_are_counted(world: World) -> None:
    files = tuple(Target(TargetKind.FILE, RADARR, f"f{number}", path=f"/d/{number}.mkv") for number in range(250))
    torrent = Target(TargetKind.TORRENT, QBITTORRENT, "a" * 40, name="A.Pack")
    deletion = world.store.add(replace(movie(), targets=(*files, torrent)))
    evidence = part_of(await page_of(world, f"/deletions/{deletion}"), "evidence")
    assert evidence.count('<th scope="row">') == 200
    assert "A.Pack" in evidence, "files are what is left out"
    assert "These are 200 of 251 bound things" in evidence
    assert "and those of 50 more" in evidence
    async with world.person() as client:
        assert len((await client.get(f"/deletions/{deletion}")).json()["evidence"]) == 251
    world.store.add(replace(movie(), targets=(*files[:199], torrent)))
    assert "bound things" not in await page_of(world, f"/deletions/{deletion}")


@pytest.mark.parametrize(
    ("away", "words"),
    [(timedelta(days=-21), "21 days ago"), (timedelta(), "just now"), (timedelta(days=2), "in 2 days")],
)
async def test_the_time_before_which_nothing_was_to_happen_is_told_also_when_it_is_past(
    world: World, away: timedelta, words: str
) -> None:
    deletion = world.store.add(movie(not_before=NOW + away))
    (shown,) = re.findall(
        r"<dt>Not before</dt><dd><time[^>]*>([^<]*)</time>", await page_of(world, f"/deletions/{deletion}")
    )
    assert shown == words


@pytest.mark.parametrize(
    ("path", "newest", "false"),
    [
        ("/needs-you", "/needs-you", "Nothing needs you."),
        ("/webhooks", "/webhooks", "Nothing arrived yet."),
        ("/deletions", "?", "Nothing was asked for yet."),
        ("/deletions?phase=held", "?phase=held", "No deletion is like that."),
    ],
)
async def test_an_older_page_that_is_empty_says_only_that_nothing_is_older(
    world: World, path: str, newest: str, false: str
) -> None:
    older = await page_of(world, f"{path}{'&' if '?' in path else '?'}cursor=1")
    assert "Nothing older" in older
    assert f'<a href="{newest}">Newest</a>' in older
    assert false not in older
    assert false in await page_of(world, path)


async def test_who_decided_too_late_is_led_back_to_what_it_was_about(world: World) -> None:
    root = "/gone"
    world.settings = settings(root_path=root)
    deletion = world.store.add(settled(movie()))
    late = await page_of(world, f"{root}/deletions/{deletion}/confirm/cancel", status=409)
    assert f'href="{root}/deletions/{deletion}">Back to the deletion</a>' in late
    world.store.broken = database_down()
    assert f'href="{root}/needs-you">Back to what needs you</a>' in await page_of(
        world, f"{root}/needs-you/breaker", status=503
    )
    assert ">Back to" not in await page_of(world, f"{root}/deletions/{deletion}", status=503)
    world.store.broken = None
    assert ">Back to" not in await page_of(world, f"{root}/deletions/{UNKNOWN_ID}/confirm/cancel", status=404)


async def test_the_status_shows_the_newest_of_each_phase_and_leads_to_the_others(world: World) -> None:
    for number in range(1, 12):
        world.store.add(replace(movie(number), conditions=(condition(Reason.PROTECTED),)))
    for number in range(12, 22):
        world.store.add(movie(number))
    world.store.shown = Overview(by_phase={Phase.HELD: 11, Phase.PENDING: 10})
    page = await page_of(world, "/")
    assert '<a href="/needs-you">and 3 more</a>' in part_of(page, "held")
    assert '<a href="/deletions?phase=pending">and 2 more pending</a>' in part_of(page, "open")
    for number in range(9, 12):
        del world.store.states[id_of(number)]
    world.store.shown = Overview(by_phase={Phase.HELD: 8, Phase.PENDING: 10})
    assert "more</a>" not in part_of(await page_of(world, "/"), "held")


async def test_what_needs_a_look_is_shown_first_and_once_also_while_it_waits(world: World) -> None:
    doubted = condition(Reason.SUSPICIOUS_LIST, "radarr: 12 of 14 rows vanished at once")
    world.store.add(replace(movie(1), conditions=(doubted,)))
    world.store.add(replace(movie(2), conditions=(condition(Reason.UNREACHABLE),)))
    world.store.shown = Overview(by_phase={Phase.WAITING: 2}, asking=1)
    home = await page_of(world, "/")
    assert '<h1 id="headline">1 needs you</h1>' in home
    assert re.search(r'<a href="/needs-you"><strong>1</strong> <span>needs you</span>', home)
    assert [id_of(n) in part_of(home, "held") for n in (1, 2)] == [True, False]
    assert [id_of(n) in part_of(home, "open") for n in (1, 2)] == [False, True]
    queue = await page_of(world, "/needs-you")
    assert "12 of 14 rows vanished at once" in queue
    assert f'/deletions/{id_of(1)}/confirm/approve"' in queue
    assert id_of(2) not in queue
    assert "It needs you" in await page_of(world, f"/deletions/{id_of(1)}")


async def test_what_can_be_hastened_is_offered_and_not_asked(world: World) -> None:
    world.store.add(replace(movie(1), conditions=(condition(Reason.STILL_LISTED),)))
    page = await page_of(world, f"/deletions/{id_of(1)}")
    assert ("What you can do" in page, "It needs you" in page) == (True, False)
    assert f"/deletions/{id_of(1)}/confirm/approve" in page
    assert "Nothing needs you." in await page_of(world, "/needs-you")


async def test_the_oldest_open_deletion_can_be_gone_to_by_who_has_signed_in(world: World) -> None:
    world.settings = settings(status_public=True)
    world.store.shown = Overview(oldest_unsettled_at=NOW - timedelta(days=21), oldest_unsettled=id_of(7))
    assert re.search(rf'<a href="/deletions/{id_of(7)}">asked for <time[^>]*>21 days ago', await page_of(world, "/"))
    async with world.client() as stranger:
        public = (await stranger.get("/", headers={"Accept": "text/html"})).text
    assert "21 days ago" in public
    assert id_of(7) not in public


LONG_AGO = PassRecord(NOW - timedelta(days=3), NOW - timedelta(days=3), 1, 1, 4)


@pytest.mark.parametrize(
    ("last_pass", "next_due_at", "loop", "said"),
    [
        (LONG_AGO, None, RUNNING, "4 calls; nothing was due since"),
        (LONG_AGO, NOW + timedelta(hours=1), RUNNING, "4 calls; nothing was due since"),
        (None, None, RUNNING, "none yet; nothing was due"),
        (LONG_AGO, NOW - timedelta(hours=1), RUNNING, "4 calls"),
        (LONG_AGO, None, LoopStatus(False, None, False, "pod-1"), "4 calls"),
        (LONG_AGO, None, LoopStatus(True, None, False, "pod-1"), "4 calls"),
        (replace(LONG_AGO, finished_at=NOW), None, RUNNING, "4 calls"),
    ],
    ids=["nothing at all", "due later", "none ever", "overdue", "stopped", "nobody reconciles", "just now"],
)
async def test_a_house_in_which_nothing_is_due_does_not_look_like_a_service_that_stands_still(
    world: World, last_pass: PassRecord | None, next_due_at: datetime | None, loop: LoopStatus, said: str
) -> None:
    world.loop = loop
    world.store.shown = Overview(last_pass=last_pass, next_due_at=next_due_at)
    (line,) = re.findall(r"<dt>Last pass</dt><dd>(.*?)</dd>", await page_of(world, "/"))
    assert re.sub(r"<[^>]*>", "", line).endswith(said)


async def test_the_status_tells_of_each_upstream_when_it_last_answered(world: World) -> None:
    seen = UpstreamHealth(RADARR, UpstreamKind.RADARR, False, NOW, last_seen_at=NOW - timedelta(hours=5))
    world.store.shown = Overview(upstreams=(seen,))
    cells = re.findall(r'<td data-label="Last seen">(.*?)</td>', await page_of(world, "/"))
    assert [re.sub(r"<[^>]*>", "", cell) for cell in cells] == ["–", "5 hours ago", "–", "–", "–"]
