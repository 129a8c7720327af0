"""A browser's tab that notices everything a page must never do, and somebody who signs in with it."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, ViewportSize, expect

from tests.support.e2e import SECRET, Stage

PATIENCE_MS = 30_000
"""How long to wait for what comes by itself; a loaded machine takes its time."""

DESKTOP: ViewportSize = {"width": 1200, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}

_TELLS_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error("the policy was violated: " + event.violatedDirective + " " + event.blockedURI));
"""


@dataclass
class Tab:
    """One page in a context of its own. `troubles` are what it must not have: errors, dialogs, foreign requests."""

    page: Page
    url: str
    troubles: list[str] = field(default_factory=list)
    _expected: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        """Go to an address of the service, wherever that leads."""
        await self.page.goto(self.url + path)

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.url)

    def expect_trouble(self, pattern: str) -> None:
        """Say that the console may complain about this: it does so about every answer that is an error."""
        self._expected.append(pattern)

    def unexpected(self) -> list[str]:
        return [one for one in self.troubles if not any(re.search(pattern, one) for pattern in self._expected)]

    # --- that a page was never loaded anew ---

    async def mark(self) -> None:
        """Leave a mark that only navigating takes away."""
        await self.page.evaluate("window.mark = true")

    async def is_marked(self) -> bool:
        return bool(await self.page.evaluate("window.mark === true"))

    # --- signing in ---

    async def sign_in(self, token: str = SECRET) -> None:
        """Fill in the form that is shown."""
        await self.page.get_by_label("API token").fill(token)
        await self.page.get_by_role("main").get_by_role("button", name="Sign in").click()

    async def width_needed(self) -> int:
        """Return how wide the page is, in pixels: more than the window means that it scrolls sideways."""
        return int(await self.page.evaluate("document.documentElement.scrollWidth"))

    async def check(self) -> None:
        """Fail if a page did what none may do, and leave the tab as it was in the beginning, for the next test."""
        await self.page.goto("about:blank")
        await self.page.emulate_media(color_scheme="light")
        await self.resize(DESKTOP)
        unexpected = self.unexpected()
        self.troubles.clear()
        self._expected.clear()
        assert unexpected == []

    async def resize(self, size: ViewportSize) -> None:
        await self.page.set_viewport_size(size)

    # --- watching ---

    def watch(self) -> None:
        def heard(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning", "assert"}:
                self.troubles.append(f"console: {message.text} ({message.location.get('url', '')})")

        async def asked(dialog: Dialog) -> None:
            self.troubles.append(f"dialog: {dialog.message}")
            await dialog.dismiss()

        def sent(request: Request) -> None:
            if not request.url.startswith(self.url + "/"):
                self.troubles.append(f"request to another host: {request.url}")

        self.page.on("console", heard)
        self.page.on("dialog", asked)
        self.page.on("request", sent)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))


OpenTab = Callable[..., AbstractAsyncContextManager[Tab]]


@asynccontextmanager
async def open_tab(
    browser: Browser, stage: Stage, *, cookies: list[Any] | None = None, clean: bool = True, **options: Any
) -> AsyncIterator[Tab]:
    """Open a tab with a profile of its own; leaving it fails if the page did what none may do.

    `options` are those of a Playwright context.
    """
    context: BrowserContext = await browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(_TELLS_VIOLATIONS)
    try:
        if cookies:
            await context.add_cookies(cookies)
        tab = Tab(await context.new_page(), stage.service.url)
        tab.watch()
        yield tab
        if clean:
            assert tab.unexpected() == []
    finally:
        await context.close()


async def cookies_of(stage: Stage, token: str = SECRET) -> list[Any]:
    """Sign in without a browser and return its cookies, for tests of something else."""
    async with httpx.AsyncClient(base_url=stage.service.url, trust_env=False, timeout=30) as http:
        form = await http.get("/sign-in", headers={"Accept": "text/html"})
        (form_token, *_) = re.findall(r'name="form_token" value="([0-9a-f]+)"', form.text)
        answer = await http.post("/sign-in", data={"form_token": form_token, "token": token, "next": ""})
        assert answer.status_code == 303, answer.text
        return [{"name": one.name, "value": one.value or "", "url": stage.service.url} for one in http.cookies.jar]


expect.set_options(timeout=PATIENCE_MS)

__all__ = ["DESKTOP", "PATIENCE_MS", "PHONE", "OpenTab", "Tab", "cookies_of", "expect", "open_tab"]
