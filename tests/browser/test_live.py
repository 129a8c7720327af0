"""Pages keep themselves up to date: nothing is loaded anew, and what somebody is doing on them stays."""

import pytest

from tests.browser.shelf import Shown, ask
from tests.browser.tab import Tab, expect
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
    await plan.scroll_into_view_if_needed()
    await expect(plan).to_contain_text("RemoveTorrent at qbittorrent")
    await tab.mark()
    await stage.decide(deletion, "approve")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("converged")
    await expect(page.locator("#evidence .observed.absent").first).to_be_visible()
    await expect(plan).to_have_count(0)
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
    await expect(page.get_by_label("Search")).to_have_value("Metro")
    await expect(page.get_by_label("Search")).to_be_focused()
