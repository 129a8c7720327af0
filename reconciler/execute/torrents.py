"""qBittorrent: whole payloads are read again just before any of them goes, and so is the ledger."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from reconciler.errors import UpstreamError
from reconciler.execute.sending import Failure, Sending
from reconciler.model import ConditionType, InfoHash, InstanceName, TorrentId
from reconciler.observed import Torrent, TorrentKey
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
        live, failures = await self._look_again(actions)
        unread = {f.deletion for f in failures}
        free = await self._undisturbed([a for a in actions if a.deletion not in unread], live)
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

    async def _look_again(self, actions: Sequence[RemoveTorrent]) -> tuple[dict[TorrentKey, Torrent], list[Failure]]:
        """Read whole payloads again, in one call per client; what a client does not show fails."""
        live: dict[TorrentKey, Torrent] = {}
        failures: list[Failure] = []
        for instance in sorted({t.instance for a in actions for t in a.payload}):
            client = self._upstreams.torrents[instance]
            ids = sorted({t.id for a in actions for t in a.payload if t.instance == instance})
            try:
                live |= {t.key: t for t in await client.present(ids)}
            except UpstreamError as error:
                self._health.failed(client, error)
                concerned = [a for a in actions if any(t.instance == instance for t in a.payload)]
                failures += self._sending.failed(error, concerned, ConditionType.TORRENTS_ABSENT)
        return live, failures

    async def _undisturbed(
        self, actions: Sequence[RemoveTorrent], live: Mapping[TorrentKey, Torrent]
    ) -> list[RemoveTorrent]:
        """Choose those of whose payload nothing was added anew, and nothing is named by what arrived since planning.

        The rest of a deletion waits, too: its twins elsewhere must not go ahead.
        """
        planned = {t.key: t for a in actions for t in a.payload}
        aliases = {key: t.aliases | live.get(key, t).aliases for key, t in planned.items()}
        asked: set[InfoHash] = {alias for names in aliases.values() for alias in names}
        wanted = await self._store.unreleased_among(asked, after=self._position)
        disturbed = {
            key for key, t in planned.items() if live.get(key, t).added_on != t.added_on or aliases[key] & wanted
        }
        held = {a.deletion for a in actions if any(t.key in disturbed for t in a.payload)}
        return [a for a in actions if a.deletion not in held and TorrentKey(a.instance, a.torrent) in live]


def _removal(action: Action) -> str:
    if not isinstance(action, RemoveTorrent):
        return ""
    data = "with its data" if action.delete_files else f"without its data: {action.why or 'it was to be kept'}"
    return f"remove torrent {action.name!r} {data}"
