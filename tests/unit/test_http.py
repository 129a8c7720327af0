"""The status-to-error table of the one HTTP path, row by row."""

import asyncio
import contextlib
import errno
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs

import certifi
import httpx
import pytest
import respx

from reconciler.clients import qbittorrent
from reconciler.clients._http import Http, authorities
from reconciler.errors import Rejected, Throttled, Unauthorized, Unintelligible, Unreachable, UpstreamError
from reconciler.model import InstanceName

NAME = InstanceName("radarr")
URL = "http://radarr.test:7878/base"
KEY = "0123456789abcdef0123456789abcdef"

Observed = tuple[str, str, str]


@pytest.fixture
def calls() -> list[Observed]:
    return []


@pytest.fixture
async def http(calls: list[Observed]) -> AsyncIterator[Http]:
    def note(instance: InstanceName, operation: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        calls.append((instance, operation, outcome))

    async with Http(NAME, URL, headers={"X-Api-Key": KEY}, observer=note) as http:
        yield http


@respx.mock
async def test_a_good_answer_is_returned_whole(http: Http, calls: list[Observed]) -> None:
    route = respx.get(f"{URL}/api/v3/movie", params={"tmdbId": "1"}).respond(200, json=[{"id": 7}])

    reply = await http.send("GET", "/api/v3/movie", operation="entries", params={"tmdbId": 1})

    assert reply.json() == [{"id": 7}]
    assert (reply.status, reply.upstream, reply.is_page) == (200, NAME, False)
    assert route.calls.last.request.headers["X-Api-Key"] == KEY
    assert calls == [(NAME, "entries", "ok")]


@respx.mock
@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_every_success_is_returned(http: Http, status: int) -> None:
    respx.delete(f"{URL}/thing").respond(status)
    assert (await http.send("DELETE", "/thing", operation="remove")).status == status


@respx.mock
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, Unintelligible),
        (302, Unintelligible),
        (307, Unintelligible),
        (400, Rejected),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, Rejected),
        (405, Rejected),
        (409, Rejected),
        (415, Rejected),
        (422, Rejected),
        (429, Throttled),
        (500, Unreachable),
        (502, Unreachable),
        (503, Unreachable),
        (504, Unreachable),
    ],
)
async def test_every_status_has_its_error(
    http: Http, calls: list[Observed], status: int, error: type[UpstreamError]
) -> None:
    respx.get(f"{URL}/thing").respond(status, headers={"location": "/login"})

    with pytest.raises(UpstreamError) as caught:
        await http.send("GET", "/thing", operation="read")

    assert type(caught.value) is error
    assert (caught.value.upstream, caught.value.status) == (NAME, status)
    assert str(caught.value).startswith("radarr: ")
    assert calls == [(NAME, "read", error.__name__)]


@respx.mock
async def test_an_accepted_status_is_an_answer(http: Http, calls: list[Observed]) -> None:
    respx.get(f"{URL}/thing").respond(404, text="Not Found")
    reply = await http.send("GET", "/thing", operation="read", accept=frozenset({404}))
    assert (reply.status, reply.text) == (404, "Not Found")
    assert calls == [(NAME, "read", "ok")]


@respx.mock
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (httpx.ConnectError("refused"), "cannot be reached"),
        (httpx.ConnectTimeout("slow"), "did not answer in time"),
        (httpx.ReadTimeout("slow"), "did not answer in time"),
        (httpx.WriteTimeout("slow"), "did not answer in time"),
        (httpx.PoolTimeout("busy"), "did not answer in time"),
        (httpx.ReadError("reset"), "cannot be reached"),
        (httpx.RemoteProtocolError("half a body"), "broke off its answer"),
        (httpx.UnsupportedProtocol("ftp"), "cannot be reached"),
    ],
)
async def test_every_broken_connection_is_unreachable(
    http: Http, calls: list[Observed], fault: httpx.HTTPError, message: str
) -> None:
    respx.get(f"{URL}/thing").mock(side_effect=fault)
    with pytest.raises(Unreachable, match=message) as caught:
        await http.send("GET", "/thing", operation="read")
    assert caught.value.status is None
    assert calls == [(NAME, "read", "Unreachable")]


@respx.mock
async def test_a_body_that_cannot_be_decoded_is_unintelligible(http: Http) -> None:
    broken = gzip.compress(b"[]")[:-9] + b"garbage!!"
    respx.get(f"{URL}/thing").mock(
        side_effect=lambda _request: httpx.Response(200, headers={"content-encoding": "gzip"}, content=broken)
    )
    with pytest.raises(Unintelligible, match="cannot be decoded"):
        await http.send("GET", "/thing", operation="read")


@contextlib.asynccontextmanager
async def raw_server(answer: bytes, *, then_wait: bool = False, at_once: bool = False) -> AsyncIterator[str]:
    """Answer every connection with these bytes and close it, or keep it open until the other side closes.

    `at_once` does not wait for a request that can be read.
    """
    handled: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handled.add(task)
        await (reader.read(1) if at_once else reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        if then_wait:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*handled)


async def test_half_a_body_is_unreachable_and_never_a_short_list() -> None:
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]") as url, Http(NAME, url) as http:
        with pytest.raises(Unreachable, match="broke off its answer"):
            await http.send("GET", "/list", operation="read")


async def test_half_a_chunked_body_is_unreachable() -> None:
    async with (
        raw_server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n") as url,
        Http(NAME, url) as http,
    ):
        with pytest.raises(Unreachable, match="broke off its answer"):
            await http.send("GET", "/list", operation="read")


async def test_something_that_is_not_http_is_unreachable() -> None:
    async with raw_server(b"220 mail.test ESMTP\r\n") as url, Http(NAME, url) as http:
        with pytest.raises(Unreachable):
            await http.send("GET", "/list", operation="read")


async def test_nobody_listening_is_unreachable() -> None:
    async with raw_server(b"") as url:
        pass
    async with Http(NAME, url) as http:
        with pytest.raises(Unreachable, match=r"cannot be reached \(it refused the connection\)"):
            await http.send("GET", "/list", operation="read")


async def test_a_server_without_tls_is_called_that() -> None:
    plain = raw_server(b"HTTP/1.1 400 Bad Request\r\n\r\n", at_once=True)
    async with plain as url, Http(NAME, url.replace("http:", "https:")) as http:
        with pytest.raises(Unreachable, match="does not speak HTTPS"):
            await http.send("GET", "/list", operation="read")


@pytest.fixture
def read_again() -> Iterator[None]:
    """Authorities are read once per process; here, and after the test, they are read anew."""
    authorities.cache_clear()
    yield
    authorities.cache_clear()


@pytest.mark.usefixtures("read_again")
def test_the_operator_can_say_whose_certificates_are_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end = "-----END CERTIFICATE-----\n"
    first, *others = Path(certifi.where()).read_text("ascii").split(end)
    own = tmp_path / "own.pem"
    own.write_text(first + end, encoding="ascii")
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert len(authorities().get_ca_certs()) > len(others) / 2
    authorities.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    assert len(authorities().get_ca_certs()) == 1
    assert authorities().verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no address for secret.example"), "its host name is not known"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused by 10.1.2.3"), "it refused the connection"),
        (ssl.SSLCertVerificationError(1, "self-signed certificate"), "its certificate is not trusted"),
        (OSError(errno.ENETUNREACH, "no network"), "the network is unreachable"),
        (OSError(errno.EHOSTUNREACH, "no host"), "the network is unreachable"),
        (ExceptionGroup("all attempts", [OSError(errno.ECONNREFUSED, "v6")]), "it refused the connection"),
        (OSError("All connection attempts failed"), "ConnectError"),
    ],
)
async def test_the_cause_of_no_connection_is_told_in_words_and_never_quoted(cause: Exception, words: str) -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        between = OSError("first attempt")
        between.__cause__ = cause
        raise httpx.ConnectError(str(cause)) from between

    async with Http(NAME, URL, transport=httpx.MockTransport(refuse)) as http:
        with pytest.raises(Unreachable) as caught:
            await http.send("GET", "/list", operation="read")
    assert caught.value.message == f"cannot be reached ({words})"


async def test_silence_ends_with_the_timeout_of_the_call() -> None:
    async with raw_server(b"", then_wait=True) as url, Http(NAME, url) as http:
        with pytest.raises(Unreachable, match="did not answer in time"):
            await http.send("GET", "/list", operation="read", timeout=timedelta(milliseconds=50))


async def test_an_answer_drop_by_drop_ends_with_the_timeout_too() -> None:
    async def drip(_request: httpx.Request) -> httpx.Response:
        async def body() -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0.001)

        return httpx.Response(200, content=body())

    transport = httpx.MockTransport(drip)
    async with Http(NAME, URL, timeout=timedelta(milliseconds=50), transport=transport) as http:
        with pytest.raises(Unreachable, match="did not answer in time"):
            await http.send("GET", "/list", operation="read")


async def test_a_cancelled_call_stays_cancelled_and_does_not_count_as_ok(calls: list[Observed]) -> None:
    started = asyncio.Event()

    async def never(_request: httpx.Request) -> httpx.Response:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody answers")

    def note(instance: InstanceName, operation: str, outcome: str, _seconds: float) -> None:
        calls.append((instance, operation, outcome))

    async with Http(NAME, URL, observer=note, transport=httpx.MockTransport(never)) as http:
        call = asyncio.create_task(http.send("GET", "/list", operation="read"))
        await started.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert calls == [(NAME, "read", "CancelledError")]


@respx.mock
@pytest.mark.parametrize("body", ["<!doctype html><title>Sign in</title>", "  <html></html>"])
async def test_a_web_page_instead_of_data_is_unintelligible(http: Http, body: str) -> None:
    respx.get(f"{URL}/list").respond(200, text=body)
    reply = await http.send("GET", "/list", operation="read")
    assert reply.is_page
    with pytest.raises(Unintelligible, match="answered a web page instead of data"):
        reply.json()


@respx.mock
@pytest.mark.parametrize("body", ["", '[{"id": 1}', "Ok.", "[" * 200_000])
async def test_a_body_that_is_no_json_is_unintelligible(http: Http, body: str) -> None:
    respx.get(f"{URL}/list").respond(200, text=body)
    reply = await http.send("GET", "/list", operation="read")
    with pytest.raises(Unintelligible, match="no valid JSON"):
        reply.json()


@respx.mock
@pytest.mark.parametrize(
    ("header", "delay"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("-1", None),
        ("soon", None),
        ("\xb2", None),
        ("9" * 40, None),
        ("Wed, 21 Oct 2037 07:28:00 GMT", None),
    ],
)
@pytest.mark.parametrize(("status", "error"), [(429, Throttled), (503, Unreachable)])
async def test_retry_after_is_read_in_seconds(
    http: Http, header: str, delay: timedelta | None, status: int, error: type[UpstreamError]
) -> None:
    respx.get(f"{URL}/list").mock(
        return_value=httpx.Response(status, headers=[(b"retry-after", header.encode("latin-1"))])
    )
    with pytest.raises(error) as caught:
        await http.send("GET", "/list", operation="read")
    assert caught.value.retry_after == delay


@respx.mock
@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        ('{"message": "Movie with ID 7\\n does not exist"}', ": Movie with ID 7 does not exist"),
        ('{"error": "Endpoint"}', ": Endpoint"),
        ('[{"errorMessage": "Path is taken"}, {"errorMessage": "Too long"}]', ": Path is taken; Too long"),
        ('{"title": "Bad Request"}', ": Bad Request"),
        ("<html>secret stack trace</html>", ""),
        ('"text"', ""),
        ("[]", ""),
        ("{}", ""),
        ("[" * 200_000, ""),
    ],
)
async def test_the_upstreams_own_words_are_quoted(http: Http, body: str, quoted: str) -> None:
    respx.get(f"{URL}/list").respond(400, text=body)
    with pytest.raises(Rejected) as caught:
        await http.send("GET", "/list", operation="read")
    assert caught.value.message == f"refused the request (400){quoted}"


@respx.mock
async def test_a_long_message_is_cut(http: Http) -> None:
    respx.get(f"{URL}/list").respond(500, json={"message": "x" * 5_000})
    with pytest.raises(Unreachable) as caught:
        await http.send("GET", "/list", operation="read")
    assert len(str(caught.value)) < 250


def _echo(request: httpx.Request) -> httpx.Response:
    return httpx.Response(400, json={"message": f"bad key {request.headers['authorization']}"})


def _refuse(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(401, json={"message": f"bad key {KEY}"})


def _break(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError(f"no route for {request.headers['authorization']}")


@pytest.mark.parametrize("answer", [_echo, _refuse, _break])
async def test_secrets_never_stand_in_an_error(answer: Callable[[httpx.Request], httpx.Response]) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with Http(NAME, URL, headers=headers, transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(UpstreamError) as caught:
            await http.send("POST", "/login", operation="login", form={"password": "hunter2hunter2"})
        assert KEY not in repr(http)
    for text in (str(caught.value), repr(caught.value), caught.value.message):
        assert KEY not in text
        assert "hunter2hunter2" not in text


async def test_a_refusal_is_quoted_on_one_line_or_said_in_better_words() -> None:
    said = iter(["invalid\n token of " + KEY, "long " + "x" * 999, "Not found here.", ""])

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={"message": next(said)})

    known = {"Not found here.": "is not there"}
    headers = {"X-Api-Key": KEY}
    messages: list[str] = []
    async with Http(NAME, URL, headers=headers, refusals=known, transport=httpx.MockTransport(answer)) as http:
        for _ in range(4):
            with pytest.raises(UpstreamError) as caught:
                await http.send("POST", "/thing", operation="write")
            assert isinstance(caught.value, Rejected if len(messages) == 2 else Unauthorized)
            messages.append(caught.value.message)
    assert messages[0] == "refused our credentials (403): invalid token of ***"
    assert len(messages[1]) < 250
    assert messages[2:] == ["is not there", "refused our credentials (403)"]


@pytest.mark.parametrize("password", ["pass", "two  words", "hunter2hunter2"])
async def test_a_secret_that_is_sent_elsewhere_is_not_quoted_either(password: str) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": f"login with <{password}> failed"})

    async with Http(NAME, URL, secrets=[password], transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(Rejected) as caught:
            await http.send("POST", "/login", operation="login", form={"password": password})
    assert caught.value.message == "refused the request (400): login with <***> failed"


async def test_the_password_of_qbittorrent_is_not_quoted() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/login"):
            (sent,) = parse_qs(request.content.decode())["password"]
            return httpx.Response(400, json={"message": f"no user for {sent}"})
        return httpx.Response(403)

    transport = httpx.MockTransport(answer)
    client = qbittorrent.connect(NAME, URL, username="admin", password="hunter2", transport=transport)
    with pytest.raises(UpstreamError, match=r"no user for \*\*\*$"):
        await client.torrents()
    await client.aclose()


async def test_short_words_and_the_scheme_of_our_headers_may_be_quoted() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": "the cli sent no usable Bearer"})

    headers = {"Authorization": f"Bearer {KEY}", "Reconciler-Client": "cli"}
    async with Http(NAME, URL, headers=headers, transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(Rejected, match="the cli sent no usable Bearer"):
            await http.send("GET", "/list", operation="read")


async def test_proxy_settings_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]") as url, Http(NAME, url) as http:
        assert (await http.send("GET", "/list", operation="read")).json() == []


async def test_cookies_are_carried_until_they_are_forgotten() -> None:
    sent: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"set-cookie": "SID=abc; HttpOnly; path=/"})

    async with Http(NAME, URL, transport=httpx.MockTransport(answer)) as http:
        await http.send("GET", "/a", operation="read")
        await http.send("GET", "/b", operation="read")
        http.forget_cookies()
        await http.send("GET", "/c", operation="read")
    assert sent == [None, "SID=abc", None]
