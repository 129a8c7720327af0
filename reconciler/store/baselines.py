"""The last complete list of each upstream, against which a suspicious one is told."""

import json
from collections.abc import Collection, Iterable

from reconciler.model import InfoHash, InstanceName
from reconciler.ports import Baseline
from reconciler.store.database import Connection, fetch_one
from reconciler.store.rows import as_json, time_of


async def baseline_of(connection: Connection, instance: InstanceName) -> Baseline | None:
    """Return the baseline of an upstream, or `None` before its first complete list."""
    row = await fetch_one(connection, "SELECT * FROM baselines WHERE instance = :instance", {"instance": instance})
    if row is None:
        return None
    return Baseline(instance, row["identity"], frozenset(json.loads(row["ids"])), time_of(row["at"]))


async def save_baseline(connection: Connection, baseline: Baseline) -> None:
    """Replace the baseline of an upstream."""
    await connection.execute(
        """
        INSERT INTO baselines (instance, identity, ids, at) VALUES (:instance, :identity, :ids, :at)
        ON CONFLICT (instance) DO UPDATE SET identity = excluded.identity, ids = excluded.ids, at = excluded.at
        """,
        {
            "instance": baseline.instance,
            "identity": baseline.identity,
            "ids": as_json(sorted(baseline.ids)),
            "at": baseline.at,
        },
    )


async def forget_baselines(connection: Connection, instances: Iterable[InstanceName]) -> None:
    """Accept the next complete list of these upstreams as it is."""
    await connection.execute("DELETE FROM baselines WHERE instance IN :names", {"names": sorted(instances)})


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
