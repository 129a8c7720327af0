"""What a household must be like once faults have stopped: at rest, the untouched whole, the wanted there."""

from datetime import timedelta

from reconciler.model import Deletion, DeletionState, InfoHash, Phase, SettledAs
from reconciler.observed import Torrent, TorrentFile
from reconciler.plan.extents import absolute_files
from reconciler.reasons import Effect, Reason, effect_of
from tests.property.goods import parts_of
from tests.property.labels import Part, Thing, TorrentLabel
from tests.property.simulation import Simulation


async def come_to_rest(life: Simulation) -> None:
    """Check that, without trouble, everything settles or is held with a reason, and then nothing more is written."""
    bench, home = life.bench, life.home
    bench.restart()
    await bench.reconciler.run_ledger()
    for client in home.clients:
        for torrent, _ in list(client.by_id.values()):
            client.change(InfoHash(torrent.id), ratio=5.0)
    await bench.passes(most=60)
    for state in await bench.everything():
        if state.deletion.settled_at is None:
            held = [c for c in state.conditions if effect_of(c.reason) is Effect.HOLD]
            assert state.phase is Phase.HELD, (state.deletion, state.conditions)
            assert held
    for _ in range(3):
        bench.clock.advance(timedelta(minutes=16))
        await life.tell()
        await bench.passes(most=60)
    written = len(home.writes())
    for _ in range(3):
        bench.clock.advance(timedelta(hours=1))
        await bench.reconciler.run_pass()
    assert len(home.writes()) == written, home.writes()[written:]
    await life.watcher.check()


class Rest:
    """What is left of a life."""

    def __init__(self, life: Simulation, states: tuple[DeletionState, ...], in_ledger: frozenset[InfoHash]) -> None:
        self.life = life
        self.states = states
        self.in_ledger = in_ledger
        self.goods = life.goods
        self.deletions = tuple(state.deletion for state in states)
        self.on_disk = life.home.disk.files()
        self.torrents: dict[TorrentLabel, tuple[Torrent, tuple[TorrentFile, ...]]] = {
            TorrentLabel(client.instance, t.id, t.added_on): (t, files)
            for client in life.home.clients
            for t, files in client.by_id.values()
        }

    def check(self) -> None:
        self.check_what_nobody_asked_for_is_whole()
        self.check_what_seeds_has_its_data()
        self.check_what_was_deleted_is_gone()
        self.check_what_was_wanted_again_is_there()

    def check_what_nobody_asked_for_is_whole(self) -> None:
        asked = self.life.asked
        for label, thing in self.goods.labels.torrents.items():
            assert asked.has_all(thing) or label in self.torrents, f"{label} of {thing} is lost"
        for (name, added), thing in self.goods.labels.entries.items():
            library = self.goods.library(name)
            entry = next((e for e in library.by_id.values() if e.added == added), None)
            for owner in thing.owners:
                for part in (p for p in parts_of(owner.media) if p.library == name):
                    if not asked.has(part):
                        assert entry is not None, f"{thing} lost its entry"
                        assert self.goods.is_monitored(part), f"{part} is not monitored any more"
                        assert self._has_whole_file(part), f"{part} lost its file"
        for number, thing in self.goods.labels.requests.items():
            if not asked.has_all(thing):
                assert number in self.life.home.jellyseerr.asked, f"{thing} lost its request"

    def _has_whole_file(self, part: Part) -> bool:
        entry = self.goods.entry(part)
        files = [f.path for f in (entry.files or ()) if part.season in {None, f.season}] if entry else []
        return bool(files) and set(files) <= set(self.on_disk)

    def check_what_seeds_has_its_data(self) -> None:
        for label, (torrent, files) in self.torrents.items():
            if label not in self.goods.labels.removed:
                lost = set(absolute_files(torrent, files)) - set(self.on_disk)
                assert not lost, f"{label} of {self.goods.labels.torrents[label]} lost {lost}"

    def check_what_was_deleted_is_gone(self) -> None:
        for label, (torrent, _) in self.torrents.items():
            thing = self.goods.labels.torrents[label]
            is_known = label.hash in self.in_ledger  # a title may take its history along before anybody reads it
            if not is_known or not self._is_over(thing) or self._was_kept_for_seeding(torrent, thing):
                continue
            beside = [self.goods.labels.torrents[k] for k, (t, _) in self.torrents.items() if _is_beside(t, torrent)]
            is_needed = any(b.is_claimed and not self._is_over(b) for b in beside)
            assert is_needed or self._was_left_by_all(label), f"{label} of {thing} is still there"

    def _was_left_by_all(self, label: TorrentLabel) -> bool:
        """Tell whether every deletion that bound a torrent had to leave it for another, and has ended.

        One that comes after them and was bound before that has not bound it, and may not take it.
        """
        binders = [
            state
            for state in self.states
            if any(t.external_id == label.hash and t.instance == label.client for t in state.targets)
        ]
        return bool(binders) and all(
            any(c.reason is Reason.SHARED_WITH_WANTED and c.instance == label.client for c in state.conditions)
            for state in binders
        )

    def _is_over(self, thing: Thing) -> bool:
        """Tell whether deletions that converged were for all that a thing is for, and came after it."""
        return bool(thing.owners) and all(
            (last := self._last(part)) is not None
            and last.settled_as is SettledAs.CONVERGED
            and not self._was_half_done(part)
            and part not in self.life.wanted
            and thing.since <= last.requested_at
            for part in thing.owners
        )

    def _was_kept_for_seeding(self, torrent: Torrent, thing: Thing) -> bool:
        """Tell whether a want came while a torrent had to be seeded on: then it stays, also for what was not wanted."""
        deletions = [last for part in thing.owners if (last := self._last(part)) is not None]
        return "seed" in torrent.tags and any(d.finishing for d in deletions)

    def _last(self, part: Part) -> Deletion | None:
        mine = [d for d in self.deletions if part.is_covered_by(d)]
        return max(mine, key=lambda d: d.requested_at, default=None)

    def _was_half_done(self, part: Part) -> bool:
        """Tell whether a deletion took something and was called off: that may come back, and the next never saw it."""
        mine = [d for d in self.deletions if d.media.is_same(part.media)]
        return any(d.destroyed_at and d.settled_as is SettledAs.CANCELLED for d in mine)

    def check_what_was_wanted_again_is_there(self) -> None:
        for part, at in self.life.wanted.items():
            if any(d.bound_at is None or at <= d.bound_at for d in self.deletions if part.is_covered_by(d)):
                continue
            assert self.goods.entry(part) is not None, f"{part} was wanted again and is not in its library"
            assert self._has_whole_file(part), f"{part} was wanted again and has no file, or lost it"
            is_looked_for = part not in self.life.requested or self.goods.is_monitored(part)
            assert is_looked_for, f"{part} was requested again and is not monitored"


def _is_beside(other: Torrent, torrent: Torrent) -> bool:
    return other.content_path == torrent.content_path
