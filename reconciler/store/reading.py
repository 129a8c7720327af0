"""What pages and programs read: one deletion, lists of them, and the counts of `/status`."""

from datetime import datetime

from reconciler.model import DeletionId, InstanceName, MediaKind, Phase
from reconciler.ports import DeletionFilter, DeletionPage, Overview
from reconciler.reasons import MEANINGS, PATIENT, Effect, Reason, asks_a_person
from reconciler.store import heard, results
from reconciler.store.database import Connection, Value, fetch_one
from reconciler.store.messengers import messengers
from reconciler.store.migrations import schema_version
from reconciler.store.rows import coverage_of, health_of, pass_of, time_of
from reconciler.store.search import Search
from reconciler.store.states import is_id, states_of

PHASE = """
CASE
    WHEN d.settled_as IS NOT NULL THEN d.settled_as
    WHEN EXISTS (SELECT 1 FROM conditions c WHERE c.deletion = d.id AND c.reason IN :holds) THEN 'held'
    WHEN EXISTS (SELECT 1 FROM conditions c WHERE c.deletion = d.id AND c.reason IN :waits) THEN 'waiting'
    WHEN d.bound_at IS NULL THEN 'pending'
    ELSE 'converging'
END
"""
"""`model.phase_of` over stored facts; a test holds the two together."""

PHASE_VALUES: dict[str, Value] = {
    "holds": [reason.value for reason, meaning in MEANINGS.items() if meaning.effect is Effect.HOLD],
    "waits": [reason.value for reason, meaning in MEANINGS.items() if meaning.effect is Effect.WAIT],
}

OPEN_BY_PHASE = f"""
SELECT {PHASE} AS phase, count(*) AS count FROM deletions d WHERE d.settled_at IS NULL GROUP BY 1
"""  # noqa: S608 - our own constant

HELD_BY_REASON = """
SELECT c.reason, count(DISTINCT d.id) AS count FROM deletions d JOIN conditions c ON c.deletion = d.id
WHERE d.settled_at IS NULL AND c.reason IN :holds GROUP BY c.reason
"""

_CARRIES_ONE = "EXISTS (SELECT 1 FROM conditions c WHERE c.deletion = d.id AND c.reason IN :{})"

ASKING = f"""
SELECT count(*) AS count FROM deletions d
WHERE d.settled_at IS NULL AND {_CARRIES_ONE.format("asks")} AND NOT {_CARRIES_ONE.format("holds")}
"""  # noqa: S608 - our own constants
"""How many open deletions a person has to look at although nothing holds them."""

ASKS = sorted(reason for reason in Reason if asks_a_person(reason))

CHANGED_AT = """
coalesce(
    (
        SELECT max(CASE WHEN d.turned_at > c.last_transition_time THEN d.turned_at ELSE c.last_transition_time END)
        FROM conditions c WHERE c.deletion = d.id
    ),
    d.requested_at
)
"""
"""`DeletionState.changed_at` of an open deletion over stored facts; a test holds the two together."""

IS_IMPATIENT = """
(
    NOT EXISTS (SELECT 1 FROM conditions c WHERE c.deletion = d.id AND c.reason IN :patient)
    OR EXISTS (SELECT 1 FROM conditions c WHERE c.deletion = d.id AND c.reason IN :impatient)
)
"""
"""Whether an open deletion waits for something else than a time that was set."""

OLDEST_CHANGES = f"""
SELECT phase, min(changed_at) AS changed_at FROM (
    SELECT {PHASE} AS phase, {CHANGED_AT} AS changed_at FROM deletions d
    WHERE d.settled_at IS NULL AND {IS_IMPATIENT}
) AS open_deletions GROUP BY phase
"""  # noqa: S608 - our own constants

PATIENCE_VALUES: dict[str, Value] = {
    "patient": sorted(PATIENT),
    "impatient": sorted(
        reason
        for reason, meaning in MEANINGS.items()
        if meaning.effect in {Effect.HOLD, Effect.WAIT} and reason not in PATIENT
    ),
}


OLDEST_UNSETTLED = "SELECT id, requested_at FROM deletions WHERE settled_at IS NULL ORDER BY requested_at LIMIT 1"


async def overview(connection: Connection, now: datetime) -> Overview:
    """Return what `/status` counts."""
    counted = await connection.fetch_all(OPEN_BY_PHASE, PHASE_VALUES)
    ended, freed = await results.ended(connection, now)
    oldest = await fetch_one(connection, OLDEST_UNSETTLED)
    changes = await connection.fetch_all(OLDEST_CHANGES, {**PHASE_VALUES, **PATIENCE_VALUES})
    held = await connection.fetch_all(HELD_BY_REASON, {"holds": PHASE_VALUES["holds"]})
    asking = await fetch_one(connection, ASKING, {"asks": ASKS, "holds": PHASE_VALUES["holds"]})
    last = await fetch_one(connection, "SELECT * FROM passes ORDER BY number DESC LIMIT 1")
    health = await connection.fetch_all("SELECT * FROM upstreams ORDER BY instance")
    coverage = await connection.fetch_all("SELECT * FROM ledger_coverage ORDER BY instance")
    resynced = await connection.fetch_all("SELECT instance, at FROM resync_states")
    told = await messengers(connection)
    return Overview(
        by_phase=dict.fromkeys(Phase, 0) | ended | {Phase(row["phase"]): int(row["count"]) for row in counted},
        oldest_unsettled_at=time_of(oldest["requested_at"]) if oldest else None,
        oldest_unsettled=DeletionId(str(oldest["id"])) if oldest else None,
        oldest_changes={Phase(row["phase"]): time_of(row["changed_at"]) for row in changes},
        held_by_reason={Reason(row["reason"]): int(row["count"]) for row in held},
        asking=int(asking["count"]) if asking else 0,
        schema_version=await schema_version(connection),
        upstreams=tuple(health_of(row) for row in health),
        coverage=tuple(coverage_of(row) for row in coverage),
        last_pass=pass_of(last) if last else None,
        resynced={InstanceName(row["instance"]): time_of(row["at"]) for row in resynced},
        freed=freed,
        convergences=await results.convergences(connection, now),
        senders=await heard.senders(connection),
        connections=await heard.connections(connection),
        messengers=told,
    )


async def deletions(connection: Connection, where: DeletionFilter, *, cursor: str | None, limit: int) -> DeletionPage:
    """Return a page, newest first; raises `ValueError` for a cursor that this did not give out."""
    if cursor is not None and not is_id(cursor):
        raise ValueError("this is no cursor of ours")
    terms, values = _terms(where)
    if cursor is not None:
        terms.append("d.id < :cursor")
        values["cursor"] = cursor
    condition = f"WHERE {' AND '.join(terms)}" if terms else ""
    rows = await connection.fetch_all(
        f"SELECT d.* FROM deletions d {condition} ORDER BY d.id DESC LIMIT :limit",  # noqa: S608 - our own fragments
        {**values, "limit": limit + 1},
    )
    page = rows[:limit]
    states = await states_of(connection, page, with_files=False)
    return DeletionPage(states, str(page[-1]["id"]) if len(rows) > limit else None)


def _terms(where: DeletionFilter) -> tuple[list[str], dict[str, Value]]:
    """Return the conditions of a filter and their values; every value is bound, never spelt into the text."""
    terms: list[str] = []
    values: dict[str, Value] = {}
    if where.phase is not None:
        settled = where.phase in {Phase.CONVERGED, Phase.CANCELLED}
        terms += [f"d.settled_at IS {'NOT ' if settled else ''}NULL", f"{PHASE} = :phase"]
        values |= {"phase": where.phase.value, **PHASE_VALUES}
    if where.settled is not None:
        terms.append(f"d.settled_at IS {'NOT ' if where.settled else ''}NULL")
    if where.asks:
        terms += ["d.settled_at IS NULL", _CARRIES_ONE.format("asks")]
        values["asks"] = ASKS
    if where.kind is not None:
        terms.append("d.media_kind = :kind")
        values["kind"] = MediaKind(where.kind).value
    if where.source is not None:
        terms.append("d.source = :source")
        values["source"] = where.source.value
    if where.tmdb_id is not None:
        terms.append("d.tmdb_id = :tmdb_id")
        values["tmdb_id"] = where.tmdb_id
    if where.tvdb_id is not None:
        terms.append("d.tvdb_id = :tvdb_id")
        values["tvdb_id"] = where.tvdb_id
    if where.text is not None:
        search = Search(where.text)
        terms.append(search.term)
        values |= search.values
    return terms, values
