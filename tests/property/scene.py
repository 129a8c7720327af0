"""What one round plans for: deletions, the world and the policy."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeVar

from reconciler.model import DeletionState
from reconciler.observed import RequestBoard, Seen
from reconciler.plan import Plan, Policy, World, plan_all, plan_deletion
from reconciler.plan.world import Torrents

T = TypeVar("T")


class _Printer(Protocol):
    """Hypothesis's pretty printer."""

    def text(self, text: str) -> None: ...


@dataclass(frozen=True, repr=False)
class Scene:
    """What one round plans for."""

    states: tuple[DeletionState, ...]
    world: World
    policy: Policy

    @cached_property
    def plans(self) -> tuple[Plan, ...]:
        return plan_all(self.states, self.world, self.policy)

    def state(self, id_: str) -> DeletionState:
        return next(s for s in self.states if s.deletion.id == id_)

    def shuffled(self, rng: random.Random) -> "Scene":
        """Return the same scene with everything in another order."""
        seen = self.world

        def mixed(items: Sequence[T]) -> list[T]:
            return rng.sample(list(items), len(items))

        torrents = seen.torrents
        if isinstance(torrents, Seen):
            rows = dict(mixed(list(torrents.data.by_key.items())))
            torrents = Seen(Torrents(rows, dict(mixed(list(torrents.data.files.items())))), torrents.at)
        libraries = {
            name: Seen(replace(o.data, entries=dict(mixed(list(o.data.entries.items())))), o.at)
            if isinstance(o, Seen)
            else o
            for name, o in mixed(list(seen.libraries.items()))
        }
        board = seen.board
        if isinstance(board, Seen):
            rows_ = dict(mixed(list(board.data.records.items())))
            asked = dict(mixed(list(board.data.requests.items())))
            board = Seen(RequestBoard(board.data.app, rows_, asked), board.at)
        return Scene(
            tuple(mixed(self.states)),
            replace(
                seen,
                torrents=torrents,
                libraries=libraries,
                board=board,
                references=tuple(mixed(seen.references)),
                library_rows=tuple(mixed(seen.library_rows)),
                manual_adds=tuple(mixed(seen.manual_adds)),
                ledger=dict(mixed(list(seen.ledger.items()))),
            ),
            self.policy,
        )

    def __repr__(self) -> str:
        """Tell what matters in few words: everything would be more than anybody reads."""
        lines = [f"now {self.world.now}", *(line for s in self.states for line in _told(s))]
        if isinstance(self.world.torrents, Seen):
            files = self.world.torrents.data.files
            lines += [
                f"torrent {t.id[-4:]} in {t.instance}: {t.content_path}, added {t.added_on}, ratio {t.ratio}, "
                f"files {[f.name for f in files.get(k) or ()]}"
                for k, t in self.world.torrents.data.by_key.items()
            ]
        lines += [
            f"reference {r.number}: {r.kind} of {(r.hash or '')[-4:]} in {r.client} for entry {r.entry_id} ({r.media}) "
            f"season {r.season} in {r.instance}, released by {(r.released_by or 'nobody')[-4:]}"
            f"{', by a person' if r.by_person else ''}"
            for r in self.world.references
        ]
        if isinstance(self.world.board, Seen):
            lines += [f"{row}" for row in self.world.board.data.requests.values()]
        lines += [f"queue of {n}: {o.data.queue}" for n, o in self.world.libraries.items() if isinstance(o, Seen)]
        return "\n  ".join(["Scene:", *lines])

    def _repr_pretty_(self, printer: _Printer, _cycle: bool) -> None:
        """Let Hypothesis print it so, too."""
        printer.text(repr(self))


def _told(state: DeletionState) -> list[str]:
    deletion = state.deletion
    units = ", ".join(sorted(map(str, deletion.units)))
    lines = [
        f"deletion {deletion.id[-4:]} of {deletion.media}: {units}; {deletion.options}; bound {deletion.bound_seq}"
    ]
    lines += [f"  {c.type} {c.instance}: {c.reason}, {c.message}" for c in state.conditions]
    return lines + [
        f"  target {t.number}: {t.kind} {t.external_id[-4:]} in {t.instance}, sent {t.sent_at}, absent {t.absent_since}"
        for t in state.targets
    ]


def settled_judgements(states: Sequence[DeletionState], seen: World, policy: Policy) -> Scene:
    """Let a round judge each deletion, and another one see how the others were judged."""
    judged = list(states)
    for _ in range(2):
        seen = replace(seen, releasers={s.deletion.id: s for s in judged})
        judged = [replace(s, conditions=plan_deletion(s, seen, policy).conditions) for s in judged]
    return Scene(tuple(judged), replace(seen, releasers={s.deletion.id: s for s in judged}), policy)
