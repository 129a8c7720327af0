"""Who may come in. Decided from the request's head alone, before a byte of its body is read."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.requests import Request

from reconciler.auth import accepts
from reconciler.config import Settings
from reconciler.web.problems import Problem, unauthorized

_SAFE_METHODS = frozenset({"GET", "HEAD"})


class Guard:
    """Checks secrets; without one (configuration allows that on loopback only) it checks that no web page asks.

    A page in the operator's browser could otherwise post to an open service on the same machine, directly or under
    a name of its own that resolves to it. Programs send no `Origin`, and address the service by IP or a short name.
    """

    def __init__(self, settings: Settings) -> None:
        self._webhook_secret = settings.webhook_secret
        self._api_token = settings.api_token

    def require_webhook_secret(self, request: Request) -> None:
        self._require(request, self._webhook_secret, "reconciler webhooks")

    def require_api_token(self, request: Request) -> None:
        self._require(request, self._api_token, "reconciler")

    def _require(self, request: Request, secret: SecretStr | None, realm: str) -> None:
        if secret is None:
            _require_plain_host(request)
        elif not accepts(request.headers.get("authorization"), [secret], api_key=request.headers.get("x-api-key")):
            raise unauthorized(realm)
        if request.method not in _SAFE_METHODS:
            _require_same_origin(request)


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
