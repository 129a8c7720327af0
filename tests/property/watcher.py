"""Compares every write that reaches an upstream with whose thing it is and with what was asked to be deleted."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.model import ConditionType, DeletionState, SettledAs, TorrentId
from reconciler.observed import RequestStatus
from reconciler.plan.extents import absolute_files
from reconciler.reasons import Reason
from tests.property.goods import SEASONS, SEEDED_TO, Goods
from tests.property.labels import Asked, Part, Taken, Thing, TorrentLabel
from tests.support.memory_base import Call
from tests.support.memory_upstreams import MemoryTorrents
from tests.support.worlds import RADARR_4K


class Watcher:
    """Sees each write just before it is carried out."""

    def __init__(self, goods: Goods, asked: Asked) -> None:
        self.goods = goods
        self.asked = asked
        self.taken: list[Taken] = []

    def saw(self, call: Call) -> None:
        """Check that a write is about something that was asked to be deleted."""
        first = call.arguments[0]
        match call.name:
            case "remove":
                assert isinstance(first, tuple)
                self._saw_removal(call, first)
            case "unmonitor" | "unmonitor_seasons":
                self._saw_unmonitoring(call, first)
            case "delete_entry" | "delete_entries":
                for number in first if isinstance(first, tuple) else (first,):
                    self._saw_entry(call, number)
            case "delete_files":
                assert isinstance(first, int)
                ids = call.arguments[1]
                assert isinstance(ids, tuple)
                files = self.goods.library(call.instance).by_id[first].files or ()
                self._take_files(call, [f.path for f in files if f.id in ids])
            case "delete_request":
                assert isinstance(first, int)
                if first in self.goods.home.jellyseerr.asked:
                    self._saw_request(call, first)
            case "delete_record" | "reset_variant":
                assert isinstance(first, int)
                self._saw_record(call, first)
            case _:
                pass

    # --- torrents --------------------------------------------------------------------------------------------------

    def _saw_removal(self, call: Call, ids: Sequence[TorrentId]) -> None:
        client = self.goods.client(call.instance)
        rows = [client.by_id[id_] for id_ in ids if id_ in client.by_id]
        for torrent, files in rows:
            label = TorrentLabel(client.instance, torrent.id, torrent.added_on)
            assert "seed" not in torrent.tags or torrent.ratio >= SEEDED_TO, f"{call}: {torrent.name} is not seeded"
            needs = Reason.PROTECTED if "keep" in torrent.tags else None
            self._take(call, self.goods.labels.torrents[label], needs=needs)
            self.goods.labels.removed.add(label)
            if call.arguments[1]:
                self._take_data(call, absolute_files(torrent, files), {t.id for t, _ in rows}, client)

    def _take_data(self, call: Call, paths: Iterable[str], going: Iterable[TorrentId], client: MemoryTorrents) -> None:
        """Check that data which goes is of no torrent that anybody needs."""
        gone = set(paths)
        on_disk = self.goods.home.disk.files()
        for other in self.goods.home.clients:
            for torrent, files in other.by_id.values():
                label = TorrentLabel(other.instance, torrent.id, torrent.added_on)
                is_going = other is client and torrent.id in going
                if (
                    not is_going
                    and label not in self.goods.labels.removed
                    and gone & set(absolute_files(torrent, files))
                ):
                    self._take(call, self.goods.labels.torrents[label])
        for path in gone & set(on_disk):
            self._take(call, self.goods.labels.files[on_disk[path]])

    # --- libraries -------------------------------------------------------------------------------------------------

    def _saw_unmonitoring(self, call: Call, first: object) -> None:
        seasons = first if isinstance(first, dict) else dict.fromkeys(first if isinstance(first, tuple) else (), ())
        library = self.goods.library(call.instance)
        for number, its in seasons.items():
            entry = library.by_id.get(number)
            parts = [Part(call.instance, entry.media, season) for season in its or (None,)] if entry else []
            for part in parts:
                self._take(call, Thing(frozenset({part}), self.goods.bench.clock.now()), is_series=part.season is None)

    def _saw_entry(self, call: Call, number: int) -> None:
        library = self.goods.library(call.instance)
        entry = library.by_id.get(number)
        if entry is None:
            return
        self._take(call, self.goods.labels.entries[library.instance, entry.added], is_series=True)
        if call.arguments[1]:
            self._take_files(call, [p for p in self.goods.home.disk.files() if p.startswith(f"{entry.path}/")])

    def _take_files(self, call: Call, paths: Iterable[str]) -> None:
        on_disk = self.goods.home.disk.files()
        for path in paths:
            if path in on_disk:
                self._take(call, self.goods.labels.files[on_disk[path]])

    # --- requests --------------------------------------------------------------------------------------------------

    def _saw_request(self, call: Call, number: int) -> None:
        request = self.goods.home.jellyseerr.asked[number]
        assert request.status is not RequestStatus.PENDING, f"{call} clears a pending request"
        self._take(call, self.goods.labels.requests[number])

    def _saw_record(self, call: Call, number: int) -> None:
        row = self.goods.home.jellyseerr.rows.get(number)
        if row is None:
            return
        is_whole = call.name == "delete_record"
        for request in list(self.goods.home.jellyseerr.asked.values()):
            if is_whole and request.record_id == number:
                self._saw_request(call, request.id)
        for library in self.goods.home.libraries:
            is_meant = is_whole or call.arguments[1:] == (library.instance == RADARR_4K,)
            for season in (None, *SEASONS):
                part = Part(library.instance, row.media, season)
                if is_meant and library.media_kind is row.media.kind and self.goods.has_file(part):
                    assert self.asked.has(part), f"{call} forgets {part}, which nobody asked for"

    # --- what was taken --------------------------------------------------------------------------------------------

    def _take(self, call: Call, thing: Thing, *, is_series: bool = False, needs: Reason | None = None) -> None:
        owners = thing.owners
        if is_series and not self.asked.has_all(thing):  # the last of its seasons takes the series along
            owners = frozenset(p._replace(season=season) for p in owners for season in SEASONS)
            thing = Thing(owners, thing.since, thing.is_fresh)
        assert self.asked.has_all(thing), f"{call} is about {thing}, which nobody asked for"
        self.taken.append(Taken(call, thing, self.goods.bench.clock.now(), needs))

    async def check(self) -> None:
        """Check that what was taken was bound by a deletion that was open then, and that nothing fresh came later."""
        everything = await self.goods.bench.everything()
        for taken in self.taken:
            for part in taken.thing.owners:
                able = [s.deletion for s in everything if allows(s, part, taken) or empties(s, part, taken)]
                bound = [deletion.bound_at for deletion in able if deletion.bound_at]
                assert bound, f"{taken}: no deletion of {part} was open"
                assert not taken.thing.is_fresh or max(bound) >= taken.thing.since, f"{taken}, bound at {bound}"
        self.taken.clear()


def empties(state: DeletionState, part: Part, taken: Taken) -> bool:
    """Tell whether a deletion of seasons could take a series with the last of them."""
    is_series = part.season is None and taken.call.name.startswith("delete_entr")
    seasons = (part._replace(season=number) for number in SEASONS)
    is_asked = state.deletion.options.remove_empty_series
    return is_series and is_asked and any(allows(state, season, taken) for season in seasons)


def allows(state: DeletionState, part: Part, taken: Taken) -> bool:
    """Tell whether a deletion could take a part at that time."""
    deletion = state.deletion
    ended_at = deletion.settled_at if deletion.settled_as is SettledAs.CANCELLED else None
    if taken.call.name.startswith("unmonitor"):  # what was wanted again by now could be unmonitored before
        deletion = replace(deletion, withdrawn=frozenset())
    return (
        part.is_covered_by(deletion)
        and deletion.bound_at is not None
        and deletion.bound_at <= taken.at
        and (ended_at is None or ended_at >= taken.at)
        and (deletion.not_before is None or deletion.not_before <= taken.at)
        and (
            taken.needs is None or deletion.is_approved(taken.needs, ConditionType.TORRENTS_ABSENT, taken.call.instance)
        )
        and (not deletion.needs_approval or Reason.APPROVAL_REQUIRED in deletion.approved)
    )
