"""What was asked: a wish, and the deletion that it becomes."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.model.identity import DeletionId, InfoHash, InstanceName, Media, Source, Unit
from reconciler.reasons import Reason


@dataclass(frozen=True, slots=True)
class Options:
    """How a deletion is to be carried out.

    `delete_files` false: torrents and titles leave their lists, their data stays. `add_exclusion` keeps import lists
    from adding the title again. Two are for seasons only: `blocklist` keeps the same releases from being grabbed again
    (with a whole title its blocklist goes too), and `remove_empty_series` lets the series go with its last season.
    """

    delete_files: bool = True
    add_exclusion: bool = False
    blocklist: bool = False
    remove_empty_series: bool = False


@dataclass(frozen=True, slots=True)
class Hints:
    """What the asker believes to know. Hints narrow and contradict; they never widen a deletion."""

    hashes: tuple[InfoHash, ...] = ()
    radarr_id: int | None = None
    sonarr_id: int | None = None
    jellyseerr_id: int | None = None  # the media record's id in Jellyseerr
    request_id: int | None = None  # the request a decline was about: never cleared by us
    command: "IssueCommand | None" = None  # who ordered it must be verified before anything else


@dataclass(frozen=True, slots=True)
class IssueCommand:
    """A deletion that was ordered in an issue of Jellyseerr; `text` is what was written there, cleaned as all text is.

    Who wrote it is asked of Jellyseerr: names in a webhook prove nothing (upstreams.md 1.6).
    """

    issue_id: int
    text: str


@dataclass(frozen=True, slots=True)
class DeletionRequest:
    """A wish as an intake parser understood it, before it is written to the deletion log.

    `instances` are the Radarr or Sonarr instances covered; `None` means every configured one of the media's kind.
    `seasons` are the numbers of the seasons covered, 0 for specials; `None` means the whole title, and an empty set is
    a mistake of the caller. `inferred` marks wishes nobody spoke out (a declined request): they are held when files
    would be lost. `needs_approval`: a person must agree before anything begins. `because` says in words how the wish
    came about, where that is not plain; `is_found` that polling found it and nobody told.
    """

    media: Media
    title: str | None
    year: int | None
    source: Source
    requested_by: str | None = None
    instances: frozenset[InstanceName] | None = None
    options: Options = field(default_factory=Options)
    hints: Hints = field(default_factory=Hints)
    inferred: bool = False
    not_before: datetime | None = None
    seasons: frozenset[int] | None = None
    needs_approval: bool = False
    because: str = ""
    is_found: bool = False


class SettledAs(StrEnum):
    CONVERGED = "converged"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Deletion:
    """One row of the deletion log: the desired state "this coverage is absent". All times are aware UTC.

    `bound_seq` is the ledger's sequence number at binding: references numbered above it arrived later and are never
    released by this deletion unless the sweep binds them. `live_request_ids` are the Jellyseerr requests that were
    live at binding; any other live one is a want. `approved` holds the reasons a person has lifted, `approved_at` those
    that were lifted where they were shown, and nowhere else: reason, type of condition, instance.
    `retried_at` is when a person last asked to try again: what upstreams refused before then is forgotten.
    `turned_at` is when it last began or ceased to be held, or to wait for a time that was set.
    `cancel_requested_at` is set while a person's cancel still has monitoring to give back.
    `withdrawn` units were wanted again before anything of them was destroyed, or turned out not to be what a declined
    request was for, and are not covered any more; of `finishing` units something was destroyed by the time they were
    wanted again, so that their old copy is finished and nothing else. For each of those one search for the fresh copy
    is asked for; `searched` are the units for which that was accepted.
    """

    id: DeletionId
    media: Media
    title: str | None
    year: int | None
    source: Source
    requested_by: str | None
    requested_at: datetime
    instances: frozenset[InstanceName]
    options: Options
    hints: Hints
    inferred: bool
    not_before: datetime | None = None
    bound_at: datetime | None = None
    bound_seq: int | None = None
    live_request_ids: frozenset[int] = frozenset()
    frozen_at: datetime | None = None
    destroyed_at: datetime | None = None
    breaker_tripped_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    retried_at: datetime | None = None
    approved: frozenset[Reason] = frozenset()
    approved_at: frozenset[tuple[Reason, str, InstanceName]] = frozenset()
    settled_at: datetime | None = None
    settled_as: SettledAs | None = None
    settled_reason: Reason | None = None
    watch_until: datetime | None = None
    attempt: int = 0
    next_due_at: datetime | None = None
    turned_at: datetime | None = None
    seasons: frozenset[int] | None = None
    needs_approval: bool = False
    withdrawn: frozenset[Unit] = frozenset()
    finishing: frozenset[Unit] = frozenset()
    searched: frozenset[Unit] = frozenset()
    blocklisted_at: datetime | None = None

    @property
    def is_unapproved(self) -> bool:
        """Tell whether a person must agree first and has not; who lets an inferred deletion take data has, too."""
        return self.needs_approval and not self.approved & {Reason.APPROVAL_REQUIRED, Reason.INFERRED_DELETE}

    def is_approved(self, reason: Reason, type_: str, instance: InstanceName) -> bool:
        """Tell whether a person has lifted a reason of this condition."""
        return reason in self.approved or (reason, type_, instance) in self.approved_at

    @property
    def units(self) -> frozenset[Unit]:
        """What is covered: every instance, and in it every season or the whole; without what was withdrawn."""
        seasons = self.seasons if self.seasons is not None else (None,)
        return frozenset(Unit(i, s) for i in self.instances for s in seasons) - self.withdrawn

    @property
    def label(self) -> str:
        """How people know the title; only for messages, never for identity."""
        name = self.title or str(self.media)
        titled = f"{name} ({self.year})" if self.year and self.title else name
        if self.seasons is None:
            return titled
        numbers = ", ".join(str(number) for number in sorted(self.seasons))
        return f"{titled}, season{'s' if len(self.seasons) > 1 else ''} {numbers}"


def deletion_of(wish: DeletionRequest, configured: frozenset[InstanceName], at: datetime) -> Deletion:
    """Return a wish as a deletion that is not in the log, for planning only; it has no id.

    `configured` are the instances of its kind of media, covered when it names none.
    """
    return Deletion(
        id=DeletionId(""),
        media=wish.media,
        title=wish.title,
        year=wish.year,
        source=wish.source,
        requested_by=wish.requested_by,
        requested_at=at,
        instances=configured if wish.instances is None else wish.instances,
        options=wish.options,
        hints=wish.hints,
        inferred=wish.inferred,
        not_before=wish.not_before,
        seasons=wish.seasons,
        needs_approval=wish.needs_approval,
    )
