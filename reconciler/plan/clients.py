"""Which of our qBittorrents a Radarr or Sonarr means by the name that its histories and queue give a client."""

from collections.abc import Iterable, Mapping

from reconciler.model import InstanceName
from reconciler.observed import DownloadClient
from reconciler.plan.policy import Address, TorrentInstance


class ClientNames:
    """The download clients of one library, as far as they are or may be ours.

    A name that was told in our configuration decides. Otherwise the address in the library's settings does, if it is
    one of ours. Addresses may differ all the same (a container's name, a proxy), so what fits nobody may be any of
    ours that no other client of this library is; and a name that is in no settings (any more) may be any of ours.
    """

    def __init__(self, settings: Iterable[DownloadClient], ours: Mapping[InstanceName, TorrentInstance]) -> None:
        self._all = frozenset(ours)
        self._meant: dict[str, frozenset[InstanceName]] = {
            name.casefold(): frozenset({one.name}) for one in ours.values() for name in one.download_clients
        }
        unclear: list[str] = []
        taken: frozenset[InstanceName] = frozenset()
        for client in settings:
            name = client.name.casefold()
            here = Address(client.host, client.port, client.url_base)
            at = self._meant.get(name) or frozenset(one.name for one in ours.values() if one.address == here)
            if at:
                self._meant[name] = at
                taken |= at
            else:
                unclear.append(name)
        self._meant |= dict.fromkeys(unclear, self._all - taken)

    def meant(self, name: str | None) -> frozenset[InstanceName]:
        """Return our clients that a name may mean; none if it certainly is another one."""
        if name is None:
            return self._all
        return self._meant.get(name.casefold(), self._all)
