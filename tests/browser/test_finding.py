"""Finding a deletion in the list: search, filters and pages."""

import pytest

from tests.browser.shelf import MANY, Shown
from tests.browser.tab import Tab, expect
from tests.support.e2e import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_search_finds_titles_people_and_hashes(stage: Stage, tab: Tab, shown: Shown) -> None:
    page = tab.page
    rows = page.locator(".row")
    await tab.open("/deletions")
    (torrent, *_) = shown.gone_title.torrents
    for text, title in (
        ("metrop", "Metropolis (1927)"),
        ("Safety Last! (1923)", "Safety Last! (1923)"),
        ("BEN", "Nosferatu (1922)"),
        (torrent, "Night of the Living"),
    ):
        await page.get_by_label("Search").fill(text)
        await page.get_by_role("button", name="Search").click()
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text(title)
    await page.get_by_label("Search").fill("nothing is called that")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("No deletion is like that.")).to_be_visible()
    await page.get_by_role("link", name="Show all").click()
    await expect(rows).not_to_have_count(0)


async def test_a_filter_stays_while_searching_and_the_other_way_round(tab: Tab, shown: Shown) -> None:
    page = tab.page
    phases = page.get_by_role("navigation", name="Phases")
    await tab.open("/deletions?q=ne")
    await phases.get_by_role("link", name="cancelled").click()
    await expect(page.get_by_label("Search")).to_have_value("ne")
    await expect(page.get_by_text("No deletion is like that.")).to_be_visible()
    await page.get_by_label("Search").fill("safety")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("link", name="Safety Last! (1923)")).to_be_visible()
    await expect(phases.get_by_role("link", name="cancelled")).to_have_attribute("aria-current", "true")
    await phases.get_by_role("link", name="all").click()
    await expect(page.locator(".row")).to_have_count(1)


async def test_pages_show_every_deletion_once(tab: Tab, shown: Shown) -> None:
    page = tab.page
    paging = page.get_by_role("navigation", name="Paging")
    await tab.open("/deletions?q=newsreel")
    found: list[str] = await page.locator(".row h3").all_inner_texts()
    await paging.get_by_role("link", name="Older").click()
    await expect(paging.get_by_role("link", name="Newest")).to_be_visible()
    await expect(paging.get_by_role("link", name="Older")).to_have_count(0)
    found += await page.locator(".row h3").all_inner_texts()
    assert sorted(found) == sorted(f"Newsreel {number}" for number in range(1, MANY + 1))
    await paging.get_by_role("link", name="Newest").click()
    await expect(paging.get_by_role("link", name="Older")).to_be_visible()


async def test_a_counter_leads_to_what_it_counts(tab: Tab, shown: Shown) -> None:
    page = tab.page
    await tab.open("/")
    await page.get_by_role("region", name="Deletions by phase").get_by_role("link", name="cancelled").click()
    await expect(page.get_by_role("link", name="Safety Last! (1923)")).to_be_visible()
    await expect(page.locator(".row:not(.cancelled)")).to_have_count(0)
