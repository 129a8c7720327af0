"""What a newcomer asks, answered by the pages alone: each test begins at the status and reads what is shown."""

from datetime import datetime

import pytest
from playwright.async_api import Locator

from tests.browser.shelf import Shown, ask
from tests.browser.tab import Tab, expect
from tests.support.e2e import Stage
from tests.support.e2e_shown import condition

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def follow(tab: Tab, title: str) -> None:
    """Click on a title that is on the page."""
    await tab.page.get_by_role("link", name=title).first.click()
    await expect(tab.page.get_by_role("heading", level=1)).to_contain_text(title)


def answer(tab: Tab, question: str):  # type: ignore[no-untyped-def]  # a locator, whose type only playwright knows
    return tab.page.locator(".story > div").filter(has_text=question).get_by_role("definition")


async def test_what_is_stuck(tab: Tab, shown: Shown) -> None:
    await tab.open("/")
    await expect(tab.page.get_by_role("heading", level=1)).to_contain_text("need")
    held = tab.page.get_by_role("region", name="Needs you")
    for title in ("Nosferatu (1922)", "Metropolis (1927)"):
        await expect(held.get_by_role("link", name=title)).to_be_visible()
    await expect(held).not_to_contain_text("Night of the Living Dead")


async def test_why(tab: Tab, shown: Shown) -> None:
    await tab.open("/")
    row = tab.page.get_by_role("listitem").filter(has=tab.page.get_by_role("link", name="Nosferatu (1922)"))
    await expect(row.locator(".why")).to_contain_text("keep")
    await follow(tab, "Nosferatu")
    await expect(answer(tab, "What is going on?")).to_contain_text("keep")
    await expect(tab.page.get_by_role("heading", name="Protected at radarr")).to_be_visible()


async def test_since_when(stage: Stage, tab: Tab, shown: Shown) -> None:
    events = (await stage.show(shown.protected))["timeline"]
    at = next(e["at"] for e in reversed(events) if e["data"].get("reason") == "Protected")
    link = tab.page.get_by_role("link", name="Nosferatu (1922)")
    await tab.open("/needs-you")
    queued = tab.page.get_by_role("article").filter(has=link).locator(".meta time").last
    await is_shown_at(queued, at)
    await tab.open("/")
    await is_shown_at(tab.page.get_by_role("listitem").filter(has=link).locator(".since time"), at)
    await follow(tab, "Nosferatu")
    await is_shown_at(answer(tab, "Since when?").locator("time"), at)


async def is_shown_at(said: Locator, at: str) -> None:
    await expect(said).to_contain_text("ago")
    told = await said.get_attribute("datetime")
    assert datetime.fromisoformat(told or "") == datetime.fromisoformat(at)


async def test_what_happens_next(stage: Stage, tab: Tab, shown: Shown) -> None:
    await tab.open("/")
    passes = tab.page.get_by_role("region", name="Reconciling")
    await expect(passes.locator("div").filter(has_text="Next pass").locator("time")).to_be_visible()
    await tab.open("/deletions?q=general")
    await follow(tab, "The General")
    await expect(answer(tab, "What happens next?")).to_contain_text("by itself")
    await expect(answer(tab, "What happens next?").locator("time")).to_contain_text("in 9 hours")
    plan = tab.page.get_by_role("region", name="The plan still ahead")
    await plan.scroll_into_view_if_needed()
    for step in ("RemoveTorrent at qbittorrent", "DeleteEntry at radarr", "DeleteRecord at jellyseerr"):
        await expect(plan).to_contain_text(step)


async def test_what_i_have_to_do(tab: Tab, shown: Shown) -> None:
    await tab.open("/")
    await tab.page.get_by_role("link", name="Needs you", exact=True).click()
    one = tab.page.get_by_role("article").filter(has=tab.page.get_by_role("link", name="Nosferatu (1922)"))
    await expect(one).to_contain_text(
        "Take the protection away and retry, approve to delete it all the same, or cancel"
    )
    for choice in ("Approve…", "Retry now…", "Cancel…"):
        await expect(one.get_by_role("link", name=choice)).to_be_visible()
    await tab.open(f"/deletions/{shown.waiting}")
    await expect(answer(tab, "What do I have to do?")).to_contain_text("Nothing; or cancel it before its time comes.")
    await tab.open(f"/deletions/{shown.gone}")
    await expect(answer(tab, "What do I have to do?")).to_contain_text("Nothing. It can be requested again")


async def test_what_was_deleted(tab: Tab, shown: Shown) -> None:
    page = tab.page
    await tab.open("/")
    await expect(page.get_by_role("region", name="Deletions by phase")).to_contain_text("freed")
    await page.get_by_role("link", name="Everything that was deleted").click()
    await page.get_by_label("Search").fill("living")
    await page.keyboard.press("Enter")
    await follow(tab, "Night of the Living Dead")
    rows = page.get_by_role("region", name="Evidence").get_by_role("row")
    for hash_ in shown.gone_title.torrents:
        row = rows.filter(has_text=hash_)
        await expect(row).to_contain_text("absent since")
        await expect(row).to_contain_text("KiB")
        await expect(row).to_contain_text("RemoveTorrent")
    entry = rows.filter(has=page.get_by_role("rowheader", name="entry Night of the Living Dead"))
    await expect(entry).to_contain_text("absent since")
    await page.get_by_text("Paths", exact=True).click()
    await expect(page.locator("#paths")).to_contain_text("Night.of.the.Living.Dead.1968.v2.1080p.mkv")
    await page.get_by_text("The receipt as it came in").click()
    await expect(page.locator("#receipt pre")).to_contain_text('"requested_by": "ann"')


async def is_out(stage: Stage) -> bool:
    return not (await stage.upstream_status("jellyseerr"))["reachable"]


async def test_who_keeps_it_from_going_on_when_an_upstream_is_out(stage: Stage, tab: Tab, shown: Shown) -> None:
    movie, gate, page = await stage.movie(), stage.gates["jellyseerr"], tab.page
    await gate.shut()
    try:
        deletion = await ask(stage, movie)
        await stage.until_phase(deletion, "waiting")
        await stage.wait(lambda: is_out(stage), "the outage to be noticed")
        await tab.open("/")
        await tab.mark()
        await expect(page.get_by_role("region", name="Verdict")).to_contain_text("annot reach jellyseerr")
        upstream = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="jellyseerr"))
        await expect(upstream).to_contain_text("out of reach")
        row = page.get_by_role("listitem").filter(has=page.get_by_role("link", name=movie.word))
        said = condition(await stage.show(deletion), "RequestCleared")["reason"]
        assert said in {"Unreachable", "RequestsUnseen"}
        await expect(row.locator(".why")).to_contain_text("ellyseerr")
        await expect(row.locator(".since")).to_contain_text("ago")
    finally:
        await gate.open()
    await stage.decide(deletion, "retry")
    await expect(page.locator(".row.converged").filter(has_text=movie.word)).to_be_visible()
    assert await tab.is_marked()
