"""What a page says stays true where there is more than it shows, less than it expects, or nothing has happened."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.model import InstanceName, Target, TargetKind
from tests.unit.web.fakes import API_TOKEN, NOW, UNKNOWN_ID, World, database_down, movie, settings, settled

RADARR, QBITTORRENT = InstanceName("radarr"), InstanceName("qbittorrent")


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
