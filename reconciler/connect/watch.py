"""Looking at our webhooks at the upstreams, for the status: one call to each, and never in the way of a pass."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from reconciler.connections import MUTED, state_of
from reconciler.errors import UpstreamError
from reconciler.model import InstanceName, WantedWebhook, WebhookState
from reconciler.ports import ConnectionSeen, SenderHeard, WebhookSettings
from reconciler.telemetry import get_logger


class ConnectionWatch:
    """Looks at all of them, except at instances that are out of reach anyway."""

    def __init__(self, agents: Mapping[InstanceName, WebhookSettings], wanted: Sequence[WantedWebhook]) -> None:
        self._agents = agents
        self._wanted = [one for one in wanted if one.instance in agents]
        self._log = get_logger()

    async def look(
        self,
        lost: Collection[InstanceName],
        known: Mapping[InstanceName, ConnectionSeen],
        senders: Sequence[SenderHeard] = (),
    ) -> tuple[Mapping[InstanceName, WebhookState], bool]:
        """Return what was seen, and whether every instance could be looked at that is not `lost`.

        What could not is left out: nobody knows, and what was seen before is shown on. That is `known`: changes since
        are logged. Who of the `senders` was heard from since has a webhook that arrives.
        """
        asked = [one for one in self._wanted if one.instance not in lost]
        heard = {(one.source.value, one.instance): one.heard_at for one in senders}
        answers = await asyncio.gather(
            *(self._one(w, known.get(w.instance), heard.get((w.kind.value, w.instance))) for w in asked)
        )
        seen = {wanted.instance: state for wanted, state in zip(asked, answers, strict=True) if state is not None}
        self._tell(seen, known)
        return seen, len(seen) == len(asked)

    async def _one(
        self, wanted: WantedWebhook, known: ConnectionSeen | None, heard_at: datetime | None
    ) -> WebhookState | None:
        def arrives(address: str) -> bool:
            return known is not None and _arrives(address, known, heard_at)

        try:
            return state_of(wanted, await self._agents[wanted.instance].read(wanted), arrives)
        except UpstreamError as error:
            self._log.debug("webhook not looked at", upstream=wanted.instance, error=error.message)
            return None

    def _tell(self, seen: Mapping[InstanceName, WebhookState], known: Mapping[InstanceName, ConnectionSeen]) -> None:
        """Log what has changed. What never was there is not missed: polling may be meant."""
        for instance, state in seen.items():
            was_looked_at = instance in known
            before = known[instance].state if was_looked_at else WebhookState(state.exists, state.enabled)
            if before.is_sent and not state.is_sent:
                self._log.warning("webhook lost", upstream=instance, exists=state.exists, fix="reconciler connect")
            elif state.is_sent and not before.is_sent:
                self._log.info("webhook found", upstream=instance)
            if state.muted and not before.muted:
                self._log.warning("webhook muted", upstream=instance, fix="press Test there")


def _arrives(address: str, known: ConnectionSeen, heard_at: datetime | None) -> bool:
    """Tell whether what is sent to an address that is not ours arrives here, by what was heard since the last look.

    Then, there was either nothing that could have been heard, or this. What has been found to arrive goes on to.
    """
    was_this = known.state.elsewhere == address
    is_heard = heard_at is not None and heard_at > known.at
    if known.state.exists:
        return was_this
    return is_heard and (was_this or not known.state.elsewhere)


async def hint_on(agent: WebhookSettings, wanted: WantedWebhook) -> str:
    """Say in words what is to be known of our webhook at one instance; `""` if it is as it should be."""
    try:
        state = state_of(wanted, await agent.read(wanted))
    except UpstreamError as error:
        return f"its webhooks cannot be looked at: {error.message}"
    if not state.exists:
        advice = "make that public_url if it leads here; otherwise " if state.elsewhere else ""
        return "; ".join(("it sends no webhook here", *state.problems, f"{advice}run reconciler connect"))
    problems = (
        *(() if state.enabled else ("it is off",)),
        *((MUTED,) if state.muted else ()),
        *state.problems,
    )
    return f"its webhook: {'; '.join(problems)}" if problems else ""
