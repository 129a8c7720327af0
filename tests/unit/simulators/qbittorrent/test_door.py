"""Who the simulated qBittorrent lets in, and whom it bans (upstreams.md 5.1, 5.2 and 8)."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from reconciler.simulators.qbittorrent import QBittorrentSimulator
from reconciler.simulators.qbittorrent_dialects import Mode
from reconciler.simulators.qbittorrent_door import BAN_TEXT
from tests.unit.simulators.qbittorrent.support import BEFORE_5_2, CREDENTIALS, WRONG, ManualClock, browser, simulate

# --- versions: login answers, cookie name --------------------------------------------------------------------------


async def test_a_good_login_answers_as_its_version_does(
    simulator: QBittorrentSimulator, web: httpx.AsyncClient
) -> None:
    reply = await web.post("auth/login", data=CREDENTIALS)
    if simulator.mode in BEFORE_5_2:
        assert (reply.status_code, reply.text) == (200, "Ok.")
        assert list(reply.cookies) == ["SID"]
    else:
        assert (reply.status_code, reply.text) == (204, "")
        assert list(reply.cookies) == ["QBT_SID_8080"]


async def test_a_bad_login_answers_as_its_version_does(simulator: QBittorrentSimulator, web: httpx.AsyncClient) -> None:
    reply = await web.post("auth/login", data=WRONG)
    if simulator.mode in BEFORE_5_2:
        assert (reply.status_code, reply.text) == (200, "Fails.")
    else:
        assert reply.status_code == 401
    assert not reply.cookies


async def test_versions_are_plain_text(simulator: QBittorrentSimulator, user: httpx.AsyncClient) -> None:
    assert (await user.get("app/version")).text == simulator.dialect.app
    assert (await user.get("app/webapiVersion")).text == simulator.dialect.web_api


async def test_an_authenticated_login_succeeds_whatever_the_password(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient
) -> None:
    assert (await user.post("auth/login", data=WRONG)).is_success
    assert simulator.door.failed_logins == 0


async def test_a_json_login_is_not_read(web: httpx.AsyncClient) -> None:
    reply = await web.post("auth/login", json=CREDENTIALS)
    assert reply.status_code == 401 or reply.text == "Fails."


async def test_an_api_key_works_from_5_2_on_and_never_at_the_login(
    simulator: QBittorrentSimulator, web: httpx.AsyncClient
) -> None:
    good = {"Authorization": f"Bearer {simulator.door.api_key}"}
    bad = {"Authorization": "Bearer qbt_wrong"}
    expected = 200 if simulator.mode is Mode.V5_2 else 403
    assert (await web.get("app/version", headers=good)).status_code == expected
    assert (await web.get("app/version", headers=bad)).status_code == 403
    if simulator.mode is Mode.V5_2:
        assert (await web.post("auth/login", data=CREDENTIALS, headers=good)).status_code == 403
        assert (await web.get("app/version", headers=good | {"Origin": "http://evil.test"})).status_code == 200


async def test_basic_authentication_works_from_5_2_on_and_counts_toward_the_ban(
    simulator: QBittorrentSimulator, web: httpx.AsyncClient
) -> None:
    modern = simulator.mode is Mode.V5_2
    assert (await web.get("app/version", auth=("admin", "adminadmin"))).status_code == (200 if modern else 403)
    for _ in range(5):
        assert (await web.get("app/version", auth=("admin", "wrong"))).status_code == (401 if modern else 403)
    assert simulator.door.is_banned("192.0.2.1") is modern


async def test_bypass_lets_everyone_in_and_takes_any_password(root: Path) -> None:
    simulator = simulate(Mode.V5_1, root, bypass=True)
    async with browser(simulator) as web:
        assert (await web.get("torrents/info")).json() == []
        assert (await web.post("auth/login", data=WRONG)).text == "Ok."


# --- 403 without session, sessions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["app/version", "torrents/info", "torrents/bogus", "bogus/thing"])
async def test_without_a_session_everything_is_403(web: httpx.AsyncClient, path: str) -> None:
    assert (await web.get(path)).status_code == 403
    assert (await web.post(path)).status_code == 403


async def test_a_session_ends_after_an_hour_without_use(user: httpx.AsyncClient, clock: ManualClock) -> None:
    for _ in range(3):
        clock.elapsed += timedelta(minutes=59)
        assert (await user.get("app/version")).status_code == 200
    clock.elapsed += timedelta(minutes=61)
    assert (await user.get("app/version")).status_code == 403


async def test_a_logout_ends_the_session(user: httpx.AsyncClient) -> None:
    assert (await user.post("auth/logout")).is_success
    assert (await user.get("app/version")).status_code == 403


async def test_a_restart_drops_sessions(simulator: QBittorrentSimulator, user: httpx.AsyncClient) -> None:
    await simulator.restart()
    assert (await user.get("app/version")).status_code == 403


# --- ban after 5 ---------------------------------------------------------------------------------------------------


async def test_five_failures_ban_the_address_for_an_hour_even_for_good_logins(
    simulator: QBittorrentSimulator, clock: ManualClock
) -> None:
    async with browser(simulator) as before, browser(simulator) as web, browser(simulator, "192.0.2.2") as other:
        await before.post("auth/login", data=CREDENTIALS)
        for _ in range(5):
            assert (await web.post("auth/login", data=WRONG)).status_code != 403
        banned = await web.post("auth/login", data=CREDENTIALS)
        assert (banned.status_code, banned.text) == (403, BAN_TEXT)
        assert (await before.get("app/version")).status_code == 200  # existing sessions go on
        assert (await other.post("auth/login", data=CREDENTIALS)).is_success
        clock.elapsed += timedelta(minutes=61)
        assert (await web.post("auth/login", data=CREDENTIALS)).is_success


async def test_a_good_login_forgives_earlier_failures(simulator: QBittorrentSimulator) -> None:
    for _ in range(3):
        async with browser(simulator) as web:
            for _ in range(4):
                await web.post("auth/login", data=WRONG)
            assert (await web.post("auth/login", data=CREDENTIALS)).is_success


async def test_a_restart_clears_a_ban(simulator: QBittorrentSimulator, web: httpx.AsyncClient) -> None:
    for _ in range(5):
        await web.post("auth/login", data=WRONG)
    await simulator.restart()
    assert (await web.post("auth/login", data=CREDENTIALS)).is_success


# --- Host and Origin -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "qbittorrent.test:8081"},
        {"Origin": "http://evil.test"},
        {"Origin": "http://qbittorrent.test:1"},
        {"Referer": "http://evil.test/page"},
    ],
)
async def test_a_foreign_host_port_origin_or_referer_is_401_everywhere(
    user: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await user.get("app/version", headers=headers)).status_code == 401
    assert (await user.post("auth/login", data=CREDENTIALS, headers=headers)).status_code == 401
    assert (await user.post("torrents/delete", headers=headers)).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "any.name.test:8080"},
        {"Host": "without-a-port.test"},
        {"Origin": "http://qbittorrent.test:8080"},
        {"Referer": "http://qbittorrent.test:8080/"},
    ],
)
async def test_matching_headers_pass(user: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await user.get("app/webapiVersion", headers=headers)).status_code in {200, 403}
    assert (await user.post("auth/login", data=CREDENTIALS, headers=headers)).is_success


async def test_a_forwarded_host_replaces_the_host_up_to_5_1(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient
) -> None:
    headers = {"Origin": "https://seedbox.test", "X-Forwarded-Host": "seedbox.test"}
    expected = 200 if simulator.mode in BEFORE_5_2 else 401
    assert (await user.get("app/version", headers=headers)).status_code == expected
