"""One deletion, one round: every judgement in the order of the design, and the first step that is not done."""

from dataclasses import replace

from reconciler.model import (
    Condition,
    ConditionType,
    Deletion,
    DeletionState,
    Event,
    InfoHash,
    InstanceName,
    SettledAs,
    Target,
    TargetKind,
    Want,
)
from reconciler.observed import Entry, Seen, Unseen
from reconciler.plan.actions import Action, Plan, RestoreMonitoring, is_destructive
from reconciler.plan.bind import binding_of, coverage_of, late_binding, resolve
from reconciler.plan.entries import EntryFinding, judge_entries
from reconciler.plan.facts import absent_upstream, is_bound, is_false, is_unknown, unseen
from reconciler.plan.files import judge_files
from reconciler.plan.objections import objection
from reconciler.plan.requests import RequestFinding, judge_requests
from reconciler.plan.torrents import TorrentFinding, judge_torrents
from reconciler.plan.wants import find_wants, unclassified
from reconciler.plan.world import Coverage, Policy, World
from reconciler.reasons import Effect, Reason, effect_of


def plan_deletion(state: DeletionState, world: World, policy: Policy) -> Plan:
    """Plan the next step of one deletion. Reads nothing and changes nothing; the same world gives the same plan."""
    deletion = state.deletion
    if deletion.bound_at is None and deletion.cancel_requested_at is not None:
        return _plan_cancel(state, world, policy, Reason.CANCELLED_BY_PERSON, "a person cancelled it")
    state = _of_its_variant(state, world, policy)
    deletion = state.deletion
    media = resolve(deletion, world)
    coverage = coverage_of(state, world, media)
    if deletion.bound_at is None:
        return _plan_binding(state, world, policy, coverage)
    return _plan_bound(state, world, policy, coverage)


def _of_its_variant(state: DeletionState, world: World, policy: Policy) -> DeletionState:
    """Narrow what a decline covers to the libraries of its own request's variant."""
    deletion = state.deletion
    if not deletion.inferred or not isinstance(world.board, Seen):
        return state
    own = world.board.data.requests.get(deletion.hints.request_id or 0)
    if own is None:
        return state
    libraries = {n: policy.libraries[n] for n in deletion.instances if n in policy.libraries}
    fitting = frozenset(name for name, library in libraries.items() if library.is_4k is own.is_4k)
    return replace(state, deletion=replace(deletion, instances=fitting)) if fitting else state


# --- before binding ------------------------------------------------------------------------------------------------


def _blank(deletion: Deletion, world: World, policy: Policy) -> tuple[Condition, ...]:
    """Every condition of a deletion before anything was judged."""
    text = "not looked yet"
    media = deletion.media
    conditions: list[Condition] = []
    if policy.torrent_instance is None:
        conditions.append(absent_upstream(ConditionType.TORRENTS_ABSENT))
    else:
        conditions.append(_first_look(ConditionType.TORRENTS_ABSENT, policy.torrent_instance, world.torrents, text))
    if not deletion.instances:
        conditions.append(absent_upstream(ConditionType.ENTRY_ABSENT, media.kind))
    for instance in sorted(deletion.instances):
        conditions.append(_first_look(ConditionType.ENTRY_ABSENT, instance, world.libraries.get(instance), text))
        conditions.append(_first_look(ConditionType.FILES_ABSENT, instance, world.libraries.get(instance), text))
    if policy.request_instance is None:
        conditions.append(absent_upstream(ConditionType.REQUEST_CLEARED))
    else:
        conditions.append(_first_look(ConditionType.REQUEST_CLEARED, policy.request_instance, world.board, text))
    return tuple(conditions)


def _first_look(type_: ConditionType, instance: InstanceName, observation: object, text: str) -> Condition:
    if isinstance(observation, Unseen):
        return unseen(type_, instance, observation)
    return is_unknown(type_, instance, Reason.NOT_LOOKED_YET, text)


def _replace(conditions: tuple[Condition, ...], condition: Condition) -> tuple[Condition, ...]:
    """Put one condition in the place of the one of its type and instance, or add it."""
    rest = [condition if (c.type, c.instance) == (condition.type, condition.instance) else c for c in conditions]
    return tuple(rest) if condition in rest else (*rest, condition)


def _plan_binding(state: DeletionState, world: World, policy: Policy, coverage: Coverage) -> Plan:
    deletion = state.deletion
    blank = _blank(deletion, world, policy)
    if any(effect_of(c.reason) is Effect.WAIT for c in blank):
        return Plan(deletion.id, blank)
    missing = _ledger_gap(coverage, world, policy) or _untranslated(deletion, world, policy)
    if missing is not None:
        return Plan(deletion.id, _replace(blank, missing))
    objected = objection(deletion, world, policy, coverage)
    if objected is not None:
        settle = (SettledAs.CANCELLED, objected.cancels) if objected.cancels else None
        events = (Event("Cancelled", objected.condition.message),) if settle else ()
        return Plan(deletion.id, _replace(blank, objected.condition), settle=settle, events=events)
    binding = binding_of(deletion, world, policy, coverage)
    counts = ", ".join(
        f"{sum(t.kind is kind for t in binding.targets)} {kind.value}"
        for kind in TargetKind
        if any(t.kind is kind for t in binding.targets)
    )
    event = Event("Bound", f"bound {counts or 'nothing'}; {len(binding.released)} references released")
    return Plan(deletion.id, blank, bind=binding, events=(event,))


def _ledger_gap(coverage: Coverage, world: World, policy: Policy) -> Condition | None:
    """Return why the ledger is not good enough to destroy anything by it."""
    instance = policy.torrent_instance or InstanceName("qbittorrent")
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


def _untranslated(deletion: Deletion, world: World, policy: Policy) -> Condition | None:
    """Return why a series known by its TMDB id only cannot be identified now.

    What Sonarr keeps as TMDB id may be wrong (upstreams.md 3.3), so it must not decide only because an outage keeps
    the better authority from answering.
    """
    why = world.untranslated.get(deletion.media.tmdb_id or 0)
    if why is None or deletion.media.tvdb_id is not None or policy.request_instance is None:
        return None
    return unseen(ConditionType.REQUEST_CLEARED, policy.request_instance, why)


# --- bound ---------------------------------------------------------------------------------------------------------


def _plan_bound(state: DeletionState, world: World, policy: Policy, coverage: Coverage) -> Plan:
    deletion = state.deletion
    wants = find_wants(deletion, world, policy, coverage)
    if deletion.settled_as is not None:
        return _plan_watch(state, world, policy, coverage, bool(wants))
    if deletion.cancel_requested_at is not None:
        return _plan_cancel(state, world, policy, Reason.CANCELLED_BY_PERSON, "a person cancelled it")
    if wants and deletion.destroyed_at is None:
        return _plan_cancel(state, world, policy, Reason.WANTED_AGAIN, _tell(wants))
    begins_finishing = bool(wants) and not deletion.finishing_old_copy
    if begins_finishing:
        deletion = replace(deletion, finishing_old_copy=True)
        state = replace(state, deletion=deletion)
    findings = _judge(state, world, policy, coverage)
    plan = Plan(
        deletion.id,
        findings.conditions,
        absent=findings.absent,
        present=findings.present,
        finishing_old_copy=deletion.finishing_old_copy,
        events=(Event("WantedAgain", f"{_tell(wants)}: only the old copy is finished"),) if begins_finishing else (),
    )
    if begins_finishing:
        return plan
    late = late_binding(state, world, policy, coverage)
    if late is not None:
        event = Event("Swept", f"{len(late.released)} later references and {len(late.targets)} targets were bound")
        return replace(plan, bind=late, events=(*plan.events, event))
    if all(c.is_settled for c in findings.conditions):
        return replace(
            plan,
            settle=(SettledAs.CONVERGED, Reason.WANTED_AGAIN if deletion.finishing_old_copy else None),
            watch_until=world.now + policy.watch_window,
        )
    return _choose(plan, findings, state, world, policy, coverage)


def _tell(wants: tuple[Want, ...]) -> str:
    return "; ".join(w.message for w in wants[:3])


class _Findings:
    """All judgements of one round."""

    def __init__(
        self,
        torrents: TorrentFinding,
        entries: tuple[EntryFinding, ...],
        files: tuple[Condition, ...],
        requests: RequestFinding,
    ) -> None:
        self.torrents = torrents
        self.entries = entries
        self.files = files
        self.requests = requests
        self.conditions = (torrents.condition, *(e.condition for e in entries), *files, requests.condition)
        self.absent = (*torrents.absent, *(n for e in entries for n in e.absent), *requests.absent)
        self.present = (*torrents.present, *(n for e in entries for n in e.present), *requests.present)


def _judge(state: DeletionState, world: World, policy: Policy, coverage: Coverage) -> _Findings:
    torrents = judge_torrents(state, world, policy, coverage)
    entries = judge_entries(state, world, policy, coverage, torrents.kept)
    entries_done = torrents.condition.is_settled and all(e.condition.is_settled for e in entries)
    if not torrents.condition.is_settled:
        entries = tuple(_after_torrents(e) for e in entries)
    files = judge_files(state, world, policy, coverage, is_settled_before=entries_done)
    files_done = entries_done and all(c.is_settled for c in files)
    return _Findings(
        torrents, entries, files, judge_requests(state, world, policy, coverage, is_settled_before=files_done)
    )


def _after_torrents(finding: EntryFinding) -> EntryFinding:
    if finding.condition.reason is not Reason.PRESENT:
        return finding
    text = f"comes after the torrents; {finding.condition.message}"
    return replace(finding, condition=replace(finding.condition, reason=Reason.AFTER_TORRENTS, message=text))


def _choose(
    plan: Plan, findings: _Findings, state: DeletionState, world: World, policy: Policy, coverage: Coverage
) -> Plan:
    """Pick the actions of the first step that is not done, if every gate lets them through."""
    first = (findings.torrents.condition, *(e.condition for e in findings.entries))
    if any(effect_of(c.reason) is Effect.HOLD for c in first):
        return plan
    actions = _next_actions(findings)
    if not actions:
        return plan
    gate = _gate(state, world, policy, coverage, actions, findings)
    if gate is not None:
        due_at = state.deletion.not_before if gate.reason is Reason.NOT_BEFORE else None
        return replace(plan, conditions=_replace(plan.conditions, gate), due_at=due_at)
    if not policy.enforce:
        return replace(plan, conditions=_only_observed(plan.conditions))
    freezes = actions == _freeze(findings)
    return replace(plan, actions=actions, frozen=freezes)


def _only_observed(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    shown = next((c for c in conditions if not c.is_settled), conditions[0])
    text = f"observe mode: nothing is sent; {shown.message}"
    return _replace(conditions, replace(shown, reason=Reason.OBSERVE_MODE, message=text))


def _freeze(findings: _Findings) -> tuple[Action, ...]:
    return tuple(a for e in findings.entries for a in e.freeze)


def _next_actions(findings: _Findings) -> tuple[Action, ...]:
    if any(e.condition.reason is Reason.FREEZING for e in findings.entries):
        return _freeze(findings)
    if any(effect_of(e.condition.reason) is Effect.WAIT for e in findings.entries):
        return ()  # what could not be frozen must not lose its torrents: the library would fetch it again
    if not findings.torrents.condition.is_settled:
        return findings.torrents.actions
    if not all(e.condition.is_settled for e in findings.entries):
        return tuple(a for e in findings.entries for a in e.actions)
    if not all(c.is_settled for c in findings.files):
        return ()
    return findings.requests.actions


def _gate(
    state: DeletionState,
    world: World,
    policy: Policy,
    coverage: Coverage,
    actions: tuple[Action, ...],
    findings: _Findings,
) -> Condition | None:
    """Return what forbids every write in this round, as the condition that shows it."""
    shown = next(c for c in findings.conditions if not c.is_settled)
    not_before = state.deletion.not_before
    if not_before is not None and world.now < not_before:
        return is_unknown(shown.type, shown.instance, Reason.NOT_BEFORE, f"not before {not_before:%Y-%m-%d %H:%M} UTC")
    if isinstance(world.board, Unseen):
        text = f"whether someone wants it again cannot be seen: {world.board.message}"
        return is_unknown(shown.type, shown.instance, Reason.REQUESTS_UNSEEN, text)
    ledger = _ledger_gap(coverage, world, policy)
    if ledger is not None and any(is_destructive(a) for a in actions) and findings.requests.actions != actions:
        return replace(ledger, type=shown.type, instance=shown.instance)
    fresh = unclassified(state, world, coverage)
    if fresh:
        text = "a grab was just reported; reading the history to learn who made it"
        return is_false(shown.type, shown.instance, Reason.CONFIRMING, text)
    return None


# --- cancelling and watching ---------------------------------------------------------------------------------------


def _bound_live(state: DeletionState, world: World) -> list[tuple[Target, Entry]]:
    found: list[tuple[Target, Entry]] = []
    for target in state.targets_of(TargetKind.ENTRY):
        library = world.libraries.get(target.instance)
        entry = library.data.entries.get(int(target.external_id)) if isinstance(library, Seen) else None
        if entry is not None and is_bound(entry, target):
            found.append((target, entry))
    return found


def _plan_cancel(state: DeletionState, world: World, policy: Policy, reason: Reason, text: str) -> Plan:
    """Give back the monitoring the freeze took, then end the deletion."""
    deletion = state.deletion
    unseen_now = [
        unseen(ConditionType.ENTRY_ABSENT, i, o)
        for i in sorted(deletion.instances)
        if isinstance(o := world.libraries.get(i), Unseen)
    ]
    conditions = state.conditions or _blank(deletion, world, policy)
    for condition in unseen_now:
        conditions = _replace(conditions, condition)
    if deletion.frozen_at is not None:
        if unseen_now:
            return Plan(deletion.id, conditions)
        restores = tuple(
            RestoreMonitoring(deletion.id, t.instance, t.number, e.id, e.media, e.added, t.prior)
            for t, e in _bound_live(state, world)
            if t.prior is not None and t.prior.monitored and not e.monitoring.monitored
        )
        if restores and not policy.enforce:
            return Plan(deletion.id, _only_observed(conditions))
        if restores:
            return Plan(deletion.id, conditions, actions=restores)
    event = Event("Cancelled", text)
    return Plan(deletion.id, conditions, settle=(SettledAs.CANCELLED, reason), events=(event,))


def _plan_watch(state: DeletionState, world: World, policy: Policy, coverage: Coverage, is_wanted: bool) -> Plan:
    """Look again after convergence: what was bound must stay gone, and what is new is nobody's business.

    Only the very same torrent or entry coming back is drift (upstreams.md 9.1: a killed qBittorrent restores what it
    had acknowledged as deleted). Anything that was added anew is not, and no entry is once the title is wanted again.
    """
    deletion = state.deletion
    if deletion.settled_as is not SettledAs.CONVERGED:
        return Plan(deletion.id, state.conditions)
    drifted: list[str] = []
    if isinstance(world.torrents, Seen):
        drifted += [
            torrent.name
            for target in state.targets_of(TargetKind.TORRENT)
            for torrent in world.torrents.data.matching(InfoHash(target.external_id))
            if target.added == str(torrent.added_on) and not world.needing(torrent.aliases, deletion.id)
        ]
    if not deletion.finishing_old_copy and not is_wanted:
        drifted += [f"{e.title} [{e.id}]" for _, e in _bound_live(state, world)]
    if not drifted:
        return Plan(deletion.id, state.conditions)
    event = Event("Drift", f"came back after convergence: {', '.join(sorted(drifted)[:5])}")
    findings = _judge(state, world, policy, coverage)
    return Plan(
        deletion.id, findings.conditions, reopen=True, absent=findings.absent, present=findings.present, events=(event,)
    )
