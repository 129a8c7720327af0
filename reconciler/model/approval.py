"""What an approval lifts, and what names exactly that: a person agrees to what was shown, and to nothing else."""

import hashlib

from reconciler.model.conditions import Condition, DeletionState
from reconciler.reasons import MEANINGS, Reason

_IN_OTHER_WORDS = frozenset({Reason.BREAKER_OPEN, Reason.STILL_LISTED})
"""Reasons whose message changes by itself. Those of the others say what is given up."""


def lifted_by_approval(state: DeletionState) -> tuple[Condition, ...]:
    """Return the conditions whose reasons an approval would lift now.

    Of a deletion that is being called off only what its end waits for: nothing of it is deleted any more.
    """
    deletion = state.deletion
    if deletion.settled_at is not None:
        return ()
    liftable = {reason for reason, meaning in MEANINGS.items() if meaning.approvable}
    if deletion.cancel_requested_at is not None:
        liftable &= {Reason.SUSPICIOUS_LIST}
    return tuple(
        c for c in state.conditions if c.reason in liftable and not deletion.is_approved(c.reason, c.type, c.instance)
    )


def approval_digest(state: DeletionState) -> str:
    """Return what names all that an approval would lift now, and what is bound and not gone: SHA-256, 64 hex digits."""
    lines = sorted(
        f"{c.type}\0{c.instance}\0{c.reason}\0{'' if c.reason in _IN_OTHER_WORDS else c.message}\n"
        for c in lifted_by_approval(state)
    )
    there = sorted(f"{t.kind}\0{t.instance}\0{t.external_id}\n" for t in state.targets if t.absent_since is None)
    return hashlib.sha256("".join((*lines, *there)).encode()).hexdigest()
