"""Has a page judged by axe-core, which is bundled with a package: nothing is fetched."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

LOOKS = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
"""The rules that depend on colours and widths; all others say the same in every look."""

_MORE_OF_THE_SAME = (
    ".rows > li:nth-child(n+5)",
    "tbody > tr:nth-child(n+9)",
    "section > article:nth-of-type(n+3)",
    "section:not([id]) ~ section:not([id])",
)
_CUT = """(selector) => {
  Object.defineProperty(document, "hidden", { get: () => true }); // what nobody looks at is not renewed
  document.querySelectorAll(selector).forEach((one) => one.remove());
}"""
_IS_THERE = "() => typeof window.axe === 'object'"
_RUN = "(options) => window.axe.run(document, options)"


async def shorten(page: Page) -> None:
    """Leave the first few of every long list: the others are like them, and a page full of them takes seconds."""
    await page.evaluate(_CUT, ", ".join(_MORE_OF_THE_SAME))


async def violations_of(page: Page, *, only: list[str] | None = None) -> list[str]:
    """Return everything that axe finds wrong with the page as it is now, by all its rules or `only` some."""
    if not await page.evaluate(_IS_THERE):
        await page.evaluate(AXE_SCRIPT)
    chosen: dict[str, Any] = {"runOnly": only} if only else {"rules": {"target-size": {"enabled": True}}}
    options = {"resultTypes": ["violations"], **chosen}
    found = await page.evaluate(_RUN, options)
    return [_told(violation) for violation in found["violations"]]


def _told(violation: dict[str, Any]) -> str:
    nodes = [f"{node['target'][0]}: {node['failureSummary']}" for node in violation["nodes"][:5]]
    return "\n  ".join([f"{violation['impact']}: {violation['id']}, {violation['help']}", *nodes])
