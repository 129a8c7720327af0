"""The simulated Seerr's webhook agent: what it sends, how it renders it, and how carelessly (upstreams.md 1)."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from reconciler.clients._http import Http
from reconciler.errors import UpstreamError
from reconciler.model import InstanceName
from reconciler.simulators.seerr_notifications import ALL_TYPES, TEST_NOTIFICATION, Notification, NotificationType
from reconciler.simulators.seerr_state import User

_REQUEST_KEYS = (
    "request_id",
    "requestedBy_email",
    "requestedBy_username",
    "requestedBy_avatar",
    "requestedBy_settings_discordId",
    "requestedBy_settings_telegramChatId",
)
_ISSUE_KEYS = (
    "issue_id",
    "issue_type",
    "issue_status",
    "reportedBy_email",
    "reportedBy_username",
    "reportedBy_avatar",
    "reportedBy_settings_discordId",
    "reportedBy_settings_telegramChatId",
)
_COMMENT_KEYS = (
    "comment_message",
    "commentedBy_email",
    "commentedBy_username",
    "commentedBy_avatar",
    "commentedBy_settings_discordId",
    "commentedBy_settings_telegramChatId",
)


def _section(names: Iterable[str]) -> dict[str, str]:
    """Return template keys that are named like their variables."""
    return {name: f"{{{{{name}}}}}" for name in names}


DEFAULT_TEMPLATE = json.dumps(
    {
        **_section(("notification_type", "event", "subject", "message", "image")),
        "{{media}}": {
            "media_type": "{{media_type}}",
            "tmdbId": "{{media_tmdbid}}",
            "tvdbId": "{{media_tvdbid}}",
            "status": "{{media_status}}",
            "status4k": "{{media_status4k}}",
        },
        "{{request}}": _section(_REQUEST_KEYS),
        "{{issue}}": _section(_ISSUE_KEYS),
        "{{comment}}": _section(_COMMENT_KEYS),
        "{{extra}}": [],
    },
    indent=4,
)


class BadSettings(Exception):
    """The posted webhook settings cannot be read."""


@dataclass(slots=True)
class WebhookSettings:
    """Settings → Notifications → Webhook; `template` is the JSON text that the person typed."""

    enabled: bool = False
    types: int = ALL_TYPES
    url: str = ""
    auth_header: str = ""
    template: str = DEFAULT_TEMPLATE
    supports_variables: bool = False
    custom_headers: tuple[tuple[str, str], ...] = ()


def variables(note: Notification) -> dict[str, str]:
    """Return every template variable as text; what is unknown is empty."""
    values = {
        "notification_type": str(note.type.name),
        "event": note.event,
        "subject": note.subject,
        "message": note.message,
        "image": note.image,
        "media_tmdbid": str(note.media.tmdb_id) if note.media else "",
        "media_tvdbid": str(note.media.tvdb_id or "") if note.media else "",
        "media_type": note.media.media_type if note.media else "",
        "media_status": note.media.normal.status.name if note.media else "",
        "media_status4k": note.media.uhd.status.name if note.media else "",
        "request_id": str(note.request.id) if note.request else "",
        "issue_id": str(note.issue.id) if note.issue else "",
        "issue_type": note.issue.kind.name if note.issue else "",
        "issue_status": ("OPEN" if note.issue.is_open else "RESOLVED") if note.issue else "",
        "comment_message": note.comment.message if note.comment else "",
    }
    values |= _person("notifyuser", note.notify_user)
    values |= _person("requestedBy", note.request.requested_by if note.request else None)
    values |= _person("reportedBy", note.issue.created_by if note.issue else None)
    values |= _person("commentedBy", note.comment.user if note.comment else None)
    return values


def _person(prefix: str, user: User | None) -> dict[str, str]:
    return {
        f"{prefix}_username": user.name if user else "",
        f"{prefix}_email": user.email if user else "",
        f"{prefix}_avatar": f"/avatarproxy/{user.id}" if user else "",
        f"{prefix}_settings_discordId": user.discord_id if user else "",
        f"{prefix}_settings_telegramChatId": user.telegram_chat_id if user else "",
    }


def render(template: object, note: Notification) -> object:
    """Fill a template in as Seerr does (upstreams.md 1.5)."""
    present = {
        "{{media}}": note.media is not None,
        "{{request}}": note.request is not None,
        "{{issue}}": note.issue is not None,
        "{{comment}}": note.comment is not None,
    }
    values = variables(note)

    def fill(node: object) -> object:
        if isinstance(node, str):
            for name, value in values.items():
                node = node.replace(f"{{{{{name}}}}}", value, 1)
            return node
        if isinstance(node, list):
            return [fill(item) for item in node]
        if not isinstance(node, dict):
            return node
        plain: dict[str, object] = {}
        last: dict[str, object] = {}  # the five special keys move to the end
        for key, value in node.items():
            if key == "{{extra}}":
                last["extra"] = [dict(item) for item in note.extra]
            elif key in present:
                last[key.strip("{}")] = fill(value) if present[key] else None
            else:
                plain[key] = fill(value)
        return plain | last

    return fill(template)


def render_url(settings: WebhookSettings, note: Notification) -> str:
    if not settings.supports_variables:
        return settings.url
    url = settings.url
    for name, value in variables(note).items():
        text = "test" if note.type is NotificationType.TEST_NOTIFICATION else value or "test"
        url = url.replace(f"{{{{{name}}}}}", quote(text, safe=""))
    return url


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt: what went out, and whether a 2xx came back."""

    type: NotificationType
    url: str
    body: object
    accepted: bool


Message = tuple[WebhookSettings, NotificationType, str, object]
"""What is about to be sent: with which settings, what for, where to, and the body."""


@dataclass(slots=True)
class WebhookAgent:
    """Sends once, waits for nobody, and forgets what failed.

    `is_newer`: as after 3.1, it encodes its template itself, and has custom headers. `copies` is how often each
    notification goes out. While `held` is true nothing goes out; `release` sends what was kept, in the order a test
    wants. `deliveries` lists every finished attempt.
    """

    settings: WebhookSettings = field(default_factory=WebhookSettings)
    is_newer: bool = False
    copies: int = 1
    held: bool = False
    deliveries: list[Delivery] = field(default_factory=list)
    _kept: list[Message] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def announce(self, note: Notification) -> None:
        """Send in the background if the settings ask for this type; rendered now, as the rows are now."""
        settings = self.settings
        if not (settings.enabled and settings.url and settings.types & note.type):
            return
        if not isinstance(json.loads(settings.template), dict):  # text in which no variable can be filled in
            return
        for _copy in range(self.copies):
            message = (settings, note.type, *self._render(settings, note))
            if self.held:
                self._kept.append(message)
            else:
                self._start([message])

    def release(self, *, newest_first: bool = False) -> None:
        """Let the kept notifications go, one after the other."""
        self.held = False
        kept, self._kept = self._kept, []
        self._start(kept[::-1] if newest_first else kept)

    async def test(self, settings: WebhookSettings) -> bool:
        """Send the test notification with the settings of the form and tell whether it was accepted."""
        if not isinstance(json.loads(settings.template), dict):
            return False
        return await self._post(
            settings, NotificationType.TEST_NOTIFICATION, *self._render(settings, TEST_NOTIFICATION)
        )

    async def settled(self) -> None:
        """Wait until every started delivery has ended."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _render(self, settings: WebhookSettings, note: Notification) -> tuple[str, object]:
        return render_url(settings, note), render(json.loads(settings.template), note)

    def _start(self, messages: Sequence[Message]) -> None:
        task = asyncio.create_task(self._deliver(messages))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await self._post(*message)

    async def _post(self, settings: WebhookSettings, type_: NotificationType, url: str, body: object) -> bool:
        headers = {
            "User-Agent": "axios/1.13.2",
            "Accept": "application/json, text/plain, */*",
            "Connection": "close",
            **dict(settings.custom_headers),
        }
        if settings.auth_header:
            headers["Authorization"] = settings.auth_header
        accepted = True
        async with Http(InstanceName("webhook"), url, headers=headers) as http:
            try:
                await http.send("POST", url, operation="webhook", body=body)
            except UpstreamError:
                accepted = False
        self.deliveries.append(Delivery(type_, url, body, accepted))
        return accepted


def parse_template(encoded: object) -> str:
    """Decode `jsonPayload`: template text that was encoded as a JSON string once more; raises `BadSettings`."""
    try:
        text = json.loads(str(encoded))
        json.loads(text)
    except (ValueError, TypeError) as error:
        raise BadSettings("jsonPayload is not JSON text encoded as JSON once more") from error
    return str(text)


def _json_text(text: object) -> str:
    try:
        json.loads(str(text))
    except ValueError as error:
        raise BadSettings("jsonPayload is not JSON") from error
    return str(text)


def settings_json(settings: WebhookSettings, *, is_newer: bool = False) -> dict[str, object]:
    """Return what the settings page reads: the template decoded once (posting it back failed in older versions)."""
    headers = [{"key": key, "value": value} for key, value in settings.custom_headers]
    return {
        "enabled": settings.enabled,
        "embedPoster": True,
        "types": settings.types,
        "options": {
            "webhookUrl": settings.url,
            "jsonPayload": settings.template,
            "authHeader": settings.auth_header,
            "supportVariables": settings.supports_variables,
            **({"customHeaders": headers} if is_newer else {}),
        },
    }


def settings_from(body: Mapping[str, object], *, is_newer: bool = False) -> WebhookSettings:
    """Read posted settings; raises `BadSettings` for a template that cannot be decoded."""
    options = body.get("options")
    if not isinstance(options, Mapping):
        raise BadSettings("options are missing")
    types = body.get("types")
    return WebhookSettings(
        enabled=body.get("enabled") is True,
        types=types if isinstance(types, int) else 0,
        url=str(options.get("webhookUrl") or ""),
        auth_header=str(options.get("authHeader") or ""),
        template=(_json_text if is_newer else parse_template)(options.get("jsonPayload")),
        custom_headers=tuple((str(row["key"]), str(row["value"])) for row in options.get("customHeaders") or ()),
        supports_variables=options.get("supportVariables") is True,
    )
