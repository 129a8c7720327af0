"""Edge cases of the qBittorrent client that no well-behaved server shows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import pytest

from reconciler.clients.qbittorrent import QBittorrent, connect
from reconciler.errors import Rejected, Unauthorized, Unintelligible, Unreachable
from reconciler.model import InfoHash, InstanceName, TorrentId, UpstreamKind
from reconciler.observed import AppInfo, TorrentKey, Trackers
from reconciler.ports import TorrentClient

NAME = InstanceName("qbittorrent")
URL = "http://qbittorrent.test:8080"
ONE = TorrentId("1" * 40)
TWO = TorrentId("2" * 40)
PASSWORD = "correct horse"

ROW: dict[str, object] = {
    "hash": ONE,
    "infohash_v1": ONE,
    "infohash_v2": "",
    "name": "Heat",
    "state": "stalledUP",
    "save_path": "/data",
    "download_path": "",
    "content_path": "/data/Heat",
    "size": 1,
    "progress": 1,
    "added_on": 1_700_000_000,
    "category": "radarr",
    "tags": "keep, two words",
    "ratio": 1.5,
    "seeding_time": 60,
    "private": True,
    "tracker": "https://tracker.test/announce",
    "a field of a later version": {},
}

Answer = Callable[[httpx.Request], httpx.Response]


class ManualClock:
    def __init__(self) -> None:
        self.elapsed = timedelta(0)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + self.elapsed

    def monotonic(self) -> float:
        return self.elapsed.total_seconds()


class Server:
    """Answers requests by a table of paths, asks for a session, and remembers what was sent."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {"torrents/info": lambda _: httpx.Response(200, json=[])}
        self.login: Answer = self._log_in
        self.sent: list[httpx.Request] = []
        self.sessions: set[str] = set()
        self.asks_for_login = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        path = request.url.path.removeprefix("/api/v2/")
        if path == "auth/login":
            return self.login(request)
        if self.asks_for_login and request.headers.get("cookie") not in self.sessions:
            return httpx.Response(403, text="Forbidden")
        return self.answers[path](request)

    def _log_in(self, request: httpx.Request) -> httpx.Response:
        assert parse_qs(request.content.decode()) == {"username": ["admin"], "password": [PASSWORD]}
        cookie = f"SID={len(self.sent)}"
        self.sessions.add(cookie)
        return httpx.Response(200, text="Ok.", headers={"set-cookie": f"{cookie}; HttpOnly; path=/"})

    @property
    def paths(self) -> list[str]:
        return [request.url.path.removeprefix("/api/v2/") for request in self.sent]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def client(server: Server, clock: ManualClock) -> AsyncIterator[QBittorrent]:
    client = connect(NAME, URL, username="admin", password=PASSWORD, clock=clock, transport=httpx.MockTransport(server))
    yield client
    await client.aclose()


def answer_list(*rows: object) -> Answer:
    return lambda _: httpx.Response(200, json=list(rows))


def answer_text(text: str, status: int = 200, content_type: str = "text/plain") -> Answer:
    return lambda _: httpx.Response(status, text=text, headers={"content-type": content_type})


async def test_it_is_a_torrent_client(client: QBittorrent) -> None:
    port: TorrentClient = client
    assert (port.instance, port.kind) == (NAME, UpstreamKind.QBITTORRENT)


# --- sessions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "text"), [(200, "Ok."), (204, ""), (200, "")])
async def test_every_version_of_a_good_login_is_understood(
    client: QBittorrent, server: Server, status: int, text: str
) -> None:
    def log_in(_request: httpx.Request) -> httpx.Response:
        server.sessions.add("QBT_SID_8080=1")
        return httpx.Response(status, text=text, headers={"set-cookie": "QBT_SID_8080=1; path=/"})

    server.login = log_in
    assert await client.torrents() == ()
    assert server.paths == ["torrents/info", "auth/login", "torrents/info"]


async def test_a_session_is_kept_and_renewed_once_when_it_is_lost(client: QBittorrent, server: Server) -> None:
    await client.torrents()
    await client.torrents()
    assert server.paths.count("auth/login") == 1
    server.sessions.clear()
    await client.torrents()
    assert server.paths.count("auth/login") == 2


async def test_where_no_login_is_asked_for_none_is_sent(client: QBittorrent, server: Server) -> None:
    server.asks_for_login = False
    assert await client.torrents() == ()
    assert server.paths == ["torrents/info"]


async def test_calls_at_the_same_time_share_one_login(client: QBittorrent, server: Server) -> None:
    await asyncio.gather(*[client.torrents() for _ in range(20)])
    assert server.paths.count("auth/login") == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (answer_text("Fails."), "correct the user name and password"),
        (answer_text("", 401), "correct the user name and password"),
        (answer_text("Your IP address has been banned after too many failed authentication attempts.", 403), "banned"),
        (answer_text("<html>403 Forbidden</html>", 403, "text/html"), "proxy"),
    ],
)
async def test_a_refused_login_is_repeated_after_an_hour_and_not_before(
    client: QBittorrent, server: Server, clock: ManualClock, answer: Answer, message: str
) -> None:
    good_login, server.login = server.login, answer
    with pytest.raises(Unauthorized, match=message):
        await client.torrents()
    sent = len(server.sent)

    clock.elapsed = timedelta(minutes=59)
    for _ in range(3):
        with pytest.raises(Unauthorized, match=message):
            await client.torrents()
    assert len(server.sent) == sent

    server.login = good_login
    clock.elapsed = timedelta(hours=1)
    assert await client.torrents() == ()


async def test_a_refused_login_can_be_reset_by_hand(client: QBittorrent, server: Server) -> None:
    good_login, server.login = server.login, answer_text("Fails.")
    with pytest.raises(Unauthorized):
        await client.torrents()
    server.login = good_login
    client.forget_refusal()
    assert await client.torrents() == ()


async def test_calls_at_the_same_time_share_one_refusal(client: QBittorrent, server: Server) -> None:
    server.login = answer_text("Fails.")
    answers = await asyncio.gather(*[client.torrents() for _ in range(20)], return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unauthorized}
    assert server.paths.count("auth/login") == 1


async def test_a_session_that_is_not_taken_ends_after_one_login(client: QBittorrent, server: Server) -> None:
    server.login = answer_text("Ok.")
    with pytest.raises(Unauthorized, match="drops its cookies"):
        await client.torrents()
    assert server.paths == ["torrents/info", "auth/login", "torrents/info"]


async def test_a_login_that_fails_for_other_reasons_does_not_lock_us_out(client: QBittorrent, server: Server) -> None:
    good_login, server.login = server.login, answer_text("", 502)
    with pytest.raises(Unreachable):
        await client.torrents()
    server.login = answer_text("<html>Sign in</html>", content_type="text/html")
    with pytest.raises(Unintelligible):
        await client.torrents()
    server.login = good_login
    assert await client.torrents() == ()


async def test_a_401_on_a_call_explains_the_port_and_sends_no_login(client: QBittorrent, server: Server) -> None:
    server.asks_for_login = False
    server.answers["torrents/info"] = answer_text("Unauthorized", 401)
    with pytest.raises(Unauthorized, match="8080:8080"):
        await client.torrents()
    assert server.paths == ["torrents/info"]


async def test_an_api_key_is_sent_instead_of_a_login(server: Server) -> None:
    server.asks_for_login = False
    client = connect(NAME, URL, username="a", password="b", api_key="qbt_key", transport=httpx.MockTransport(server))
    await client.torrents()
    await client.aclose()
    assert [request.headers["authorization"] for request in server.sent] == ["Bearer qbt_key"]


async def test_a_wrong_api_key_is_refused_without_a_login(server: Server) -> None:
    client = connect(NAME, URL, api_key="qbt_key", transport=httpx.MockTransport(server))
    with pytest.raises(Unauthorized, match="API key") as caught:
        await client.torrents()
    await client.aclose()
    assert "qbt_key" not in str(caught.value)
    assert server.paths == ["torrents/info"]


async def test_neither_origin_nor_referer_is_sent(client: QBittorrent, server: Server) -> None:
    await client.torrents()
    assert not any({"origin", "referer"} & set(request.headers) for request in server.sent)


# --- identity ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["v4.5.2", "v5.1.4", "5.3.0", "v5.2.0beta1", "v4.6.7\n"])
async def test_every_version_text_is_understood(client: QBittorrent, server: Server, said: str) -> None:
    server.answers |= {"app/version": answer_text(said), "app/webapiVersion": answer_text("2.11.10")}
    assert await client.identify() == AppInfo("qBittorrent", said.strip())


@pytest.mark.parametrize(
    ("version", "web_api"),
    [
        (answer_text("<html>v4.5</html>", content_type="text/html"), answer_text("2.8.19")),
        (answer_text(""), answer_text("2.8.19")),
        (answer_text("4"), answer_text("2.8.19")),
        (answer_text("v4.5.2"), answer_text("latest")),
        (answer_text("v4.5.2"), answer_text("")),
        (answer_text("Not Found", 404), answer_text("2.8.19")),
        (answer_text("v4.5.2"), answer_text("Not Found", 404)),
    ],
)
async def test_another_program_is_unintelligible(
    client: QBittorrent, server: Server, version: Answer, web_api: Answer
) -> None:
    server.answers |= {"app/version": version, "app/webapiVersion": web_api}
    with pytest.raises(Unintelligible, match="not a qBittorrent"):
        await client.identify()


# --- reading -------------------------------------------------------------------------------------------------------


async def test_a_row_is_read_with_all_its_fields(client: QBittorrent, server: Server) -> None:
    server.answers["torrents/info"] = answer_list(ROW | {"infohash_v2": "A" * 64, "hash": "A" * 40})
    (torrent,) = await client.torrents()
    assert torrent.key == TorrentKey(NAME, TorrentId("a" * 40))
    assert torrent.infohash_v2 == "a" * 64
    assert torrent.infohash_v1 == InfoHash(ONE)
    assert torrent.tags == {"keep", "two words"}
    assert (torrent.ratio, torrent.seeding_seconds, torrent.private) == (1.5, 60, True)
    assert torrent.tracker == "https://tracker.test/announce"
    assert torrent.aliases == {InfoHash("a" * 40), InfoHash("a" * 64), InfoHash(ONE)}


async def test_fields_that_old_versions_lack_have_defaults(client: QBittorrent, server: Server) -> None:
    optional = {"infohash_v1", "infohash_v2", "download_path", "ratio", "seeding_time", "private", "tracker"}
    server.answers["torrents/info"] = answer_list({key: value for key, value in ROW.items() if key not in optional})
    (torrent,) = await client.torrents()
    assert (torrent.infohash_v1, torrent.infohash_v2, torrent.private) == (None, None, None)
    assert (torrent.download_path, torrent.tracker, torrent.ratio, torrent.seeding_seconds) == ("", "", 0.0, 0)


@pytest.mark.parametrize(
    "name", ["hash", "name", "state", "save_path", "content_path", "size", "progress", "added_on", "category", "tags"]
)
@pytest.mark.parametrize("value", [None, [], True])
async def test_a_missing_or_wrong_field_is_unintelligible(
    client: QBittorrent, server: Server, name: str, value: object
) -> None:
    server.answers["torrents/info"] = answer_list(ROW, ROW | {name: value})
    with pytest.raises(Unintelligible):
        await client.torrents()


@pytest.mark.parametrize(
    "change", [{"hash": "all"}, {"hash": ""}, {"hash": "1" * 64}, {"infohash_v1": "x"}, {"infohash_v2": None}]
)
async def test_an_invalid_hash_is_unintelligible(
    client: QBittorrent, server: Server, change: dict[str, object]
) -> None:
    server.answers["torrents/info"] = answer_list(ROW | change)
    with pytest.raises(Unintelligible):
        await client.torrents()


@pytest.mark.parametrize("text", ["{}", "null", '"Ok."', "[1]", "[[]]", "[null]", "<html>", '[{"hash"'])
async def test_an_answer_that_is_no_list_is_unintelligible(client: QBittorrent, server: Server, text: str) -> None:
    server.answers |= dict.fromkeys(("torrents/info", "torrents/files", "torrents/trackers"), answer_text(text))
    with pytest.raises(Unintelligible):
        await client.torrents()
    with pytest.raises(Unintelligible):
        await client.present([ONE])
    with pytest.raises(Unintelligible):
        await client.files(ONE)
    with pytest.raises(Unintelligible):
        await client.trackers(ONE)


@pytest.mark.parametrize(
    ("shown", "meant"),
    [
        ("Heat", "/data/Heat"),
        ("/data/Heat", "/data/Heat"),
        ("", ""),
        (r"D:\data\Heat", r"D:\data\Heat"),
        (r"\\nas\data\Heat", r"\\nas\data\Heat"),
    ],
)
async def test_a_relative_content_path_lies_in_the_save_path(
    client: QBittorrent, server: Server, shown: str, meant: str
) -> None:
    server.answers["torrents/info"] = answer_list(ROW | {"content_path": shown})
    (torrent,) = await client.torrents()
    assert torrent.content_path == meant


async def test_the_list_is_asked_for_without_any_filter(client: QBittorrent, server: Server) -> None:
    await client.torrents()
    assert server.sent[-1].url.query == b""


async def test_present_ignores_rows_it_did_not_ask_for(client: QBittorrent, server: Server) -> None:
    server.answers["torrents/info"] = answer_list(ROW, ROW | {"hash": TWO})
    assert [torrent.id for torrent in await client.present([TWO])] == [TWO]


async def test_present_sends_nothing_for_nothing(client: QBittorrent, server: Server) -> None:
    assert await client.present([]) == ()
    assert server.sent == []


async def test_files_without_metadata_are_empty(client: QBittorrent, server: Server) -> None:
    server.answers["torrents/files"] = answer_list()
    assert await client.files(ONE) == ()


async def test_a_404_page_of_a_proxy_is_no_proof_that_a_torrent_is_gone(client: QBittorrent, server: Server) -> None:
    server.answers["torrents/files"] = answer_text("<html>404</html>", 404, "text/html")
    with pytest.raises(Unintelligible):
        await client.files(ONE)
    server.answers["torrents/trackers"] = answer_text("<html>404</html>", 404, "text/html")
    with pytest.raises(Unintelligible):
        await client.trackers(ONE)


DHT, PEX, LSD = ({"url": f"** [{name}] **", "msg": "", "tier": ""} for name in ("DHT", "PeX", "LSD"))


@pytest.mark.parametrize(
    ("urls", "hosts"),
    [
        (["udp://Tracker.TEST:1337/announce"], {"tracker.test"}),
        (["http://a.test/announce?passkey=1", "wss://b.test"], {"a.test", "b.test"}),
        (["https://user:word@c.test:443/announce"], {"c.test"}),
        (["http://[2001:db8::1]:80/announce"], {"2001:db8::1"}),
        (["", "no address", "http://[broken", "http://"], set()),
    ],
)
async def test_trackers_are_known_by_their_hosts(
    client: QBittorrent, server: Server, urls: list[str], hosts: set[str]
) -> None:
    server.answers["torrents/trackers"] = answer_list(DHT, PEX, LSD, *[{"url": url, "msg": "x"} for url in urls])
    assert await client.trackers(ONE) == Trackers(frozenset(hosts), private=False)
    assert server.sent[-1].url.params["hash"] == ONE


@pytest.mark.parametrize(
    ("rows", "private"),
    [
        ([DHT, PEX, LSD], False),
        ([DHT | {"msg": "This torrent is private"}, PEX, LSD], True),
        ([DHT | {"msg": "Dieser Torrent ist privat"}], True),
        ([DHT | {"msg": "  "}], False),
        ([{"url": "** [DHT] **"}], False),
        ([{"url": "http://a.test/announce", "msg": "This torrent is private"}], None),
        ([], None),
    ],
)
async def test_a_torrent_is_private_if_the_other_sources_of_peers_are_excused(
    client: QBittorrent, server: Server, rows: list[object], private: bool | None
) -> None:
    server.answers["torrents/trackers"] = answer_list(*rows)
    answer = await client.trackers(ONE)
    assert answer is not None
    assert answer.private is private


@pytest.mark.parametrize("row", [{}, {"url": None}, {"url": 1, "msg": ""}, {"url": "http://a.test", "msg": 1}])
async def test_a_tracker_without_a_readable_address_is_unintelligible(
    client: QBittorrent, server: Server, row: dict[str, object]
) -> None:
    server.answers["torrents/trackers"] = answer_list(DHT, row)
    with pytest.raises(Unintelligible):
        await client.trackers(ONE)


@pytest.mark.parametrize("row", [{"name": "a"}, {"size": 1}, {"name": 1, "size": 1}, {"name": "a", "size": "1"}])
async def test_a_file_without_name_or_size_is_unintelligible(
    client: QBittorrent, server: Server, row: dict[str, object]
) -> None:
    server.answers["torrents/files"] = answer_list(row)
    with pytest.raises(Unintelligible):
        await client.files(ONE)


# --- removing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delete_files", [True, False])
@pytest.mark.parametrize("status", [200, 204])
async def test_removal_is_one_call_that_names_each_id_once(
    client: QBittorrent, server: Server, delete_files: bool, status: int
) -> None:
    server.answers["torrents/delete"] = answer_text("", status)
    await client.remove([ONE, TWO, ONE, TorrentId("A" * 40)], delete_files=delete_files)
    request = server.sent[-1]
    assert (request.method, request.url.query) == ("POST", b"")
    assert parse_qs(request.content.decode()) == {
        "hashes": [f"{ONE}|{TWO}|{'a' * 40}"],
        "deleteFiles": [str(delete_files).lower()],
    }
    assert server.paths.count("torrents/delete") == 2  # refused without a session, then carried out


async def test_an_empty_removal_sends_nothing(client: QBittorrent, server: Server) -> None:
    await client.remove([], delete_files=True)
    assert server.sent == []


@pytest.mark.parametrize("word", ["all", "All", " all ", "", "1" * 39, "1" * 64, f"{ONE}|{TWO}", "g" * 40])
async def test_an_invalid_id_sends_nothing(client: QBittorrent, server: Server, word: str) -> None:
    for call in (
        client.remove([ONE, TorrentId(word)], delete_files=True),
        client.present([TorrentId(word)]),
        client.files(TorrentId(word)),
        client.trackers(TorrentId(word)),
    ):
        with pytest.raises(ValueError, match="not a torrent id"):
            await call
    assert server.sent == []


async def test_a_removal_answered_by_a_web_page_is_unintelligible(client: QBittorrent, server: Server) -> None:
    server.answers["torrents/delete"] = answer_text("<html>Sign in</html>", content_type="text/html")
    with pytest.raises(Unintelligible):
        await client.remove([ONE], delete_files=True)


async def test_a_refused_removal_is_rejected(client: QBittorrent, server: Server) -> None:
    server.answers["torrents/delete"] = answer_text("Method Not Allowed", 405)
    with pytest.raises(Rejected):
        await client.remove([ONE], delete_files=True)


async def test_the_password_is_in_no_representation(client: QBittorrent, server: Server) -> None:
    server.login = answer_text(PASSWORD)
    with pytest.raises(Unintelligible) as caught:
        await client.torrents()
    assert PASSWORD not in f"{client!r} {caught.value} {caught.value!r}"
