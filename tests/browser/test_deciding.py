"""Deciding on the pages: each choice says what it will do, is made with one more click, and is then carried out."""

import pytest

from tests.browser.shelf import Shown, ask
from tests.browser.tab import Tab, expect
from tests.support.e2e import Stage
from tests.support.e2e_shelf import movie_by_hand

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_held_deletion_is_approved_from_the_queue(stage: Stage, tab: Tab, shown: Shown) -> None:
    movie = await stage.movie()
    deletion = await ask(stage, movie, by="api")
    await stage.until_phase(deletion, "held")
    page = tab.page
    await tab.open("/")
    await page.get_by_role("link", name="Look at what needs you").click()
    await page.get_by_role("link", name=f"Approve… {movie.word} (1950)").click()
    effects = page.get_by_role("listitem")
    await expect(effects.filter(has_text="It goes on although")).to_contain_text("ApprovalRequired")
    await expect(effects.filter(has_text="That cannot be undone.")).to_be_visible()
    assert movie.torrents <= set(await stage.house.torrents()), "nothing happens before it is confirmed"
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("status").filter(has_text="The approval is written down")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("converged")
    assert await stage.left_of(movie) == []


async def test_a_deletion_is_cancelled_and_nothing_of_it_goes(stage: Stage, tab: Tab, shown: Shown) -> None:
    movie = await stage.movie()
    deletion = await ask(stage, movie, by="api")
    await stage.until_phase(deletion, "held")
    page = tab.page
    await tab.open(f"/deletions/{deletion}")
    await page.get_by_role("link", name="Cancel…").click()
    await expect(page.get_by_role("listitem").filter(has_text="Nothing was deleted yet.")).to_be_visible()
    await page.get_by_role("link", name="Go back").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("held")
    await page.get_by_role("link", name="Cancel…").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("status").filter(has_text="Nothing more of it is deleted")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    await expect(page.get_by_role("definition").filter(has_text="A person cancelled it.")).to_be_visible()
    assert movie.torrents <= set(await stage.house.torrents())


async def test_once_its_cause_is_gone_a_deletion_is_retried_at_once(stage: Stage, tab: Tab, shown: Shown) -> None:
    movie = await stage.movie(tags=["keep"], torrents=0, is_requested=False)
    deletion = await ask(stage, movie)
    await stage.until_phase(deletion, "held")
    stage.house.radarr.titles[movie.entry_id].tags.clear()
    page = tab.page
    await tab.open(f"/deletions/{deletion}")
    await page.get_by_role("link", name="Retry now…").click()
    await page.get_by_role("button", name="Retry now").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("converged")
    assert await stage.left_of(movie) == []


async def test_a_torrent_that_no_history_names_is_bound(stage: Stage, tab: Tab, shown: Shown) -> None:
    movie = await movie_by_hand(stage)
    deletion = await ask(stage, movie)
    await stage.until_phase(deletion, "held")
    (torrent,) = movie.torrents
    page = tab.page
    await tab.open(f"/deletions/{deletion}")
    await page.get_by_role("link", name="Bind torrents…").click()
    await expect(page.get_by_text(torrent)).to_be_visible()
    await page.get_by_label("Info hashes of its torrents").fill("all")
    tab.expect_trouble("422")
    await page.get_by_role("button", name="Bind torrents").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_label("Info hashes of its torrents")).to_have_value("all")
    await page.get_by_label("Info hashes of its torrents").fill(torrent.upper())
    await page.get_by_role("button", name="Bind torrents").click()
    await expect(page.get_by_role("status").filter(has_text="these torrents belong to it")).to_be_visible()
    await stage.until_torrents_gone(movie)


async def test_a_decision_that_came_too_late_says_so(stage: Stage, tab: Tab, shown: Shown) -> None:
    movie = await stage.movie(torrents=0, is_requested=False)
    deletion = await ask(stage, movie, by="api")
    await stage.until_phase(deletion, "held")
    page = tab.page
    await tab.open(f"/deletions/{deletion}/confirm/approve")
    await stage.decide(deletion, "cancel")
    await stage.until_phase(deletion, "cancelled")
    tab.expect_trouble("409")
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.get_by_role("main")).not_to_contain_text("written down")
    await page.get_by_role("link", name="To the status").click()
    await expect(page.get_by_role("heading", name="Upstreams")).to_be_visible()
