"""Writes the pictures of the pages that the documents show: `python -m tests.browser.screenshots docs/images`.

The household is made up, and so are its hours and sizes, see `past`. What differs from run to run (ports, the temporary
folder) is replaced on its way to the browser.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from os import geteuid
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, Route, ViewportSize, async_playwright

from reconciler.cli.exits import ExitCode
from tests.browser.past import Past, put_into_the_past
from tests.browser.shelf import CONFIG, ask
from tests.browser.tab import cookies_of
from tests.support.e2e import SECRET, Stage, open_stage, until_ready
from tests.support.e2e_cli import cli

_WIDE: ViewportSize = {"width": 1100, "height": 800}
_NARROW: ViewportSize = {"width": 390, "height": 800}
_STILL = 'Object.defineProperty(document, "hidden", { get: () => true })'
"""Keeps a page from renewing itself: it takes itself for one that nobody looks at."""

_SCROLL = "(selector) => window.scrollTo(0, document.querySelector(selector).offsetTop - 16)"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: of a page from its top on, or from `at` (a selector) on; `opens` is what is opened first."""

    name: str
    path: str
    at: str = ""
    opens: str = ""
    is_narrow: bool = False
    scheme: Literal["light", "dark"] = "light"
    scale: int = 1


PICTURES = (
    Picture("status", "/"),
    Picture("status-dark", "/", scheme="dark"),
    Picture("status-phone", "/", is_narrow=True, scale=2),
    Picture("upstreams", "/", at="#upstreams"),
    Picture("deletion", "/deletions/{gone}"),
    Picture("evidence", "/deletions/{gone}", at="#evidence"),
    Picture("needs-you", "/needs-you"),
    Picture("webhooks", "/webhooks", opens="#setup-1"),
)

_GONE = (
    ("Sunrise", 1927, "ann", Past(timedelta(hours=21), took=timedelta(seconds=4))),
    ("The Cabinet of Dr. Caligari", 1920, "ben", Past(timedelta(hours=17), took=timedelta(minutes=12))),
    ("Safety Last!", 1923, "cleo", Past(timedelta(hours=13), took=timedelta(seconds=6))),
    ("Battleship Potemkin", 1925, "ann", Past(timedelta(hours=9), took=timedelta(hours=2))),
    ("Häxan", 1922, "ben", Past(timedelta(hours=6), took=timedelta(seconds=40))),
    ("Night of the Living Dead", 1968, "cleo", Past(timedelta(minutes=42))),
)


async def fill(stage: Stage) -> Mapping[str, str]:
    """Ask for deletions of every kind, wait until each is where it stays, and return the ids of those shown singly."""
    past: dict[str, Past] = {}
    for name, year, who, when in _GONE:
        movie = await stage.movie(torrents=2 if name.startswith("Night") else 1, name=name, year=year)
        gone = await ask(stage, movie, year=year, requested_by=who)
        past[gone] = when
    kept = await stage.movie(tags=["keep"], name="Nosferatu", year=1922)
    unapproved = await stage.movie(name="Metropolis", year=1927)
    waiting = await stage.movie(name="The General", year=1926)
    series = await stage.series(name="The Beverly Hillbillies", year=1962)
    held = {
        await ask(stage, kept, year=1922, requested_by="ben"): Past(timedelta(hours=3)),
        await ask(stage, unapproved, by="api", year=1927, requested_by="cleo"): Past(timedelta(minutes=50)),
    }
    patient = {
        await ask(stage, waiting, by="cli", year=1926): Past(timedelta(minutes=25)),
        await ask(stage, series, by="cli", year=1962, seasons=[1]): Past(timedelta(minutes=12)),
    }
    for ids, phase in ((past, "converged"), (held, "held"), (patient, "waiting")):
        for id_ in ids:
            await stage.until_phase(id_, phase)
    await delete_in_radarr(stage)
    await stage.service.stop()
    put_into_the_past(stage.house.folder.parent / "reconciler.db", past | held | patient)
    await begin(stage)

    async def is_going() -> bool:
        status = await stage.get("/status")
        is_seen = all(row["reachable"] for row in status["upstreams"] if row["configured"])
        return is_seen and status["last_pass"] is not None

    await stage.wait(is_going, "a pass")
    return {"gone": gone}


async def begin(stage: Stage) -> None:
    """Start the service under an address of its own, and let it set its webhooks up."""
    await stage.service.start(RECONCILER_PUBLIC_URL=stage.service.url)
    await until_ready(stage)
    secrets = {"RECONCILER_WEBHOOK_SECRET": SECRET, "RECONCILER_PUBLIC_URL": stage.service.url}
    connected = await cli(stage, "connect", "--yes", **stage.house.environment(), **secrets)
    assert connected.code == ExitCode.OK, connected.err


async def delete_in_radarr(stage: Stage) -> None:
    """Let somebody delete a movie in Radarr itself, so that its webhook is heard."""
    movie = await stage.movie(name="The Lost World", year=1925)
    async with stage.upstream(stage.house.radarr_url) as http:
        answer = await http.delete(f"/api/v3/movie/{movie.entry_id}", params={"deleteFiles": "true"})
        assert answer.status_code == 200, answer.text

    async def is_gone() -> bool:
        return "converged" in {one["phase"] for one in await stage.all_deletions() if one["title"] == movie.word}

    await stage.wait(is_gone, "what was deleted in Radarr to go everywhere")


async def take(picture: Picture, page: Page, url: str, folder: Path) -> None:
    await page.goto(url)
    await page.wait_for_load_state("load")
    if picture.opens:
        await page.locator(picture.opens).locator("summary").click()
        await page.mouse.move(0, 0)
    if picture.at:
        await page.evaluate(_SCROLL, picture.at)
    file = folder / f"{picture.name}.png"
    await page.screenshot(path=file, animations="disabled", caret="hide")
    print(f"{file}: {file.stat().st_size / 1024:.0f} KiB")


async def take_all(browser: Browser, stage: Stage, ids: Mapping[str, str], folder: Path) -> None:
    cookies = await cookies_of(stage)
    replaced = {str(stage.house.folder): "/data", stage.service.url: "http://reconciler:8585"}

    async def tidied(route: Route) -> None:
        answer = await route.fetch()
        text = await answer.text()
        for found, shown in replaced.items():
            text = text.replace(found, shown)
        await route.fulfill(response=answer, body=text)

    for picture in PICTURES:
        context = await browser.new_context(
            viewport=_NARROW if picture.is_narrow else _WIDE,
            device_scale_factor=picture.scale,
            color_scheme=picture.scheme,
            reduced_motion="reduce",
        )
        await context.add_init_script(_STILL)
        await context.add_cookies(cookies)
        await context.route(lambda url: "/static/" not in url and not url.endswith("/events"), tidied)
        page = await context.new_page()
        await take(picture, page, stage.service.url + picture.path.format(**ids), folder)
        await context.unroute_all(behavior="ignoreErrors")
        await context.close()


async def main(folder: Path) -> int:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium is needed and was not found. Install it (Debian, Ubuntu: apt-get install chromium).")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as house:
        async with (
            async_playwright() as playwright,
            open_stage(Path(house), real_torrents=False, config=CONFIG, listens=False, is_started=False) as stage,
        ):
            await begin(stage)
            ids = await fill(stage)
            arguments = ["--no-sandbox"] if geteuid() == 0 else []
            browser = await playwright.chromium.launch(executable_path=chromium, args=arguments)
            await take_all(browser, stage, ids, folder)
            await browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
