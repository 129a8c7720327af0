"""What holds for every page: axe finds nothing wrong with it, and it fits into the window, light and dark."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.addresses import ERRORS, OPEN, PAGES
from tests.browser.axe import LOOKS, shorten, violations_of
from tests.browser.shelf import Shown
from tests.browser.tab import DESKTOP, PHONE, Tab, open_tab
from tests.support.e2e import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def inside(browser: Browser, stage: Stage, cookies: list[Any]) -> AsyncIterator[Tab]:
    """One tab for all pages, in which somebody has signed in."""
    async with open_tab(browser, stage, cookies=cookies) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outside(browser: Browser, stage: Stage) -> AsyncIterator[Tab]:
    """One tab in which nobody has signed in."""
    async with open_tab(browser, stage) as opened:
        yield opened


async def judge(tab: Tab, path: str) -> None:
    """Fail unless a page is in order on a desktop and on a phone, light and dark."""
    page = tab.page
    await tab.resize(DESKTOP)
    await page.emulate_media(color_scheme="light")
    await tab.open(path)
    assert await tab.width_needed() <= DESKTOP["width"]
    await tab.resize(PHONE)
    assert await tab.width_needed() <= PHONE["width"]
    await shorten(page)
    assert await violations_of(page) == [], "on a phone"
    await page.emulate_media(color_scheme="dark")
    await tab.resize(DESKTOP)
    assert await violations_of(page, only=LOOKS) == [], "on a desktop, in the dark"
    assert tab.unexpected() == []


@pytest.mark.parametrize("name", PAGES)
async def test_every_page_is_accessible_and_fits(inside: Tab, shown: Shown, name: str) -> None:
    await judge(inside, PAGES[name].format(**shown.ids))


@pytest.mark.parametrize("name", OPEN)
async def test_every_page_before_signing_in_is_accessible_and_fits(outside: Tab, name: str) -> None:
    await judge(outside, OPEN[name])


@pytest.mark.parametrize("name", ERRORS)
async def test_every_error_is_accessible_and_fits(inside: Tab, shown: Shown, name: str) -> None:
    inside.expect_trouble("the server responded with a status of 4")
    await judge(inside, ERRORS[name].format(**shown.ids))
