"""What forbids every write of a round, although a step would be next."""

from dataclasses import replace

from reconciler.model import Condition, ConditionType, DeletionState, InstanceName
from reconciler.observed import Unseen
from reconciler.plan.actions import Action, is_destructive
from reconciler.plan.facts import is_false, is_unknown
from reconciler.plan.policy import Policy
from reconciler.plan.wants import unclassified
from reconciler.plan.world import Coverage, World
from reconciler.reasons import Reason


def gate(
    state: DeletionState,
    world: World,
    policy: Policy,
    coverage: Coverage,
    actions: tuple[Action, ...],
    shown: Condition,
    *,
    clears_requests: bool,
) -> Condition | None:
    """Return what forbids these actions, in the place of the condition `shown`, or `None`."""
    if state.deletion.is_unapproved:
        return replace(_unapproved(shown), type=shown.type, instance=shown.instance)
    not_before = state.deletion.not_before
    if not_before is not None and world.now < not_before:
        return is_unknown(shown.type, shown.instance, Reason.NOT_BEFORE, f"not before {not_before:%Y-%m-%d %H:%M} UTC")
    if world.denied_until is not None:
        text = f"nothing is changed before {world.denied_until:%Y-%m-%d %H:%M} UTC, when the deny window ends"
        return is_unknown(shown.type, shown.instance, Reason.DENY_WINDOW, text)
    if isinstance(world.board, Unseen):
        text = f"whether someone wants it again cannot be seen: {world.board.message}"
        return is_unknown(shown.type, shown.instance, Reason.REQUESTS_UNSEEN, text)
    ledger = ledger_gap(coverage, world, policy)
    if ledger is not None and any(is_destructive(a) for a in actions) and not clears_requests:
        return replace(ledger, type=shown.type, instance=shown.instance)
    if unclassified(state, world, coverage):
        text = "a grab was just reported; reading the history to learn who made it"
        return is_false(shown.type, shown.instance, Reason.CONFIRMING, text)
    return None


def _unapproved(shown: Condition) -> Condition:
    text = "nothing begins before a person approves it"
    return is_false(shown.type, shown.instance, Reason.APPROVAL_REQUIRED, text)


def ledger_gap(coverage: Coverage, world: World, policy: Policy) -> Condition | None:
    """Return why the ledger is not good enough to destroy anything by it."""
    instance = min(policy.torrent_clients, default=InstanceName("qbittorrent"))
    for name in sorted(policy.libraries):
        view = world.ledger.get(name)
        if view is None or not view.coverage.is_complete:
            rows = view.coverage.backfill_rows if view else 0
            total = view.coverage.backfill_total if view else None
            text = f"reading the history of {name}: {rows} of {total if total is not None else 'unknown'} rows"
            observation = world.libraries.get(name)
            if isinstance(observation, Unseen):
                text = f"the history of {name} was never read to its end, and now it cannot be: {observation.message}"
            return is_unknown(ConditionType.TORRENTS_ABSENT, instance, Reason.LEDGER_INCOMPLETE, text)
    for name in sorted(coverage.instances):
        view = world.ledger.get(name)
        if view is None or not view.is_current:
            text = f"the history of {name} could not be read just now"
            return is_unknown(ConditionType.TORRENTS_ABSENT, instance, Reason.LEDGER_INCOMPLETE, text)
    return None
