"""The JSON that goes out, field by field. Times are RFC 3339 in UTC; unknown is `null`, never left out."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from reconciler.model import (
    ConditionType,
    MediaKind,
    Phase,
    SettledAs,
    Source,
    Status,
    TargetKind,
    UpstreamKind,
)
from reconciler.ports import Accepted, Heard
from reconciler.reasons import Reason
from reconciler.web.answers import Out
from reconciler.web.evidence import EvidenceOut

MediaType = Literal["movie", "tv"]
Decision = Literal["approve", "attribute", "cancel", "retry"]


MEDIA_TYPES: Mapping[MediaKind, MediaType] = {MediaKind.MOVIE: "movie", MediaKind.SERIES: "tv"}


# --- intake --------------------------------------------------------------------------------------------------------


class AcceptedOut(Out):
    """What became of one wish. `id` and `url` are `null` when nothing was created and nothing existed."""

    id: str | None
    url: str | None
    outcome: Accepted


class AcceptedListOut(Out):
    deletions: tuple[AcceptedOut, ...]


class HeardOut(Out):
    """How a webhook was understood; `reason` says in words why nothing follows from it."""

    heard: Heard
    deletions: tuple[AcceptedOut, ...] = ()
    reason: str | None = None


# --- deletions -----------------------------------------------------------------------------------------------------


class MediaOut(Out):
    media_type: MediaType
    tmdb_id: int | None
    tvdb_id: int | None


class OptionsOut(Out):
    delete_files: bool
    add_exclusion: bool
    blocklist: bool
    remove_empty_series: bool


class ConditionOut(Out):
    """What is known at one upstream. `last_transition_time` moves with the status, `reason_since` with the reason."""

    type: ConditionType
    instance: str
    status: Status
    reason: Reason
    message: str
    last_transition_time: AwareDatetime | None
    reason_since: AwareDatetime | None


class TargetOut(Out):
    """A concrete thing that was bound; `external_id` is the info hash or the upstream's internal id.

    `season` is the number of the season that it belongs to, if it belongs to one.
    """

    kind: TargetKind
    instance: str
    external_id: str
    name: str | None
    path: str | None
    files: tuple[str, ...]
    size: int
    season: int | None
    sent_at: AwareDatetime | None
    absent_since: AwareDatetime | None


class EventOut(Out):
    number: int
    kind: str
    message: str
    at: AwareDatetime | None
    data: Mapping[str, object]


class NeedOut(Out):
    """What a person is asked: the condition, what can be done, and whether `approve` lifts it.

    `required`: somebody has to look. Otherwise it goes on by itself, and a decision only hastens that. `lifted`: an
    approval has lifted it already, and it is looked at again at once.
    """

    type: ConditionType
    instance: str
    reason: Reason
    message: str
    advice: str
    approvable: bool
    required: bool
    lifted: bool


class SettledOut(Out):
    """How it ended; `message` says it in words. After `watch_until` it is not looked at any more."""

    at: AwareDatetime
    as_: Annotated[SettledAs, Field(serialization_alias="as")]
    reason: Reason | None
    message: str
    watch_until: AwareDatetime | None


class DeletionOut(Out):
    """One deletion in a list. `seasons` is `null` for a whole title; a `title` that was not given is the library's."""

    id: str
    url: str
    media: MediaOut
    title: str | None
    year: int | None
    phase: Phase
    source: Source
    requested_by: str | None
    requested_at: AwareDatetime
    instances: tuple[str, ...]
    seasons: tuple[int, ...] | None
    options: OptionsOut
    inferred: bool
    needs_approval: bool
    conditions: tuple[ConditionOut, ...]
    cancel_requested_at: AwareDatetime | None
    next_due_at: AwareDatetime | None
    settled: SettledOut | None


class DeletionDetailOut(DeletionOut):
    """Everything known about one deletion. `decisions` are those that would do something now, and `shown` names all
    that an approval would lift: given back with it, nothing else is lifted.

    `withdrawn` and `finishing` name in words what of its coverage was wanted again before and after anything of that
    was destroyed: the former is not covered any more (nor is what a declined request was not for), of the latter the
    old copy is finished.
    """

    not_before: AwareDatetime | None
    bound_at: AwareDatetime | None
    destroyed_at: AwareDatetime | None
    attempt: int
    withdrawn: tuple[str, ...]
    finishing: tuple[str, ...]
    approved: tuple[Reason, ...]
    targets: tuple[TargetOut, ...]
    evidence: tuple[EvidenceOut, ...]
    timeline: tuple[EventOut, ...]
    needs: tuple[NeedOut, ...]
    decisions: tuple[Decision, ...]
    shown: str | None


class DeletionPageOut(Out):
    """Newest first; `next_cursor` is `null` on the last page."""

    deletions: tuple[DeletionOut, ...]
    next_cursor: str | None


class StepOut(Out):
    """One call that would be made; `number` counts from 1. `size` is in bytes, 0 if nothing goes or nobody knows."""

    number: int
    action: str
    instance: str
    name: str
    detail: str
    size: int
    paths: tuple[str, ...]


class PlanOut(Out):
    """Everything that would be done, in order, as seen now. Nothing was sent.

    `deletion` is `null` for a wish that is not in the log. `ends_as` is the phase that the steps lead to.
    """

    deletion: str | None
    steps: tuple[StepOut, ...]
    conditions: tuple[ConditionOut, ...]
    targets: tuple[TargetOut, ...]
    ends_as: Phase
    notes: tuple[str, ...]


class PlanListOut(Out):
    """One plan for each wish, in the order of the wishes."""

    plans: tuple[PlanOut, ...]


class DecisionOut(Out):
    """A decision that was written down; `lifted` are the reasons an approval lifts.

    `unlisted` are the hashes just bound under which no qBittorrent listed a torrent when last looked at.
    """

    id: str
    url: str
    decision: Decision
    lifted: tuple[Reason, ...] = ()
    unlisted: tuple[str, ...] = ()


class ReleasedOut(Out):
    """The deletions that the breaker held and holds no more."""

    released: tuple[str, ...]


# --- status --------------------------------------------------------------------------------------------------------


class GapOut(Out):
    since: AwareDatetime
    until: AwareDatetime


class CoverageOut(Out):
    """How far an instance's history is in the ledger; `total` is `null` until the upstream has said it."""

    complete: bool
    backfilled_at: AwareDatetime | None
    rows: int
    total: int | None
    synced_at: AwareDatetime | None
    gaps: tuple[GapOut, ...]


class WebhookOut(Out):
    """Our webhook at one instance. The first three are `null` as long as nobody could look, or nobody can.

    `heard_at` is when anything came from there, `test_at` when a test did, whether or not the webhook is there now.
    """

    exists: bool | None = None
    enabled: bool | None = None
    muted: bool | None = None
    problems: tuple[str, ...] = ()
    checked_at: AwareDatetime | None = None
    heard_at: AwareDatetime | None = None
    test_at: AwareDatetime | None = None


class UpstreamOut(Out):
    """One upstream instance. `reachable` is `null` as long as nobody has looked.

    `last_error` also says why something that it answers is not believed. `resynced_at` is when it was last compared
    with what it had shown before, to find what no webhook told; only complete answers count. `webhook` is `null` for
    what sends none: qBittorrent, and what is not configured.
    """

    name: str
    kind: UpstreamKind
    configured: bool
    reachable: bool | None = None
    app: str | None = None
    version: str | None = None
    since: AwareDatetime | None = None
    last_seen_at: AwareDatetime | None = None
    last_error: str | None = None
    resynced_at: AwareDatetime | None = None
    coverage: CoverageOut | None = None
    webhook: WebhookOut | None = None


class LastPassOut(Out):
    started_at: AwareDatetime
    finished_at: AwareDatetime
    duration_seconds: float
    deletions: int
    rounds: int
    calls: int
    error: str | None


class LoopOut(Out):
    """The loop of the process that answers; with several replicas `leader` is the one that reconciles."""

    running: bool
    process: str
    leader: str | None
    lease_held: bool
    next_pass_at: AwareDatetime | None


class UseOut(Out):
    by: str
    at: AwareDatetime


class PreviousSecretOut(Out):
    setting: str
    since: AwareDatetime
    last_used: tuple[UseOut, ...]


class SpaceOut(Out):
    """Bytes that were seen gone, of what converged in all and in the last 24 hours."""

    freed: int
    freed_last_24_hours: int


class ConvergenceOut(Out):
    """One deletion that converged; `seconds` from its arrival on."""

    id: str
    at: AwareDatetime
    seconds: float


class MessengerOut(Out):
    """One messenger that people are told through, called by its place in the configuration and its kind."""

    position: int
    kind: str
    last_sent_at: AwareDatetime | None
    failing_since: AwareDatetime | None
    last_error: str | None


class StatusOut(Out):
    """`needs_you` counts the open deletions that a person has to look at: the held ones, and those that wait for an
    upstream whose list is not believed. `oldest_unsettled` is the deletion asked for at `oldest_unsettled_at`,
    `next_due_at` when anything is due next.

    `convergences` are those of the last 24 hours, the newest 200 of them, the last one first.
    """

    verdict: str
    ok: bool
    now: AwareDatetime
    mode: str
    version: str
    schema_version: int
    counts: Mapping[Phase, int]
    needs_you: int
    oldest_unsettled_at: AwareDatetime | None
    oldest_unsettled: str | None
    next_due_at: AwareDatetime | None
    space: SpaceOut
    convergences: tuple[ConvergenceOut, ...]
    last_pass: LastPassOut | None
    loop: LoopOut
    upstreams: tuple[UpstreamOut, ...]
    previous_secrets: tuple[PreviousSecretOut, ...]
    notifications: tuple[MessengerOut, ...]


class LiveOut(Out):
    alive: bool = True


class ReadyOut(Out):
    ready: bool = True
