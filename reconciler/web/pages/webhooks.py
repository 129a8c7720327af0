"""Webhooks for people: what to enter at each sender, when it was heard from, and what arrived lately."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from reconciler.config import Settings
from reconciler.ports import ReceiptFilter
from reconciler.web.answers import root_of, scheme_of
from reconciler.web.deps import WebStore
from reconciler.web.pages.asking import name_of
from reconciler.web.pages.log import LONGEST_CURSOR
from reconciler.web.pages.rendering import Renderer
from reconciler.web.problems import unknown_receipt
from reconciler.web.receipts import receipt_number, receipt_out, shown_json
from reconciler.web.senders_heard import SenderOut, senders_out
from reconciler.web.sessions import Session

PAGE = 20


@dataclass(frozen=True, slots=True)
class Card:
    """One sender. `url` is what to enter there: without `public_url`, as the browser reached this page."""

    sender: SenderOut
    name: str
    url: str
    state: str
    tone: str


class WebhookPages:
    """The handlers."""

    def __init__(self, settings: Settings, store: WebStore, renderer: Renderer) -> None:
        self._settings = settings
        self._store = store
        self._renderer = renderer

    async def page(self, request: Request, session: Session) -> Response:
        overview = await self._store.overview()
        cursor = request.query_params.get("cursor", "")[:LONGEST_CURSOR] or None
        try:
            receipts = await self._store.receipts(ReceiptFilter(), cursor=cursor, limit=PAGE)
        except ValueError:  # a cursor that is none of ours: from the start
            cursor = None
            receipts = await self._store.receipts(ReceiptFilter(), cursor=None, limit=PAGE)
        root = root_of(request)
        base = self._settings.public_url or f"{scheme_of(request)}://{request.url.netloc}{root}"
        cards = [_card(sender, base) for sender in senders_out(self._settings, overview).senders]
        return self._renderer.response(
            request,
            "webhooks.html",
            session,
            cards=[card for card in cards if card.sender.configured],
            others=[card for card in cards if not card.sender.configured],
            knows_its_url=self._settings.public_url is not None,
            has_secret=self._settings.webhook_secret is not None,
            receipts=[receipt_out(receipt, root) for receipt in receipts.receipts],
            older=receipts.next_cursor,
            is_first=cursor is None,
        )

    async def receipt(self, request: Request, session: Session) -> Response:
        number = receipt_number(request)
        found = await self._store.receipt(number) if number is not None else None
        if found is None:
            raise unknown_receipt()
        return self._renderer.response(
            request,
            "receipt.html",
            session,
            receipt=receipt_out(found, root_of(request)),
            text=shown_json(found.body),
        )


def _card(sender: SenderOut, base: str) -> Card:
    state, tone = _state(sender)
    name = name_of(sender.source).removeprefix("a ").capitalize() if not sender.instance else sender.instance
    return Card(sender, name, sender.url or f"{base}{sender.path}", state, tone)


def _state(sender: SenderOut) -> tuple[str, str]:
    """Return how its connection stands, in words, and whether that is good."""
    webhook = sender.webhook
    if webhook.exists is False:
        return "not set up there", "bad"
    if webhook.exists and not webhook.enabled:
        return "switched off there", "bad"
    if webhook.muted:
        return "muted there after failures", "warn"
    if webhook.problems:
        return "set up, but not as it should be", "warn"
    if webhook.exists:
        return "set up", "good"
    return ("heard from", "good") if webhook.heard_at or webhook.test_at else ("never heard from", "muted")
