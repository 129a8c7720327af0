"""What an approval lifts, and what names exactly that: a person agrees to what was shown, and to nothing else."""

import hashlib

from reconciler.model.conditions import Condition, DeletionState
from reconciler.reasons import MEANINGS, Reason

_IN_THESE_WORDS = frozenset({Reason.PROTECTED, Reason.INFERRED_DELETE, Reason.SUSPICIOUS_LIST})
"""Reasons whose message says what is given up. Those of others count what changes by itself, such as minutes."""


def lifted_by_approval(state: DeletionState) -> tuple[Condition, ...]:
    """Return the conditions whose reasons an approval would lift now.

    Of a deletion that is being called off only what its end waits for: nothing of it is deleted any more.
    """
    deletion = state.deletion
    if deletion.settled_at is not None:
        return ()
    liftable = {reason for reason, meaning in MEANINGS.items() if meaning.approvable} - deletion.approved
    if deletion.cancel_requested_at is not None:
        liftable &= {Reason.SUSPICIOUS_LIST}
    return tuple(c for c in state.conditions if c.reason in liftable)


def approval_digest(state: DeletionState) -> str:
    """Return what names all that an approval would lift now: SHA-256, 64 hex digits."""
    lines = sorted(
        f"{c.type}\0{c.instance}\0{c.reason}\0{c.message if c.reason in _IN_THESE_WORDS else ''}\n"
        for c in lifted_by_approval(state)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
