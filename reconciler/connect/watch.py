"""Looking at our webhooks at the upstreams, for the status: one call to each, and never in the way of a pass."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from reconciler.connections import MUTED, state_of
from reconciler.errors import UpstreamError
from reconciler.model import InstanceName, WantedWebhook, WebhookState
from reconciler.ports import WebhookSettings
from reconciler.telemetry import get_logger


class ConnectionWatch:
    """Looks at all of them, except at instances that are out of reach anyway."""

    def __init__(self, agents: Mapping[InstanceName, WebhookSettings], wanted: Sequence[WantedWebhook]) -> None:
        self._agents = agents
        self._wanted = [one for one in wanted if one.instance in agents]
        self._log = get_logger()

    async def look(
        self, lost: Collection[InstanceName], known: Mapping[InstanceName, WebhookState]
    ) -> tuple[Mapping[InstanceName, WebhookState], bool]:
        """Return what was seen, and whether every instance could be looked at that is not `lost`.

        What could not is left out: nobody knows, and what was seen before is shown on. That is `known`: changes since
        are logged.
        """
        asked = [one for one in self._wanted if one.instance not in lost]
        answers = await asyncio.gather(*(self._one(one) for one in asked))
        seen = {wanted.instance: state for wanted, state in zip(asked, answers, strict=True) if state is not None}
        self._tell(seen, known)
        return seen, len(seen) == len(asked)

    async def _one(self, wanted: WantedWebhook) -> WebhookState | None:
        try:
            return state_of(wanted, await self._agents[wanted.instance].read(wanted))
        except UpstreamError as error:
            self._log.debug("webhook not looked at", upstream=wanted.instance, error=error.message)
            return None

    def _tell(self, seen: Mapping[InstanceName, WebhookState], known: Mapping[InstanceName, WebhookState]) -> None:
        """Log what has changed. What never was there is not missed: polling may be meant."""
        for instance, state in seen.items():
            before = known.get(instance, WebhookState(exists=state.exists, enabled=state.enabled))
            if before.is_sent and not state.is_sent:
                self._log.warning("webhook lost", upstream=instance, exists=state.exists, fix="reconciler connect")
            elif state.is_sent and not before.is_sent:
                self._log.info("webhook found", upstream=instance)
            if state.muted and not before.muted:
                self._log.warning("webhook muted", upstream=instance, fix="press Test there")


async def hint_on(agent: WebhookSettings, wanted: WantedWebhook) -> str:
    """Say in words what is to be known of our webhook at one instance; `""` if it is as it should be."""
    try:
        state = state_of(wanted, await agent.read(wanted))
    except UpstreamError as error:
        return f"its webhooks cannot be looked at: {error.message}"
    if not state.exists:
        return "; ".join(("it sends no webhook here", *state.problems, "run reconciler connect"))
    problems = (
        *(() if state.enabled else ("it is off",)),
        *((MUTED,) if state.muted else ()),
        *state.problems,
    )
    return f"its webhook: {'; '.join(problems)}" if problems else ""
