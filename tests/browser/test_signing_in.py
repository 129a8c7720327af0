"""Signing in and out, as a person does it."""

import pytest

from tests.browser.shelf import Shown
from tests.browser.tab import OpenTab, expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_somebody_signs_in_comes_where_they_wanted_to_and_signs_out(new_tab: OpenTab, shown: Shown) -> None:
    async with new_tab() as tab:
        wanted = f"/deletions/{shown.protected}"
        await tab.open(wanted)
        await expect(tab.page.get_by_role("heading", name="Sign in")).to_be_visible()
        await tab.sign_in()
        await expect(tab.page.get_by_role("heading", name="Nosferatu (1922)")).to_be_visible()
        assert tab.path == wanted
        await tab.page.get_by_role("button", name="Sign out").click()
        await expect(tab.page.get_by_role("heading", name="Sign in")).to_be_visible()
        await tab.page.go_back()
        await expect(tab.page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_a_wrong_token_is_explained_and_the_way_back_is_kept(new_tab: OpenTab, shown: Shown) -> None:
    async with new_tab() as tab:
        await tab.open("/deletions?phase=held")
        tab.expect_trouble("403")
        await tab.sign_in("not-the-token-of-this-house")
        await expect(tab.page.get_by_role("alert")).to_contain_text("This is not one of the tokens")
        await expect(tab.page.get_by_label("API token")).to_have_value("")
        await tab.sign_in()
        await expect(tab.page.get_by_role("heading", name="Deletions", exact=True)).to_be_visible()
        assert tab.path == "/deletions?phase=held"
