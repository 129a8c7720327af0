"""The same pages for everybody: in the dark, on a phone, by keyboard alone, and without JavaScript."""

import re
from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.axe import shorten, violations_of
from tests.browser.shelf import Shown, ask
from tests.browser.tab import PHONE, OpenTab, Tab, expect
from tests.support.e2e import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

_COLOURS = """() => ["body", "main > section", ".row", ".chip"].map((selector) => {
  const style = getComputedStyle(document.querySelector(selector));
  return style.color + " on " + style.backgroundColor;
})"""
_FOCUSED = """() => {
  const one = document.activeElement;
  const outline = getComputedStyle(one);
  return [one.textContent.replace(/\\s+/g, " ").trim(), outline.outlineStyle !== "none" && outline.outlineWidth];
}"""


async def test_in_the_dark_every_colour_is_another(tab: Tab, shown: Shown) -> None:
    await tab.page.emulate_media(color_scheme="light")
    await tab.open("/")
    light = await tab.page.evaluate(_COLOURS)
    await tab.page.emulate_media(color_scheme="dark")
    dark = await tab.page.evaluate(_COLOURS)
    assert [pair for pair in zip(light, dark, strict=True) if pair[0] == pair[1]] == []
    assert brightness(dark[0].partition(" on ")[2]) < 60
    assert brightness(light[0].partition(" on ")[2]) > 200


def brightness(colour: str) -> float:
    """Return how bright an opaque colour is, from 0 to 255."""
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour))
    return (red + green + blue) / 3


async def test_on_a_phone_a_finger_reaches_everything(new_tab_within: OpenTab, shown: Shown) -> None:
    phone: dict[str, Any] = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
    async with new_tab_within(**phone) as tab:
        page = tab.page
        await tab.open("/")
        await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Needs you").tap()
        await page.get_by_role("link", name="Nosferatu (1922)", exact=True).tap()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Nosferatu")
        assert await tab.width_needed() <= PHONE["width"]
        await tab.open("/deletions?phase=held")
        chip = page.locator(".chip").first
        await shorten(page)
        await chip.tap()
        tip = page.locator(".tip:visible")
        await expect(tip).to_be_in_viewport(ratio=1)
        assert await violations_of(page) == []
        await page.get_by_role("heading", level=1).tap()
        await expect(tip).to_have_count(0)


async def test_every_explanation_fits_into_the_window(tab: Tab, shown: Shown) -> None:
    page = tab.page
    width = 800
    await page.set_viewport_size({"width": width, "height": 900})
    await tab.open("/deletions?phase=held")
    await shorten(page)
    for chip in await page.locator(".chip").all():
        await chip.focus()
        assert await tab.width_needed() <= width, await chip.inner_text()
    await page.locator(".chip").first.focus()
    assert await violations_of(page) == [], "with an explanation open"


# --- by keyboard ---


async def press_until(page: Page, name: str, key: str = "Tab") -> list[str]:
    """Press a key until something is focused, every stop with an outline; return where it went before."""
    passed: list[str] = []
    while len(passed) < 60:
        await page.keyboard.press(key)
        text, outline = await page.evaluate(_FOCUSED)
        assert outline, f"nobody sees that {text!r} is focused"
        if text.startswith(name):
            return passed
        passed.append(text)
    raise AssertionError(f"the keyboard does not reach {name!r}, only {passed}")


async def test_everything_goes_by_keyboard_alone(stage: Stage, new_tab: OpenTab, shown: Shown) -> None:
    movie = await stage.movie(torrents=0, is_requested=False, is_imported=False)
    deletion = await ask(stage, movie, by="api")
    await stage.until_phase(deletion, "held")
    async with new_tab() as tab:
        page = tab.page
        await tab.open("/needs-you")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("main")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.get_by_label("API token")).to_be_focused()
        await page.keyboard.type(stage.http.headers["Authorization"].removeprefix("Bearer "))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Needs you", level=1)).to_be_visible()

        passed = await press_until(page, f"{movie.word} (1950)")
        assert passed[:5] == ["Skip to the content", "Deletion reconciler", "Status", "Deletions", "Needs you"]
        assert await press_until(page, "Approve") == []
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Approve this deletion?")).to_be_visible()
        await press_until(page, "Approve")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status").filter(has_text="The approval is written down")).to_be_visible()


async def test_an_explanation_shows_on_focus_and_escape_closes_it(tab: Tab, shown: Shown) -> None:
    page = tab.page
    await tab.open("/deletions?q=nosferatu")
    row = page.locator(".row")
    chip = row.get_by_role("button").first
    tip = row.get_by_role("tooltip")
    await expect(tip).to_have_count(0)
    await press_until(page, (await chip.text_content() or "").strip())
    await expect(tip).to_have_count(1)
    await expect(chip).to_have_accessible_description(re.compile("Torrents: "))
    await page.keyboard.press("Escape")
    await expect(tip).to_have_count(0)
    await expect(chip).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Shift+Tab")
    await expect(tip).to_have_count(1)
    await page.get_by_label("Search").focus()
    await expect(tip).to_have_count(0)
    await chip.hover()
    await expect(tip).to_have_count(1)
    await tip.hover()
    await expect(tip).to_have_count(1)


# --- without JavaScript ---


async def test_everything_works_without_javascript(stage: Stage, new_tab: OpenTab, shown: Shown) -> None:
    movie = await stage.movie(is_requested=False)
    deletion = await ask(stage, movie, by="api")
    await stage.until_phase(deletion, "held")
    async with new_tab(java_script_enabled=False) as tab:
        page = tab.page
        await tab.open("/deletions")
        await tab.sign_in()
        await page.get_by_label("Search").fill(movie.word)
        await page.get_by_role("button", name="Search").click()
        await expect(page.locator(".row")).to_have_count(1)
        await page.get_by_role("link", name=f"{movie.word} (1950)").click()
        await expect(page.get_by_role("article").filter(has_text="ApprovalRequired")).to_be_visible()
        await page.get_by_role("link", name="Look at the upstreams and show the plan").click()
        await expect(page.get_by_role("listitem").filter(has_text="RemoveTorrent at qbittorrent")).to_be_visible()
        await page.get_by_role("link", name=f"{movie.word} (1950)").click()
        await page.get_by_role("link", name="Approve…").click()
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_text("The approval is written down")).to_be_visible()
        await page.get_by_role("link", name="Status").click()
        await expect(page.locator('meta[http-equiv="refresh"]')).to_have_count(1)
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
