"""A foreseen deletion in words for people: every step with what it is about, how large that is and where it lies."""

from collections.abc import Mapping

from reconciler.model import DeletionId, DeletionState, Target, TargetKind
from reconciler.plan.actions import (
    Action,
    Announce,
    Blocklist,
    DeleteEntry,
    DeleteFiles,
    DeleteRecord,
    DeleteRequest,
    EndDownloads,
    RemoveTorrent,
    ResetVariant,
    RestoreMonitoring,
    Search,
    Unmonitor,
    UnmonitorSeasons,
)
from reconciler.plan.facts import counted
from reconciler.plan.foresee import Foreseen
from reconciler.ports import PlannedStep, PlanPreview

_ROLES = {TargetKind.CROSS_SEED: "cross-seed ", TargetKind.LIKELY_CROSS_SEED: "likely cross-seed "}


def preview_of(state: DeletionState, foreseen: Foreseen, *, deletion: DeletionId | None) -> PlanPreview:
    """Return what is shown of a foreseen deletion; `deletion` is `None` for a wish that is not in the log."""
    targets = {t.number: t for t in foreseen.targets}
    notes = list(foreseen.notes)
    if state.deletion.bound_at is None:
        notes.append("nothing is bound yet: what is bound is decided when it begins")
    return PlanPreview(
        deletion,
        tuple(_step(action, targets) for action in foreseen.actions),
        foreseen.conditions,
        foreseen.targets,
        foreseen.ends_as,
        tuple(notes),
    )


def _step(action: Action, targets: Mapping[int, Target]) -> PlannedStep:
    target = targets.get(action.target)
    name = (target.name or target.external_id) if target else ""
    kind = type(action).__name__
    match action:
        case RemoveTorrent():
            what = f"{_ROLES.get(target.kind, '') if target else ''}{action.torrent[:10]}, "
            if not action.delete_files:
                why = f"{what}without its data: {action.why or 'it is to be kept'}"
                return PlannedStep(kind, action.instance, action.name, why)
            paths = (target.files if target else ()) or ((action.path,) if action.path else ())
            return PlannedStep(kind, action.instance, action.name, f"{what}with its data", action.size, paths)
        case DeleteEntry():
            files = "with its folder" if action.delete_files else "its files stay"
            exclusion = ", and import lists may not add it again" if action.add_exclusion else ""
            if not action.delete_files:
                return PlannedStep(kind, action.instance, name, files + exclusion)
            size = target.size if target else 0
            return PlannedStep(kind, action.instance, name, files + exclusion, size, (action.path,))
        case DeleteFiles():
            detail = counted(len(action.file_ids), "file")
            return PlannedStep(kind, action.instance, name, detail, action.size, action.paths)
        case UnmonitorSeasons():
            return PlannedStep(kind, action.instance, name, f"stop looking for season {_numbers(action.seasons)}")
        case Unmonitor():
            return PlannedStep(kind, action.instance, name, "stop looking for it")
        case RestoreMonitoring():
            return PlannedStep(kind, action.instance, name, "look for it again, as before")
        case EndDownloads():
            return PlannedStep(kind, action.instance, name, f"end its downloads: {', '.join(action.titles)}")
        case Blocklist():
            return PlannedStep(kind, action.instance, name, counted(len(action.history_ids), "release"))
        case Search():
            season = "" if action.season is None else f" of season {action.season}"
            return PlannedStep(kind, action.instance, name, f"one search for a fresh copy{season}")
        case Announce():
            return PlannedStep(kind, action.instance, name, "tell it to look again", paths=action.paths)
        case DeleteRequest():
            return PlannedStep(kind, action.instance, f"request {action.request_id}", name)
        case DeleteRecord():
            detail = f"with its {counted(len(action.request_ids), 'request')}; the title can be requested again"
            return PlannedStep(kind, action.instance, f"record {action.record_id}", detail)
        case ResetVariant():
            variant = "4K" if action.is_4k else "HD"
            return PlannedStep(
                kind, action.instance, f"record {action.record_id}", f"set its {variant} copy to unknown"
            )


def _numbers(seasons: tuple[int, ...]) -> str:
    return ", ".join(str(number) for number in seasons)
