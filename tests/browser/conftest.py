"""One house and one browser for all tests of the pages that run in one process."""

from collections.abc import AsyncIterator
from functools import partial
from os import geteuid
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.shelf import CONFIG, Shown, fill
from tests.browser.tab import OpenTab, Tab, cookies_of, open_tab
from tests.support.e2e import Stage, open_stage
from tests.support.real_parts import require_chromium, require_real_qbittorrent


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = require_chromium()
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox"] if geteuid() == 0 else []
        launched = await playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield launched
        finally:
            await launched.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    require_chromium()
    require_real_qbittorrent()
    folder = tmp_path_factory.mktemp("pages")
    async with open_stage(folder, config=CONFIG, gated=["jellyseerr"], RECONCILER_INTERVAL_SECONDS="5") as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shown(stage: Stage) -> Shown:
    return await fill(stage)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cookies(stage: Stage) -> list[Any]:
    return await cookies_of(stage)


@pytest.fixture
def new_tab(browser: Browser, stage: Stage) -> OpenTab:
    """Open tabs in which nobody has signed in."""
    return partial(open_tab, browser, stage)


@pytest.fixture
def new_tab_within(browser: Browser, stage: Stage, cookies: list[Any]) -> OpenTab:
    """Open tabs in which somebody has signed in."""
    return partial(open_tab, browser, stage, cookies=cookies)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lasting_tab(browser: Browser, stage: Stage, cookies: list[Any]) -> AsyncIterator[Tab]:
    async with open_tab(browser, stage, cookies=cookies) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def tab(lasting_tab: Tab) -> AsyncIterator[Tab]:
    """A tab in which somebody has signed in; tests share it, as a profile of its own takes a second to begin."""
    yield lasting_tab
    await lasting_tab.check()
