"""Which of our qBittorrents a library means by a name."""

import pytest

from reconciler.model import InstanceName
from reconciler.observed import DownloadClient
from reconciler.plan.clients import ClientNames
from reconciler.plan.policy import Address, TorrentInstance

DOWN, UP = InstanceName("downstairs"), InstanceName("upstairs")
BOTH = frozenset({DOWN, UP})

TOLD = {
    DOWN: TorrentInstance(DOWN, Address("nas", 8080), frozenset({"Main"})),
    UP: TorrentInstance(UP, Address("attic", 8080, "qb")),
}
UNTOLD = {DOWN: TorrentInstance(DOWN, Address("nas", 8080)), UP: TorrentInstance(UP, Address("attic", 8080, "qb"))}
IN_NAS = DownloadClient("qBit", "nas", 8080)
IN_ATTIC = DownloadClient("Attic", "attic", 8080, "qb")
CONTAINER = DownloadClient("Box", "qbittorrent-1", 8080)
OTHER = DownloadClient("Else", "friends-house", 8080)


def test_the_name_that_our_configuration_tells_decides_in_any_case() -> None:
    wrong_address = DownloadClient("Main", "attic", 8080, "qb")
    assert ClientNames([wrong_address], TOLD).meant("main") == {DOWN}


def test_otherwise_the_address_in_the_librarys_settings_does() -> None:
    names = ClientNames([IN_NAS, IN_ATTIC], UNTOLD)
    assert names.meant("qbit") == {DOWN}
    assert names.meant("ATTIC") == {UP}


@pytest.mark.parametrize("client", [DownloadClient("A", "attic", 8081, "qb"), DownloadClient("A", "attic", 8080)])
def test_another_port_or_base_is_another_address(client: DownloadClient) -> None:
    assert ClientNames([client], UNTOLD).meant("A") == BOTH


def test_an_address_that_fits_nobody_may_be_any_that_is_not_taken() -> None:
    assert ClientNames([CONTAINER], UNTOLD).meant("Box") == BOTH
    assert ClientNames([CONTAINER, IN_NAS], UNTOLD).meant("Box") == {UP}


def test_a_client_is_certainly_not_ours_once_all_of_ours_are_taken() -> None:
    assert ClientNames([IN_NAS, IN_ATTIC, OTHER], UNTOLD).meant("Else") == frozenset()


def test_a_name_that_is_in_no_settings_any_more_or_none_at_all_may_be_any_of_ours() -> None:
    names = ClientNames([IN_NAS, IN_ATTIC], UNTOLD)
    assert names.meant("renamed since") == BOTH
    assert names.meant(None) == BOTH


def test_without_any_client_of_ours_nothing_is_meant() -> None:
    assert ClientNames([IN_NAS], {}).meant("qBit") == frozenset()


def test_a_name_told_for_another_library_takes_nothing_here() -> None:
    assert ClientNames([CONTAINER], TOLD).meant("Box") == BOTH
    assert ClientNames([CONTAINER, DownloadClient("Main", "main", 1)], TOLD).meant("Box") == {UP}
