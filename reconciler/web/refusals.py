"""One log line for webhooks that were refused: the sender's own log rarely says why, and nobody else would know."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from reconciler.clock import Clock
from reconciler.telemetry import get_logger
from reconciler.web.answers import root_of
from reconciler.web.problems import Problem, ProblemResponse, http_problem

AGAIN_AFTER_SECONDS = 60.0
_FIELDS_NAMED = 5

# What to do, where the answer's own words only say what is wrong.
_ADVICE = {
    "unauthorized": (
        "Put the webhook secret (not the API token) into this sender's webhook settings: the Authorization header, or "
        "the password of its user name and password."
    ),
    "not-json": "Check that the sender's template renders to valid JSON.",
    "too-large": "Send smaller bodies; the sender's template may hold more than it needs.",
    "broken-off": "Look for a proxy or a time limit between the sender and this service.",
    "not-found": "Correct the address in the sender's webhook settings; docs/api.md lists those there are.",
    "method-not-allowed": "Set the sender's webhook method to POST.",
    "unknown-instance": "Correct the instance's name at the end of the address in the sender's webhook settings.",
    "unsupported-encoding": "Switch off compression of request bodies in the sender or in the proxy before us.",
}


class Refusals:
    """Warns at most once a minute for each (source, problem); a sender that is set up wrongly repeats itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._warned: dict[tuple[str, str], float] = {}

    def note(self, source: str, problem: Problem) -> None:
        """Log a refusal. No header, no body and no part of the address goes into the line."""
        key = (source, problem.slug)
        now = self._clock.monotonic()
        last = self._warned.get(key)
        if last is not None and now - last < AGAIN_AFTER_SECONDS:
            return
        self._warned[key] = now
        wrong = {"fields": [error.field for error in problem.errors[:_FIELDS_NAMED]]} if problem.errors else {}
        get_logger(__name__).warning(
            "webhook_refused",
            source=source,
            status=problem.status,
            problem=problem.slug,
            detail=f"{problem.title}. {problem.detail}",
            what_to_do=_ADVICE.get(problem.slug, problem.detail),
            **wrong,
        )

    async def answer_http_error(self, request: Request, error: Exception) -> ProblemResponse:
        """Answer for the router: nothing is at this address, or it does not take this method."""
        if not isinstance(error, HTTPException):
            raise error
        problem = http_problem(error)
        if request.url.path.startswith(f"{root_of(request)}/webhooks/"):
            self.note("unknown", problem)
        return problem.response()
