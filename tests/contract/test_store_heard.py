"""Who was heard from, what was kept of it, and which deletions came of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.errors import LeaseLost
from reconciler.model import DeletionId, InstanceName, Source, WebhookState
from reconciler.ports import Accepted, ConnectionSeen, Heard, Lease, ReceiptFilter, SenderHeard, Store, Understood
from tests.support.store import (
    HEAT,
    INSTANCES,
    MATRIX,
    RADARR,
    RADARR_4K,
    START,
    ask,
    created,
    database_of,
    hear,
    lease_of,
    receipt,
    reference,
    wish,
)

LATER = START + timedelta(minutes=5)


async def heard_from(
    store: Store, source: Source, heard: Heard, *, after: int = 0, instance: InstanceName | None
) -> None:
    one = replace(receipt(source), instance=instance, received_at=START + timedelta(minutes=after))
    await store.ingest(one, Understood(heard), instances=INSTANCES)


async def test_every_sender_is_remembered_by_what_it_said_last(store: Store) -> None:
    await heard_from(store, Source.RADARR, Heard.REFERENCE, instance=RADARR)
    await heard_from(store, Source.RADARR, Heard.IGNORED, instance=RADARR, after=5)
    await heard_from(store, Source.RADARR, Heard.WANT, instance=RADARR_4K)
    await heard_from(store, Source.JELLYSEERR, Heard.WANT, instance=None)
    assert (await store.overview()).senders == (
        SenderHeard(Source.JELLYSEERR, None, START, Heard.WANT, None),
        SenderHeard(Source.RADARR, RADARR, LATER, Heard.IGNORED, None),
        SenderHeard(Source.RADARR, RADARR_4K, START, Heard.WANT, None),
    )
    assert await store.senders() == (await store.overview()).senders


async def test_a_test_is_remembered_as_one_and_leaves_no_receipt(store: Store) -> None:
    assert await store.last_test_at() is None
    await heard_from(store, Source.RADARR, Heard.TEST, instance=RADARR)
    await heard_from(store, Source.RADARR, Heard.REFERENCE, instance=RADARR, after=5)
    assert await store.last_test_at() == START
    assert (await store.overview()).senders == (SenderHeard(Source.RADARR, RADARR, LATER, Heard.REFERENCE, START),)
    assert [one.heard for one in (await store.receipts(ReceiptFilter(), cursor=None, limit=9)).receipts] == [
        Heard.REFERENCE
    ]


async def test_what_polling_found_was_heard_from_nobody(store: Store) -> None:
    found = replace(receipt(Source.RADARR), was_sent=False)
    await store.ingest(found, Understood(Heard.DELETE, (wish(source=Source.RADARR),)), instances=INSTANCES)
    assert (await store.overview()).senders == ()


async def test_a_repeated_key_is_heard_and_one_with_another_body_is_not(store: Store) -> None:
    await ask(store, wish(), key="k")
    for digest, minutes in (("d1", 5), ("d2", 9)):
        again = replace(receipt(key="k", digest=digest), received_at=START + timedelta(minutes=minutes))
        await store.ingest(again, Understood(Heard.DELETE, (wish(),)), instances=INSTANCES)
    assert [one.heard_at for one in (await store.overview()).senders] == [LATER]


async def test_receipts_are_listed_newest_first_with_the_deletions_that_followed(store: Store) -> None:
    asked = await ask(store, wish(), wish(HEAT))
    again = await ask(store, wish())
    await hear(store, reference(MATRIX))
    page = await store.receipts(ReceiptFilter(), cursor=None, limit=2)
    assert [one.heard for one in page.receipts] == [Heard.REFERENCE, Heard.DELETE]
    assert page.receipts[1].deletions == again.deletions
    assert page.receipts[1].body == ""
    rest = await store.receipts(ReceiptFilter(), cursor=page.next_cursor, limit=2)
    assert [one.deletions for one in rest.receipts] == [asked.deletions]
    assert rest.next_cursor is None


async def test_receipts_are_filtered_by_sender_and_by_how_they_were_understood(store: Store) -> None:
    await ask(store, wish())
    await heard_from(store, Source.RADARR, Heard.IGNORED, instance=RADARR)
    await heard_from(store, Source.SONARR, Heard.IGNORED, instance=None)

    async def found(**where: object) -> list[Source]:
        page = await store.receipts(ReceiptFilter(**where), cursor=None, limit=9)  # type: ignore[arg-type]  # by name
        return [one.source for one in page.receipts]

    assert await found(heard=Heard.IGNORED) == [Source.SONARR, Source.RADARR]
    assert await found(source=Source.RADARR) == [Source.RADARR]
    assert await found(source=Source.RADARR, heard=Heard.DELETE) == []


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "٣", "9" * 40])
async def test_a_cursor_that_was_not_given_out_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        await store.receipts(ReceiptFilter(), cursor=cursor, limit=9)


async def test_a_deletion_leads_to_the_receipt_that_created_it(store: Store) -> None:
    deletion = await created(store)
    await ask(store, wish())
    found = await store.receipt_of(deletion)
    assert found is not None
    assert [(one.outcome, one.id) for one in found.deletions] == [(Accepted.CREATED, deletion)]
    assert found.body == '{"a": 1}'
    assert await store.receipt(found.number) == found
    assert await store.receipt(found.number + 99) is None
    assert await store.receipt_of(DeletionId("01890000-0000-7000-8000-00000000ffff")) is None


async def test_a_pruned_receipt_is_nobodys_any_more(store: Store) -> None:
    deletion = await created(store)
    await store.prune(await lease_of(store), START + timedelta(days=1))
    assert await store.receipt_of(deletion) is None


async def test_what_was_seen_of_webhooks_is_replaced_by_instance(store: Store) -> None:
    lease = await lease_of(store)
    whole = WebhookState(True, True, ("another secret",), muted=True, elsewhere="http://old/webhooks/radarr")
    missing = WebhookState(False)
    await store.save_connections(lease, {RADARR: whole, RADARR_4K: whole}, START)
    await store.save_connections(lease, {RADARR: missing}, LATER)
    assert (await store.overview()).connections == {
        RADARR: ConnectionSeen(missing, LATER),
        RADARR_4K: ConnectionSeen(whole, START),
    }
    assert await store.connections() == (await store.overview()).connections
    with pytest.raises(LeaseLost):
        await store.save_connections(Lease("another", 99), {RADARR: whole}, LATER)


async def test_what_an_earlier_build_saw_of_a_webhook_is_read_too(store: Store) -> None:
    async with database_of(store).write() as connection:
        await connection.execute(
            "INSERT INTO connections (instance, state, at) VALUES (:instance, :state, :at)",
            {"instance": RADARR, "state": '{"exists":true,"enabled":true,"problems":["another secret"]}', "at": START},
        )
    assert (await store.overview()).connections == {
        RADARR: ConnectionSeen(WebhookState(True, True, ("another secret",)), START)
    }
