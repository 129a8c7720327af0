"""The one way from a parsed body into the deletion log: a durable write first, then the loop is woken."""

from dataclasses import replace

from starlette.requests import Request

from reconciler.intake import InvalidPayload, parse_dashboard, to_receipt_body
from reconciler.model import DeletionRequest, InstanceName, MediaKind, Source
from reconciler.ports import Accepted, Heard, IngestResult, PlanPreview, Receipt, Understood
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
from reconciler.web.problems import Problem, invalid_payload
from reconciler.web.schemas import AcceptedListOut
from reconciler.web.views import accepted_out

EXPLICIT_LIMIT = BodyLimit(64 * KIB)


class Ingest:
    """Writes what was heard; used by every route that can create a deletion."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps
        self._secrets = deps.settings.secret_values()
        self._instances = {kind: deps.settings.library_instances(kind) for kind in MediaKind}

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

        What the configuration says of the source's wishes is added to each: how long it waits, and whether a person
        must agree. `digest` tells whether a repeated `key` came with the same body. Raises `StoreError`.
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
            replace(understood, deletions=self._as_configured(understood.deletions)),
            instances=self._instances,
            grace=settings.grace_for(source),
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
        if understood.heard is Heard.TEST:
            self._deps.look_at_connections()
        if understood.heard not in {Heard.IGNORED, Heard.TEST} and not result.key_reused:
            self._deps.wake()
        return result

    async def ask(self, request: Request, source: Source) -> AcceptedListOut:
        """Take an explicit wish (dashboard, API): all of it or, with a problem that names the cause, nothing."""
        require_json_type(request)
        key = idempotency_key(request)
        payload, wishes = await self._wishes(request, source)
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
            known = ", ".join(str(one.id) for one in document.deletions if one.outcome is Accepted.CONFLICT)
            rest = "The others were accepted." if outcomes - {Accepted.CONFLICT} else "Nothing was accepted."
            raise Problem(
                409,
                "conflict",
                "The same deletion is under way with other options",
                f"It is {known}. Cancel it first, or ask with the same options. {rest}",
                extra=document.model_dump(mode="json"),
            )
        return document

    async def dry_run(self, request: Request, source: Source) -> tuple[PlanPreview, ...]:
        """Plan an explicit wish as it would be taken, and forget it. An idempotency key only has to be usable."""
        require_json_type(request)
        idempotency_key(request)
        _, wishes = await self._wishes(request, source)
        grace = self._deps.settings.grace_for(source)
        if grace:  # the store adds it to real wishes, from the moment at which they were received
            over = self._deps.clock.now() + grace
            wishes = tuple(replace(wish, not_before=max(wish.not_before or over, over)) for wish in wishes)
        return await self._deps.dry_run(self._as_configured(wishes))

    async def _wishes(self, request: Request, source: Source) -> tuple[object, tuple[DeletionRequest, ...]]:
        """Return the body of an explicit wish and what it asks for; raises a problem that names every wrong field."""
        raw = await self.body(request, EXPLICIT_LIMIT)
        if raw is None:
            raise too_large(EXPLICIT_LIMIT)
        payload = parse_json(raw, unique_keys=True)
        try:
            wishes = parse_dashboard(payload, instances=self._instances)
        except InvalidPayload as invalid:
            raise invalid_payload(invalid) from None
        return payload, tuple(replace(wish, source=source) for wish in wishes)

    def _as_configured(self, wishes: tuple[DeletionRequest, ...]) -> tuple[DeletionRequest, ...]:
        needs_approval = self._deps.settings.needs_approval
        return tuple(
            replace(wish, needs_approval=wish.needs_approval or needs_approval(wish.source)) for wish in wishes
        )
