"""Which Radarr or Sonarr a webhook comes from.

It is the instance that its address names, or the only one there is, or the one that calls itself what the payload says.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request

from reconciler.config import LibrarySettings
from reconciler.intake import sent_by
from reconciler.model import InstanceName, Source, UpstreamKind
from reconciler.ports import Heard, Understood
from reconciler.reasons import Reason
from reconciler.web.problems import Problem


@dataclass(frozen=True, slots=True)
class Sender:
    """`instance` is `None` when it cannot be told, and `why_unknown` then says why.

    `is_misnamed`: the address names an instance that is not configured. `candidates` are those among which the payload
    may still tell.
    """

    kind: UpstreamKind
    source: Source
    instance: InstanceName | None
    why_unknown: str = ""
    is_misnamed: bool = False
    candidates: tuple[LibrarySettings, ...] = ()

    @property
    def name(self) -> InstanceName:
        """Return a name to parse with; which event it is does not depend on the instance."""
        return self.instance or InstanceName(self.kind.value)

    def told_by(self, payload: object) -> "Sender":
        """Return this sender, known if exactly one of the candidates calls itself what the payload says."""
        said = _spelling(sent_by(payload) or "")
        named = [library.name for library in self.candidates if said and said == self._name_of(library)]
        return replace(self, instance=named[0]) if len(named) == 1 else self

    def _name_of(self, library: LibrarySettings) -> str | None:
        """Return what an instance calls itself, as far as we know.

        Every Radarr calls itself Radarr until somebody changes that, so an instance that is only by its name here
        called `radarr` cannot be told from the others; its configuration has to say so.
        """
        if library.instance_name is not None:
            return _spelling(library.instance_name)
        return library.name if library.name != self.kind.value else None

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


def sender_of(request: Request, kind: UpstreamKind, configured: Sequence[LibrarySettings]) -> Sender:
    """Return who sent this, as far as the address tells. `configured` are the instances of this kind."""
    sender = Sender(kind, Source(kind.value), None)
    names = [library.name for library in configured]
    named = request.path_params.get("instance")
    if named is not None:
        if named in names:
            return replace(sender, instance=InstanceName(named))
        why = f"the address names none of the configured {kind.value} instances: {', '.join(names) or 'none'}"
        return replace(sender, why_unknown=why, is_misnamed=True)
    if len(names) == 1:
        return replace(sender, instance=names[0])
    if names:  # the payload may still tell
        why = f"several {kind.value} instances are configured, and the payload does not tell which of them sent it"
        advice = f"put the instance's name into the address ({', '.join(names)}), or configure its instance_name"
        return replace(sender, why_unknown=f"{why}; {advice}", candidates=tuple(configured))
    return replace(sender, why_unknown=f"no {kind.value} instance is configured")


def _spelling(name: str) -> str:
    """Return a name in one spelling: `Radarr 4K`, `radarr_4k` and `radarr-4k` are the same."""
    return re.sub(r"[\s_]+", "-", name.strip().casefold())
