"""What is done once and ends, beside the service: migrating, asking the upstreams, trying the messengers."""

import asyncio
from dataclasses import replace

from reconciler.clock import SystemClock
from reconciler.config import Settings
from reconciler.connect import wanted_webhooks
from reconciler.connect.watch import hint_on
from reconciler.errors import Unauthorized, UpstreamError
from reconciler.main import connect_upstreams, wording_of
from reconciler.model import UpstreamKind, WantedWebhook
from reconciler.notify import connect_messengers
from reconciler.ports import CheckResult, MessageResult, Upstream, WebhookSettings
from reconciler.store import migrate as migrate_store
from reconciler.telemetry import Calls


async def migrate(settings: Settings) -> tuple[int, int]:
    """Bring the database's schema up to date; return the versions before and after."""
    before, after = await migrate_store(settings.database_url)
    return before, after


async def check(settings: Settings) -> list[CheckResult]:
    """Ask every configured upstream whether it is there, is the right program and takes our credentials.

    Raises `ConfigError` when a message could not be sent anywhere; none is sent.
    """
    connect_messengers(settings.notifications.urls)
    upstreams = connect_upstreams(settings, Calls(), SystemClock())
    try:
        wanted = {one.instance: one for one in wanted_webhooks(settings)}
        return list(
            await asyncio.gather(
                *(
                    _check(one, upstreams.webhooks.get(one.instance), wanted.get(one.instance))
                    for one in upstreams.all()
                )
            )
        )
    finally:
        await upstreams.aclose()


async def notify_test(settings: Settings) -> list[MessageResult]:
    """Send every messenger one test message, and return whether each took it. Raises `ConfigError`."""
    messengers = connect_messengers(settings.notifications.urls)
    message = wording_of(settings).test()
    said = await asyncio.gather(*(messenger.send(message) for messenger in messengers))
    return [MessageResult(m.position, m.kind, not error, error) for m, error in zip(messengers, said, strict=True)]


async def _check(upstream: Upstream, webhooks: WebhookSettings | None, wanted: WantedWebhook | None) -> CheckResult:
    result = CheckResult(upstream.instance, upstream.kind, ok=False)
    try:
        app = await upstream.identify()
        obstacle = await upstream.obstacle()
    except Unauthorized as error:
        variable = "password or API key" if upstream.kind is UpstreamKind.QBITTORRENT else "API key"
        return replace(result, message=error.message, fix=f"correct the {variable} of {upstream.instance}")
    except UpstreamError as error:
        return replace(
            result, message=error.message, fix=f"check the URL of {upstream.instance} and that it is running"
        )
    hint = await hint_on(webhooks, wanted) if webhooks is not None and wanted is not None else ""
    result = replace(result, app=app.name, version=app.version, webhook=hint)
    if obstacle:
        fix = f"mend that at {upstream.instance}; until then its deletions wait"
        return replace(result, message=f"{app.name} {app.version} answers, but {obstacle}", fix=fix)
    return replace(result, ok=True, app=app.name, version=app.version, message=f"{app.name} {app.version} answers")
