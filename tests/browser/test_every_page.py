"""What holds for every page: axe finds nothing wrong with it, and it fits into the window, light and dark."""

import pytest

from tests.browser.addresses import ERRORS, OPEN, PAGES
from tests.browser.axe import LOOKS, shorten, violations_of
from tests.browser.shelf import Shown
from tests.browser.tab import DESKTOP, PHONE, OpenTab, Tab

pytestmark = pytest.mark.asyncio(loop_scope="session")


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


@pytest.mark.parametrize("name", PAGES)
async def test_every_page_is_accessible_and_fits(tab: Tab, shown: Shown, name: str) -> None:
    await judge(tab, PAGES[name].format(**shown.ids))


@pytest.mark.parametrize("name", OPEN)
async def test_every_page_before_signing_in_is_accessible_and_fits(new_tab: OpenTab, name: str) -> None:
    async with new_tab() as tab:
        await judge(tab, OPEN[name])


@pytest.mark.parametrize("name", ERRORS)
async def test_every_error_is_accessible_and_fits(tab: Tab, shown: Shown, name: str) -> None:
    tab.expect_trouble("the server responded with a status of 4")
    await judge(tab, ERRORS[name].format(**shown.ids))
