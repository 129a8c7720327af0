"""How planning grows: with the number of due deletions, and with the size of the library.

Both should be linear; a scan over every title or torrent for each deletion would show as a growing ratio.
"""

import time
from datetime import UTC, datetime

from reconciler.model import (
    Deletion,
    DeletionId,
    DeletionState,
    DownloadProtocol,
    Hints,
    InfoHash,
    InstanceName,
    LedgerCoverage,
    Media,
    MediaKind,
    Monitoring,
    Options,
    Reference,
    ReferenceKind,
    Source,
    TorrentId,
)
from reconciler.observed import AppInfo, Entry, Library, RequestBoard, Seen, Torrent, TorrentFile
from reconciler.plan import Policy, World, plan_all
from reconciler.plan.policy import LibraryInstance, TorrentInstance
from reconciler.plan.world import LedgerView, Torrents

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RADARR = InstanceName("radarr")
QBITTORRENT = InstanceName("qbittorrent")
POLICY = Policy(
    {QBITTORRENT: TorrentInstance(QBITTORRENT)},
    InstanceName("jellyseerr"),
    {RADARR: LibraryInstance(RADARR, MediaKind.MOVIE)},
    breaker_limit=1_000_000,
)


def world_of(titles: int) -> World:
    """Return a library in which every movie has one torrent that seeds."""
    numbers = range(1, titles + 1)
    torrents = {t.key: t for t in map(_torrent, numbers)}
    files = {key: (TorrentFile(f"{t.name}/{t.name}.mkv", t.size),) for key, t in torrents.items()}
    library = Library(AppInfo("Radarr", "6"), {n: _entry(n) for n in numbers})
    return World(
        now=NOW,
        torrents=Seen(Torrents(torrents, files), NOW),
        libraries={RADARR: Seen(library, NOW)},
        board=Seen(RequestBoard(AppInfo("Seerr", "3"), {}, {}), NOW),
        ledger={RADARR: LedgerView(LedgerCoverage(RADARR, backfilled_at=NOW, synced_at=NOW), is_current=True)},
        references=tuple(_reference(n) for n in numbers),
        clients=POLICY.torrent_clients,
        position=titles,
    )


def deletions(count: int) -> tuple[DeletionState, ...]:
    """Return that many wishes, each for another movie."""
    return tuple(
        DeletionState(
            Deletion(
                DeletionId(f"{n:032}"), Media(MediaKind.MOVIE, n), f"Movie {n}", 2000, Source.API, None, NOW,
                frozenset({RADARR}), Options(), Hints(), inferred=False,
            )
        )
        for n in range(1, count + 1)
    )  # fmt: skip


def _torrent_id(number: int) -> TorrentId:
    return TorrentId(f"{number:040x}")


def _torrent(number: int) -> Torrent:
    path = f"/data/torrents/Movie.{number}"
    return Torrent(
        QBITTORRENT, _torrent_id(number), f"Movie.{number}", "stalledUP", "/data/torrents", "", path, 10**9, 1.0,
        number, infohash_v1=InfoHash(_torrent_id(number)),
    )  # fmt: skip


def _entry(number: int) -> Entry:
    path = f"/data/movies/Movie {number}"
    return Entry(number, Media(MediaKind.MOVIE, number), f"Movie {number}", 2000, path, "2026", Monitoring(True), 1, 1)


def _reference(number: int) -> Reference:
    hash_ = InfoHash(_torrent_id(number))
    return Reference(
        number, RADARR, ReferenceKind.GRAB, number, Media(MediaKind.MOVIE, number), hash_, hash_, None, None,
        "qBittorrent", DownloadProtocol.TORRENT, by_person=False, history_id=number, source_title=None,
        released_by=None,
    )  # fmt: skip


def _seconds(count: int, titles: int) -> float:
    """Time one round from a fresh world, its look-up tables included."""
    states, world = deletions(count), world_of(titles)
    begun = time.perf_counter()
    plans = plan_all(states, world, POLICY)
    took = time.perf_counter() - begun
    assert all(plan.bind is not None for plan in plans)
    return took


def main() -> None:
    base = _seconds(10, 5000)
    for count in (100, 500):
        print(f"planning: {count} deletions against 10, of 5,000 titles: {_seconds(count, 5000) / base:.1f} times")
    small = _seconds(100, 1000)
    print(f"planning: 100 deletions of 10,000 titles against 1,000: {_seconds(100, 10_000) / small:.1f} times")


if __name__ == "__main__":
    main()
