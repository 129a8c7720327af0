"""The title in every covered library: whole, by seasons, or only its old copy where it is wanted again."""

from collections.abc import Sequence
from dataclasses import replace

from reconciler.model import ConditionType, DeletionState, InstanceName, TargetKind, Unit
from reconciler.plan.entries import EntryFinding, Shelf, judge_whole, shelf_of, withdrawn
from reconciler.plan.facts import absent_upstream
from reconciler.plan.finishing import finish
from reconciler.plan.policy import Policy
from reconciler.plan.seasons import bound_files, files_of, judge_seasons
from reconciler.plan.torrents import TorrentFinding
from reconciler.plan.world import Coverage, World
from reconciler.reasons import Effect, effect_of


def judge_entries(
    state: DeletionState, world: World, policy: Policy, coverage: Coverage, torrents: TorrentFinding
) -> tuple[EntryFinding, ...]:
    """Judge the title in every library that the deletion was for, in order of name.

    What a decline was never for, because its request was for another library, is not shown.
    """
    if not state.deletion.instances:
        condition = absent_upstream(ConditionType.ENTRY_ABSENT, coverage.media.kind)
        return (EntryFinding(condition.instance, condition),)
    instances = coverage.instances if state.deletion.inferred else state.deletion.instances
    return tuple(_judge(state, instance, world, policy, coverage, torrents) for instance in sorted(instances))


def _judge(
    state: DeletionState,
    instance: InstanceName,
    world: World,
    policy: Policy,
    coverage: Coverage,
    torrents: TorrentFinding,
) -> EntryFinding:
    if instance not in coverage.instances:
        return EntryFinding(instance, withdrawn(instance))
    shelf = shelf_of(state, instance, world, policy, coverage, torrents)
    if isinstance(shelf, EntryFinding):
        return shelf
    finishing = state.deletion.finishing
    if coverage.is_whole(instance):
        return finish(shelf, None) if Unit(instance) in finishing else judge_whole(shelf)
    return _judge_seasons(shelf, coverage.units & finishing)


def _judge_seasons(shelf: Shelf, finishing: frozenset[Unit]) -> EntryFinding:
    rest = shelf.coverage.only(shelf.coverage.units - finishing)
    findings: list[EntryFinding] = []
    seasons = rest.seasons_in(shelf.instance)
    if seasons:
        findings.append(judge_seasons(replace(shelf, coverage=rest), seasons))
    findings += [
        finish(shelf, unit.season)
        for unit in sorted(finishing, key=lambda u: u.season or 0)
        if unit.instance == shelf.instance
    ]
    merged = _merged(findings)
    absent, present = _files_looked_for(shelf)
    return replace(merged, absent=(*merged.absent, *absent), present=(*merged.present, *present))


def _merged(findings: Sequence[EntryFinding]) -> EntryFinding:
    """Join the findings on the seasons of one series: the most pressing one is shown."""
    first = min(findings, key=lambda f: _PRESSING[effect_of(f.condition.reason)])
    others = [f.condition.message for f in findings if f is not first and not f.condition.is_settled]
    message = "; ".join((first.condition.message, *others))
    return replace(
        first,
        condition=replace(first.condition, message=message),
        freeze=tuple(dict.fromkeys(a for f in findings for a in f.freeze)),
        actions=tuple(a for f in findings for a in f.actions),
    )


_PRESSING = {Effect.HOLD: 0, Effect.WAIT: 1, Effect.PROGRESS: 2, Effect.DONE: 3}


def _files_looked_for(shelf: Shelf) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the numbers of the bound episode files that are gone and that are there, if that was looked at."""
    targets = [t for t in shelf.state.targets_of(TargetKind.FILE) if t.instance == shelf.instance]
    if not shelf.bound:
        return tuple(t.number for t in targets), ()
    files = files_of(shelf, shelf.bound[0][1])
    if files is None:
        return (), ()
    there = {t.number for key, t in bound_files(shelf).items() if key in {(f.id, f.path) for f in files}}
    return tuple(t.number for t in targets if t.number not in there), tuple(sorted(there))
