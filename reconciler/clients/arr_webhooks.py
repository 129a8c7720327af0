"""Settings → Connect of Radarr and Sonarr: the webhooks among the connections (upstreams.md 4.1).

Which of them are muted is among what the application says of its own health (`NotificationStatusCheck.cs`).

What is saved is tried by the application first, so saving and testing take as long as our own answer does. Everything
that is not ours to change goes back as it came.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from reconciler.clients._http import Http, Reply
from reconciler.clients._rows import Row, rows_of
from reconciler.errors import Rejected, UpstreamError
from reconciler.model import (
    WEBHOOK_NAME,
    InstanceName,
    SecretSeen,
    SeenWebhook,
    UpstreamKind,
    WantedWebhook,
)

MASK = "********"
"""What stands in for a password; sent back, it means the one that is stored."""

_TRYING = timedelta(seconds=110)
"""The application waits up to 100 s for the receiver of its test."""

_REFUSED = frozenset({400})
_POST = 1
_USER = "reconciler"
_HEADER = "Authorization"
_KEY_HEADER = "x-api-key"
"""Taken in place of the other; see `auth.accepts`."""
_LONGEST = 400
_MUTED_CHECK = "NotificationStatusCheck"


class ArrWebhooks:
    """One Radarr or Sonarr; a `reconciler.ports.WebhookSettings`."""

    def __init__(self, http: Http, kind: UpstreamKind) -> None:
        self._http = http
        self._kind = kind

    @property
    def instance(self) -> InstanceName:
        return self._http.instance

    @property
    def kind(self) -> UpstreamKind:
        return self._kind

    async def read(self, wanted: WantedWebhook) -> tuple[SeenWebhook, ...]:
        reply = await self._http.send("GET", "/notification", operation="webhooks")
        rows = rows_of(self.instance, "connection", reply.json())
        webhooks = [_seen(row, wanted) for row in rows if row.maybe("implementation") == "Webhook"]
        troubles = await self._troubles() if webhooks else ()
        return tuple(replace(one, is_muted=any(_is_about(one, trouble) for trouble in troubles)) for one in webhooks)

    async def save(self, wanted: WantedWebhook, instead_of: SeenWebhook | None) -> None:
        if instead_of is None:
            method, path, row = "POST", "/notification", await self._template()
            row["name"] = await self._free_name()
        else:
            method, path, row = "PUT", f"/notification/{instead_of.id}", await self._current(instead_of)
        reply = await self._http.send(
            method, path, operation="save_webhook", body=_filled(row, wanted), accept=_REFUSED, timeout=_TRYING
        )
        self._judge(reply, wanted)

    async def test(self, wanted: WantedWebhook, seen: SeenWebhook) -> None:
        reply = await self._http.send(
            "POST",
            "/notification/test",
            operation="test_webhook",
            body=await self._current(seen),
            accept=_REFUSED,
            timeout=_TRYING,
        )
        self._judge(reply, wanted)

    async def _troubles(self) -> tuple[Row, ...]:
        """Return what the application says of connections that fail; nothing if it does not say."""
        try:
            reply = await self._http.send("GET", "/health", operation="health")
            rows = rows_of(self.instance, "health check", reply.json())
        except UpstreamError:  # a webhook can be looked at and put right all the same
            return ()
        return tuple(row for row in rows if row.maybe("source") == _MUTED_CHECK)

    async def _template(self) -> dict[str, Any]:
        reply = await self._http.send("GET", "/notification/schema", operation="webhook_template")
        for row in rows_of(self.instance, "kind of connection", reply.json()):
            if row.maybe("implementation") == "Webhook":
                return {name: value for name, value in row.data.items() if name != "presets"}
        raise Rejected(self.instance, "knows no connection of the kind Webhook")

    async def _free_name(self) -> str:
        """Return our name, with a number if another connection has it: that one is not ours to change."""
        reply = await self._http.send("GET", "/notification", operation="webhooks")
        taken = {row.optional("name").casefold() for row in rows_of(self.instance, "connection", reply.json())}
        names = (WEBHOOK_NAME, *(f"{WEBHOOK_NAME} {number}" for number in range(2, len(taken) + 2)))
        return next(name for name in names if name.casefold() not in taken)

    async def _current(self, seen: SeenWebhook) -> dict[str, Any]:
        """Read the webhook again; raises `Rejected` if it is another one by now."""
        reply = await self._http.send("GET", f"/notification/{seen.id}", operation="webhook")
        row = Row(self.instance, "connection", reply.json())
        if row.id() != seen.id or _text(_fields(row).get("url")) != seen.url:
            raise Rejected(self.instance, "has changed its webhook meanwhile; look again")
        return dict(row.data)

    def _judge(self, reply: Reply, wanted: WantedWebhook) -> None:
        if reply.status in _REFUSED:
            said = "; ".join(_complaints(reply)) or "no reason"
            if wanted.secret:
                said = said.replace(wanted.secret, "***")
            raise Rejected(self.instance, f"does not take the webhook: {said[:_LONGEST]}", status=reply.status)


# --- read ----------------------------------------------------------------------------------------------------------


def _seen(row: Row, wanted: WantedWebhook) -> SeenWebhook:
    fields = _fields(row)
    ticked = frozenset(name for name, value in row.data.items() if name.startswith("on") and value is True)
    return SeenWebhook(
        id=row.id(),
        name=row.optional("name"),
        url=_text(fields.get("url")),
        enabled=bool(ticked),  # there is no other switch
        events=ticked,
        offers=frozenset(name for name in wanted.events if _offers(row.data, name)),
        secret=_secret(fields, wanted.secret),
        is_post=fields.get("method") in {None, _POST},
        has_tags=bool(row.data.get("tags")),
    )


def _is_about(webhook: SeenWebhook, trouble: Row) -> bool:
    """Tell whether a health check means this connection: an error means all, a warning names some at its end."""
    if trouble.maybe("type") == "error":
        return True
    named = re.compile(rf"(?:^|[\s:：,]){re.escape(webhook.name)}\s*(?:,|\.?$)")
    return bool(webhook.name) and named.search(trouble.optional("message")) is not None


def _fields(row: Row) -> dict[str, Any]:
    return {name: field.data.get("value") for field in row.rows("fields") if (name := field.maybe("name"))}


def _offers(row: Mapping[str, Any], event: str) -> bool:
    return event in row and row.get(f"supportsOn{event.removeprefix('on')}", True) is not False


def _secret(fields: Mapping[str, Any], secret: str | None) -> SecretSeen:
    """Compare what it sends with the secret: in a header, or as a password, which newer versions do not show."""
    headers = [(key.lower(), value) for key, value in _headers(fields)]
    keys = [value for key, value in headers if key == _KEY_HEADER]
    if secret and secret in keys:
        return SecretSeen.RIGHT
    sent = [value for key, value in headers if key == _HEADER.lower()]
    password = _text(fields.get("password"))
    if not sent and not password and not keys:
        return SecretSeen.MISSING
    if MASK in {*sent, *keys} or (not sent and password == MASK):
        return SecretSeen.HIDDEN
    right = {f"Bearer {secret}", secret} if secret else set()
    return SecretSeen.RIGHT if (sent[0] if sent else password) in right else SecretSeen.WRONG


def _headers(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = fields.get("headers")
    pairs = rows if isinstance(rows, list) else []
    return [(_text(pair.get("key")), _text(pair.get("value"))) for pair in pairs if isinstance(pair, Mapping)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


# --- written -------------------------------------------------------------------------------------------------------


def _filled(row: Mapping[str, Any], wanted: WantedWebhook) -> dict[str, Any]:
    """Return a connection as it came, with what is ours as it should be."""
    ticked = {name: name in wanted.events for name, value in row.items() if name.startswith("on") and _is_flag(value)}
    fields = [dict(field) for field in row.get("fields") or [] if isinstance(field, Mapping)]
    values = {str(field.get("name")): field.get("value") for field in fields}
    ours: dict[str, object] = {"url": wanted.url, "method": _POST}
    if wanted.secret is not None and "headers" in values:
        others = [(key, value) for key, value in _headers(values) if key.lower() != _HEADER.lower()]
        pairs = [*others, (_HEADER, f"Bearer {wanted.secret}")]
        ours |= {"headers": [{"key": key, "value": value} for key, value in pairs], "username": "", "password": ""}
    elif wanted.secret is not None:
        ours |= {"username": _USER, "password": wanted.secret}
    for field in fields:
        if field.get("name") in ours:
            field["value"] = ours[field["name"]]
    return {**row, **ticked, "tags": [], "fields": fields}


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _complaints(reply: Reply) -> Iterable[str]:
    """Return what is wrong, field by field; other refusals are one message."""
    document = reply.json()
    if isinstance(document, Mapping):
        yield _text(document.get("message")) or _text(document.get("title"))
        return
    for row in document if isinstance(document, list) else []:
        if isinstance(row, Mapping):
            words = " ".join(_text(row.get("errorMessage")).split())
            yield f"{_text(row.get('propertyName'))}: {words}"
