"""What every log line of one piece of work carries: whose request it answers, and which deletion it is about."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import structlog

from reconciler.model import DeletionId

MOST_NAMED = 20


@contextmanager
def answering(request_id: str) -> Iterator[None]:
    """Mark all that is logged inside, and in tasks begun inside, with the request that is answered."""
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            yield
        finally:
            structlog.contextvars.unbind_contextvars("deletion_id")


@contextmanager
def working_on(deletions: Collection[DeletionId]) -> Iterator[None]:
    """Mark all that is logged inside with the deletion that it is about, or with some of them if they are many."""
    named = sorted(set(deletions))
    one = {"deletion_id": named[0]} if len(named) == 1 else {"deletion_ids": named[:MOST_NAMED]}
    with structlog.contextvars.bound_contextvars(**one):
        yield


def asked_about(deletion: DeletionId) -> None:
    """Mark what is logged from here to the end of the request with the deletion that it is about."""
    structlog.contextvars.bind_contextvars(deletion_id=deletion)


def request_id() -> str | None:
    """Return whose request is answered here."""
    found = structlog.contextvars.get_contextvars().get("request_id")
    return found if isinstance(found, str) else None


def begin_anew() -> None:
    """Forget what this piece of work was begun by: a job that a request has hastened is not that request's."""
    structlog.contextvars.clear_contextvars()
