"""Who may come in. Decided from the request's head alone, before a byte of its body is read."""

from dataclasses import replace
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
from reconciler.web.sessions import Access, Session, Sessions

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
        self._read_token = settings.read_token
        self._previous_webhook_secret = PreviousSecret.of("webhook_secret", settings.previous_webhook_secret, clock)
        self._previous_api_token = PreviousSecret.of("api_token", settings.previous_api_token, clock)

        tokens = {
            **({self._read_token: Access.READ} if self._read_token else {}),
            **{token: Access.WRITE for token in (settings.previous_api_token, self._api_token) if token},
        }
        self._tokens = tokens
        self.sessions = Sessions(self._api_token, tokens, clock, settings.root_path)

    @property
    def previous(self) -> tuple[PreviousSecret, ...]:
        """The previous secrets that are still accepted."""
        both = (self._previous_webhook_secret, self._previous_api_token)
        return tuple(one for one in both if one is not None)

    def require_webhook_secret(self, request: Request, sender: str) -> None:
        """Raise 401 unless the webhook secret came along; `sender` is whose webhook it is, for people."""
        if self._webhook_secret is None:
            _require_plain_host(request)
        else:
            previous = self._previous_webhook_secret
            # Both are always compared, so that the time does not tell which one it was.
            is_present = _carries(request, self._webhook_secret)
            is_previous = previous is not None and _carries(request, previous.secret)
            if not is_present and not is_previous:
                raise unauthorized("reconciler webhooks")
            if previous is not None and not is_present:
                previous.used_by(sender)
        _require_same_origin(request)

    def require(self, request: Request, access: Access) -> None:
        """Raise 401 unless a token came along, and 403 if it is for less than `access`.

        A browser's session opens what is only read. What changes something wants a token, or a form of ours, see
        `require_form`: a cookie goes along with requests that nobody meant.
        """
        if self._api_token is None:
            _require_plain_host(request)
        else:
            allowed = self._access_of(request)
            if allowed is None:
                raise unauthorized("reconciler", to_browser="sec-fetch-mode" in request.headers)
            if not allowed.includes(access):
                raise _too_little()
        _require_same_origin(request)

    @property
    def asks_for_tokens(self) -> bool:
        """Tell whether people have to sign in at all."""
        return self._api_token is not None

    def session(self, request: Request) -> Session:
        """Return the session of a browser, with what it may do: by its cookie, or by a token that it sends.

        A proxy may sign people in by sending the token along. Where none is configured, everybody may do everything.
        """
        session = self.sessions.of(request)
        if not self.asks_for_tokens:
            _require_plain_host(request)
            return replace(session, access=Access.WRITE)
        return session if session.access else replace(session, access=self._shown(request))

    def require_form(self, request: Request, token: str, access: Access | None) -> Session:
        """Return the session whose form this is. Raises 401, or 403 if another page made it or it may too little.

        `token` is what came with the form; without a `access` nobody needs to have signed in.
        """
        session = self.session(request)
        _require_same_origin(request)
        if access is not None and session.access is None:
            raise unauthorized("reconciler")
        if not self.sessions.is_from_form(session, token):
            raise Problem(
                403, "foreign-form", "This form is not from here, or it is too old", "Go back, reload, and try again."
            )
        if access is not None and session.access is not None and not session.access.includes(access):
            raise _too_little()
        return session

    def sign_in(self, text: str) -> SecretStr | None:
        """Return which of the tokens a person typed; `None` if it is none of them."""
        found = [token for token in self._tokens if accepts(text, [token])]
        if found and self._previous_api_token is not None and found[-1] is self._previous_api_token.secret:
            self._previous_api_token.used_by("page")
        return found[-1] if found else None

    def _access_of(self, request: Request) -> Access | None:
        """Return what a request may do: by its token, else, if it only reads, by its cookie."""
        shown = self._shown(request)
        if shown is None and request.method in _SAFE_METHODS:
            return self.sessions.of(request).access  # a proxy may send an Authorization of its own along
        return shown

    def _shown(self, request: Request) -> Access | None:
        """Return what the token in the headers allows; every one is always compared."""
        found = [token for token in self._tokens if _carries(request, token)]
        if not found:
            return None
        previous = self._previous_api_token
        if previous is not None and found[-1] is previous.secret:
            previous.used_by(asker(request).value)
        return self._tokens[found[-1]]


def asker(request: Request) -> Source:
    """Return whether our own command line asks or another program; anybody with the token may say either."""
    return Source.CLI if request.headers.get(CLIENT_HEADER) == Source.CLI.value else Source.API


def _carries(request: Request, secret: SecretStr) -> bool:
    return accepts(request.headers.get("authorization"), [secret], api_key=request.headers.get("x-api-key"))


def _require_same_origin(request: Request) -> None:
    """Refuse what another site's page asks to change."""
    if request.method in _SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    if origin is not None and _netloc(origin) != request.headers.get("host", "").lower():
        raise Problem(403, "foreign-origin", "Another web site may not ask for this", "The Origin is not this host.")


def _require_plain_host(request: Request) -> None:
    try:
        host = urlsplit("//" + request.headers.get("host", "")).hostname or ""
        if "." not in host or host.endswith(".localhost"):
            return
        ip_address(host)
    except ValueError:
        raise Problem(
            403,
            "foreign-host",
            "This name is not served without a secret",
            "Configure secrets to serve the reconciler under a domain name, or ask by IP address.",
        ) from None


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # what is no address is no address of ours
        return ""


def _too_little() -> Problem:
    return Problem(
        403,
        "insufficient-scope",
        "This token may only read",
        "Use the API token to change something.",
        headers={"WWW-Authenticate": 'Bearer realm="reconciler", error="insufficient_scope", scope="write"'},
    )
