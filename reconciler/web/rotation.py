"""Secrets on their way out: still accepted, and who still uses them, so that one knows when they can go."""

from datetime import datetime
from typing import Self

from pydantic import SecretStr

from reconciler.clock import Clock
from reconciler.telemetry import get_logger


class PreviousSecret:
    """One previous secret. `name` is the setting that took its place.

    What it remembers is this process's own and begins anew with it: a restart is part of every change of a secret.
    Senders are known by closed names (sources, configured instances), never by what a request says of itself.
    """

    def __init__(self, name: str, secret: SecretStr, clock: Clock) -> None:
        self.name = name
        self.secret = secret
        self.since = clock.now()
        self._clock = clock
        self._last_used: dict[str, datetime] = {}

    @classmethod
    def of(cls, name: str, secret: SecretStr | None, clock: Clock) -> Self | None:
        """Return what watches over a previous secret; nothing where there is none."""
        return None if secret is None else cls(name, secret, clock)

    @property
    def last_used(self) -> dict[str, datetime]:
        """When each sender presented it last, by its name."""
        return dict(sorted(self._last_used.items()))

    def used_by(self, sender: str) -> None:
        """Remember that a sender presented it; said in the log once for each."""
        if sender not in self._last_used:
            get_logger(__name__).warning(
                "previous_secret_used",
                sender=sender,
                setting=self.name,
                what_to_do=f"Give this sender the new {self.name}; then remove previous_{self.name}.",
            )
        self._last_used[sender] = self._clock.now()

    def in_words(self) -> str:
        """Return one remark for the verdict."""
        users = f"used by {', '.join(self.last_used)}" if self._last_used else "not used since the start"
        return f"the previous {self.name.replace('_', ' ').replace('api', 'API')} is still accepted ({users})"
