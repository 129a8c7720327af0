"""The text by which people find a deletion, the same on every database: folded here, and compared there as it is."""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from reconciler.store.database import Connection, Value
from reconciler.store.rows import seasons_of

AT_ONCE = 500
"""How many deletions an upgrade gives their text at once."""

NAMED = "SELECT id, title, year, seasons, requested_by, search_text FROM deletions WHERE id IN :ids"

NAMES = """
SELECT deletion, name FROM targets WHERE deletion IN :ids AND kind = 'entry' AND name IS NOT NULL ORDER BY number
"""

_BEFORE_ALL = "00000000-0000-0000-0000-000000000000"


def folded(text: str) -> str:
    """Return a text without differences that people do not type: of case, of spelling in Unicode, and of spaces."""
    spelt = unicodedata.normalize("NFKC", text).casefold()
    without_dot = unicodedata.normalize("NFKC", spelt).replace("i\u0307", "i")  # what is left of a Turkish capital I
    return " ".join(without_dot.split())


def search_text(
    title: str | None,
    year: int | None,
    seasons: Collection[int] | None,
    requested_by: str | None,
    names: Iterable[str] = (),
) -> str:
    """Return what is searched: what a deletion is shown as, who asked, and what libraries call it.

    Nothing that is typed without a space reaches from one of these into the next.
    """
    numbers = [f"season {number}" for number in sorted(seasons or ())]
    texts = (title, str(year) if year else None, *numbers, requested_by, *names)
    return "\n".join(dict.fromkeys(folded(text) for text in texts if text))


async def renew(connection: Connection, ids: Sequence[str]) -> None:
    """Write the texts of these deletions anew, after something was learnt of their names."""
    of_these: dict[str, Value] = {"ids": list(ids)}
    names: dict[str, list[str]] = defaultdict(list)
    for row in await connection.fetch_all(NAMES, of_these):
        names[str(row["deletion"])].append(row["name"])
    changed: list[dict[str, Value]] = []
    for row in await connection.fetch_all(NAMED, of_these):
        id_ = str(row["id"])
        text = search_text(row["title"], row["year"], seasons_of(row["seasons"]), row["requested_by"], names[id_])
        if text != row["search_text"]:
            changed.append({"id": id_, "text": text})
    if changed:
        await connection.execute_many("UPDATE deletions SET search_text = :text WHERE id = :id", changed)


async def fill(connection: Connection) -> None:
    """Write the text of every deletion that there is."""
    after = _BEFORE_ALL
    while True:
        rows = await connection.fetch_all(
            "SELECT id FROM deletions WHERE id > :after ORDER BY id LIMIT :limit", {"after": after, "limit": AT_ONCE}
        )
        if not rows:
            return
        ids = [str(row["id"]) for row in rows]
        await renew(connection, ids)
        after = ids[-1]
