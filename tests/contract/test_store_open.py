"""Of which deletions it still matters that they released references: on both databases."""

from dataclasses import replace

from reconciler.model import DeletionId, Options, SettledAs
from reconciler.ports import Store, Verdict
from tests.support.store import HEAT, START, binding, condition, created, entry_target, lease_of, wish


async def test_only_deletions_that_are_not_settled_are_open(store: Store) -> None:
    first, second = await created(store), await created(store, wish(HEAT))
    lease = await lease_of(store)
    await store.record(lease, [Verdict(first, (condition(),), START, None, 0, settle=(SettledAs.CONVERGED, None))])
    assert [s.deletion.id for s in await store.releasers_among([first, second])] == [second]


async def test_a_deletion_that_was_to_keep_its_files_matters_after_it_has_ended(store: Store) -> None:
    keeping = await created(store, replace(wish(HEAT), options=Options(delete_files=False)))
    lease = await lease_of(store)
    await store.record(lease, [Verdict(keeping, (condition(),), START, None, 0, settle=(SettledAs.CONVERGED, None))])
    assert [s.deletion.id for s in await store.releasers_among([keeping])] == [keeping]


async def test_an_open_deletion_comes_with_its_targets_and_conditions(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.bind(lease, binding(deletion, entry_target()))
    await store.record(lease, [Verdict(deletion, (condition(),), START, START, 1)])
    (state,) = await store.releasers_among([deletion])
    assert state == await store.deletion(deletion)
    assert state.targets
    assert state.conditions


async def test_there_are_no_releasers_among_none_or_among_unknown_ones(store: Store) -> None:
    await created(store)
    assert await store.releasers_among([]) == ()
    assert await store.releasers_among([DeletionId("00000000-0000-7000-8000-000000000009")]) == ()
