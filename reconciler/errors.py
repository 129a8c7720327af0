"""What can go wrong, and what each kind of trouble means for the work.

```text
ReconcilerError
├── ConfigError         refuse to start
├── StoreError          answer 503, acknowledge nothing
│   ├── LeaseLost       another process reconciles now: stop before the next write
│   └── Overtaken       a person cancelled meanwhile: do not act, look again
└── UpstreamError       carries upstream, status, retry_after
    ├── Unreachable     requeue with backoff
    ├── Throttled       honour retry_after
    ├── Unauthorized    one fresh login, then hourly: failures can earn a ban
    ├── Rejected        blocked: our request is wrong; retried every 15 minutes
    └── Unintelligible  wait: the reply did not parse, so nothing was observed
```
"""

from collections.abc import Sequence
from datetime import timedelta


class ReconcilerError(Exception):
    """Everything this program raises on purpose."""


class ConfigError(ReconcilerError):
    """The configuration cannot be used; `problems` holds every problem with its fix, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StoreError(ReconcilerError):
    """The database could not do what was asked; nothing may be acknowledged."""


class LeaseLost(StoreError):
    """The lease went to another holder (or its epoch is over); nothing was written."""


class Overtaken(StoreError):
    """A deletion was cancelled after the pass read it; nothing was written and nothing may be sent."""


class NotAsShown(ReconcilerError):
    """What a person agreed to is not what there is by now; nothing was written."""


class UpstreamError(ReconcilerError):
    """An upstream did not do or show what was asked.

    `upstream` is the instance's name, `status` the HTTP status if there was one. The text is for people: it names
    no secret and no credential.
    """

    def __init__(
        self,
        upstream: str,
        message: str,
        *,
        status: int | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.upstream = upstream
        self.message = message
        self.status = status
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.upstream}: {self.message}"


class Unreachable(UpstreamError):
    """No usable answer: refused, timed out, reset, 5xx or still starting."""


class Throttled(UpstreamError):
    """The upstream asked us to slow down."""


class Unauthorized(UpstreamError):
    """The credentials were refused, or our address is banned."""


class Rejected(UpstreamError):
    """The upstream understood and refused: repeating the same request will not help."""


class Unintelligible(UpstreamError):
    """The reply is not what this application answers: not JSON, half a body, another program, missing fields."""
