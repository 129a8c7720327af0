"""What upstreams and the dashboard send: `/webhooks/...`.

Jellyseerr, Jellyfin, Radarr and Sonarr send once and never again, and a refusal mutes a Radarr or Sonarr connection
for up to an hour (upstreams.md 1.3, 4.1 and 6.1): whatever they send is answered 2xx once it is committed, also when
nothing follows from it. Only what cannot be a webhook at all (no secret, no JSON) is refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from reconciler.config import DeleteWithoutFiles
from reconciler.errors import StoreError
from reconciler.intake import oversized, parse_arr, parse_jellyfin, parse_jellyseerr
from reconciler.model import InstanceName, Source, UpstreamKind
from reconciler.ports import Heard, Understood
from reconciler.web.answers import answer, root_of
from reconciler.web.body import MIB, BodyLimit, compressed, is_compressed, require_json_type, too_large
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard
from reconciler.web.ingest import Ingest
from reconciler.web.parsing import MAX_VALUES, LargeBodies, TooManyValues, parse_json
from reconciler.web.problems import FieldError, Problem, invalid_fields
from reconciler.web.refusals import Refusals
from reconciler.web.schemas import HeardOut
from reconciler.web.senders import Sender, sender_of
from reconciler.web.views import accepted_out

JELLYSEERR_LIMIT = BodyLimit(1 * MIB)
JELLYFIN_LIMIT = BodyLimit(1 * MIB)
ARR_LIMIT = BodyLimit(16 * MIB, drain=True)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a body came to, without the body: what is written of it, and whose it is (`None`: nobody knows)."""

    understood: Understood
    receipt: str
    instance: InstanceName | None


class Webhooks:
    """The handlers. Each checks the secret, then reads, parses, commits and answers, in this order."""

    def __init__(self, deps: WebDeps, guard: Guard, ingest: Ingest, refusals: Refusals) -> None:
        self._settings = deps.settings
        self._metrics = deps.metrics
        self._guard = guard
        self._ingest = ingest
        self._refusals = refusals
        self._large_bodies = LargeBodies()

    async def dashboard(self, request: Request) -> Response:
        with self._counting(Source.DASHBOARD):
            self._guard.require_webhook_secret(request, Source.DASHBOARD.value)
            if "dry_run" in request.query_params:  # here it would be a real wish
                raise invalid_fields([FieldError("dry_run", "is for POST /deletions only")])
            document = await self._ingest.ask(request, Source.DASHBOARD)
        self._metrics.webhook(Source.DASHBOARD, Heard.DELETE.value)
        return answer(document, status=202)

    async def jellyseerr(self, request: Request) -> Response:
        with self._counting(Source.JELLYSEERR):
            self._guard.require_webhook_secret(request, Source.JELLYSEERR.value)
            require_json_type(request)
            raw = await self._ingest.body(request, JELLYSEERR_LIMIT)
            if raw is None:
                raise too_large(JELLYSEERR_LIMIT)
            payload = parse_json(raw, unique_keys=False)
            configured = next(iter(self._settings.jellyseerr), None)
            understood = parse_jellyseerr(
                payload,
                delete_on=configured.delete_on if configured else frozenset(),
                command_phrase=configured.command_phrase if configured else None,
            )
            instance = configured.name if configured else None
            reading = _Reading(understood, self._ingest.receipt_body(payload), instance)
            return await self._commit(request, reading, Source.JELLYSEERR)

    async def jellyfin(self, request: Request) -> Response:
        """Take what the webhook plugin sends; it declares its JSON to be plain text unless it is told otherwise."""
        with self._counting(Source.JELLYFIN):
            self._guard.require_webhook_secret(request, Source.JELLYFIN.value)
            raw = await self._ingest.body(request, JELLYFIN_LIMIT)
            if raw is None:
                raise too_large(JELLYFIN_LIMIT)
            payload = parse_json(raw, unique_keys=False)
            configured = next(iter(self._settings.jellyfin), None)
            meaning = configured.on_item_deleted.value if configured else "ignore"
            understood = parse_jellyfin(payload, deletes=meaning != "ignore", needs_approval=meaning == "hold")
            instance = configured.name if configured else None
            reading = _Reading(understood, self._ingest.receipt_body(payload), instance)
            return await self._commit(request, reading, Source.JELLYFIN)

    async def radarr(self, request: Request) -> Response:
        return await self._arr(request, sender_of(request, UpstreamKind.RADARR, self._settings.radarr))

    async def sonarr(self, request: Request) -> Response:
        return await self._arr(request, sender_of(request, UpstreamKind.SONARR, self._settings.sonarr))

    @contextmanager
    def _counting(self, source: Source) -> Iterator[None]:
        """Count and log what is not understood; what is, is counted once it is committed."""
        try:
            yield
        except Problem as problem:
            self._metrics.webhook(source, "rejected")
            self._refusals.note(source.value, problem)
            raise
        except StoreError:
            self._metrics.webhook(source, "unavailable")
            raise

    async def _arr(self, request: Request, sender: Sender) -> Response:
        with self._counting(sender.source):
            self._guard.require_webhook_secret(request, sender.name)
            reading = await self._arr_reading(request, sender)
            if sender.is_misnamed:
                if reading.understood.heard is Heard.TEST:
                    raise sender.misnamed()
                self._refusals.note(sender.source.value, sender.misnamed())
            return await self._commit(request, reading, sender.source)

    async def _arr_reading(self, request: Request, sender: Sender) -> _Reading:
        if is_compressed(request):
            await self._ingest.throw_away(request)
            problem = compressed()
            self._refusals.note(sender.source.value, problem)
            unread = Understood(Heard.IGNORED, reason=f"{problem.title}. {problem.detail}")
            return _Reading(unread, self._ingest.receipt_body({"compressed": True}), sender.instance)
        raw = await self._ingest.body(request, ARR_LIMIT)
        if raw is None:
            return self._oversized(sender)
        return await self._large_bodies.work(raw, lambda body: self._understand(body, sender))

    def _understand(self, raw: bytes, sender: Sender) -> _Reading:
        try:
            payload = parse_json(raw, unique_keys=False, most_values=MAX_VALUES)
        except TooManyValues:
            return self._oversized(sender)
        sender = sender.told_by(payload)
        understood = parse_arr(
            sender.kind,
            payload,
            instance=sender.name,
            delete_without_files=self._settings.delete_without_files is DeleteWithoutFiles.DELETE,
        )
        return _Reading(sender.ignoring(understood), self._ingest.receipt_body(payload), sender.instance)

    def _oversized(self, sender: Sender) -> _Reading:
        return _Reading(oversized(sender.kind), self._ingest.receipt_body({"oversized": True}), sender.instance)

    async def _commit(self, request: Request, reading: _Reading, source: Source) -> Response:
        understood = reading.understood
        reason = understood.reason or None
        is_test = understood.heard is Heard.TEST
        body = "" if is_test else reading.receipt
        result = await self._ingest.write(understood, body, source=source, instance=reading.instance)
        self._metrics.webhook(source, understood.heard.value)
        if is_test:
            return answer(HeardOut(heard=understood.heard, reason=reason))
        root = root_of(request)
        deletions = tuple(accepted_out(accepted, root) for accepted in result.deletions)
        return answer(HeardOut(heard=understood.heard, deletions=deletions, reason=reason), status=202)
