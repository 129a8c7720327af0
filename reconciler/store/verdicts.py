"""Verdicts of a planning round into the deletion log."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.model import Condition, DeletionId, DeletionState, Event, SettledAs, ending_of, rest_of
from reconciler.ports import Verdict
from reconciler.reasons import Reason
from reconciler.store.database import Connection, fetch_one
from reconciler.store.ledger import give_back
from reconciler.store.results import freed_by
from reconciler.store.rows import condition_values, units_json
from reconciler.store.states import add_events, state_of

UPDATE_DELETION = """
UPDATE deletions SET
    attempt = CASE WHEN wakes = :wakes THEN :attempt ELSE attempt END,
    next_due_at = CASE WHEN wakes = :wakes THEN :next_due_at ELSE next_due_at END,
    finishing = :finishing,
    searched = :searched,
    frozen_at = coalesce(frozen_at, :frozen_at),
    blocklisted_at = coalesce(blocklisted_at, :blocklisted_at),
    breaker_tripped_at = coalesce(breaker_tripped_at, :breaker_tripped_at),
    watch_until = coalesce(:watch_until, watch_until),
    turned_at = coalesce(:turned_at, turned_at)
WHERE id = :id
"""
"""A deletion that was woken after the pass read it keeps its due time, so that the pass cannot sleep over it."""


async def record(connection: Connection, verdict: Verdict, wakes_seen: int | None) -> None:
    """Write one verdict, unless what it judges was changed by somebody after the pass had read it."""
    state = await state_of(connection, verdict.deletion)
    if state is None or _is_overtaken(state, verdict):
        return
    changed = await _replace_conditions(connection, state, verdict)
    await _mark_targets(connection, verdict)
    if verdict.reopen:
        await _reopen(connection, state, verdict.at)
    wakes = wakes_seen if wakes_seen is not None else await _wakes(connection, verdict.deletion)
    await connection.execute(
        UPDATE_DELETION,
        {
            "id": verdict.deletion,
            "wakes": wakes,
            "attempt": verdict.attempt,
            "next_due_at": verdict.next_due_at,
            "finishing": units_json(state.deletion.finishing | verdict.finishing),
            "searched": units_json(state.deletion.searched | verdict.searched),
            "frozen_at": verdict.at if verdict.frozen else None,
            "blocklisted_at": verdict.at if verdict.blocklisted else None,
            "breaker_tripped_at": verdict.at if verdict.trip_breaker else None,
            "watch_until": verdict.watch_until,
            "turned_at": verdict.at if rest_of(state.conditions) is not rest_of(verdict.conditions) else None,
        },
    )
    if verdict.unreleased:
        await give_back(connection, verdict.deletion, verdict.unreleased)
    ended = await _settle(connection, state, verdict) if verdict.settle is not None else []
    await add_events(connection, verdict.deletion, (*changed, *verdict.events, *ended), verdict.at)


def _is_overtaken(state: DeletionState, verdict: Verdict) -> bool:
    """Tell whether a person cancelled it at once, or asked for what was refused as a command that nobody may give."""
    is_refused = verdict.settle == (SettledAs.CANCELLED, Reason.NOT_ALLOWED)
    return state.deletion.settled_as is SettledAs.CANCELLED or (is_refused and state.deletion.hints.command is None)


async def _withdraw(connection: Connection, verdict: Verdict) -> None:
    """Store which units a deletion gives up."""
    state = await state_of(connection, verdict.deletion) if verdict.withdrawn else None
    if state is not None and not _is_overtaken(state, verdict):
        await connection.execute(
            "UPDATE deletions SET withdrawn = :withdrawn WHERE id = :id",
            {"withdrawn": units_json(state.deletion.withdrawn | verdict.withdrawn), "id": verdict.deletion},
        )


async def _replace_conditions(connection: Connection, state: DeletionState, verdict: Verdict) -> list[Event]:
    """Replace the conditions, and return an event for each whose status or reason changed."""
    before = {(c.type, c.instance): c for c in state.conditions}
    await connection.execute("DELETE FROM conditions WHERE deletion = :id", {"id": verdict.deletion})
    if verdict.conditions:
        await connection.execute_many(
            """
            INSERT INTO conditions
                (deletion, type, instance, status, reason, message, last_transition_time, reason_since)
            VALUES (:deletion, :type, :instance, :status, :reason, :message, :last_transition_time, :reason_since)
            """,
            [
                {
                    "deletion": verdict.deletion,
                    **condition_values(condition),
                    **_since(condition, before.get((condition.type, condition.instance)), verdict.at),
                }
                for condition in verdict.conditions
            ],
        )
    return [_change(c) for c in verdict.conditions if _is_news(c, before.get((c.type, c.instance)))]


def _since(condition: Condition, before: Condition | None, at: datetime) -> dict[str, datetime]:
    """Return since when a condition has had its status, and since when its reason."""
    status_since = before.last_transition_time if before and before.status is condition.status else None
    reason_since = before.reason_since if before and before.reason is condition.reason else None
    return {"last_transition_time": status_since or at, "reason_since": reason_since or at}


def _is_news(condition: Condition, before: Condition | None) -> bool:
    if before is None:
        return condition.reason is not Reason.NOT_LOOKED_YET
    return (before.status, before.reason) != (condition.status, condition.reason)


def _change(condition: Condition) -> Event:
    return Event(
        "ConditionChanged",
        f"{condition.type} at {condition.instance}: {condition.reason}: {condition.message}",
        data={
            "type": condition.type.value,
            "instance": condition.instance,
            "status": condition.status.value,
            "reason": condition.reason.value,
        },
    )


async def _mark_targets(connection: Connection, verdict: Verdict) -> None:
    of_deletion = {"id": verdict.deletion}
    await connection.execute(
        """
        UPDATE targets SET absent_since = :at
        WHERE deletion = :id AND number IN :numbers AND absent_since IS NULL
        """,
        {**of_deletion, "at": verdict.at, "numbers": list(verdict.absent)},
    )
    await connection.execute(
        "UPDATE targets SET absent_since = NULL, seen_at = :at WHERE deletion = :id AND number IN :numbers",
        {**of_deletion, "at": verdict.at, "numbers": list(verdict.present)},
    )


async def _settle(connection: Connection, state: DeletionState, verdict: Verdict) -> list[Event]:
    """Settle a deletion, and return an event if it converges now. Why one is cancelled, the verdict itself tells."""
    settled_as, reason = verdict.settle or (SettledAs.CONVERGED, None)
    withdrawn = state.deletion.withdrawn | verdict.withdrawn
    settled = replace(state.deletion, settled_as=settled_as, settled_reason=reason, withdrawn=withdrawn)
    freed = await freed_by(connection, verdict.deletion) if settled_as is SettledAs.CONVERGED else None
    await connection.execute(
        """
        UPDATE deletions SET settled_at = :at, settled_as = :settled_as, settled_reason = :reason, freed = :freed
        WHERE id = :id AND settled_at IS NULL
        """,
        {
            "freed": freed,
            "at": verdict.at,
            "settled_as": settled_as.value,
            "reason": reason.value if reason else None,
            "id": verdict.deletion,
        },
    )
    if settled_as is SettledAs.CANCELLED:
        await give_back(connection, verdict.deletion)
        return []
    ending = ending_of(settled, verdict.conditions, state.targets) if state.deletion.settled_at is None else None
    return [Event("Converged", ending.words)] if ending is not None else []


async def _reopen(connection: Connection, state: DeletionState, at: datetime) -> None:
    """Make a settled deletion unsettled, unless a later one wants the same: then that one deals with it."""
    heir = await fetch_one(
        connection,
        """
        SELECT later.id FROM deletions mine JOIN deletions later ON later.coverage_key = mine.coverage_key
        WHERE mine.id = :id AND later.id <> mine.id AND later.settled_at IS NULL
        """,
        {"id": state.deletion.id},
    )
    if heir is not None:
        message = f"what reappeared is left to the later deletion {heir['id']} of the same coverage"
        await add_events(connection, state.deletion.id, [Event("LeftToLater", message)], at)
        await connection.execute(
            "UPDATE deletions SET watch_until = :at WHERE id = :id", {"at": at, "id": state.deletion.id}
        )
        return
    await connection.execute(
        """
        UPDATE deletions SET settled_at = NULL, settled_as = NULL, settled_reason = NULL, watch_until = NULL
        WHERE id = :id
        """,
        {"id": state.deletion.id},
    )


async def _wakes(connection: Connection, deletion: DeletionId) -> int:
    (row,) = await connection.fetch_all("SELECT wakes FROM deletions WHERE id = :id", {"id": deletion})
    return int(row["wakes"])


async def withdraw_all(connection: Connection, verdicts: Sequence[Verdict]) -> None:
    """Give up what a round gives up, before any verdict is written: none may leave a reference to who gives up."""
    for verdict in verdicts:
        await _withdraw(connection, verdict)


async def record_all(connection: Connection, verdicts: Sequence[Verdict], wakes_seen: Mapping[DeletionId, int]) -> None:
    """Write verdicts, after what they give up was given up."""
    for verdict in verdicts:
        await record(connection, verdict, wakes_seen.get(verdict.deletion))
