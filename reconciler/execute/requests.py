"""Jellyseerr and Jellyfin: what was requested is read again just before it is cleared; Jellyfin is only told."""

from collections.abc import Callable, Iterable, Sequence

from reconciler.errors import UpstreamError
from reconciler.execute.sending import Failure, Sending
from reconciler.model import ConditionType, InstanceName, Media
from reconciler.observed import MediaRequest, Record, RequestStatus
from reconciler.plan.actions import Announce, DeleteRecord, DeleteRequest, ResetVariant
from reconciler.ports import Lease, RequestClient
from reconciler.upstreams import Upstreams


class RequestSteps:
    """The steps at the request and media servers."""

    def __init__(
        self, sending: Sending, upstreams: Upstreams, on_removed: Callable[[InstanceName, Iterable[str]], None]
    ) -> None:
        self._sending = sending
        self._upstreams = upstreams
        self._on_removed = on_removed

    async def announce_paths(self, lease: Lease, actions: Sequence[Announce]) -> list[Failure]:
        client = self._upstreams.media_server
        if client is None:
            raise LookupError("a plan named a media server that is not configured")
        await self._sending.announce(lease, actions, lambda a: "tell it where something went")
        try:
            await client.announce(sorted({path for a in actions for path in a.paths}))
        except UpstreamError as error:
            return self._sending.failed(error, actions, ConditionType.LIBRARY_REFRESHED)
        return []

    def _requests(self) -> RequestClient:
        client = self._upstreams.requests
        if client is None:
            raise LookupError("a plan named a request upstream that is not configured")
        return client

    async def delete_requests(self, lease: Lease, actions: Sequence[DeleteRequest]) -> list[Failure]:
        client = self._requests()

        async def delete(action: DeleteRequest) -> None:
            live = await client.request(action.request_id)
            if live is not None and live.created_at == action.created_at and not _is_wanted(live, action.live_ids):
                await self._sending.announce(lease, [action], lambda _: f"delete request {action.request_id}")
                await client.delete_request(action.request_id)

        return await self._sending.each(actions, ConditionType.REQUEST_CLEARED, delete)

    async def delete_records(self, lease: Lease, actions: Sequence[DeleteRecord]) -> list[Failure]:
        client = self._requests()
        try:
            records, requests = await self._board(client)
        except UpstreamError as error:
            return self._sending.failed(error, actions, ConditionType.REQUEST_CLEARED)

        async def delete(action: DeleteRecord) -> None:
            live = records.get(action.record_id)
            taken = [r for r in requests if r.record_id == action.record_id]
            is_covered = {r.id for r in taken} <= action.request_ids
            is_wanted = any(_is_wanted(r, action.live_ids) for r in taken)
            if not _is_same_record(live, action.media, action.created_at) or not is_covered or is_wanted:
                return
            await self._sending.announce(lease, [action], lambda _: f"delete record {action.record_id}")
            self._on_removed(client.instance, [str(action.record_id)])
            await client.delete_record(action.record_id)

        return await self._sending.each(actions, ConditionType.REQUEST_CLEARED, delete)

    async def reset_variants(self, lease: Lease, actions: Sequence[ResetVariant]) -> list[Failure]:
        client = self._requests()
        try:
            records, _ = await self._board(client)
        except UpstreamError as error:
            return self._sending.failed(error, actions, ConditionType.REQUEST_CLEARED)

        async def reset(action: ResetVariant) -> None:
            if _is_same_record(records.get(action.record_id), action.media, action.created_at):
                await self._sending.announce(lease, [action], lambda _: f"set record {action.record_id} to unknown")
                await client.reset_variant(action.record_id, is_4k=action.is_4k)

        return await self._sending.each(actions, ConditionType.REQUEST_CLEARED, reset)

    async def _board(self, client: RequestClient) -> tuple[dict[int, Record], tuple[MediaRequest, ...]]:
        """Read records and requests once for a batch: deleting a record takes its requests along, new ones too."""
        records = {r.id: r for r in await client.records()}
        return records, await client.requests()


def _is_wanted(request: MediaRequest, live_ids: frozenset[int]) -> bool:
    """Tell whether a bound request became a wish since: approved, or opened again."""
    is_newly_live = request.is_live and request.id not in live_ids
    return is_newly_live or request.status is RequestStatus.PENDING


def _is_same_record(record: Record | None, media: Media, created_at: str) -> bool:
    return record is not None and record.media.is_same(media) and record.created_at == created_at
