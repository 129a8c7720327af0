"""What upstreams and the dashboard send: `/webhooks/...`.

Jellyseerr, Radarr and Sonarr send once and never again, and a refusal mutes a Radarr or Sonarr connection for up to
an hour (upstreams.md 1.3 and 4.1): whatever they send is answered 2xx once it is committed, also when nothing follows
from it. Only what cannot be a webhook at all (no secret, no JSON) is refused.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import Response

from reconciler.config import DeleteWithoutFiles
from reconciler.errors import StoreError
from reconciler.intake import oversized, parse_arr, parse_jellyseerr
from reconciler.model import InstanceName, Source, UpstreamKind
from reconciler.ports import Heard, Understood
from reconciler.reasons import Reason
from reconciler.web.answers import answer, root_of
from reconciler.web.body import MIB, BodyLimit, parse_json, require_json_type, too_large
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard
from reconciler.web.ingest import Ingest
from reconciler.web.problems import Problem
from reconciler.web.schemas import HeardOut
from reconciler.web.views import accepted_out

JELLYSEERR_LIMIT = BodyLimit(1 * MIB)
ARR_LIMIT = BodyLimit(16 * MIB, drain=True)


class Webhooks:
    """The handlers. Each checks the secret, then reads, parses, commits and answers, in this order."""

    def __init__(self, deps: WebDeps, guard: Guard, ingest: Ingest) -> None:
        self._settings = deps.settings
        self._metrics = deps.metrics
        self._guard = guard
        self._ingest = ingest

    async def dashboard(self, request: Request) -> Response:
        with self._counting(Source.DASHBOARD):
            self._guard.require_webhook_secret(request)
            document = await self._ingest.ask(request, Source.DASHBOARD)
        self._metrics.webhook(Source.DASHBOARD, Heard.DELETE.value)
        return answer(document, status=202)

    async def jellyseerr(self, request: Request) -> Response:
        with self._counting(Source.JELLYSEERR):
            self._guard.require_webhook_secret(request)
            require_json_type(request)
            raw = await self._ingest.body(request, JELLYSEERR_LIMIT)
            if raw is None:
                raise too_large(JELLYSEERR_LIMIT)
            payload = parse_json(raw, unique_keys=False)
            configured = next(iter(self._settings.jellyseerr), None)
            understood = parse_jellyseerr(payload, delete_on=configured.delete_on if configured else frozenset())
            instance = configured.name if configured else None
            return await self._commit(request, understood, payload, Source.JELLYSEERR, instance)

    async def radarr(self, request: Request) -> Response:
        names = [instance.name for instance in self._settings.radarr]
        with self._counting(Source.RADARR):
            return await self._arr(request, UpstreamKind.RADARR, Source.RADARR, names)

    async def sonarr(self, request: Request) -> Response:
        names = [instance.name for instance in self._settings.sonarr]
        with self._counting(Source.SONARR):
            return await self._arr(request, UpstreamKind.SONARR, Source.SONARR, names)

    @contextmanager
    def _counting(self, source: Source) -> Iterator[None]:
        """Count what is not understood; what is, is counted once it is committed."""
        try:
            yield
        except Problem:
            self._metrics.webhook(source, "rejected")
            raise
        except StoreError:
            self._metrics.webhook(source, "unavailable")
            raise

    async def _arr(
        self, request: Request, kind: UpstreamKind, source: Source, configured: Sequence[InstanceName]
    ) -> Response:
        self._guard.require_webhook_secret(request)
        instance = _sender(request, kind, configured)
        raw = await self._ingest.body(request, ARR_LIMIT)
        if raw is None:
            return await self._commit(request, oversized(kind), {"oversized": True}, source, instance)
        payload = parse_json(raw, unique_keys=False)
        understood = parse_arr(
            kind,
            payload,
            # Which event it is does not depend on the instance; what follows from it is dropped below if that is open.
            instance=instance or InstanceName(kind.value),
            delete_without_files=self._settings.delete_without_files is DeleteWithoutFiles.DELETE,
        )
        if instance is None:
            understood = _without_sender(understood, kind, len(configured))
        return await self._commit(request, understood, payload, source, instance)

    async def _commit(
        self,
        request: Request,
        understood: Understood,
        payload: object,
        source: Source,
        instance: InstanceName | None,
    ) -> Response:
        reason = understood.reason or None
        if understood.heard is Heard.TEST:
            self._metrics.webhook(source, understood.heard.value)
            return answer(HeardOut(heard=understood.heard, reason=reason))
        result = await self._ingest.write(understood, payload, source=source, instance=instance)
        self._metrics.webhook(source, understood.heard.value)
        root = root_of(request)
        deletions = tuple(accepted_out(accepted, root) for accepted in result.deletions)
        return answer(HeardOut(heard=understood.heard, deletions=deletions, reason=reason), status=202)


def _sender(request: Request, kind: UpstreamKind, configured: Sequence[InstanceName]) -> InstanceName | None:
    """Return the instance the address names, or the only one; `None` when several (or none) could be meant."""
    named = request.path_params.get("instance")
    if named is None:
        return configured[0] if len(configured) == 1 else None
    for name in configured:
        if name == named:
            return name
    raise Problem(
        404,
        "unknown-instance",
        f"No {kind.value} instance has this name",
        f"Configured are: {', '.join(configured) or 'none'}.",
    )


def _without_sender(understood: Understood, kind: UpstreamKind, configured: int) -> Understood:
    """Keep what was heard as a receipt only: it cannot be told which instance it is about."""
    if understood.heard is Heard.TEST:
        return understood
    why = (
        f"several {kind.value} instances are configured; put the instance's name into the address"
        if configured
        else f"no {kind.value} instance is configured"
    )
    return Understood(Heard.IGNORED, event=understood.event, reason=f"{Reason.AMBIGUOUS_INSTANCE.value}: {why}")
