"""Webhooks as data: `GET /webhooks` (how each sender is set up, and when it was heard from) and `GET /receipts...`."""

import contextlib
import json
import re

from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model import Source
from reconciler.ports import Heard, KeptReceipt, ReceiptFilter
from reconciler.web.answers import Out, answer, root_of
from reconciler.web.deletions import id_of
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard
from reconciler.web.problems import FieldError, invalid_fields, unknown_deletion, unknown_receipt
from reconciler.web.queries import ReceiptQuery, query_of
from reconciler.web.schemas import AcceptedOut
from reconciler.web.senders_heard import senders_out
from reconciler.web.sessions import Access
from reconciler.web.views import accepted_out
from reconciler.words import plain

LONGEST_RECEIPT = 100_000
_NUMBER = re.compile(r"[0-9]{1,18}")


class ReceiptOut(Out):
    """What arrived, how it was understood, and the deletions that followed. `reason` says why nothing follows."""

    number: int
    url: str
    at: AwareDatetime
    source: Source
    instance: str | None
    heard: Heard
    event: str | None
    reason: str | None
    deletions: tuple[AcceptedOut, ...]


class ReceiptDetailOut(ReceiptOut):
    """`body` is the JSON text that arrived, without secrets and e-mail addresses; what was very long is cut."""

    body: str


class ReceiptPageOut(Out):
    """Newest first; `next_cursor` is `null` on the last page."""

    receipts: tuple[ReceiptOut, ...]
    next_cursor: str | None


class Receipts:
    """The handlers. Each checks the token first."""

    def __init__(self, deps: WebDeps, guard: Guard) -> None:
        self._settings = deps.settings
        self._store = deps.store
        self._guard = guard

    async def senders(self, request: Request) -> Response:
        self._guard.require(request, Access.READ)
        return answer(senders_out(self._settings, await self._store.overview()))

    async def collection(self, request: Request) -> Response:
        self._guard.require(request, Access.READ)
        query = query_of(request, ReceiptQuery)
        where = ReceiptFilter(source=query.source, heard=query.heard)
        try:
            page = await self._store.receipts(where, cursor=query.cursor, limit=query.limit)
        except ValueError:
            raise invalid_fields([FieldError("cursor", "is not one that this service gave out")]) from None
        root = root_of(request)
        shown = tuple(receipt_out(receipt, root) for receipt in page.receipts)
        return answer(ReceiptPageOut(receipts=shown, next_cursor=page.next_cursor))

    async def one(self, request: Request) -> Response:
        self._guard.require(request, Access.READ)
        number = receipt_number(request)
        receipt = await self._store.receipt(number) if number is not None else None
        if receipt is None:
            raise unknown_receipt()
        return _detail(request, receipt)

    async def of_deletion(self, request: Request) -> Response:
        """Return the receipt that a deletion came from; what polling found has one that says so."""
        self._guard.require(request, Access.READ)
        deletion = id_of(request)
        if await self._store.deletion(deletion) is None:
            raise unknown_deletion()
        receipt = await self._store.receipt_of(deletion)
        if receipt is None:
            raise unknown_receipt("The receipt this deletion came from is not kept any more.")
        return _detail(request, receipt)


def _detail(request: Request, receipt: KeptReceipt) -> Response:
    return answer(ReceiptDetailOut(**dict(receipt_out(receipt, root_of(request))), body=receipt.body))


def receipt_number(request: Request) -> int | None:
    """Return which receipt an address names; `None` if it is no number."""
    text = str(request.path_params["number"])
    return int(text) if _NUMBER.fullmatch(text) else None


def receipt_out(receipt: KeptReceipt, root: str) -> ReceiptOut:
    return ReceiptOut(
        number=receipt.number,
        url=f"{root}/receipts/{receipt.number}",
        at=receipt.received_at,
        source=receipt.source,
        instance=receipt.instance,
        heard=receipt.heard,
        event=receipt.event or None,
        reason=receipt.reason or None,
        deletions=tuple(accepted_out(accepted, root) for accepted in receipt.deletions),
    )


def shown_json(text: str) -> str:
    """Return a receipt's text as people read it; what is no JSON stays as it is."""
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    lines = (plain(line, LONGEST_RECEIPT) if line else "" for line in text[:LONGEST_RECEIPT].splitlines())
    return "\n".join(lines)
