"""The last complete list of each upstream, against which a suspicious one is told."""

import json
from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime

from reconciler.errors import NotAsShown
from reconciler.model import InfoHash, InstanceName
from reconciler.ports import Baseline, Doubted
from reconciler.store.database import Connection, fetch_one
from reconciler.store.rows import as_json, time_of


async def baseline_of(connection: Connection, instance: InstanceName) -> Baseline | None:
    """Return the baseline of an upstream, or `None` before its first complete list."""
    row = await fetch_one(connection, "SELECT * FROM baselines WHERE instance = :instance", {"instance": instance})
    if row is None:
        return None
    return Baseline(
        instance,
        row["identity"],
        frozenset(json.loads(row["ids"])),
        time_of(row["at"]),
        _doubted(row["doubted"]),
        _doubted(row["accepted"]),
    )


async def save_baseline(connection: Connection, baseline: Baseline) -> None:
    """Replace the baseline of an upstream; what was doubted before is forgotten."""
    await connection.execute(
        """
        INSERT INTO baselines (instance, identity, ids, at) VALUES (:instance, :identity, :ids, :at)
        ON CONFLICT (instance) DO UPDATE SET identity = excluded.identity, ids = excluded.ids, at = excluded.at,
            doubted = NULL, accepted = NULL
        """,
        {
            "instance": baseline.instance,
            "identity": baseline.identity,
            "ids": as_json(sorted(baseline.ids)),
            "at": baseline.at,
        },
    )


async def doubt(connection: Connection, instance: InstanceName, doubted: Doubted) -> None:
    """Note the list that was not believed."""
    await connection.execute(
        "UPDATE baselines SET doubted = :doubted WHERE instance = :instance",
        {"doubted": _doubted_json(doubted), "instance": instance},
    )


async def accept(connection: Connection, shown: Collection[str]) -> None:
    """Accept the lists that were doubted in these words, which begin with the name of their upstream.

    Raises `NotAsShown` if another list was doubted there since. Where none is by now there is nothing to accept.
    """
    for text in sorted(shown):
        instance = InstanceName(text.partition(":")[0])
        baseline = await baseline_of(connection, instance)
        if baseline is None or baseline.doubted is None:
            continue
        if baseline.doubted.text != text:
            raise NotAsShown(f"by now it is {baseline.doubted.text}; retry, and look again")
        await connection.execute("UPDATE baselines SET accepted = doubted WHERE instance = :name", {"name": instance})


async def unlisted(
    connection: Connection, hashes: Collection[InfoHash], clients: Collection[InstanceName]
) -> frozenset[InfoHash]:
    """Return those of the hashes that no baseline of these clients holds; nothing while one has no baseline."""
    known = [await baseline_of(connection, client) for client in sorted(clients)]
    listed: set[str] = set()
    for baseline in known:
        if baseline is None:
            return frozenset()
        listed |= baseline.ids
    return frozenset(h for h in hashes if h[:40] not in listed)


def _doubted(text: str | None) -> Doubted | None:
    if text is None:
        return None
    stored = json.loads(text)
    since = datetime.fromisoformat(stored["since"])
    return Doubted(stored["identity"], since, frozenset(stored["missing"]), stored["text"])


def _doubted_json(doubted: Doubted) -> str:
    since = doubted.since.isoformat()
    return as_json({**asdict(doubted), "since": since, "missing": sorted(doubted.missing)})
