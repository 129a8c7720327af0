"""Looking at our webhooks at the upstreams, for the status: one call to each, and never in the way of a pass."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from reconciler.connections import state_of
from reconciler.errors import UpstreamError
from reconciler.model import InstanceName, WantedWebhook, WebhookState
from reconciler.ports import WebhookSettings
from reconciler.telemetry import get_logger


class ConnectionWatch:
    """Looks at all of them, except at instances that are out of reach anyway."""

    def __init__(self, agents: Mapping[InstanceName, WebhookSettings], wanted: Sequence[WantedWebhook]) -> None:
        self._agents = agents
        self._wanted = [one for one in wanted if one.instance in agents]
        self._shown: dict[InstanceName, WebhookState] = {}
        self._log = get_logger()

    async def look(self, lost: Collection[InstanceName]) -> tuple[Mapping[InstanceName, WebhookState], bool]:
        """Return what was seen, and whether every instance could be looked at that is not `lost`.

        What could not is left out: nobody knows, and what was seen before is shown on.
        """
        asked = [one for one in self._wanted if one.instance not in lost]
        answers = await asyncio.gather(*(self._one(one) for one in asked))
        seen = {wanted.instance: state for wanted, state in zip(asked, answers, strict=True) if state is not None}
        self._tell(seen)
        return seen, len(seen) == len(asked)

    async def _one(self, wanted: WantedWebhook) -> WebhookState | None:
        try:
            return state_of(wanted, await self._agents[wanted.instance].read(wanted))
        except UpstreamError as error:
            self._log.debug("webhook not looked at", upstream=wanted.instance, error=error.message)
            return None

    def _tell(self, seen: Mapping[InstanceName, WebhookState]) -> None:
        """Log what has changed since it was last looked at."""
        for instance, state in seen.items():
            known = self._shown.get(instance)
            self._shown[instance] = state
            was_fine = known is None or known.is_sent
            is_fine = state.is_sent
            if was_fine and not is_fine:
                self._log.warning(
                    "webhook lost", upstream=instance, exists=state.exists, muted=state.muted, fix="reconciler connect"
                )
            elif is_fine and not was_fine:
                self._log.info("webhook found", upstream=instance)


async def hint_on(agent: WebhookSettings, wanted: WantedWebhook) -> str:
    """Say in words what is to be known of our webhook at one instance; `""` if it is as it should be."""
    try:
        state = state_of(wanted, await agent.read(wanted))
    except UpstreamError as error:
        return f"its webhooks cannot be looked at: {error.message}"
    if not state.exists:
        return "; ".join(("it sends no webhook here", *state.problems, "run reconciler connect"))
    problems = (*(() if state.enabled else ("it is off",)), *state.problems)
    return f"its webhook: {'; '.join(problems)}" if problems else ""
