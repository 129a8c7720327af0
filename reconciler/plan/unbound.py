"""Before binding: what a deletion shows, what must be known, and who may order it."""

from dataclasses import replace

from reconciler.model import (
    Condition,
    ConditionType,
    Deletion,
    DeletionState,
    Event,
    InstanceName,
    IssueCommand,
    SettledAs,
    TargetKind,
)
from reconciler.observed import Issue, Seen, Unseen
from reconciler.plan.actions import Plan
from reconciler.plan.bind import binding_of
from reconciler.plan.facts import absent_upstream, counted, is_false, is_unknown, unseen
from reconciler.plan.gates import ledger_gap
from reconciler.plan.objections import Objection, objection
from reconciler.plan.policy import Policy
from reconciler.plan.torrents import unseen_clients
from reconciler.plan.variants import narrowed
from reconciler.plan.world import Coverage, World
from reconciler.reasons import Effect, Reason, effect_of

MAY_ORDER = 2 | 16
"""ADMIN and MANAGE_REQUESTS, the permissions of Jellyseerr (upstreams.md 1.6) that may order a deletion."""


def blank(deletion: Deletion, world: World, policy: Policy) -> tuple[Condition, ...]:
    """Return every condition of a deletion before anything was judged."""
    media = deletion.media
    conditions: list[Condition] = []
    if not policy.torrent_clients:
        conditions.append(absent_upstream(ConditionType.TORRENTS_ABSENT))
    elif isinstance(world.torrents, Unseen):
        conditions += unseen_clients(world, policy, world.torrents)
    else:
        conditions.append(_first_look(ConditionType.TORRENTS_ABSENT, min(policy.torrent_clients), world.torrents))
    if not deletion.instances:
        conditions.append(absent_upstream(ConditionType.ENTRY_ABSENT, media.kind))
    for instance in sorted({unit.instance for unit in deletion.units}):
        conditions.append(_first_look(ConditionType.ENTRY_ABSENT, instance, world.libraries.get(instance)))
        conditions.append(_first_look(ConditionType.FILES_ABSENT, instance, world.libraries.get(instance)))
    if policy.media_server is not None:
        conditions.append(is_unknown(ConditionType.LIBRARY_REFRESHED, policy.media_server, *_NOT_LOOKED))
    if policy.request_instance is None:
        conditions.append(absent_upstream(ConditionType.REQUEST_CLEARED))
    else:
        conditions.append(_first_look(ConditionType.REQUEST_CLEARED, policy.request_instance, world.board))
    return tuple(conditions)


_NOT_LOOKED = (Reason.NOT_LOOKED_YET, "not looked yet")


def _first_look(type_: ConditionType, instance: InstanceName, observation: object) -> Condition:
    if isinstance(observation, Unseen):
        return unseen(type_, instance, observation)
    return is_unknown(type_, instance, *_NOT_LOOKED)


def replaced(conditions: tuple[Condition, ...], condition: Condition) -> tuple[Condition, ...]:
    """Put one condition in the place of the one of its type and instance, or add it."""
    rest = [condition if (c.type, c.instance) == (condition.type, condition.instance) else c for c in conditions]
    return tuple(rest) if condition in rest else (*rest, condition)


def of_its_request(state: DeletionState, world: World, policy: Policy) -> DeletionState:
    """Narrow what a decline covers to what its own request was for."""
    outside, seasons = narrowed(state, world, policy)
    deletion = state.deletion
    if not outside and seasons is None:
        return state
    covered = deletion.seasons if seasons is None else seasons
    return replace(state, deletion=replace(deletion, withdrawn=deletion.withdrawn | outside, seasons=covered))


def plan_binding(state: DeletionState, world: World, policy: Policy, coverage: Coverage) -> Plan:
    """Bind a deletion, or say why it cannot be bound yet, or ever."""
    deletion = state.deletion
    conditions = blank(deletion, world, policy)
    if any(effect_of(c.reason) is Effect.WAIT for c in conditions):
        return Plan(deletion.id, conditions)
    missing = ledger_gap(coverage, world, policy) or _untranslated(deletion, world, policy)
    if missing is not None:
        return Plan(deletion.id, replaced(conditions, missing))
    objected = _command_objection(deletion, world, policy, coverage) or objection(deletion, world, policy, coverage)
    if objected is not None:
        settle = (SettledAs.CANCELLED, objected.cancels) if objected.cancels else None
        events = (Event("Cancelled", objected.condition.message),) if settle else ()
        return Plan(deletion.id, replaced(conditions, objected.condition), settle=settle, events=events)
    binding = replace(
        binding_of(deletion, world, policy, coverage), withdrawn=deletion.withdrawn, seasons=deletion.seasons
    )
    counts = ", ".join(
        _counted_targets(sum(t.kind is kind for t in binding.targets), kind)
        for kind in TargetKind
        if any(t.kind is kind for t in binding.targets)
    )
    event = Event("Bound", f"bound {counts or 'nothing'}; {counted(len(binding.released), 'reference')} released")
    return Plan(deletion.id, conditions, bind=binding, events=(event,))


def _counted_targets(number: int, kind: TargetKind) -> str:
    if kind is TargetKind.ENTRY and number != 1:
        return f"{number} entries"
    return counted(number, kind.value.replace("_", " "))


def _untranslated(deletion: Deletion, world: World, policy: Policy) -> Condition | None:
    """Return why a series known by its TMDB id only cannot be identified now.

    What Sonarr keeps as TMDB id may be wrong (upstreams.md 3.3), so it must not decide only because an outage keeps
    the better authority from answering.
    """
    why = world.untranslated.get(deletion.media.tmdb_id or 0)
    if why is None or deletion.media.tvdb_id is not None or policy.request_instance is None:
        return None
    return unseen(ConditionType.REQUEST_CLEARED, policy.request_instance, why)


# --- orders in issues ----------------------------------------------------------------------------------------------


def _command_objection(deletion: Deletion, world: World, policy: Policy, coverage: Coverage) -> Objection | None:
    """Return why an order that was written in an issue is not obeyed, or not yet."""
    command = deletion.hints.command
    if command is None:
        return None
    instance = policy.request_instance or InstanceName("jellyseerr")
    issue = world.issues.get(command.issue_id)
    if not isinstance(issue, Seen):
        text = issue.message if issue is not None else "the issue was not read yet"
        text = f"who wrote in issue {command.issue_id} cannot be seen: {text}"
        return Objection(is_unknown(ConditionType.REQUEST_CLEARED, instance, Reason.COMMAND_UNVERIFIED, text))
    why = _why_refused(command, issue.data, deletion, coverage)
    if why is None:
        return None
    return Objection(
        is_false(ConditionType.REQUEST_CLEARED, instance, Reason.NOT_ALLOWED, why), cancels=Reason.NOT_ALLOWED
    )


def _why_refused(command: IssueCommand, issue: Issue, deletion: Deletion, coverage: Coverage) -> str | None:
    if not issue.media.is_same(coverage.media):
        return f"issue {issue.id} is about {issue.media}, not {coverage.media}"
    if issue.season is not None and deletion.seasons != frozenset({issue.season}):
        return f"issue {issue.id} is about season {issue.season} only"
    said = [comment for comment in issue.comments if comment.text == command.text]
    if not said:
        return f"issue {issue.id} has no comment with this order (any more)"
    if not max(said, key=lambda comment: comment.id).permissions & MAY_ORDER:
        return f"who ordered it in issue {issue.id} may not manage requests"
    return None
