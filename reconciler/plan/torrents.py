"""Rule 2: a torrent goes only when nothing refers to it any more, and with all that share its files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from reconciler.model import (
    Condition,
    ConditionType,
    DeletionState,
    InfoHash,
    InstanceName,
    Target,
    TargetKind,
)
from reconciler.observed import Torrent, TorrentKey, Unseen
from reconciler.plan.actions import RemoveTorrent
from reconciler.plan.attribution import judge_unattributed
from reconciler.plan.content import places
from reconciler.plan.extents import absolute_files
from reconciler.plan.facts import absent_upstream, is_false, is_true, listed, unmanaged_note, unseen
from reconciler.plan.owners import owner_verdict
from reconciler.plan.paths import is_within, normal
from reconciler.plan.payload import Removable, Staying, Undecided, is_alike, judge_payloads
from reconciler.plan.policy import CrossSeeds, Policy
from reconciler.plan.seeding import unmet
from reconciler.plan.world import Coverage, Torrents, World
from reconciler.reasons import Effect, Reason, effect_of

_TYPE = ConditionType.TORRENTS_ABSENT

_WEIGHT = {
    Reason.PROTECTED: 0,
    Reason.INFERRED_DELETE: 1,
    Reason.HASH_BELONGS_ELSEWHERE: 2,
    Reason.AMBIGUOUS_CLIENT: 3,
    Reason.SEEDS_IN_PLACE: 4,
    Reason.GROUP_UNDETERMINED: 5,
    Reason.REAPPEARED: 6,
    Reason.LIKELY_CROSS_SEED: 7,
}
"""Which of several holds is shown."""


@dataclass(frozen=True, slots=True)
class TorrentFinding:
    """The judgement on a deletion's torrents, a condition per client that has any of them.

    `kept` are present torrents that carry a bound hash and stay, because something else needs them. `seeding` are
    those that go once they were seeded as long as they must be; only for them other steps need not wait.
    """

    conditions: tuple[Condition, ...]
    actions: tuple[RemoveTorrent, ...] = ()
    absent: tuple[int, ...] = ()
    present: tuple[int, ...] = ()
    kept: frozenset[TorrentKey] = field(default_factory=frozenset)
    seeding: frozenset[TorrentKey] = field(default_factory=frozenset)

    @property
    def is_settled(self) -> bool:
        return all(c.is_settled for c in self.conditions)

    @property
    def is_held(self) -> bool:
        return any(effect_of(c.reason) is Effect.HOLD for c in self.conditions)

    @property
    def is_only_seeding(self) -> bool:
        """Tell whether nothing is left to wait for but seeding obligations (or nothing at all)."""
        return all(c.is_settled or c.reason is Reason.SEEDING for c in self.conditions)


def judge_torrents(state: DeletionState, world: World, policy: Policy, coverage: Coverage) -> TorrentFinding:
    """Judge the bound torrents against the complete lists."""
    if world.torrents is None or not policy.torrent_clients:
        return TorrentFinding((absent_upstream(_TYPE),))
    if isinstance(world.torrents, Unseen):
        return TorrentFinding(unseen_clients(world, policy, world.torrents))
    targets = (*state.targets_of(TargetKind.TORRENT), *state.targets_of(TargetKind.CROSS_SEED))
    if not targets:
        return TorrentFinding((judge_unattributed(state, world, policy, coverage, world.torrents.data),))
    return _Judge(state, targets, world.torrents.data, world, policy, coverage).finding()


def unseen_clients(world: World, policy: Policy, why: Unseen) -> tuple[Condition, ...]:
    """Return a condition per client that could not be read."""
    hidden = {n: o for n, o in world.unseen_clients.items() if n in policy.torrent_clients}
    return tuple(unseen(_TYPE, n, o) for n, o in sorted(hidden.items())) or (
        unseen(_TYPE, min(policy.torrent_clients), why),
    )


class _Judge:
    """One round's judgement of one deletion's bound torrents."""

    def __init__(
        self,
        state: DeletionState,
        targets: Sequence[Target],
        torrents: Torrents,
        world: World,
        policy: Policy,
        coverage: Coverage,
    ) -> None:
        self.state = state
        self.targets = targets
        self.torrents = torrents
        self.world = world
        self.policy = policy
        self.coverage = coverage
        self.holds: list[tuple[InstanceName, Reason, str]] = []
        self.shared: list[tuple[Torrent, str]] = []
        self.confirming: list[tuple[Torrent, str]] = []
        self.returned: list[Torrent] = []
        self.unknown: list[Torrent] = []
        self.seeding: list[tuple[Torrent, str]] = []
        self.going: list[tuple[Torrent, Target, Removable]] = []
        """What can be removed now: with its target, and how its payload goes."""
        self.found: dict[TorrentKey, tuple[Torrent, Target]] = {}

    def finding(self) -> TorrentFinding:
        present = {t.number: _matching(t, self.torrents) for t in self.targets}
        for target in self.targets:
            for torrent in present[target.number]:
                self.found.setdefault(torrent.key, (torrent, target))
        self._judge_payloads(self._condemned())
        self._let_none_go_ahead()
        self._hold_for_likely_cross_seeds()
        kept = frozenset(t.key for t in (*self.returned, *self.unknown, *(t for t, _ in self.shared)))
        numbers = tuple(n for n, matches in present.items() if any(t.key not in kept for t in matches))
        return TorrentFinding(
            conditions=tuple(self._condition(client) for client in self._clients()),
            actions=() if self.holds else self._actions(),
            absent=tuple(t.number for t in self.targets if not present[t.number]),
            present=numbers,
            kept=kept,
            seeding=frozenset(t.key for t, _ in self.seeding),
        )

    def _clients(self) -> tuple[InstanceName, ...]:
        return tuple(sorted({t.instance for t in self.targets}))

    # --- judging ---------------------------------------------------------------------------------------------------

    def _condemned(self) -> list[tuple[Torrent, Target]]:
        """Return the bound torrents that nothing refers to any more; sort the others by why they stay."""
        condemned: list[tuple[Torrent, Target]] = []
        for torrent, target in self.found.values():
            verdict = owner_verdict(self.state, torrent, target, self.world, self.coverage)
            if verdict is None:
                condemned.append((torrent, target))
            else:
                self._stays(torrent, *verdict)
        return condemned

    def _stays(self, torrent: Torrent, reason: Reason, text: str) -> None:
        if reason is Reason.RETURNED_FOR_NEW_REQUEST:
            self.returned.append(torrent)
        elif reason is Reason.SHARED_WITH_WANTED:
            self.shared.append((torrent, text))
        elif reason is Reason.CONFIRMING:
            self.confirming.append((torrent, text))
        else:
            self.holds.append((torrent.instance, reason, text))

    def _judge_payloads(self, condemned: list[tuple[Torrent, Target]]) -> None:
        targets = {torrent.key: target for torrent, target in condemned}
        for verdict in judge_payloads(
            self.state, condemned, self.targets, self.torrents, self.world, self.policy, self.coverage
        ):
            match verdict:
                case Undecided(torrents, reason, text):
                    for torrent in torrents:
                        self._stays(torrent, reason, text)
                case Staying(torrents, text):
                    self.shared += [(torrent, text) for torrent in torrents]
                case Removable():
                    self.unknown += verdict.left
                    self._judge_removable(verdict, targets)

    def _judge_removable(self, payload: Removable, targets: dict[TorrentKey, Target]) -> None:
        """Let a payload go unless it is protected or not seeded enough: then none of it goes."""
        for torrent in payload.torrents:
            for reason, text in self._objections(torrent):
                self.holds.append((torrent.instance, reason, text))
        owing = [f"{t.name!r}: {owed}" for t in payload.leaving if (owed := self._owes(t)) is not None]
        if owing:
            self.seeding += [(t, "; ".join(owing)) for t in payload.torrents]
            return
        self.going += [(t, targets[t.key], payload) for t in payload.torrents]

    def _let_none_go_ahead(self) -> None:
        """Let an equal tree elsewhere go along with its torrent, never ahead: it stays or waits as long as that."""
        ready = {t.key for t, *_ in self.going}
        owed = {t.key: text for t, text in self.seeding}
        behind = [(t, target) for t, target in self.found.values() if t.key not in ready]
        for going in [g for g in self.going if g[1].kind is TargetKind.CROSS_SEED]:
            torrent = going[0]
            others = [t for t, target in behind if is_alike(torrent, [target], self.torrents)]
            if not others:
                continue
            self.going.remove(going)
            text = next((owed[t.key] for t in others if t.key in owed), None)
            if text is not None:
                self.seeding.append((torrent, text))
            else:
                self.shared.append((torrent, f"{torrent.name!r} stays as long as its twin does, which is needed"))

    def _owes(self, torrent: Torrent) -> str | None:
        return unmet(torrent, self.torrents.trackers.get(torrent.key), self.policy.seeding)

    def _objections(self, torrent: Torrent) -> Iterable[tuple[Reason, str]]:
        deletion = self.state.deletion
        if not deletion.is_approved(Reason.PROTECTED, _TYPE, torrent.instance):
            why = protection(torrent, absolute_files(torrent, self.torrents.files.get(torrent.key) or ()), self.policy)
            if why:
                yield Reason.PROTECTED, why
        takes_data = deletion.options.delete_files and torrent.progress > 0
        if deletion.inferred and takes_data and Reason.INFERRED_DELETE not in deletion.approved:
            yield Reason.INFERRED_DELETE, f"nobody asked for it in words, and {torrent.name!r} has data"

    def _hold_for_likely_cross_seeds(self) -> None:
        deletion = self.state.deletion
        if self.policy.cross_seeds is not CrossSeeds.HOLD or Reason.LIKELY_CROSS_SEED in deletion.approved:
            return
        for target in self.state.targets_of(TargetKind.LIKELY_CROSS_SEED):
            if self.going and _matching(target, self.torrents):
                text = f"{target.name!r} has an equal file tree and stays; approve, or remove it yourself first"
                self.holds.append((target.instance, Reason.LIKELY_CROSS_SEED, text))

    # --- the outcome -----------------------------------------------------------------------------------------------

    def _actions(self) -> tuple[RemoveTorrent, ...]:
        return tuple(
            RemoveTorrent(
                self.state.deletion.id,
                torrent.instance,
                target.number,
                torrent.id,
                payload.leaving if payload.with_data else (torrent,),
                torrent.name,
                torrent.size,
                payload.with_data,
                torrent.content_path,
                payload.why,
            )
            for torrent, target, payload in sorted(self.going, key=lambda going: going[0].key)
            if target.sent_at is None or self.world.now - target.sent_at >= self.policy.resend_after
        )

    def _condition(self, client: InstanceName) -> Condition:
        holds = [(reason, text) for at, reason, text in self.holds if at == client]
        if holds:
            reason, text = min(holds, key=lambda hold: (_WEIGHT.get(hold[0], 9), hold[1]))
            return is_false(_TYPE, client, reason, text + (f" (and {len(holds) - 1} more)" if len(holds) > 1 else ""))
        going = [(t, target) for t, target, _ in self.going if t.instance == client]
        if going:
            names = listed(t.name for t, _ in going)
            if any(target.sent_at is not None for _, target in going):
                return is_false(_TYPE, client, Reason.REMOVING, f"removal asked, still listed: {names}")
            return is_false(_TYPE, client, Reason.PRESENT, f"{len(going)} to remove: {names}")
        for found, reason in ((self.confirming, Reason.CONFIRMING), (self.seeding, Reason.SEEDING)):
            texts = sorted({text for torrent, text in found if torrent.instance == client})
            if texts:
                return is_false(_TYPE, client, reason, "; ".join(texts[:3]) + self._note(client))
        return self._gone(client)

    def _gone(self, client: InstanceName) -> Condition:
        """Return the condition of a client in which nothing is left that has to go."""
        note = self._note(client)
        targets = [t for t in self.targets if t.instance == client]
        if any(t.instance == client for t in self.returned):
            text = f"the old ones are gone; one came back for a new grab{note}"
            return is_true(_TYPE, client, Reason.RETURNED_FOR_NEW_REQUEST, text)
        shared = sorted(text for torrent, text in self.shared if torrent.instance == client)
        if shared:
            more = f" (and {len(shared) - 1} more)" if len(shared) > 1 else ""
            return is_false(_TYPE, client, Reason.SHARED_WITH_WANTED, f"{shared[0]}{more}{note}")
        sent = [t for t in targets if t.sent_at is not None]
        users = {repr(t.name) for t in self.unknown if t.instance == client} | self._users_of_data(sent)
        if users:
            text = f"{len(sent)} gone without their data, which {listed(users)} still uses{note}"
            return is_true(_TYPE, client, Reason.SHARED_WITH_UNKNOWN, text)
        if sent:
            return is_true(_TYPE, client, Reason.ABSENT, f"{len(targets)} bound, none listed any more{note}")
        return is_true(_TYPE, client, Reason.ALREADY_ABSENT, f"{len(targets)} known, none was listed{note}")

    def _users_of_data(self, sent: Iterable[Target]) -> set[str]:
        """Return the names of the torrents that lie where removed ones lay, unless a new grab needs them."""
        paths = {normal(path) for target in sent for path in target.files}
        users: set[str] = set()
        for path in paths:
            for torrent in self.torrents.by_extent.holding(path):
                files = self.torrents.files.get(torrent.key)
                is_new = bool(self.world.needing(torrent, self.state.deletion.id))
                if files and not is_new and path in (places(torrent, self.torrents) or ()):
                    users.add(repr(torrent.name))
        return users

    def _note(self, client: InstanceName) -> str:
        alike = [t for t in self.state.targets_of(TargetKind.LIKELY_CROSS_SEED) if t.instance == client]
        likely = listed(repr(t.name) for t in alike if _matching(t, self.torrents))
        return unmanaged_note(self.state) + (f"; LikelyCrossSeed, stays: {likely}" if likely else "")


def _matching(target: Target, torrents: Torrents) -> tuple[Torrent, ...]:
    found = torrents.matching(InfoHash(target.external_id))
    return tuple(t for t in found if t.instance == target.instance)


def protection(torrent: Torrent, files: Iterable[str], policy: Policy) -> str | None:
    """Return why the operator protects a torrent with these files, or `None`."""
    tags = torrent.tags & policy.protect_tags
    if tags:
        return f"{torrent.name!r} has the tag {listed(tags)}"
    if torrent.category in policy.protect_categories:
        return f"{torrent.name!r} has the category {torrent.category}"
    places = [torrent.content_path or torrent.save_path, torrent.save_path, *(files if policy.protect_paths else ())]
    folder = next((f for f in sorted(policy.protect_paths) if any(is_within(p, f) for p in places)), None)
    return f"{torrent.name!r} lies in {folder}" if folder else None
