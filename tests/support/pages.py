"""Reading the documents: sections, tables and examples."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "docs/alerts.md",
    "docs/api.md",
    "docs/cli.md",
    "docs/configuration.md",
    "docs/how-it-works.md",
    "docs/licences.md",
    "docs/logs.md",
    "docs/metrics.md",
    "docs/notifications.md",
    "docs/operations.md",
    "docs/reasons.md",
    "docs/releasing.md",
    "docs/status-page.md",
    "docs/webhooks.md",
    "docs/widgets.md",
    "helm/README.md",
)
"""Every page that people read, by its path in the repository."""

Row = list[str]


@cache
def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page: str) -> str:
    """Return a page on one line, so that a sentence is found wherever it is wrapped."""
    return " ".join(read(page).split())


def section(page: str, title: str) -> str:
    """Return what stands under a heading of the second level."""
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", read(page), flags=re.MULTILINE | re.DOTALL)
    return str(found)


def rows_of(text: str) -> list[Row]:
    """Return the cells of every table row but heads and rules."""
    lines = text.splitlines()
    tables = [
        (line, lines[position + 1] if position + 1 < len(lines) else "")
        for position, line in enumerate(lines)
        if line.startswith("|")
    ]
    rows = [line for line, after in tables if not line.startswith("|-") and not after.startswith("|-")]
    return [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in rows]


def code(cell: str) -> str:
    """Return the code that a cell begins with."""
    found = re.match(r"`([^`]+)`", cell)
    return found.group(1) if found else ""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", read(page), flags=re.MULTILINE | re.DOTALL)
