"""One deletion, one round: every judgement in the order of the design, and the first step that is not done."""

from collections.abc import Collection
from dataclasses import replace

from reconciler.model import Condition, DeletionState, Event, SettledAs, Unit, Want
from reconciler.observed import Seen
from reconciler.plan.actions import Action, Plan
from reconciler.plan.bind import coverage_of, late_binding, resolve
from reconciler.plan.entries import EntryFinding
from reconciler.plan.files import judge_files
from reconciler.plan.gates import gate
from reconciler.plan.libraries import judge_entries
from reconciler.plan.policy import Policy
from reconciler.plan.refresh import RefreshFinding, item_targets, judge_refresh
from reconciler.plan.requests import RequestFinding, judge_requests
from reconciler.plan.torrents import TorrentFinding, judge_torrents
from reconciler.plan.unbound import of_its_request, plan_binding, replaced
from reconciler.plan.wants import find_wants, touched_units, wanted_units
from reconciler.plan.watching import drifted, only_observed, plan_cancel, thaw
from reconciler.plan.world import Coverage, World
from reconciler.ports import Binding
from reconciler.reasons import Effect, Reason, effect_of


def plan_deletion(state: DeletionState, world: World, policy: Policy) -> Plan:
    """Plan the next step of one deletion. Reads nothing and changes nothing; the same world gives the same plan."""
    deletion = state.deletion
    if deletion.bound_at is None:
        if deletion.cancel_requested_at is not None:
            return plan_cancel(state, world, policy, Reason.CANCELLED_BY_PERSON, "a person cancelled it")
        state = of_its_request(state, world, policy)
        return plan_binding(state, world, policy, _coverage(state, world))
    return _plan_bound(state, world, policy, _coverage(state, world))


def _coverage(state: DeletionState, world: World) -> Coverage:
    return coverage_of(state, world, resolve(state.deletion, world))


def _plan_bound(state: DeletionState, world: World, policy: Policy, coverage: Coverage) -> Plan:
    deletion = state.deletion
    wants = find_wants(deletion, world, policy, coverage)
    if deletion.settled_as is not None:
        return _plan_watch(state, world, policy, coverage, bool(wants))
    if deletion.cancel_requested_at is not None:
        return plan_cancel(state, world, policy, Reason.CANCELLED_BY_PERSON, "a person cancelled it")
    changed = _plan_wanted(state, wants, world, policy, coverage) if wants else None
    if changed is not None:
        return changed
    findings = _judge(state, world, policy, coverage)
    plan = findings.plan()
    late = _late_binding(state, world, policy, coverage, findings)
    if late is not None:
        text = f"{len(late.released)} later references and {len(late.targets)} targets were bound"
        return replace(plan, bind=late, events=(Event("Swept", text),))
    if all(c.is_settled for c in findings.conditions):
        is_all_wanted = bool(deletion.finishing) and deletion.units <= deletion.finishing
        return replace(
            plan,
            settle=(SettledAs.CONVERGED, Reason.WANTED_AGAIN if is_all_wanted else None),
            watch_until=world.now + policy.watch_window,
        )
    return _choose(plan, findings, state, world, policy, coverage)


def _late_binding(
    state: DeletionState, world: World, policy: Policy, coverage: Coverage, findings: "_Findings"
) -> Binding | None:
    """Return what the sweep adds, and what the media server still lists once the files are gone."""
    late = late_binding(state, world, policy, coverage)
    items = item_targets(state, world, policy, coverage) if findings.is_refresh_next else ()
    if not items:
        return late
    if late is not None:
        return replace(late, targets=(*late.targets, *items))
    deletion = state.deletion
    return Binding(
        deletion.id, coverage.media, items, (), deletion.bound_seq or 0, deletion.live_request_ids, world.now
    )


# --- wanted again --------------------------------------------------------------------------------------------------


def _plan_wanted(
    state: DeletionState, wants: tuple[Want, ...], world: World, policy: Policy, coverage: Coverage
) -> Plan | None:
    """Let a want take its part out of the deletion, or have only the old copy finished; `None` if that is done already.

    A part of which nothing was destroyed is withdrawn, its monitoring given back. If that is all of it, the deletion is
    cancelled.
    """
    deletion = state.deletion
    if not coverage.units:  # no library is configured: there are no parts
        if deletion.destroyed_at is None:
            return plan_cancel(state, world, policy, Reason.WANTED_AGAIN, _tell(wants))
        return None
    wanted = wanted_units(wants) - deletion.finishing
    begun = wanted & touched_units(state, world, coverage)
    free = wanted - begun
    if free and free == coverage.units:
        return plan_cancel(state, world, policy, Reason.WANTED_AGAIN, _tell(wants))
    if not wanted:
        return None
    findings = _judge(state, world, policy, coverage)
    plan = findings.plan()
    hidden = [u for u in free if not isinstance(world.libraries.get(u.instance), Seen)]
    if hidden and deletion.frozen_at is not None:
        return plan  # its monitoring could not be given back, and nobody would do it later
    restores = thaw(state, world, free)
    if restores:
        shown = next((c for c in plan.conditions if not c.is_settled), plan.conditions[0])
        text = f"{_tell(wants)}: its monitoring is given back"
        conditions = replaced(plan.conditions, replace(shown, reason=Reason.CONFIRMING, message=text))
        return replace(plan, conditions=conditions, actions=restores if policy.enforce else ())
    text = f"{_tell(wants)}: "
    text += f"not covered any more: {_named(free)}" if free else ""
    text += ("; " if free and begun else "") + (f"only the old copy is finished: {_named(begun)}" if begun else "")
    return replace(
        plan,
        withdrawn=free,
        finishing=begun,
        unreleased=_given_back(state, findings.torrents, free, begun, world, coverage),
        events=(Event("WantedAgain", text),),
    )


def _given_back(
    state: DeletionState,
    torrents: TorrentFinding,
    withdrawn: frozenset[Unit],
    finishing: frozenset[Unit],
    world: World,
    coverage: Coverage,
) -> tuple[int, ...]:
    """Return the references that the deletion must not have released after all.

    Those of withdrawn units; and of units that are only finished those of torrents that have to be seeded on: what
    has not been removed yet may as well stay.
    """
    mine = [r for r in world.references_about(coverage) if r.released_by == state.deletion.id]
    out = coverage.only(withdrawn)
    numbers = {r.number for r in mine if out.covers(r)}
    old = coverage.only(finishing)
    if isinstance(world.torrents, Seen):
        seeding = [world.torrents.data.by_key[key] for key in sorted(torrents.seeding)]
        numbers |= {r.number for t in seeding for r in world.references_naming(t) if r in mine and old.covers(r)}
    return tuple(sorted(numbers))


def _tell(wants: tuple[Want, ...]) -> str:
    return "; ".join(w.message for w in wants[:3])


def _named(units: frozenset[Unit]) -> str:
    return ", ".join(sorted(str(unit) for unit in units))


# --- judging -------------------------------------------------------------------------------------------------------


class _Findings:
    """All judgements of one round."""

    def __init__(
        self,
        state: DeletionState,
        torrents: TorrentFinding,
        entries: tuple[EntryFinding, ...],
        files: tuple[Condition, ...],
        refresh: RefreshFinding,
        requests: RequestFinding,
        *,
        is_refresh_next: bool,
    ) -> None:
        self.state = state
        self.torrents = torrents
        self.entries = entries
        self.files = files
        self.refresh = refresh
        self.requests = requests
        self.is_refresh_next = is_refresh_next
        self.conditions = (
            *torrents.conditions,
            *(e.condition for e in entries),
            *files,
            *refresh.conditions,
            requests.condition,
        )
        self.absent = (*torrents.absent, *(n for e in entries for n in e.absent), *requests.absent)
        self.present = (*torrents.present, *(n for e in entries for n in e.present), *requests.present)

    def plan(self) -> Plan:
        return Plan(self.state.deletion.id, self.conditions, absent=self.absent, present=self.present)

    @property
    def freeze(self) -> tuple[Action, ...]:
        return tuple(a for e in self.entries for a in e.freeze)


def _judge(state: DeletionState, world: World, policy: Policy, coverage: Coverage) -> _Findings:
    torrents = judge_torrents(state, world, policy, coverage)
    entries = judge_entries(state, world, policy, coverage, torrents)
    may_go_on = _may_go_on(torrents, policy)
    if not may_go_on:
        entries = tuple(_after_torrents(e) for e in entries)
    entries_done = may_go_on and all(e.condition.is_settled for e in entries)
    seen_gone = _seen_gone(state, (*torrents.absent, *(n for e in entries for n in e.absent)), world)
    files = judge_files(seen_gone, world, policy, coverage, is_settled_before=entries_done)
    files_done = entries_done and all(c.is_settled for c in files)
    refresh = judge_refresh(state, world, policy, coverage, is_settled_before=files_done)
    refreshed = files_done and refresh.is_settled
    requests = judge_requests(state, world, policy, coverage, is_settled_before=refreshed)
    is_refresh_next = files_done and not refresh.is_settled
    return _Findings(state, torrents, entries, files, refresh, requests, is_refresh_next=is_refresh_next)


def _seen_gone(state: DeletionState, absent: Collection[int], world: World) -> DeletionState:
    """Return the deletion with what this very round sees gone: its files have just begun to go."""
    targets = tuple(
        replace(t, absent_since=world.now) if t.absent_since is None and t.number in absent else t
        for t in state.targets
    )
    return replace(state, targets=targets)


def _may_go_on(torrents: TorrentFinding, policy: Policy) -> bool:
    """Tell whether the titles may go: torrents that are only being seeded on need not be waited for."""
    return torrents.is_settled or (torrents.is_only_seeding and not policy.seeding.block_entry)


def _after_torrents(finding: EntryFinding) -> EntryFinding:
    if finding.condition.reason is not Reason.PRESENT:
        return finding
    text = f"comes after the torrents; {finding.condition.message}"
    return replace(finding, condition=replace(finding.condition, reason=Reason.AFTER_TORRENTS, message=text))


# --- choosing ------------------------------------------------------------------------------------------------------


def _choose(
    plan: Plan, findings: _Findings, state: DeletionState, world: World, policy: Policy, coverage: Coverage
) -> Plan:
    """Pick the actions of the first step that is not done, if every gate lets them through."""
    is_held = any(effect_of(e.condition.reason) is Effect.HOLD for e in findings.entries)
    if findings.torrents.is_held or is_held:
        return plan
    actions = _next_actions(findings, policy)
    if not actions:
        return plan
    shown = next(c for c in findings.conditions if not c.is_settled)
    closed = gate(state, world, policy, coverage, actions, shown, clears_requests=actions == findings.requests.actions)
    if closed is not None:
        due_at = {Reason.NOT_BEFORE: state.deletion.not_before, Reason.DENY_WINDOW: world.denied_until}
        return replace(plan, conditions=replaced(plan.conditions, closed), due_at=due_at.get(closed.reason))
    if not policy.enforce:
        return replace(plan, conditions=only_observed(plan.conditions))
    return replace(plan, actions=actions, frozen=actions == findings.freeze)


def _next_actions(findings: _Findings, policy: Policy) -> tuple[Action, ...]:
    if any(e.condition.reason is Reason.FREEZING for e in findings.entries):
        return findings.freeze
    if any(effect_of(e.condition.reason) is Effect.WAIT for e in findings.entries):
        return ()  # what could not be frozen must not lose its torrents: the library would fetch it again
    if not _may_go_on(findings.torrents, policy):
        return findings.torrents.actions
    if not all(e.condition.is_settled for e in findings.entries):
        return tuple(a for e in findings.entries for a in e.actions)
    if not all(c.is_settled for c in findings.files):
        return ()
    if not findings.refresh.is_settled:
        return findings.refresh.actions
    return findings.requests.actions


# --- watching ------------------------------------------------------------------------------------------------------


def _plan_watch(state: DeletionState, world: World, policy: Policy, coverage: Coverage, is_wanted: bool) -> Plan:
    """Look again after convergence: what was bound must stay gone, and what is new is nobody's business."""
    deletion = state.deletion
    if deletion.settled_as is not SettledAs.CONVERGED:
        return Plan(deletion.id, state.conditions)
    back = drifted(state, world, is_wanted=is_wanted)
    if not back:
        return Plan(deletion.id, state.conditions)
    event = Event("Drift", f"came back after convergence: {', '.join(back[:5])}")
    return replace(_judge(state, world, policy, coverage).plan(), reopen=True, events=(event,))
