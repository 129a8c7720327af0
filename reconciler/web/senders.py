"""Which Radarr or Sonarr a webhook comes from: the instance its address names, or the only one there is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request

from reconciler.model import InstanceName, Source, UpstreamKind
from reconciler.ports import Heard, Understood
from reconciler.reasons import Reason
from reconciler.web.problems import Problem


@dataclass(frozen=True, slots=True)
class Sender:
    """`instance` is `None` when it cannot be told, and `why_unknown` then says why.

    `is_misnamed`: the address names an instance that is not configured.
    """

    kind: UpstreamKind
    source: Source
    instance: InstanceName | None
    why_unknown: str = ""
    is_misnamed: bool = False

    @property
    def name(self) -> InstanceName:
        """Return a name to parse with; which event it is does not depend on the instance."""
        return self.instance or InstanceName(self.kind.value)

    def ignoring(self, understood: Understood) -> Understood:
        """Keep of what was heard only the receipt when the sender is unknown: what follows would be a guess.

        What was too large to read is made good all the same: that reads the histories of every instance.
        """
        if self.instance is not None or understood.heard in {Heard.TEST, Heard.OVERSIZED}:
            return understood
        reason = f"{Reason.AMBIGUOUS_INSTANCE.value}: {self.why_unknown}"
        return Understood(Heard.IGNORED, event=understood.event, reason=reason)

    def misnamed(self) -> Problem:
        """Return what is wrong with the address; an answer only for a test, because it would mute the sender."""
        detail = f"{self.why_unknown[:1].upper()}{self.why_unknown[1:]}."
        return Problem(404, "unknown-instance", f"No {self.kind.value} instance has this name", detail)


def sender_of(request: Request, kind: UpstreamKind, configured: Sequence[InstanceName]) -> Sender:
    """Return who sent this. `configured` are the instances of this kind."""
    sender = Sender(kind, Source(kind.value), None)
    named = request.path_params.get("instance")
    if named is not None:
        for name in configured:
            if name == named:
                return replace(sender, instance=name)
        why = f"the address names none of the configured {kind.value} instances: {', '.join(configured) or 'none'}"
        return replace(sender, why_unknown=why, is_misnamed=True)
    if len(configured) == 1:
        return replace(sender, instance=configured[0])
    if configured:
        why = f"several {kind.value} instances are configured; put the instance's name into the address"
        return replace(sender, why_unknown=f"{why}: {', '.join(configured)}")
    return replace(sender, why_unknown=f"no {kind.value} instance is configured")
