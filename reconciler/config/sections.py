"""The sections inside the settings: each a model of its own, whose keys are documented and checked like all others."""

from collections.abc import Set as AbstractSet
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from reconciler.config.kinds import (
    About,
    Cron,
    Folder,
    Messengers,
    MetBy,
    MetByChoice,
    Number,
    Occasions,
    Reaction,
    ReactionChoice,
    Seconds,
    Text,
    Timezone,
    Tracker,
    Whole,
)
from reconciler.model import Occasion

SECONDS = "a whole number of seconds"
REACTION = "ignore, hold or delete"
_HOURS = "a number of hours above 0 and up to 100000"
_GRACE = About(
    "Instead of `grace_seconds`, for deletions from this source.", f"{SECONDS} from 0 to 31536000", env=False
)


class Section(BaseModel):
    """A part of the settings with keys of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def lacks(cls, given: AbstractSet[str]) -> str:
        """Return what is missing when just these keys are given, as in "needs …"; `""` if nothing is.

        A key that must always be there says so by having no default.
        """
        del given
        return ""


class GraceSettings(Section):
    """How long deletions wait before they begin, by source: a field for each `Source`."""

    dashboard: Annotated[Seconds | None, _GRACE] = None
    jellyseerr: Annotated[Seconds | None, _GRACE] = None
    radarr: Annotated[Seconds | None, _GRACE] = None
    sonarr: Annotated[Seconds | None, _GRACE] = None
    jellyfin: Annotated[Seconds | None, _GRACE] = None
    resync: Annotated[Seconds | None, _GRACE] = None
    api: Annotated[Seconds | None, _GRACE] = None
    cli: Annotated[Seconds | None, _GRACE] = None


class DenyWindowSettings(Section):
    """A time that comes round, in which nothing is changed upstream."""

    cron: Annotated[
        Cron,
        About(
            "When the window opens.",
            "minute, hour, day, month and weekday such as 0 18 * * fri-sun, with weekdays by name (mon to sun), and "
            "either the day or the weekday left as *",
            env=False,
        ),
    ]
    minutes: Annotated[
        Whole,
        Field(ge=1, le=10_080),
        About(
            "How long it stays open, in minutes that pass, also when clocks are changed.",
            "a whole number of minutes from 1 to 10080",
            env=False,
        ),
    ]
    timezone: Annotated[
        Timezone, About("Where the clock hangs that `cron` means.", "a time zone such as Europe/Berlin", env=False)
    ] = "UTC"


class SeedingRuleSettings(Section):
    """How long the torrents must be seeded that match everything the rule names; naming nothing matches all."""

    tracker: Annotated[
        Tracker | None,
        About(
            "Torrents with a tracker at this host, or at one below it.",
            "a host name such as tracker.example.org, without scheme, port or path",
            env=False,
        ),
    ] = None
    category: Annotated[Text | None, About("Torrents in this category.", "the category's name as text", env=False)] = (
        None
    )
    tag: Annotated[Text | None, About("Torrents with this tag.", "the tag as text", env=False)] = None
    private: Annotated[
        bool | None, About("Torrents that are private (true) or public (false).", "true or false", env=False)
    ] = None
    min_ratio: Annotated[
        Number | None,
        About("The ratio to reach. A rule has this, `min_hours` or both.", "a number above 0, up to 100000", env=False),
    ] = None
    min_hours: Annotated[Number | None, About("How long to seed.", _HOURS, env=False)] = None
    met_by: Annotated[
        MetByChoice, About("Whether both minimums must be met, or any one of them.", "all or any", env=False)
    ] = MetBy.ALL

    @classmethod
    def lacks(cls, given: AbstractSet[str]) -> str:
        return "" if given & {"min_ratio", "min_hours"} else "needs min_ratio, min_hours or both"


class SeedingSettings(Section):
    """What is owed to trackers before a torrent may go."""

    block_entry: Annotated[
        bool,
        About(
            "Whether the title in Radarr or Sonarr stays too until its torrents were seeded long enough.",
            "true or false",
            env=False,
        ),
    ] = False
    private_min_hours: Annotated[
        Number | None, About("How long private torrents are seeded that no rule matches.", _HOURS, env=False)
    ] = None
    rules: Annotated[
        tuple[SeedingRuleSettings, ...],
        About(
            "Minimums for some torrents. Of several rules that match a torrent every one must be met.",
            "a list of sections",
            env=False,
        ),
    ] = ()


class ResyncSettings(Section):
    """What is looked for in case that nobody was told, and what is made of it."""

    interval_seconds: Annotated[
        Whole,
        Field(ge=1, le=86_400),
        About("How often is looked for what was missed.", f"{SECONDS} from 1 to 86400", env=False),
    ] = 900
    vanished_title: Annotated[
        ReactionChoice,
        About("A title vanished from Radarr or Sonarr, and its files are gone too.", REACTION, env=False),
    ] = Reaction.DELETE
    vanished_title_with_files: Annotated[
        ReactionChoice, About("A title vanished from Radarr or Sonarr, but files of it are there.", REACTION, env=False)
    ] = Reaction.IGNORE
    declined: Annotated[
        ReactionChoice | None,
        About(
            "A request was declined. Unset: as its notification, so `delete` if MEDIA_DECLINED is in "
            "`jellyseerr.delete_on`, else `ignore`.",
            REACTION,
            env=False,
        ),
    ] = None
    vanished_record: Annotated[ReactionChoice, About("A title vanished from Jellyseerr.", REACTION, env=False)] = (
        Reaction.IGNORE
    )
    vanished_request: Annotated[ReactionChoice, About("A request vanished from Jellyseerr.", REACTION, env=False)] = (
        Reaction.IGNORE
    )
    status_deleted: Annotated[ReactionChoice, About("Jellyseerr calls a title deleted.", REACTION, env=False)] = (
        Reaction.IGNORE
    )


class NotificationsSettings(Section):
    """Telling people about deletions through messengers; each key has a variable of its own."""

    urls: Annotated[
        Messengers,
        About(
            "Where messages go, each as an address of Apprise. They are secrets. Needs the extra `notifications`.",
            "one or more addresses such as ntfy://HOST/TOPIC; as text they are separated by white space",
            hidden=True,
        ),
    ] = ()
    tell: Annotated[
        Occasions,
        About(
            "What is told: a deletion waits for a person (`held`), has not come further for long (`stalled`), or is "
            "done: nothing of it is left to do (`converged`).",
            "a list of held, stalled and converged",
        ),
    ] = frozenset({Occasion.HELD, Occasion.STALLED})
    interval_seconds: Annotated[
        Whole,
        Field(ge=1, le=86_400),
        About("What happens within this time is told in one message.", f"{SECONDS} from 1 to 86400"),
    ] = 60
    stalled_after_seconds: Annotated[
        Whole,
        Field(ge=60, le=31_536_000),
        About(
            "How long a deletion may stand still before that is told. One that only waits for a time that was set "
            "(grace period, seeding, deny window, observe mode) does not count.",
            f"{SECONDS} from 60 to 31536000",
        ),
    ] = 21_600


class PathMappingSettings(Section):
    """One folder as two programs see it."""

    library: Annotated[Folder, About("A folder as Radarr or Sonarr sees it.", "an absolute path", env=False)]
    jellyfin: Annotated[Folder, About("The same folder as Jellyfin sees it.", "an absolute path", env=False)]
