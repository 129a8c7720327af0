"""What a person decides about one deletion."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.errors import NotAsShown
from reconciler.model import (
    Condition,
    DeletionId,
    DeletionState,
    Event,
    InfoHash,
    SettledAs,
    approval_digest,
    lifted_by_approval,
)
from reconciler.reasons import Reason
from reconciler.store.baselines import accept
from reconciler.store.database import Connection
from reconciler.store.ledger import give_back
from reconciler.store.rows import as_json, hints_json
from reconciler.store.states import add_events, known_state, states_of, wake

_ONE_BY_ONE = frozenset({Reason.PROTECTED})
"""What is lifted where it was shown only: another library or client may protect the title too, and was not seen yet."""

HELD_BY_BREAKER = """
SELECT d.* FROM deletions d
WHERE d.settled_at IS NULL
    AND EXISTS (SELECT 1 FROM conditions c WHERE c.deletion = d.id AND c.reason = :reason)
ORDER BY d.requested_at, d.id
"""
"""In this order they are found by an index that knows only what is open."""


async def approve(
    connection: Connection, deletion: DeletionId, by: str, now: datetime, *, shown: str | None = None
) -> frozenset[Reason]:
    """Lift every approvable reason that an open deletion carries now, and return those lifted.

    Raises `NotAsShown` when that is not what `shown` names: what the person saw.
    """
    state = await known_state(connection, deletion)
    conditions = lifted_by_approval(state)
    if not conditions:
        return frozenset()
    lifted = frozenset(condition.reason for condition in conditions)
    if shown is not None and shown != approval_digest(state):
        raise NotAsShown(f"by now it is held by {', '.join(sorted(lifted))}, and not as it was shown")
    await accept(connection, {c.message for c in conditions if c.reason is Reason.SUSPICIOUS_LIST})
    await _lift(connection, state, conditions, by, now)
    return lifted


async def held_by_breaker(connection: Connection) -> tuple[DeletionState, ...]:
    """Return every open deletion that carries `BreakerOpen` and that nobody has let go on or called off, the oldest
    first, without their files.
    """
    rows = await connection.fetch_all(HELD_BY_BREAKER, {"reason": Reason.BREAKER_OPEN.value})
    held = await states_of(connection, rows, with_files=False)
    return tuple(s for s in held if Reason.BREAKER_OPEN in {c.reason for c in lifted_by_approval(s)})


async def release_breaker(
    connection: Connection, by: str, now: datetime, *, only: Collection[DeletionId] | None = None
) -> tuple[DeletionId, ...]:
    """Lift `BreakerOpen` alone from every open deletion that carries it, and return these.

    Raises `NotAsShown` when these are not exactly `only`: those that the person was shown.
    """
    held = await held_by_breaker(connection)
    if only is not None and {state.deletion.id for state in held} != set(only):
        raise NotAsShown(f"the breaker holds {len(held)} by now, and not those that were shown")
    for state in held:
        await _lift(connection, state, [c for c in state.conditions if c.reason is Reason.BREAKER_OPEN], by, now)
    return tuple(state.deletion.id for state in held)


async def _lift(
    connection: Connection, state: DeletionState, conditions: Sequence[Condition], by: str, now: datetime
) -> None:
    deletion = state.deletion.id
    lifted = {condition.reason for condition in conditions}
    at = state.deletion.approved_at | {
        (c.reason, c.type.value, c.instance) for c in conditions if c.reason in _ONE_BY_ONE
    }
    # A short list is accepted once, where it was seen; one that is suspicious again is asked about again.
    everywhere = (state.deletion.approved | lifted) - _ONE_BY_ONE - {Reason.SUSPICIOUS_LIST}
    approved = [*sorted(everywhere | (state.deletion.approved & _ONE_BY_ONE)), *sorted(map(list, at))]
    await connection.execute(
        "UPDATE deletions SET approved = :approved WHERE id = :id", {"approved": as_json(approved), "id": deletion}
    )
    if Reason.BREAKER_OPEN in lifted:
        await connection.execute("UPDATE deletions SET breaker_tripped_at = NULL WHERE id = :id", {"id": deletion})
    await _note(connection, deletion, "Approved", f"{by} approved {', '.join(sorted(lifted))}", now)
    await wake(connection, [deletion], now)


async def cancel(connection: Connection, deletion: DeletionId, by: str, now: datetime) -> bool:
    """End an open deletion: at once when nothing was changed upstream, otherwise let the loop give back first."""
    state = await known_state(connection, deletion)
    if state.deletion.settled_at is not None:
        return False
    if _is_untouched(state):
        await connection.execute(
            """
            UPDATE deletions SET settled_at = :now, settled_as = :settled_as, settled_reason = :reason,
                watch_until = NULL, next_due_at = NULL
            WHERE id = :id
            """,
            {
                "now": now,
                "settled_as": SettledAs.CANCELLED.value,
                "reason": Reason.CANCELLED_BY_PERSON.value,
                "id": deletion,
            },
        )
        await give_back(connection, deletion)
        await _note(connection, deletion, "Cancelled", f"{by} cancelled it before anything was changed", now)
        return True
    if state.deletion.cancel_requested_at is None:
        await connection.execute(
            "UPDATE deletions SET cancel_requested_at = :now WHERE id = :id", {"now": now, "id": deletion}
        )
        await _note(connection, deletion, "CancelRequested", f"{by} cancelled it; what can be given back is", now)
    await wake(connection, [deletion], now)
    return True


def _is_untouched(state: DeletionState) -> bool:
    """Tell whether no call that changes anything was made or is about to be made."""
    deletion = state.deletion
    return (
        deletion.frozen_at is None
        and deletion.destroyed_at is None
        and all(target.sent_at is None for target in state.targets)
    )


async def retry(connection: Connection, deletion: DeletionId, by: str, now: datetime) -> bool:
    """Make an open deletion due now, as if it had never failed."""
    state = await known_state(connection, deletion)
    if state.deletion.settled_at is not None:
        return False
    await connection.execute(
        "UPDATE deletions SET attempt = 0, retried_at = :now WHERE id = :id", {"now": now, "id": deletion}
    )
    await _note(connection, deletion, "Retried", f"{by} asked to try again now", now)
    await wake(connection, [deletion], now)
    return True


async def attribute(
    connection: Connection, deletion: DeletionId, hashes: Collection[InfoHash], by: str, now: datetime
) -> bool:
    """Add torrents to what an open deletion is known to be about, also after binding, and make it due."""
    state = await known_state(connection, deletion)
    if state.deletion.settled_at is not None:
        return False
    hints = state.deletion.hints
    added = sorted(set(hashes) - set(hints.hashes))
    if added:
        await connection.execute(
            "UPDATE deletions SET hints = :hints WHERE id = :id",
            {"hints": hints_json(replace(hints, hashes=(*hints.hashes, *added))), "id": deletion},
        )
        await _note(connection, deletion, "Attributed", f"{by} says that it is about {', '.join(added)}", now)
    await wake(connection, [deletion], now)
    return True


async def _note(connection: Connection, deletion: DeletionId, kind: str, message: str, now: datetime) -> None:
    await add_events(connection, deletion, [Event(kind, message)], now)
