"""A reconciler over upstreams in memory and a real store, with time moved by hand."""

import random
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from reconciler.loop import Reconciler, Timing
from reconciler.model import (
    ConditionType,
    DeletionId,
    DeletionRequest,
    DeletionState,
    Hints,
    InfoHash,
    InstanceName,
    IssueCommand,
    ManualAdd,
    Media,
    MediaKind,
    NewReference,
    Options,
    Phase,
    Source,
)
from reconciler.notify import Notifier
from reconciler.plan import Policy
from reconciler.ports import Accepted, DeletionFilter, Heard, Receipt, Store, Understood
from reconciler.reasons import Reason
from reconciler.store import open_store
from reconciler.telemetry import Calls
from reconciler.upstreams import Upstreams
from tests.support.clocks import FakeClock
from tests.support.memory_upstreams import Household
from tests.support.worlds import POLICY, RADARR


class Bench:
    """Everything a loop test needs; `restart` is what a killed process comes back as."""

    def __init__(self, store: Store, household: Household, clock: FakeClock, policy: Policy = POLICY) -> None:
        self.store = store
        self.household = household
        self.clock = clock
        self.policy = policy
        self.timing = Timing()
        self.notifier: Notifier | None = None
        self.reconciler = self.restart()

    def restart(self) -> Reconciler:
        """Forget everything that was only in memory."""
        self.reconciler = Reconciler(
            self.store,
            self.upstreams(),
            self.policy,
            self.timing,
            self.clock,
            holder="bench",
            calls=Calls(),
            rng=random.Random(1),
            notifier=self.notifier,
            sleep=self.clock.sleep,
        )
        return self.reconciler

    def upstreams(self) -> Upstreams:
        home = self.household
        return Upstreams(
            torrents={c.instance: c for c in home.clients if c.instance in self.policy.torrent_clients},
            libraries={c.instance: c for c in home.libraries if c.instance in self.policy.libraries},
            requests=home.jellyseerr if self.policy.request_instance else None,
            media_server=home.jellyfin if self.policy.media_server else None,
        )

    @property
    def instances(self) -> dict[MediaKind, frozenset[InstanceName]]:
        """The configured libraries by what they hold."""
        return {
            kind: frozenset(n for n, library in self.policy.libraries.items() if library.kind is kind)
            for kind in MediaKind
        }

    async def hear_of_kept_files(self, entry_id: int) -> None:
        """Hear from Radarr that a title was deleted there and its files were kept."""
        told = Understood(Heard.IGNORED, kept_entry=(RADARR, entry_id))
        receipt = Receipt(Source.RADARR, RADARR, self.clock.now(), "{}")
        await self.store.ingest(receipt, told, instances=self.instances)

    async def ask(
        self,
        media: Media,
        *,
        source: Source = Source.DASHBOARD,
        options: Options | None = None,
        hashes: tuple[InfoHash, ...] = (),
        inferred: bool = False,
        request_id: int | None = None,
        grace: timedelta = timedelta(0),
        seasons: Collection[int] | None = None,
        instances: Collection[InstanceName] | None = None,
        needs_approval: bool = False,
        command: IssueCommand | None = None,
        entry_id: int | None = None,
    ) -> DeletionId:
        """Ask for a deletion as a webhook does, and return its id (of the open one when it was asked before)."""
        wish = DeletionRequest(
            media=media,
            title="A Title",
            year=2000,
            source=source,
            options=options or Options(),
            hints=Hints(
                hashes=hashes,
                radarr_id=entry_id if source is Source.RADARR else None,
                sonarr_id=entry_id if source is Source.SONARR else None,
                request_id=request_id,
                command=command,
            ),
            inferred=inferred,
            seasons=None if seasons is None else frozenset(seasons),
            instances=None if instances is None else frozenset(instances),
            needs_approval=needs_approval,
        )
        result = await self.store.ingest(
            Receipt(source, None, self.clock.now(), "{}"),
            Understood(Heard.DELETE, deletions=(wish,)),
            instances=self.instances,
            grace=grace,
        )
        (accepted,) = result.deletions
        assert accepted.outcome in {Accepted.CREATED, Accepted.EXISTING}
        assert accepted.id is not None
        return accepted.id

    async def hear(self, *references: NewReference, manual_add: ManualAdd | None = None) -> None:
        """Hear of grabs, imports or a title added by hand as a webhook tells them: without a history id."""
        told = tuple(replace(r, history_id=None, by_person=False) for r in references)
        await self.store.ingest(
            Receipt(Source.RADARR, RADARR, self.clock.now(), "{}"),
            Understood(Heard.WANT if manual_add else Heard.REFERENCE, references=told, manual_add=manual_add),
            instances=self.instances,
        )

    async def state(self, deletion: DeletionId) -> DeletionState:
        state = await self.store.deletion(deletion)
        assert state is not None
        return state

    async def reasons(self, deletion: DeletionId) -> dict[ConditionType, Reason]:
        return {c.type: c.reason for c in (await self.state(deletion)).conditions}

    async def phase(self, deletion: DeletionId) -> Phase:
        return (await self.state(deletion)).phase

    async def everything(self) -> tuple[DeletionState, ...]:
        return (await self.store.deletions(DeletionFilter(), cursor=None, limit=200)).deletions

    async def passes(self, most: int = 40) -> int:
        """Run a pass, then let time pass to whatever is due next, until all is settled or held; return how many."""
        for number in range(most):
            await self.reconciler.run_pass()
            open_ = [s for s in await self.everything() if s.deletion.settled_at is None]
            if all(s.phase is Phase.HELD for s in open_):
                return number + 1
            due = min(s.deletion.next_due_at for s in open_ if s.deletion.next_due_at is not None)
            least = timedelta(seconds=2 ** (number // 5))  # polling is quick at first and need not be lived through
            self.clock.advance(max(due - self.clock.now(), least))
        return most


@asynccontextmanager
async def bench_at(path: Path, policy: Policy = POLICY, clock: FakeClock | None = None) -> AsyncIterator[Bench]:
    """A bench whose store is an SQLite file in `path`, with the histories not read yet."""
    clock = clock or FakeClock()
    store = await open_store(f"sqlite:///{path}/bench.db", clock=clock)
    try:
        yield Bench(store, Household(clock), clock, policy)
    finally:
        await store.close()
