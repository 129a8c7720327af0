"""What holds for every page: axe finds nothing wrong with it, and it fits into the window, light and dark."""

import pytest

from tests.browser.addresses import ERRORS, OPEN, PAGES
from tests.browser.axe import violations_of
from tests.browser.shelf import Shown
from tests.browser.tab import DESKTOP, PHONE, OpenTab, Tab

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEN_BY_COLOUR = ["color-contrast", "link-in-text-block"]


async def judge(tab: Tab) -> None:
    """Fail unless the page that is shown is in order in every look: the rest does not depend on the colours."""
    page = tab.page
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]  # a typed dictionary of two numbers
    await page.emulate_media(color_scheme="light")
    assert await violations_of(page) == [], "on a desktop"
    assert await tab.width_needed() <= DESKTOP["width"]
    await page.emulate_media(color_scheme="dark")
    assert await violations_of(page, only=SEEN_BY_COLOUR) == [], "on a desktop, in the dark"
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # as above
    assert await violations_of(page) == [], "on a phone, in the dark"
    assert await tab.width_needed() <= PHONE["width"]
    await page.emulate_media(color_scheme="light")
    assert await violations_of(page, only=SEEN_BY_COLOUR) == [], "on a phone"


@pytest.mark.parametrize("name", PAGES)
async def test_every_page_is_accessible_and_fits(tab: Tab, shown: Shown, name: str) -> None:
    await tab.open(PAGES[name].format(**shown.ids))
    await judge(tab)


@pytest.mark.parametrize("name", OPEN)
async def test_every_page_before_signing_in_is_accessible_and_fits(new_tab: OpenTab, name: str) -> None:
    async with new_tab() as tab:
        await tab.open(OPEN[name])
        await judge(tab)


@pytest.mark.parametrize("name", ERRORS)
async def test_every_error_is_accessible_and_fits(tab: Tab, shown: Shown, name: str) -> None:
    tab.expect_trouble("the server responded with a status of 4")
    await tab.open(ERRORS[name].format(**shown.ids))
    await judge(tab)
