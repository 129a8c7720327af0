"""From what the store holds to what goes out. Pure."""

from collections.abc import Iterable

from reconciler.model import (
    Condition,
    DeletionId,
    DeletionState,
    Event,
    Media,
    Options,
    Target,
    Unit,
    approval_digest,
    ending_of,
    lifted_by_approval,
)
from reconciler.ports import AcceptedDeletion, DeletionPage, Evidence, PlanPreview
from reconciler.reasons import MEANINGS, Reason, asks_a_person
from reconciler.web.advice import ADVICE, waits_for_a_person
from reconciler.web.evidence import evidence_out
from reconciler.web.schemas import (
    MEDIA_TYPES,
    AcceptedOut,
    ConditionOut,
    Decision,
    DeletionDetailOut,
    DeletionOut,
    DeletionPageOut,
    EventOut,
    MediaOut,
    NeedOut,
    OptionsOut,
    PlanListOut,
    PlanOut,
    SettledOut,
    StepOut,
    TargetOut,
)


def deletion_url(deletion: DeletionId, root: str = "") -> str:
    """Return the address of one deletion as a path: only the reader knows under which host it reached us."""
    return f"{root}/deletions/{deletion}"


def accepted_out(accepted: AcceptedDeletion, root: str) -> AcceptedOut:
    url = deletion_url(accepted.id, root) if accepted.id is not None else None
    return AcceptedOut(id=accepted.id, url=url, outcome=accepted.outcome)


def deletion_out(state: DeletionState, root: str) -> DeletionOut:
    deletion = state.deletion
    return DeletionOut(
        id=deletion.id,
        url=deletion_url(deletion.id, root),
        media=_media_out(deletion.media),
        title=state.title,
        year=deletion.year,
        phase=state.phase,
        source=deletion.source,
        requested_by=deletion.requested_by,
        requested_at=deletion.requested_at,
        instances=tuple(sorted(deletion.instances)),
        seasons=None if deletion.seasons is None else tuple(sorted(deletion.seasons)),
        options=_options_out(deletion.options),
        inferred=deletion.inferred,
        needs_approval=deletion.needs_approval,
        conditions=tuple(condition_out(condition) for condition in state.conditions),
        cancel_requested_at=deletion.cancel_requested_at,
        next_due_at=deletion.next_due_at,
        settled=_settled_out(state),
    )


def detail_out(
    state: DeletionState, timeline: tuple[Event, ...], evidence: Iterable[Evidence], root: str
) -> DeletionDetailOut:
    deletion = state.deletion
    return DeletionDetailOut(
        **dict(deletion_out(state, root)),
        not_before=deletion.not_before,
        bound_at=deletion.bound_at,
        destroyed_at=deletion.destroyed_at,
        attempt=deletion.attempt,
        withdrawn=_in_words(deletion.withdrawn),
        finishing=_in_words(deletion.finishing),
        approved=tuple(sorted(deletion.approved | {reason for reason, _, _ in deletion.approved_at})),
        targets=tuple(_target_out(target) for target in state.targets),
        evidence=evidence_out(state, evidence),
        timeline=tuple(_event_out(event) for event in timeline),
        needs=needs_of(state),
        decisions=decisions_of(state),
        shown=approval_digest(state) if lifted_by_approval(state) else None,
    )


def page_out(page: DeletionPage, root: str) -> DeletionPageOut:
    return DeletionPageOut(
        deletions=tuple(deletion_out(state, root) for state in page.deletions), next_cursor=page.next_cursor
    )


def plan_out(preview: PlanPreview) -> PlanOut:
    return PlanOut(
        deletion=preview.deletion,
        steps=tuple(
            StepOut(
                number=number,
                action=step.action,
                instance=step.instance,
                name=step.name,
                detail=step.detail,
                size=step.size,
                paths=step.paths,
            )
            for number, step in enumerate(preview.steps, start=1)
        ),
        conditions=tuple(condition_out(condition) for condition in preview.conditions),
        targets=tuple(_target_out(target) for target in preview.targets),
        ends_as=preview.ends_as,
        notes=preview.notes,
    )


def plans_out(previews: tuple[PlanPreview, ...]) -> PlanListOut:
    return PlanListOut(plans=tuple(plan_out(preview) for preview in previews))


def needs_of(state: DeletionState) -> tuple[NeedOut, ...]:
    """Return what a person is asked, one entry per condition that waits for a decision.

    Once it is being called off there is nothing to ask but what its end waits for.
    """
    if state.deletion.settled_at is not None:
        return ()
    is_cancelling = state.deletion.cancel_requested_at is not None
    return tuple(
        NeedOut(
            type=condition.type,
            instance=condition.instance,
            reason=condition.reason,
            message=condition.message,
            advice=ADVICE[condition.reason],
            approvable=MEANINGS[condition.reason].approvable,
            required=asks_a_person(condition.reason),
            lifted=state.deletion.is_approved(condition.reason, condition.type, condition.instance),
        )
        for condition in state.conditions
        if waits_for_a_person(condition.reason) and (condition in lifted_by_approval(state) or not is_cancelling)
    )


def decisions_of(state: DeletionState) -> tuple[Decision, ...]:
    """Return the decisions that would do something now."""
    deletion = state.deletion
    if deletion.settled_at is not None:
        return ()
    decisions: list[Decision] = []
    if lifted_by_approval(state):
        decisions.append("approve")
    if deletion.cancel_requested_at is not None:
        return (*decisions, "retry")
    if any(condition.reason is Reason.UNATTRIBUTED_TORRENT for condition in state.conditions):
        decisions.append("attribute")
    return (*decisions, "cancel", "retry")


def condition_out(condition: Condition) -> ConditionOut:
    return ConditionOut(
        type=condition.type,
        instance=condition.instance,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        last_transition_time=condition.last_transition_time,
        reason_since=condition.reason_since,
    )


def _media_out(media: Media) -> MediaOut:
    return MediaOut(media_type=MEDIA_TYPES[media.kind], tmdb_id=media.tmdb_id, tvdb_id=media.tvdb_id)


def _options_out(options: Options) -> OptionsOut:
    return OptionsOut(
        delete_files=options.delete_files,
        add_exclusion=options.add_exclusion,
        blocklist=options.blocklist,
        remove_empty_series=options.remove_empty_series,
    )


def _in_words(units: frozenset[Unit]) -> tuple[str, ...]:
    ordered = sorted(units, key=lambda unit: (unit.instance, -1 if unit.season is None else unit.season))
    return tuple(str(unit) for unit in ordered)


def _settled_out(state: DeletionState) -> SettledOut | None:
    deletion = state.deletion
    ending = ending_of(deletion, state.conditions, state.targets)
    if deletion.settled_at is None or deletion.settled_as is None or ending is None:
        return None
    return SettledOut(
        at=deletion.settled_at,
        as_=deletion.settled_as,
        reason=deletion.settled_reason,
        message=ending.words,
        watch_until=deletion.watch_until,
    )


def _target_out(target: Target) -> TargetOut:
    return TargetOut(
        kind=target.kind,
        instance=target.instance,
        external_id=target.external_id,
        name=target.name,
        path=target.path,
        files=target.files,
        size=target.size,
        season=target.season,
        sent_at=target.sent_at,
        absent_since=target.absent_since,
    )


def _event_out(event: Event) -> EventOut:
    return EventOut(number=event.number, kind=event.kind, message=event.message, at=event.at, data=dict(event.data))
