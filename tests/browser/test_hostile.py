"""Titles, names and files that want to be more than text, a breaker that has tripped, and a service that restarts."""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.axe import shorten, violations_of
from tests.browser.shelf import ask
from tests.browser.tab import DESKTOP, PHONE, OpenTab, Tab, cookies_of, expect, open_tab
from tests.support.e2e import Stage, open_stage
from tests.support.real_parts import require_chromium

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE: Mapping[str, str] = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>\"><svg onload=alert(3)>' onfocus=alert(4) "
    "autofocus x=' {{ 7 * 7 }} javascript:alert(5) https://evil.example/",
    "lines": "One\r\nSet-Cookie: a=b\r\n\r\n<b>two</b>\x1b[31m\x07 nul\x00nul \ud800 \ufffe \u0085\u2028\u2029end",
    "long": "A" * 10_000,
    "words": "very long " * 1000,
    "direction": "\u202etxt.live\u202c \u2066isolated \u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0633\u0644\u0627\u0645",
    "signs": "👨\u200d👩\u200d👧\u200d👦🏴\u200d☠️ "
    "Z\u0310\u0311\u0312\u0313\u0314\u0315\u0316alg\u0310\u0311o \u200b\ufeff\u00ad\u200d",
}
"""By what is hostile about them."""

_TELLING = ("<script>alert(1)</script>", "One", "AAAA", "very long", "isolated", "👨")
_IS_TEXT = """() => ({
  scripts: document.querySelectorAll("main script, main img, main svg:not(.chart svg), main b, main iframe").length,
  foreign: [...document.querySelectorAll("a[href], form[action]")]
    .map((one) => one.href ?? one.action).filter((one) => !one.startsWith(location.origin + "/")),
  directed: document.body.innerText.match(/[\\u202a-\\u202e\\u2066-\\u2069\\u0000\\u001b]/g),
})"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rough(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A house in which the breaker holds everything but the first; anybody may see its status."""
    require_chromium()
    config: dict[str, Any] = {"breaker_limit": 1, "status_public": True}
    folder = tmp_path_factory.mktemp("rough")
    async with open_stage(
        folder, real_torrents=False, config=config, listens=False, RECONCILER_INTERVAL_SECONDS="5"
    ) as stage:
        first = await stage.movie(name="Sunrise")
        await stage.until_phase(await ask(stage, first), "converged")
        yield stage


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hostile(rough: Stage) -> Mapping[str, str]:
    """Ask for a title of each kind, and return the ids; the last has its name from Radarr and a torrent like it."""
    ids = {}
    for name, title in HOSTILE.items():
        movie = await rough.movie(is_requested=False)
        ids[name] = await ask(rough, movie, title=title, requested_by=title)
    house, title = rough.house, HOSTILE["markup"].replace("/", "\u2215")[:200]
    movie = await rough.movie(torrents=0, is_requested=False)
    row = house.radarr.titles[movie.entry_id]
    row.name = title
    release = house.movie_release(movie.tmdb_id, title)
    await house.get_movie(movie.entry_id, release)
    wish = {"media_type": "movie", "tmdb_id": movie.tmdb_id}
    ids["library"] = await ask(rough, wish)
    for id_ in ids.values():
        await rough.until_phase(id_, "held")
    return ids


@pytest.fixture
def new_tab(browser: Browser, rough: Stage) -> OpenTab:
    return partial(open_tab, browser, rough)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lasting_tab(browser: Browser, rough: Stage) -> AsyncIterator[Tab]:
    async with open_tab(browser, rough, cookies=await cookies_of(rough)) as opened:
        yield opened


async def look(tab: Tab, path: str) -> None:
    """Fail if anything of a page is more than text, or does not fit."""
    await tab.resize(DESKTOP)
    await tab.open(path)
    for details in await tab.page.locator("details > summary").all():
        await details.click()
    assert await tab.page.evaluate(_IS_TEXT) == {"scripts": 0, "foreign": [], "directed": None}, path
    assert await tab.width_needed() <= DESKTOP["width"], path
    await tab.resize(PHONE)
    assert await tab.width_needed() <= PHONE["width"], path


async def test_a_hostile_title_is_text_wherever_it_is_listed(tab: Tab, hostile: Mapping[str, str]) -> None:
    for path in ("/", "/deletions", "/deletions?phase=held", "/needs-you", "/needs-you/breaker", "/webhooks"):
        await look(tab, path)
    await tab.open("/deletions")
    for telling in _TELLING:
        await expect(tab.page.get_by_role("link", name=telling).first).to_be_visible()
    await shorten(tab.page)
    assert await violations_of(tab.page) == []


async def test_a_hostile_title_is_text_on_every_page_of_its_deletion(tab: Tab, hostile: Mapping[str, str]) -> None:
    for deletion in hostile.values():
        await look(tab, f"/deletions/{deletion}")
        await look(tab, f"/deletions/{deletion}/confirm/approve")
    await look(tab, f"/deletions/{hostile['library']}/plan")


async def test_a_hostile_search_is_text(tab: Tab, hostile: Mapping[str, str]) -> None:
    page = tab.page
    for text in (HOSTILE["markup"], HOSTILE["lines"], HOSTILE["direction"]):
        await tab.open("/deletions?phase=cancelled")
        await page.get_by_label("Search").fill(text.replace("\ud800", ""))
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/deletions?q=*")
        assert (await page.evaluate(_IS_TEXT))["scripts"] == 0
        assert await tab.width_needed() <= DESKTOP["width"]


async def test_who_has_not_signed_in_sees_the_state_and_no_title(new_tab: OpenTab, hostile: Mapping[str, str]) -> None:
    async with new_tab() as stranger:
        await stranger.open("/")
        page = stranger.page
        await expect(page.get_by_role("heading", level=1)).to_contain_text("need you")
        await expect(page.get_by_role("region", name="Upstreams")).to_contain_text("reachable")
        text = await page.get_by_role("main").inner_text()
        assert [telling for telling in (*_TELLING, "Sunrise") if telling in text] == []
        assert await page.get_by_role("main").get_by_role("link").count() == 0
        assert await violations_of(page) == []
        await page.get_by_role("link", name="Sign in").click()
        await expect(page.get_by_label("API token")).to_be_visible()


async def test_a_stream_that_a_restart_cut_goes_on_afterwards(
    rough: Stage, tab: Tab, hostile: Mapping[str, str]
) -> None:
    page = tab.page
    tab.expect_trouble("ERR_")
    await tab.open("/deletions?phase=held")
    await tab.mark()
    await expect(page.locator("#freshness")).to_contain_text("Live")
    await rough.service.stop()
    await expect(page.locator("#freshness")).to_contain_text("cannot be reached")
    await expect(page.get_by_role("status")).to_contain_text("cannot be reached")
    await rough.service.start()
    await expect(page.locator("#freshness")).to_contain_text("Live")
    movie = await rough.movie(is_requested=False)
    await ask(rough, movie)
    await expect(page.get_by_role("link", name=movie.word)).to_be_visible()
    assert await tab.is_marked()


async def test_all_that_the_breaker_holds_is_let_go_at_once(rough: Stage, tab: Tab, hostile: Mapping[str, str]) -> None:
    page = tab.page
    await tab.open("/needs-you")
    count = len(await rough.all_deletions()) - 1
    await expect(page.get_by_text(f"The breaker holds {count} deletions")).to_be_visible()
    await page.get_by_role("link", name="Let all of them go on").click()
    await expect(page.get_by_role("listitem").filter(has_text="That cannot be undone.")).to_be_visible()
    await expect(page.locator(".plain-list li")).to_have_count(count)
    await page.get_by_role("button", name=f"Let all {count} go on").click()
    await expect(page.get_by_text("Nothing needs you.")).to_be_visible()
