"""The one way from a parsed body into the deletion log: a durable write first, then the loop is woken."""

from dataclasses import replace
from datetime import timedelta

from starlette.requests import Request

from reconciler.intake import InvalidPayload, parse_dashboard, to_receipt_body
from reconciler.model import InstanceName, MediaKind, Source
from reconciler.ports import Accepted, Heard, IngestResult, Receipt, Understood
from reconciler.telemetry import get_logger
from reconciler.web.answers import root_of
from reconciler.web.body import (
    KIB,
    BodyLimit,
    compressed,
    idempotency_key,
    is_compressed,
    read_body,
    require_json_type,
    too_large,
)
from reconciler.web.deps import WebDeps
from reconciler.web.parsing import digest_of, parse_json
from reconciler.web.problems import FieldError, Problem, invalid_fields
from reconciler.web.schemas import AcceptedListOut
from reconciler.web.views import accepted_out

EXPLICIT_LIMIT = BodyLimit(64 * KIB)


class Ingest:
    """Writes what was heard; used by every route that can create a deletion."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps
        self._secrets = deps.settings.secret_values()

    async def body(self, request: Request, limit: BodyLimit) -> bytes | None:
        """Return the body, or `None` if it is larger than `limit`; raises 415 for a compressed one."""
        if is_compressed(request):
            raise compressed()
        return await read_body(request, limit, within=self._deps.body_timeout)

    async def throw_away(self, request: Request) -> None:
        """Read a body that cannot be used, so that its sender gets to hear the answer."""
        await read_body(request, BodyLimit(0, drain=True), within=self._deps.body_timeout)

    def receipt_body(self, payload: object) -> str:
        """Return what is kept of a payload."""
        return to_receipt_body(payload, self._secrets)

    async def write(
        self,
        understood: Understood,
        body: str,
        *,
        source: Source,
        instance: InstanceName | None = None,
        key: str | None = None,
        digest: str = "",
    ) -> IngestResult:
        """Commit one receipt (`body` as of `receipt_body`) with all that follows from it, then wake the loop.

        `digest` tells whether a repeated `key` came with the same body. Raises `StoreError`.
        """
        settings = self._deps.settings
        receipt = Receipt(
            source=source,
            instance=instance,
            received_at=self._deps.clock.now(),
            body=body,
            idempotency_key=key,
            body_digest=digest,
        )
        result = await self._deps.store.ingest(
            receipt,
            understood,
            instances={kind: settings.library_instances(kind) for kind in MediaKind},
            grace=timedelta(seconds=settings.grace_seconds),
        )
        is_oversized = understood.heard is Heard.OVERSIZED
        log = get_logger(__name__)
        (log.warning if is_oversized else log.info)(
            "heard",
            source=source.value,
            upstream=instance,
            heard=understood.heard.value,
            webhook_event=understood.event[:100],
            reason=understood.reason[:200],
            deletions=[{"id": accepted.id, "outcome": accepted.outcome.value} for accepted in result.deletions],
        )
        if is_oversized:
            self._deps.wake_ledger()
        if understood.heard is not Heard.IGNORED and not result.key_reused:
            self._deps.wake()
        return result

    async def ask(self, request: Request, source: Source) -> AcceptedListOut:
        """Take an explicit wish (dashboard, API): all of it or, with a problem that names the cause, nothing."""
        require_json_type(request)
        key = idempotency_key(request)
        raw = await self.body(request, EXPLICIT_LIMIT)
        if raw is None:
            raise too_large(EXPLICIT_LIMIT)
        payload = parse_json(raw, unique_keys=True)
        try:
            wishes = tuple(replace(wish, source=source) for wish in parse_dashboard(payload))
        except InvalidPayload as invalid:
            raise invalid_fields([FieldError(*problem) for problem in invalid.problems]) from None
        result = await self.write(
            Understood(Heard.DELETE, wishes),
            self.receipt_body(payload),
            source=source,
            key=key,
            digest=digest_of(payload) if key else "",
        )
        root = root_of(request)
        if result.key_reused:
            raise Problem(
                422,
                "key-reused",
                "The idempotency key was used for another body",
                "Send a new key with a new wish; nothing was accepted.",
            )
        document = AcceptedListOut(deletions=tuple(accepted_out(accepted, root) for accepted in result.deletions))
        outcomes = {one.outcome for one in document.deletions}
        if Accepted.CONFLICT in outcomes:
            rest = "The others were accepted." if outcomes - {Accepted.CONFLICT} else "Nothing was accepted."
            raise Problem(
                409,
                "conflict",
                "The same deletion is under way with other options",
                f"Cancel it first, or ask with the same options. {rest}",
                extra=document.model_dump(mode="json"),
            )
        return document
