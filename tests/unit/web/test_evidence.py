"""Evidence in words: one row for each bound thing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model import (
    Condition,
    ConditionType,
    DeletionState,
    DownloadProtocol,
    Hints,
    InfoHash,
    InstanceName,
    Media,
    MediaKind,
    Reference,
    ReferenceKind,
    Status,
    Target,
    TargetKind,
)
from reconciler.ports import Evidence, Sent, Told
from reconciler.reasons import Reason
from reconciler.web.evidence import evidence_out
from tests.unit.web.fakes import NOW, World, movie

RADARR, QBITTORRENT, JELLYFIN = InstanceName("radarr"), InstanceName("qbittorrent"), InstanceName("jellyfin")
FILM = Media(MediaKind.MOVIE, 603)
HASH = InfoHash("a" * 40)


def told(number: int = 1, kind: ReferenceKind = ReferenceKind.GRAB, media: Media = FILM, **more: Any) -> Told:
    facts = {"history_id": number, "source_title": "A.Film", **more}
    return Told(
        Reference(
            number=number,
            instance=RADARR,
            kind=kind,
            entry_id=7,
            media=media,
            raw_hash=HASH.upper(),
            hash=HASH,
            season=None,
            episode=None,
            client="qBittorrent",
            protocol=DownloadProtocol.TORRENT,
            by_person=False,
            released_by=None,
            **facts,
        ),
        "2026-01-30T10:00:00Z",
        NOW,
    )


TORRENT = Target(TargetKind.TORRENT, QBITTORRENT, HASH, name="A.Film", size=5, files=("/d/a.mkv",))
ENTRY = Target(TargetKind.ENTRY, RADARR, "7", media=FILM)


async def rows(world: World, *evidence: Evidence, **changes: Any) -> list[dict[str, Any]]:
    conditions = changes.pop("conditions", ())
    state = replace(movie(**changes), targets=tuple(one.target for one in evidence), conditions=conditions)
    world.store.known[world.store.add(state)] = evidence
    async with world.person() as client:
        shown: list[dict[str, Any]] = (await client.get(f"/deletions/{state.deletion.id}")).json()["evidence"]
    return shown


async def test_a_row_tells_why_it_belongs_what_was_sent_and_that_it_is_gone(world: World) -> None:
    gone = replace(TORRENT, absent_since=NOW)
    histories = (told(42), told(43, ReferenceKind.IMPORT), told(44, ReferenceKind.IMPORT), told(45, history_id=None))
    (row,) = await rows(world, Evidence(gone, histories, (Sent("RemoveTorrent", 2, NOW, NOW),), NOW))
    now = "2026-03-04T05:06:07Z"
    assert row == {
        "kind": "torrent",
        "instance": "qbittorrent",
        "external_id": HASH,
        "name": "A.Film",
        "season": None,
        "size": 5,
        "belongs": {
            "because": "history",
            "message": "grabbed by radarr (history 42 and 1 more); imported by radarr (history 43 and 1 more)",
            "references": row["belongs"]["references"],
            "reference_count": 4,
        },
        "sent": [{"action": "RemoveTorrent", "times": 2, "first_at": now, "last_at": now}],
        "observed": "absent",
        "absent_since": now,
        "last_seen_at": now,
        "message": "qbittorrent does not list it any more",
    }
    assert row["belongs"]["references"][0] == {
        "kind": "grab",
        "instance": "radarr",
        "history_id": 42,
        "at": "2026-01-30T10:00:00Z",
        "heard_at": now,
        "source_title": "A.Film",
        "season": None,
        "episode": None,
        "by_person": False,
    }
    assert row["belongs"]["references"][3]["history_id"] is None


async def test_a_long_history_is_shortened_and_counted(world: World) -> None:
    (row,) = await rows(world, Evidence(TORRENT, tuple(told(n) for n in range(1, 31))))
    assert (len(row["belongs"]["references"]), row["belongs"]["reference_count"]) == (10, 30)


ELSEWHERE = told(media=Media(MediaKind.MOVIE, 949))


@pytest.mark.parametrize(
    ("evidence", "because"),
    [
        (Evidence(TORRENT, (told(history_id=None),)), "history"),
        (Evidence(TORRENT, (ELSEWHERE,)), "shared_files"),
        (Evidence(replace(TORRENT, external_id="b" * 40)), "person"),
        (Evidence(TORRENT), "queue"),
        (Evidence(replace(TORRENT, kind=TargetKind.CROSS_SEED)), "equal_files"),
        (Evidence(replace(TORRENT, kind=TargetKind.LIKELY_CROSS_SEED)), "equal_files"),
        (Evidence(replace(TORRENT, kind=TargetKind.UNMANAGED)), "queue"),
        (Evidence(replace(ENTRY, kind=TargetKind.FILE, season=2)), "season"),
        (Evidence(ENTRY), "identity"),
        (Evidence(replace(ENTRY, kind=TargetKind.REQUEST)), "identity"),
    ],
)
async def test_what_shows_that_something_belongs(world: World, evidence: Evidence, because: str) -> None:
    (row,) = await rows(world, evidence, hints=Hints(hashes=(InfoHash("b" * 40),)))
    assert row["belongs"]["because"] == because


async def test_a_cross_seed_shares_the_files_of_a_torrent_that_goes(world: World) -> None:
    beside = replace(TORRENT, kind=TargetKind.CROSS_SEED, external_id="c" * 40)
    _, row = await rows(world, Evidence(TORRENT, (told(),)), Evidence(beside))
    assert row["belongs"]["because"] == "shared_files"


def test_the_files_that_others_may_share_are_gathered_once_and_not_for_each_of_thousands() -> None:
    gathered: list[TargetKind] = []

    class Watched(DeletionState):
        def targets_of(self, kind: TargetKind) -> tuple[Target, ...]:
            gathered.append(kind)
            return super().targets_of(kind)

    seeds = tuple(replace(TORRENT, kind=TargetKind.CROSS_SEED, external_id=f"{n:040x}") for n in range(50))
    state = Watched(movie().deletion, targets=(TORRENT, *seeds))
    shown = evidence_out(state, [Evidence(target) for target in state.targets])
    assert {one.belongs.because for one in shown[1:]} == {"shared_files"}
    assert gathered == [TargetKind.TORRENT]


async def test_whether_it_is_still_there(world: World) -> None:
    seen = [
        Evidence(ENTRY, seen_at=NOW),
        Evidence(replace(ENTRY, external_id="8", absent_since=NOW)),
        Evidence(replace(ENTRY, external_id="9", absent_since=NOW), seen_at=NOW),
        Evidence(replace(ENTRY, external_id="10")),
        Evidence(replace(TORRENT, kind=TargetKind.UNMANAGED)),
        Evidence(replace(TORRENT, kind=TargetKind.LIKELY_CROSS_SEED), seen_at=NOW),
    ]
    assert [(row["observed"], row["message"]) for row in await rows(world, *seen)] == [
        ("listed", "radarr listed it when last looked"),
        ("absent", "radarr did not list it when this was bound, and has not since"),
        ("absent", "radarr does not list it any more"),
        ("not_observed", "not looked for in radarr yet"),
        ("not_observed", "in a download client that is not looked at"),
        ("listed", "qbittorrent listed it when this was bound; it stays, so it was not looked for again"),
    ]


@pytest.mark.parametrize(("reason", "observed"), [(Reason.ABSENT, "absent"), (Reason.STILL_LISTED, "listed")])
async def test_what_jellyfin_lists_is_known_by_its_condition(world: World, reason: Reason, observed: str) -> None:
    changed_before = NOW - timedelta(days=1)
    refreshed = Condition(ConditionType.LIBRARY_REFRESHED, JELLYFIN, Status.TRUE, reason, "", changed_before, NOW)
    item = Evidence(Target(TargetKind.ITEM, JELLYFIN, "f" * 32, media=FILM), seen_at=NOW)
    (row,) = await rows(world, item, conditions=(refreshed,))
    since = NOW.isoformat().replace("+00:00", "Z") if observed == "absent" else None
    assert (row["observed"], row["absent_since"]) == (observed, since)
