"""qBittorrent: torrents are read again just before they go, and so is the ledger."""

from collections.abc import Callable, Iterable, Sequence

from reconciler.errors import UpstreamError
from reconciler.execute.sending import Failure, Sending
from reconciler.model import ConditionType, InfoHash, InstanceName, TorrentId
from reconciler.plan.actions import Action, RemoveTorrent
from reconciler.ports import Lease, PassStore
from reconciler.upstreams import Health, Upstreams


class TorrentSteps:
    """The steps at torrent clients. `begin` says where the ledger stood when a round was planned."""

    def __init__(
        self,
        sending: Sending,
        store: PassStore,
        upstreams: Upstreams,
        health: Health,
        on_removed: Callable[[InstanceName, Iterable[str]], None],
    ) -> None:
        self._sending = sending
        self._store = store
        self._upstreams = upstreams
        self._health = health
        self._on_removed = on_removed
        self._position = 0

    def begin(self, position: int) -> None:
        self._position = position

    async def remove_torrents(self, lease: Lease, actions: Sequence[RemoveTorrent]) -> list[Failure]:
        client = self._upstreams.torrents[actions[0].instance]
        try:
            live = {t.id: t for t in await client.present([a.torrent for a in actions])}
        except UpstreamError as error:
            self._health.failed(client, error)
            return self._sending.failed(error, actions, ConditionType.TORRENTS_ABSENT)
        same = [a for a in actions if a.torrent in live and str(live[a.torrent].added_on) == a.added]
        aliases: set[InfoHash] = {alias for a in same for alias in live[a.torrent].aliases}
        wanted = await self._store.unreleased_among(aliases, after=self._position)
        held = {a.deletion for a in same if live[a.torrent].aliases & wanted}  # its torrents may share their data
        free = [a for a in same if a.deletion not in held]
        failures: list[Failure] = []
        for delete_files in (False, True):
            group = [a for a in free if a.delete_files is delete_files]
            if not group:
                continue
            await self._sending.announce(lease, group, _removal)
            self._on_removed(client.instance, [a.torrent for a in group])
            ids: list[TorrentId] = sorted({a.torrent for a in group})
            try:
                await client.remove(ids, delete_files=delete_files)
            except UpstreamError as error:
                self._health.failed(client, error)
                failures += self._sending.failed(error, group, ConditionType.TORRENTS_ABSENT)
        return failures


def _removal(action: Action) -> str:
    if not isinstance(action, RemoveTorrent):
        return ""
    data = "with its data" if action.delete_files else f"without its data: {action.why or 'it was to be kept'}"
    return f"remove torrent {action.name!r} {data}"
