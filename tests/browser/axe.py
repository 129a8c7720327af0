"""Has a page judged by axe-core, which is bundled with a package: nothing is fetched."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

_OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
_IS_THERE = "() => typeof window.axe === 'object'"
_RUN = "([where, options]) => window.axe.run(where, options)"
_MORE_OF_THE_SAME = (
    ".rows > li:nth-child(n+5)",
    "tbody > tr:nth-child(n+9)",
    "section > article:nth-of-type(n+3)",
    "section:not([id]) ~ section:not([id]) > article",
)
_WHERE = {"include": [["html"]], "exclude": [[selector] for selector in _MORE_OF_THE_SAME]}
"""Of a long list the first few: the others are like them, and a page full of them takes seconds."""


async def violations_of(page: Page, *, only: list[str] | None = None) -> list[str]:
    """Return everything that axe finds wrong with the page as it is now; `only` some of its rules."""
    if not await page.evaluate(_IS_THERE):
        await page.evaluate(AXE_SCRIPT)
    options: dict[str, Any] = _OPTIONS if only is None else {**_OPTIONS, "runOnly": only}
    found = await page.evaluate(_RUN, [_WHERE, options])
    return [_told(violation) for violation in found["violations"]]


def _told(violation: dict[str, Any]) -> str:
    nodes = [f"{node['target'][0]}: {node['failureSummary']}" for node in violation["nodes"][:5]]
    return "\n  ".join([f"{violation['impact']}: {violation['id']}, {violation['help']}", *nodes])
