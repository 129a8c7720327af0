"""Who may come in. Decided from the request's head alone, before a byte of its body is read."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.requests import Request

from reconciler.auth import accepts
from reconciler.clock import Clock
from reconciler.config import Settings
from reconciler.model import Source
from reconciler.web.problems import Problem, unauthorized
from reconciler.web.rotation import PreviousSecret

CLIENT_HEADER = "Reconciler-Client"
"""Says which of our own programs asks (`cli`), so that the log says it too."""

_SAFE_METHODS = frozenset({"GET", "HEAD"})


class Guard:
    """Checks secrets; without one (configuration allows that on loopback only) it checks that no web page asks.

    A page in the operator's browser could otherwise post to an open service on the same machine, directly or under
    a name of its own that resolves to it. Programs send no `Origin`, and address the service by IP or a short name.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._webhook_secret = settings.webhook_secret
        self._api_token = settings.api_token
        self._previous_webhook_secret = PreviousSecret.of("webhook_secret", settings.previous_webhook_secret, clock)
        self._previous_api_token = PreviousSecret.of("api_token", settings.previous_api_token, clock)

    @property
    def previous(self) -> tuple[PreviousSecret, ...]:
        """The previous secrets that are still accepted."""
        both = (self._previous_webhook_secret, self._previous_api_token)
        return tuple(one for one in both if one is not None)

    def require_webhook_secret(self, request: Request, sender: str) -> None:
        """Raise 401 unless the webhook secret came along; `sender` is whose webhook it is, for people."""
        self._require(request, self._webhook_secret, self._previous_webhook_secret, sender, "reconciler webhooks")

    def require_api_token(self, request: Request) -> None:
        self._require(request, self._api_token, self._previous_api_token, asker(request).value, "reconciler")

    def _require(
        self, request: Request, secret: SecretStr | None, previous: PreviousSecret | None, sender: str, realm: str
    ) -> None:
        if secret is None:
            _require_plain_host(request)
        else:
            # Both are always compared, so that the time does not tell which one it was.
            is_present = _carries(request, secret)
            is_previous = previous is not None and _carries(request, previous.secret)
            if not is_present and not is_previous:
                raise unauthorized(realm)
            if previous is not None and not is_present:
                previous.used_by(sender)
        if request.method not in _SAFE_METHODS:
            _require_same_origin(request)


def asker(request: Request) -> Source:
    """Return whether our own command line asks or another program; anybody with the token may say either."""
    return Source.CLI if request.headers.get(CLIENT_HEADER) == Source.CLI.value else Source.API


def _carries(request: Request, secret: SecretStr) -> bool:
    return accepts(request.headers.get("authorization"), [secret], api_key=request.headers.get("x-api-key"))


def _require_same_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise Problem(403, "foreign-origin", "Another web site may not ask for this", "The Origin is not this host.")


def _require_plain_host(request: Request) -> None:
    host = urlsplit("//" + request.headers.get("host", "")).hostname or ""
    if "." not in host or host.endswith(".localhost"):
        return
    try:
        ip_address(host)
    except ValueError:
        raise Problem(
            403,
            "foreign-host",
            "This name is not served without a secret",
            "Configure secrets to serve the reconciler under a domain name, or ask by IP address.",
        ) from None
