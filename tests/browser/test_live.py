"""Pages keep themselves up to date: nothing is loaded anew, and what somebody is doing on them stays."""

import re

import pytest
from playwright.async_api import Route

from tests.browser.shelf import Shown, ask
from tests.browser.tab import OpenTab, Tab, expect
from tests.support.e2e import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_deletion_converges_before_the_eyes_of_who_watches_the_list(
    stage: Stage, tab: Tab, shown: Shown
) -> None:
    movie = await stage.movie()
    await tab.open("/deletions")
    await expect(tab.page.locator("#freshness")).to_contain_text("Live")
    await tab.mark()
    await ask(stage, movie)
    row = tab.page.get_by_role("listitem").filter(has=tab.page.get_by_role("link", name=f"{movie.word} (1950)"))
    await expect(row).to_be_visible()
    await expect(row.get_by_text("converged", exact=True)).to_be_visible()
    await expect(row.get_by_label("Progress")).to_contain_text("Request: done")
    assert await tab.is_marked()


async def test_a_deletion_that_somebody_approves_elsewhere_goes_on_and_its_plan_is_used_up(
    stage: Stage, tab: Tab, shown: Shown
) -> None:
    movie = await stage.movie()
    deletion = await ask(stage, movie, by="api")
    await stage.until_phase(deletion, "held")
    page = tab.page
    await tab.open(f"/deletions/{deletion}")
    plan = page.locator("#plan")
    receipt = page.locator("#receipt")
    await receipt.locator("summary").click()
    await plan.scroll_into_view_if_needed()
    await expect(plan).to_contain_text("RemoveTorrent at qbittorrent")
    await tab.mark()
    await stage.decide(deletion, "approve")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("converged")
    await expect(page.locator("#evidence .observed.absent").first).to_be_visible()
    await expect(plan).to_have_count(0)
    await expect(page.locator("#origin")).to_contain_text("ApprovalRequired")
    await expect(receipt).to_have_attribute("open", "")
    await expect(page.get_by_role("status").filter(has_text=movie.word)).to_contain_text("converged")
    assert await tab.is_marked()


async def test_what_is_open_or_focused_stays_so_when_a_page_is_renewed(stage: Stage, tab: Tab, shown: Shown) -> None:
    page = tab.page
    await tab.open("/")
    await tab.mark()
    chip = page.locator("#held .chip").first
    name = await chip.get_attribute("id")
    await chip.focus()
    tip = page.locator(f"#{name} + .tip")
    await expect(tip).to_be_visible()
    await renewed(stage, tab)
    await expect(page.locator(f"#{name}")).to_be_focused()
    await expect(tip).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(tip).to_be_hidden()
    link = page.locator("#held").get_by_role("link", name="Nosferatu (1922)")
    await link.focus()
    await renewed(stage, tab)
    await expect(link).to_be_focused()
    assert await tab.is_marked()


async def test_what_is_marked_to_be_copied_stays_and_the_rest_of_the_page_is_renewed(
    stage: Stage, tab: Tab, shown: Shown
) -> None:
    page = tab.page
    await tab.open("/")
    await page.evaluate("getSelection().selectAllChildren(document.getElementById('headline'))")
    marked = await page.evaluate("getSelection().toString()")
    await renewed(stage, tab)
    assert await page.evaluate("getSelection().toString()") == marked
    await expect(page.locator("#freshness")).to_contain_text("except where you mark")
    await page.evaluate("getSelection().removeAllRanges()")
    await expect(page.locator("#headline")).not_to_have_text(marked)
    await expect(page.locator("#freshness")).not_to_contain_text("except")


async def renewed(stage: Stage, tab: Tab) -> None:
    """Have something change that every live page shows, and wait until this one does."""
    movie = await stage.movie(torrents=0, is_requested=False, tags=["keep"])
    await ask(stage, movie)
    await expect(tab.page.locator("#held")).to_contain_text(movie.word)


async def test_a_search_that_is_being_typed_is_not_disturbed(stage: Stage, tab: Tab, shown: Shown) -> None:
    page = tab.page
    await tab.open("/deletions")
    await expect(page.locator("#freshness")).to_contain_text("Live")
    await page.get_by_label("Search").press_sequentially("Metro")
    movie = await stage.movie(torrents=0, is_requested=False, tags=["keep"])
    deletion = await ask(stage, movie)
    await stage.until_phase(deletion, "held")
    await expect(page.locator("#list")).to_contain_text(movie.word)
    await expect(page.get_by_label("Search")).to_have_value("Metro")
    await expect(page.get_by_label("Search")).to_be_focused()


async def test_a_service_that_answers_no_more_is_told_and_so_is_its_return(tab: Tab, shown: Shown) -> None:
    """What hangs was the worst: the page said that it was live, and asked no more."""
    page = tab.page
    await tab.open(f"/deletions/{shown.waiting}")
    freshness = page.locator("#freshness")
    await expect(freshness).to_contain_text("Live")
    hanging: list[Route] = []

    async def hang(route: Route) -> None:
        hanging.append(route)

    await page.route(tab.page.url, hang)
    await page.evaluate("window.limit = AbortSignal.timeout; AbortSignal.timeout = () => limit.call(AbortSignal, 100)")
    await page.evaluate(LOOK_AGAIN)
    await expect(freshness).to_contain_text("cannot be reached since")
    assert hanging
    await page.evaluate("AbortSignal.timeout = limit")
    await page.unroute_all(behavior="ignoreErrors")
    await page.evaluate(LOOK_AGAIN)
    await expect(freshness).to_contain_text("Live")
    await expect(page.get_by_role("status").filter(has_text="can be reached again")).to_be_visible()


LOOK_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"
"""As if somebody came back to the tab: the page is renewed at once, and not only within ten seconds."""


async def test_a_deletion_that_is_open_again_gets_the_plan_that_is_ahead(tab: Tab, shown: Shown) -> None:
    page = tab.page
    await tab.open(f"/deletions/{shown.cancelled}")
    await expect(page.locator("#plan")).to_have_count(0)
    await tab.mark()

    async def answer_as_open(route: Route) -> None:
        await route.fulfill(response=await route.fetch(url=f"{tab.url}/deletions/{shown.waiting}"))

    await page.route(page.url, answer_as_open)
    await page.evaluate(LOOK_AGAIN)
    await expect(page.locator("#plan")).to_be_attached()
    await page.locator("#plan").scroll_into_view_if_needed()
    await expect(page.locator("#plan .plan")).to_contain_text("If every upstream does as it is told")
    assert await page.locator("main > section").evaluate_all("all => all.map((one) => one.id)") == [
        "about", "decide", "conditions", "evidence", "plan", "timeline", "origin",
    ]  # fmt: skip
    assert await tab.is_marked()
    await page.unroute_all(behavior="ignoreErrors")


async def test_a_page_about_one_deletion_is_renewed_by_its_own_events_only(
    new_tab_within: OpenTab, shown: Shown
) -> None:
    async with new_tab_within() as tab:
        page = tab.page
        await page.clock.install()
        await page.add_init_script(KEEPS_STREAMS)
        await tab.open(f"/deletions/{shown.waiting}")
        await expect(page.locator("#freshness")).to_contain_text("Live")
        await page.clock.pause_at(await page.evaluate("looks = 0, Date.now() / 1000 + 1"))
        for deletion, looks in ((shown.gone, 0), (shown.waiting, 1)):
            await page.evaluate(TELL, deletion)
            await page.clock.run_for(1000)
            assert await page.evaluate("window.looks") == looks


KEEPS_STREAMS = """
window.streams = [];
window.EventSource = class extends EventSource { constructor(url) { super(url); streams.push(this); } };
window.looks = 0;
window.fetch = ((really) => (...asked) => { looks += 1; return really(...asked); })(fetch);
window.setInterval = () => 0; // events only
"""
TELL = """
(deletion) => streams[0].dispatchEvent(new MessageEvent("timeline", { data: JSON.stringify({ deletion }) }))
"""


async def test_who_listens_to_the_page_is_told_that_something_was_copied(tab: Tab, shown: Shown) -> None:
    await tab.open("/webhooks")
    card = tab.page.locator(".sender").first
    if await card.locator("details").get_attribute("open") is None:
        await card.locator("summary").click()
    await card.get_by_role("button", name="Copy the URL").click()
    told = tab.page.get_by_role("status").filter(has_text=re.compile("^(Copied|Marked) the URL"))
    await expect(told).to_be_attached()
