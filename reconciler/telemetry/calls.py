"""How many calls went to which upstream, and how they ended."""

from collections import Counter as Tally
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.model import InstanceName

Observer = Callable[[InstanceName, str, str, float], None]
"""The `CallObserver` of the clients: instance, operation, outcome, seconds."""


@dataclass(frozen=True, slots=True)
class CallCounts:
    """Calls by (instance, operation, outcome)."""

    by_call: Mapping[tuple[InstanceName, str, str], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_call.values())

    def of(self, instance: InstanceName) -> int:
        """Return how many calls one instance got."""
        return sum(count for (name, _operation, _outcome), count in self.by_call.items() if name == instance)


class Calls:
    """Counts upstream calls, for example of one pass; an `Observer`."""

    def __init__(self) -> None:
        self._tally: Tally[tuple[InstanceName, str, str]] = Tally()

    def __call__(self, instance: InstanceName, operation: str, outcome: str, _seconds: float) -> None:
        self._tally[instance, operation, outcome] += 1

    def snapshot(self) -> CallCounts:
        """Return the counts since the last reset."""
        return CallCounts(dict(self._tally))

    def reset(self) -> CallCounts:
        """Start from zero, and return what was counted until now."""
        counts = self.snapshot()
        self._tally.clear()
        return counts


def fan_out(*observers: Observer) -> Observer:
    """Return an observer that tells all of these."""

    def tell(instance: InstanceName, operation: str, outcome: str, seconds: float) -> None:
        for observer in observers:
            observer(instance, operation, outcome, seconds)

    return tell
