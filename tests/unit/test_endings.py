"""What is said of a deletion that has ended: only what is seen gone everywhere is called so."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import (
    GONE,
    GONE_HERE,
    Condition,
    ConditionType,
    Ending,
    InstanceName,
    Media,
    MediaKind,
    Options,
    SettledAs,
    Status,
    Target,
    TargetKind,
    Unit,
    ending_of,
)
from reconciler.reasons import MEANINGS, Effect, Reason
from tests.support.worlds import RADARR, RADARR_4K, deletion

JELLYSEERR, QBITTORRENT = InstanceName("jellyseerr"), InstanceName("qbittorrent")
HEAT = Media(MediaKind.MOVIE, tmdb_id=949)
PROOF = {Reason.ABSENT, Reason.ALREADY_ABSENT, Reason.NO_TORRENT_KNOWN, Reason.CLEARED, Reason.NOTHING_TO_CLEAR}
CANCELLING = {
    Reason.CANCELLED_BY_PERSON: "a person cancelled it",
    Reason.WANTED_AGAIN: "it was requested again before anything was deleted, so it stays",
    Reason.STILL_WANTED: "somebody else wants the title",
    Reason.NOT_COVERED: "is not configured here",
    Reason.NOT_ALLOWED: "see the timeline",
    Reason.SUPERSEDED: "a newer deletion",
}


def seen(type_: ConditionType, reason: Reason, words: str = "so it is", at: InstanceName = RADARR) -> Condition:
    return Condition(type_, at, Status.TRUE, reason, words)


ABSENT = (
    seen(ConditionType.TORRENTS_ABSENT, Reason.ABSENT, at=QBITTORRENT),
    seen(ConditionType.ENTRY_ABSENT, Reason.ABSENT),
    seen(ConditionType.FILES_ABSENT, Reason.ABSENT),
    seen(ConditionType.REQUEST_CLEARED, Reason.CLEARED, at=JELLYSEERR),
)


def ended(*conditions: Condition, **facts: Any) -> Ending:
    """Return what is said when these conditions stand in place of the same ones that are absent."""
    others = {(c.type, c.instance): c for c in (*ABSENT, *conditions)}
    done = replace(deletion(HEAT).deletion, **{"settled_as": SettledAs.CONVERGED, **facts})
    ending = ending_of(done, tuple(others.values()))
    assert ending is not None
    return ending


def test_what_is_seen_absent_everywhere_is_proven_gone() -> None:
    assert ended() == Ending(GONE, is_gone=True)
    assert ended().words == "proven gone everywhere"


@pytest.mark.parametrize("type_", ConditionType)
@pytest.mark.parametrize("reason", [reason for reason, meaning in MEANINGS.items() if meaning.effect is Effect.DONE])
def test_nothing_but_seen_absence_is_called_gone_everywhere(type_: ConditionType, reason: Reason) -> None:
    ending = ended(seen(type_, reason, "it is so", at=InstanceName("another")))
    assert ending.is_gone == (ending.how == GONE) == (reason in PROOF)
    told = f"{type_.subject.lower()} at another: it is so"
    assert (told in ending.left) == (reason not in PROOF | {Reason.NOT_CONFIGURED})


def test_what_is_there_again_is_not_gone() -> None:
    back = seen(ConditionType.TORRENTS_ABSENT, Reason.PRESENT, "1 to remove: Heat", at=QBITTORRENT)
    assert ended(back).left == ("torrents at qbittorrent: 1 to remove: Heat",)


def test_what_a_person_accepted_and_a_pack_that_stays_are_named() -> None:
    pack = seen(ConditionType.TORRENTS_ABSENT, Reason.SHARED_WITH_WANTED, "'Pack' stays", at=QBITTORRENT)
    left = seen(ConditionType.FILES_ABSENT, Reason.ACCEPTED_BY_PERSON, "a person accepted what is left: /data/film.mkv")
    assert ended(pack, left).words == (
        "done, but not proven gone everywhere: torrents at qbittorrent: 'Pack' stays; "
        "files at radarr: a person accepted what is left: /data/film.mkv"
    )


def test_where_something_is_not_configured_nothing_is_said_of_it() -> None:
    assert ended(seen(ConditionType.REQUEST_CLEARED, Reason.NOT_CONFIGURED, at=JELLYSEERR)) == Ending(GONE_HERE)


@pytest.mark.parametrize("reason", [Reason.PARTLY_COVERED, Reason.BLOCKLIST_KEPT, Reason.PENDING_KEPT])
def test_what_only_the_request_list_still_has_is_said_so(reason: Reason) -> None:
    ending = ended(seen(ConditionType.REQUEST_CLEARED, reason, "the record stays.", at=JELLYSEERR))
    assert ending.words == "proven gone, except in the request list: request at jellyseerr: the record stays"


def test_files_that_were_to_be_kept_are_told_once() -> None:
    kept = Options(delete_files=False)
    by_condition = ended(seen(ConditionType.FILES_ABSENT, Reason.FILES_KEPT, "they were to be kept"), options=kept)
    assert by_condition.left == ("files at radarr: they were to be kept",)
    assert ended(options=kept).left == ("the files were to be kept",)


def test_a_title_that_is_wanted_again_stays() -> None:
    stays = (
        seen(ConditionType.ENTRY_ABSENT, Reason.WANTED_AGAIN),
        seen(ConditionType.REQUEST_CLEARED, Reason.WANTED_AGAIN, at=JELLYSEERR),
    )
    wanted = ended(*stays, settled_reason=Reason.WANTED_AGAIN)
    assert wanted == Ending("the old copy is gone; the title stays, because it is wanted again")
    pack = seen(ConditionType.TORRENTS_ABSENT, Reason.SHARED_WITH_WANTED, "'Pack' stays", at=QBITTORRENT)
    assert ended(*stays, pack, settled_reason=Reason.WANTED_AGAIN).words == (
        "the title stays, because it is wanted again; not proven gone beside it: torrents at qbittorrent: 'Pack' stays"
    )


def test_what_is_not_covered_any_more_is_told_once() -> None:
    assert ended(withdrawn=frozenset({Unit(RADARR_4K)})).left == ("not covered any more: radarr-4k",)
    told = seen(ConditionType.ENTRY_ABSENT, Reason.WANTED_AGAIN, "not covered any more", at=RADARR_4K)
    assert ended(told, withdrawn=frozenset({Unit(RADARR_4K)})).left == ("title at radarr-4k: not covered any more",)


@pytest.mark.parametrize(("reason", "words"), [*CANCELLING.items(), (None, "it was cancelled")])
def test_a_cancelled_one_says_why(reason: Reason | None, words: str) -> None:
    ending = ended(settled_as=SettledAs.CANCELLED, settled_reason=reason)
    assert words in ending.words
    assert not ending.is_gone


def test_an_open_one_has_not_ended() -> None:
    assert ending_of(deletion(HEAT).deletion, ABSENT) is None


def test_what_was_only_shown_is_not_claimed_to_be_gone() -> None:
    done = replace(deletion(HEAT).deletion, settled_as=SettledAs.CONVERGED)
    usenet = Target(TargetKind.UNMANAGED, RADARR, "x", name="Release.1 in Transmission")
    twin = Target(TargetKind.LIKELY_CROSS_SEED, QBITTORRENT, "a" * 40, name="Release.2")
    ending = ending_of(done, ABSENT, (usenet, twin))
    assert ending is not None
    assert not ending.is_gone
    assert ending.words == (
        "done, but not proven gone everywhere: not managed here: Release.1 in Transmission; "
        "a likely cross-seed was left alone: Release.2 at qbittorrent"
    )
