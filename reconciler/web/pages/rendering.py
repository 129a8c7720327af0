"""From a template to a response: what every page has, and the words that templates use."""

import hashlib
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from reconciler import __version__
from reconciler.clock import Clock
from reconciler.web.answers import root_of
from reconciler.web.guard import Guard
from reconciler.web.sessions import Access, Session
from reconciler.words import duration_in_words, plain, size_in_words

HERE = Path(__file__).parent
STATIC = HERE / "static"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
}
JUST_NOW = timedelta(seconds=5)


class Renderer:
    """Renders templates. Everything in them is escaped; a name that is not given is a mistake, not an empty text."""

    def __init__(self, clock: Clock, guard: Guard) -> None:
        self._clock = clock
        self._guard = guard
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "plain": plain,
            "size": size_in_words,
            "duration": lambda seconds: duration_in_words(timedelta(seconds=seconds)),
            "sentence": sentence,
            "when": self._when,
            "until": self._until,
            "moment": self._moment,
        }

    def response(
        self, request: Request, template: str, session: Session, *, status_code: int = 200, **context: Any
    ) -> HTMLResponse:
        """Return a page. `session` decides which of the choices on it are offered."""
        root = root_of(request)
        everywhere = {
            "root": root,
            "here": request.url.path.removeprefix(root) or "/",
            "session": session,
            "may_write": session.access is Access.WRITE,
            "must_sign_in": self._guard.asks_for_tokens,
            "form_token": self._guard.sessions.form_token(session),
            "static": lambda name: f"{root}/static/{name}?v={fingerprint(name)}",
            "program_version": __version__,
            "notice": self._guard.sessions.said(session, request.query_params.get("said", "")),
        }
        text = self._environment.get_template(template).render({**everywhere, **context})
        return HTMLResponse(text, status_code=status_code, headers=HEADERS)

    def _when(self, at: datetime | None) -> Markup:
        """Return a moment in the past, as how long ago it was; the exact time is in the element."""
        if at is None:
            return Markup("–")
        ago = self._clock.now() - at
        whole = timedelta(seconds=int(ago.total_seconds()))
        return _time(at, "just now" if ago < JUST_NOW else f"{duration_in_words(whole)} ago")

    def _until(self, at: datetime | None) -> Markup:
        """Return a moment to come, as how long it takes until then."""
        if at is None:
            return Markup("–")
        left = at - self._clock.now()
        whole = timedelta(seconds=int(left.total_seconds()))
        return _time(at, f"in {duration_in_words(whole)}" if left >= timedelta(seconds=1) else "now")

    def _moment(self, at: datetime) -> Markup:
        """Return a moment that may lie on either side of now."""
        return self._until(at) if at > self._clock.now() else self._when(at)


def sentence(text: str) -> str:
    """Return words as a sentence: they come as fragments from conditions."""
    text = text.strip()
    if not text:
        return ""
    return text[:1].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")


@cache
def fingerprint(name: str) -> str:
    """Return what changes with a static file, so that browsers may keep it for good."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _time(at: datetime, words: str) -> Markup:
    exact = at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), exact, words)
