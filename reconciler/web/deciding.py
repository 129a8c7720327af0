"""What a person decides about a deletion, whichever way it comes: written down first, then the loop is woken."""

import hashlib
from collections.abc import Collection, Iterable

from reconciler.errors import NotAsShown
from reconciler.model import DeletionId, InfoHash
from reconciler.reasons import Reason
from reconciler.web.deps import WebDeps
from reconciler.web.problems import Problem, unknown_deletion


class Deciding:
    """Raises 404 for a deletion that there is not, and 409 where the decision would do nothing.

    `by` is who decides, for the timeline.
    """

    def __init__(self, deps: WebDeps) -> None:
        self._store = deps.store
        self._wake = deps.wake
        self._clients = [instance.name for instance in deps.settings.qbittorrent]

    async def approve(self, deletion: DeletionId, by: str, *, shown: str | None = None) -> frozenset[Reason]:
        """Return the reasons that are lifted; `shown` is the `approval_digest` of what the person saw."""
        try:
            lifted = await self._store.approve(deletion, by, shown=shown)
        except KeyError:
            raise unknown_deletion() from None
        except NotAsShown as changed:
            raise _not_as_shown(changed) from None
        if not lifted:
            raise Problem(409, "nothing-to-approve", "Nothing here waits for an approval", "Nothing was changed.")
        self._wake()
        return lifted

    async def attribute(self, deletion: DeletionId, hashes: Collection[InfoHash], by: str) -> frozenset[InfoHash]:
        """Return those hashes under which no qBittorrent listed a torrent when last looked at."""
        try:
            was_unsettled = await self._store.attribute(deletion, hashes, by)
        except KeyError:
            raise unknown_deletion() from None
        self._require(was_unsettled)
        return await self._store.unlisted(hashes, self._clients)

    async def cancel(self, deletion: DeletionId, by: str) -> None:
        try:
            was_unsettled = await self._store.cancel(deletion, by)
        except KeyError:
            raise unknown_deletion() from None
        self._require(was_unsettled)

    async def retry(self, deletion: DeletionId, by: str) -> None:
        try:
            was_unsettled = await self._store.retry(deletion, by)
        except KeyError:
            raise unknown_deletion() from None
        self._require(was_unsettled)

    async def release_breaker(self, by: str, *, shown: str | None = None) -> tuple[DeletionId, ...]:
        """Return the deletions that the breaker held and holds no more; `shown` is the `digest_of` those shown."""
        held = [state.deletion.id for state in await self._store.held_by_breaker()] if shown is not None else None
        if held is not None and digest_of(held) != shown:
            raise _not_as_shown(NotAsShown(f"the breaker holds {len(held)} by now, and not those that were shown"))
        try:
            released = await self._store.release_breaker(by, only=held)
        except NotAsShown as changed:
            raise _not_as_shown(changed) from None
        if released:
            self._wake()
        return released

    def _require(self, was_unsettled: bool) -> None:
        if not was_unsettled:
            raise Problem(409, "settled", "This deletion has ended already", "Nothing was changed.")
        self._wake()


def digest_of(deletions: Iterable[DeletionId]) -> str:
    """Return what names a set of deletions: SHA-256 over their ids in order, a line each."""
    return hashlib.sha256("".join(f"{deletion}\n" for deletion in sorted(deletions)).encode()).hexdigest()


def _not_as_shown(changed: NotAsShown) -> Problem:
    return Problem(409, "not-as-shown", "Things have changed meanwhile", f"Nothing was changed: {changed}.")
