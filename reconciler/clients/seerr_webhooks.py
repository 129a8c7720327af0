"""The webhook agent of Seerr, Jellyseerr and Overseerr: there is one, with one template (upstreams.md 1.4 and 1.7)."""

import json
from collections.abc import Mapping
from typing import Any

from reconciler.clients._http import Http
from reconciler.connections import is_same_address, shown
from reconciler.errors import Rejected, Unintelligible, Unreachable
from reconciler.intake.templates import lacking_in_jellyseerr
from reconciler.model import InstanceName, SecretSeen, SeenWebhook, UpstreamKind, WantedWebhook

_PATH = "/settings/notifications/webhook"
_BITS = {
    "MEDIA_PENDING": 2,
    "MEDIA_APPROVED": 4,
    "MEDIA_AVAILABLE": 8,
    "MEDIA_FAILED": 16,
    "MEDIA_DECLINED": 64,
    "MEDIA_AUTO_APPROVED": 128,
    "ISSUE_CREATED": 256,
    "ISSUE_COMMENT": 512,
    "ISSUE_RESOLVED": 1024,
    "ISSUE_REOPENED": 2048,
}
_SINCE_PLAIN = "customHeaders"
"""An option of versions that are newer than those that take the template encoded."""

_FAILED = 500
_BARE: Mapping[str, object] = {"customHeaders": [], "supportVariables": False}
"""What newer versions have beside an address for its sake, as it is when it is not used."""


class SeerrWebhook:
    """One Seerr; a `reconciler.ports.WebhookSettings`."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._is_encoded: bool | None = None  # whether this version takes its template encoded once more, once known

    @property
    def instance(self) -> InstanceName:
        return self._http.instance

    @property
    def kind(self) -> UpstreamKind:
        return UpstreamKind.JELLYSEERR

    async def read(self, wanted: WantedWebhook) -> tuple[SeenWebhook, ...]:
        """Return the agent's webhook, or nothing while it has no address."""
        settings = await self._settings()
        options = settings["options"]
        url = _text(options.get("webhookUrl"))
        if not url:
            return ()
        types = settings.get("types")
        bits = types if isinstance(types, int) and not isinstance(types, bool) else 0
        return (
            SeenWebhook(
                id=None,
                name="",
                url=url,
                enabled=settings.get("enabled") is True,
                events=frozenset(name for name, bit in _BITS.items() if bits & bit),
                offers=frozenset(_BITS),
                secret=_secret(_text(options.get("authHeader")), wanted.secret),
                lacks=_lacking(_text(options.get("jsonPayload")), wanted),
            ),
        )

    async def save(self, wanted: WantedWebhook, instead_of: SeenWebhook | None) -> None:
        settings = await self._settings()
        there = _text(settings["options"].get("webhookUrl"))
        if there != (instead_of.url if instead_of else ""):
            raise Rejected(self.instance, "has changed its webhook meanwhile; look again")
        is_ours = any(is_same_address(there, url) for url in (*wanted.urls, *wanted.former))
        base = settings if is_ours else _stripped(settings)
        template = _template(base["options"], wanted)
        for is_encoded, is_last in self._encodings(base["options"]):
            try:
                body = _filled(base, wanted, template, is_encoded=is_encoded)
                await self._http.send("POST", _PATH, operation="save_webhook", body=body)
            except Unreachable as error:
                if error.status != _FAILED or is_last:
                    raise
                continue
            if (await self._settings())["options"].get("jsonPayload") == template:
                self._is_encoded = is_encoded
                return

    async def test(self, wanted: WantedWebhook, seen: SeenWebhook) -> None:
        """Send what the form's Test button sends. It takes the form's values, so `seen` must be right already."""
        settings = await self._settings()
        template = _template(settings["options"], wanted)
        for is_encoded, is_last in self._encodings(settings["options"]):
            body = _filled(settings, wanted, template, is_encoded=is_encoded)
            body["options"]["webhookUrl"] = seen.url
            try:
                await self._http.send("POST", f"{_PATH}/test", operation="test_webhook", body=body)
            except Unreachable as error:
                if error.status != _FAILED:
                    raise
                if is_last:
                    where = shown(seen.url)
                    raise Rejected(
                        self.instance, f"could not deliver its test to {where}; its log says why", status=error.status
                    ) from error
            else:
                self._is_encoded = is_encoded
                return

    def _encodings(self, options: Mapping[str, Any]) -> tuple[tuple[bool, bool], ...]:
        """Return how to send the template, the likely way first, and whether there is none left after it.

        Up to 3.1 it must be encoded as JSON once more than it is read; later versions do that themselves, and what is
        encoded for them is a template that they cannot fill in. Neither is refused reliably, so it is read again.
        """
        if self._is_encoded is not None:
            return ((self._is_encoded, True),)
        is_encoded = _SINCE_PLAIN not in options
        return ((is_encoded, False), (not is_encoded, True))

    async def _settings(self) -> dict[str, Any]:
        settings = (await self._http.send("GET", _PATH, operation="webhooks")).json()
        if not isinstance(settings, Mapping) or not isinstance(settings.get("options"), Mapping):
            raise Unintelligible(self.instance, "answered no settings of its webhook; is this Seerr?")
        return {**settings, "options": dict(settings["options"])}


def _secret(header: str, secret: str | None) -> SecretSeen:
    if not header:
        return SecretSeen.MISSING
    if not header.strip("*"):
        return SecretSeen.HIDDEN
    return SecretSeen.RIGHT if secret and header in {f"Bearer {secret}", secret} else SecretSeen.WRONG


def _lacking(template: str, wanted: WantedWebhook) -> tuple[str, ...]:
    return lacking_in_jellyseerr(template, commands="ISSUE_COMMENT" in wanted.events)


def _stripped(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings without what its owner meant for another address: secrets may be among it."""
    options = settings["options"]
    return {**settings, "options": {**options, **{key: value for key, value in _BARE.items() if key in options}}}


def _template(options: Mapping[str, Any], wanted: WantedWebhook) -> str:
    """Return the template as it should be: one that has all that is needed stays as its owner wrote it."""
    template = _text(options.get("jsonPayload"))
    return wanted.template if _lacking(template, wanted) else template


def _filled(settings: Mapping[str, Any], wanted: WantedWebhook, template: str, *, is_encoded: bool) -> dict[str, Any]:
    """Return the settings as they are posted, with what is ours as it should be."""
    ours: dict[str, object] = {
        "webhookUrl": wanted.url,
        "jsonPayload": json.dumps(template) if is_encoded else template,
    }
    if wanted.secret is not None:
        ours["authHeader"] = f"Bearer {wanted.secret}"
    return {
        **settings,
        "enabled": True,
        "types": sum(_BITS[name] for name in wanted.events if name in _BITS),
        "options": {**settings["options"], **ours},
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
