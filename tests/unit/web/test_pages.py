"""The pages: who sees them, what they never show, and that a form of another site changes nothing."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from reconciler.model import (
    DeletionState,
    Event,
    InstanceName,
    Phase,
    SettledAs,
    Source,
    Target,
    TargetKind,
    WebhookState,
)
from reconciler.ports import Accepted, AcceptedDeletion, ConnectionSeen, Heard, KeptReceipt, Overview
from reconciler.reasons import MEANINGS, Reason
from reconciler.web.pages.choices import DONE, EFFECTS
from tests.unit.web.fakes import (
    API_TOKEN,
    NOW,
    UNKNOWN_ID,
    WEBHOOK_SECRET,
    World,
    condition,
    database_down,
    movie,
    settings,
)

READ_TOKEN = "read-token-of-this-test"
HTML = {"Accept": "text/html"}
HOSTILE = '<script>alert("x")</script>\u202e\r\nSet-Cookie: a=b\x1b[31m' + "A" * 10_000


def held(number: int = 1, **changes: object) -> DeletionState:
    return replace(movie(number, **changes), conditions=(condition(Reason.BREAKER_OPEN), condition(Reason.PROTECTED)))


def receipt_of(body: str) -> KeptReceipt:
    return KeptReceipt(1, Source.RADARR, InstanceName("radarr"), NOW, Heard.DELETE, body[:100], "", (), body)


@pytest.fixture
def world() -> World:
    world = World(settings=settings(read_token=SecretStr(READ_TOKEN)))
    world.store.shown = Overview(by_phase={Phase.HELD: 1})
    world.store.add(held())
    world.store.kept = [receipt_of("{}")]
    return world


@pytest.fixture
def app(world: World) -> Starlette:
    return world.app()


@pytest.fixture
async def browser(world: World, app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A browser: it keeps cookies, asks for pages and follows nothing by itself."""
    async with world.client(app=app) as client:
        client.headers["Accept"] = "text/html"
        client.headers["Origin"] = "http://127.0.0.1:8585"
        yield client


def cookie_of(browser: httpx.AsyncClient) -> tuple[str, str]:
    """Return the name and value of the session's cookie."""
    ((name, value),) = browser.cookies.items()
    return name, value


def field_in(page: httpx.Response, name: str) -> str:
    (value,) = re.findall(rf'name="{name}" value="([^"]*)"', page.text)
    return str(value)


def token_in(page: httpx.Response) -> str:
    (token, *_) = re.findall(r'name="form_token" value="([0-9a-f]+)"', page.text)
    return str(token)


async def sign_in(browser: httpx.AsyncClient, token: str = API_TOKEN, way_back: str = "") -> httpx.Response:
    form = await browser.get("/sign-in")
    return await browser.post("/sign-in", data={"form_token": token_in(form), "token": token, "next": way_back})


@pytest.mark.parametrize("path", ["/", "/deletions", "/needs-you", f"/deletions/{held().deletion.id}"])
async def test_since_is_the_time_of_the_reason_on_every_page(
    world: World, browser: httpx.AsyncClient, path: str
) -> None:
    long_ago = NOW - timedelta(days=14)
    protected = replace(condition(Reason.PROTECTED), last_transition_time=long_ago, reason_since=NOW)
    world.store.add(replace(movie(requested_at=long_ago), conditions=(protected,)))
    await sign_in(browser)
    shown = " ".join((await browser.get(path)).text.split())
    since = re.search(r'(?:Since|[Hh]eld since|Since when\?</dt><dd>) ?<time datetime="([^"]+)"', shown)
    assert since is not None
    assert since[1] == NOW.isoformat()
    assert shown.count(long_ago.isoformat()) == 1, "when it was asked for, and nothing else"


@pytest.mark.parametrize(("left", "is_watched"), [(timedelta(hours=1), True), (timedelta(days=-29), False)])
async def test_a_page_of_what_ended_knows_when_its_watch_window_has_ended(
    world: World, browser: httpx.AsyncClient, left: timedelta, is_watched: bool
) -> None:
    ended = movie(settled_at=NOW - timedelta(days=30), settled_as=SettledAs.CONVERGED, watch_until=NOW + left)
    deletion = world.store.add(replace(ended, conditions=(condition(Reason.ABSENT),)))
    await sign_in(browser)
    assert ("It is watched" in (await browser.get(f"/deletions/{deletion}")).text) == is_watched


# --- signing in ---


@pytest.mark.parametrize("path", ["/", "/status", "/deletions", f"/deletions/{held().deletion.id}", "/needs-you"])
async def test_who_has_not_signed_in_is_sent_to_and_comes_back(browser: httpx.AsyncClient, path: str) -> None:
    refused = await browser.get(path)
    assert refused.status_code == 303
    way_back = refused.headers["location"]
    assert way_back.startswith("/sign-in")
    form = await browser.get(way_back)
    (wanted,) = re.findall(r'name="next" value="([^"]*)"', form.text)
    arrived = await sign_in(browser, way_back=wanted)
    assert arrived.headers["location"] == path
    assert (await browser.get(path)).status_code == 200


async def test_a_session_is_a_cookie_that_scripts_and_other_sites_cannot_use(browser: httpx.AsyncClient) -> None:
    cookie = (await sign_in(browser)).headers["set-cookie"]
    assert cookie.startswith("reconciler_")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    assert API_TOKEN not in cookie


async def test_behind_https_the_cookie_never_leaves_it(browser: httpx.AsyncClient) -> None:
    browser.headers["X-Forwarded-Proto"] = "https"
    assert "Secure" in (await browser.get("/sign-in")).headers["set-cookie"]


async def test_signing_in_begins_a_session_that_nobody_can_have_prepared(browser: httpx.AsyncClient) -> None:
    await browser.get("/sign-in")
    name, before = cookie_of(browser)
    await sign_in(browser)
    assert cookie_of(browser) != (name, before)
    browser.cookies.clear()
    assert (await browser.get("/deletions", headers={"Cookie": f"{name}={before}"})).status_code == 303


@pytest.mark.parametrize("wrong", ["", "wrong", WEBHOOK_SECRET, API_TOKEN[:-1]])
async def test_a_wrong_token_is_told_and_opens_nothing(browser: httpx.AsyncClient, wrong: str) -> None:
    answer = await sign_in(browser, wrong)
    assert answer.status_code == 403
    assert "not one of the tokens" in answer.text
    assert (await browser.get("/deletions")).status_code == 303


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "/ö", "/a\r\nX: y", "/" + "a" * 2000],
)
async def test_a_way_back_leads_nowhere_else(browser: httpx.AsyncClient, elsewhere: str) -> None:
    assert (await sign_in(browser, way_back=elsewhere)).headers["location"] == "/"


async def test_signing_out_ends_it(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    page = await browser.get("/")
    assert (await browser.post("/sign-out", data={"form_token": token_in(page)})).status_code == 303
    assert (await browser.get("/deletions")).status_code == 303


async def test_a_changed_token_ends_its_sessions(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    other = World(store=world.store, settings=settings(api_token=SecretStr("another-token-of-this-test")))
    async with other.client() as later:
        later.cookies.set(*cookie_of(browser))
        assert (await later.get("/deletions", headers=HTML)).status_code == 303


async def test_another_replica_knows_the_session(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    async with world.client() as replica:
        replica.cookies.set(*cookie_of(browser))
        assert (await replica.get("/deletions", headers=HTML)).status_code == 200


async def test_a_forged_cookie_is_no_session(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    name, good = cookie_of(browser)
    browser.cookies.clear()
    payload, signed_at, signature = good.rsplit(".", 2)
    other_access = f"{other_first_letter(payload)}.{signed_at}.{signature}"
    other_time = f"{payload}.{other_first_letter(signed_at)}.{signature}"
    other_signature = f"{payload}.{signed_at}.{other_first_letter(signature)}"
    for forged in ("", "x", other_access, other_time, other_signature, f"{payload}.{signed_at}.", good.swapcase()):
        assert (await browser.get("/deletions", headers={"Cookie": f"{name}={forged}"})).status_code == 303


def other_first_letter(text: str) -> str:
    """Return another Base64 text: of the last letter some bits mean nothing, of the first one all count."""
    return ("B" if text[0] == "A" else "A") + text[1:]


async def test_where_no_token_is_configured_nobody_signs_in(world: World) -> None:
    world.settings = settings(api_token=None, webhook_secret=None)
    async with world.client() as client:
        page = await client.get("/", headers=HTML)
    assert page.status_code == 200
    assert "Sign out" not in page.text


async def test_a_session_reads_documents_too_and_changes_nothing_without_a_form(
    world: World, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser)
    assert (await browser.get("/status", headers={"Accept": "application/json"})).status_code == 200
    assert (await browser.post(f"/deletions/{held().deletion.id}/cancel")).status_code == 401
    assert (await browser.post("/breaker/release")).status_code == 401
    assert world.store.decided == []


# --- deciding ---


def decide(decision: str) -> str:
    return f"/deletions/{held().deletion.id}/confirm/{decision}"


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        ("approve", ["goes on although", "cannot be undone"]),
        ("cancel", ["Nothing more of it is deleted.", "monitored again"]),
        ("retry", ["looked at again at once"]),
    ],
)
async def test_what_will_happen_is_said_before_and_done_after(
    world: World, browser: httpx.AsyncClient, decision: str, says: list[str]
) -> None:
    await sign_in(browser)
    question = await browser.get(decide(decision))
    assert [words for words in says if words not in question.text] == []
    assert world.store.decided == []
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', question.text))
    done = await browser.post(decide(decision), data=form)
    assert done.headers["location"].startswith(f"/deletions/{held().deletion.id}?said=")
    assert [what for what, _, _ in world.store.decided] == [decision]
    assert len(world.wakes) == 1
    page = await browser.get(done.headers["location"])
    assert DONE[decision] in page.text  # type: ignore[index]  # each of them is a decision


async def test_torrents_are_bound_by_their_hashes_and_a_mistake_is_explained(
    world: World, browser: httpx.AsyncClient
) -> None:
    unattributed = replace(movie(), conditions=(condition(Reason.UNATTRIBUTED_TORRENT),))
    world.store.add(unattributed)
    await sign_in(browser)
    token = token_in(await browser.get(decide("attribute")))
    wrong = await browser.post(decide("attribute"), data={"form_token": token, "hashes": "<b>all"})
    assert wrong.status_code == 422
    assert "&lt;b&gt;all" in wrong.text
    assert world.store.decided == []
    hashes = f"{'a' * 40}\r\n{'B' * 40}, {'c' * 40}"
    await browser.post(decide("attribute"), data={"form_token": token, "hashes": hashes})
    assert [what for what, _, _ in world.store.decided] == [f"attribute {'a' * 40} {'b' * 40} {'c' * 40}"]


@pytest.mark.parametrize("path", [decide("cancel"), decide("approve"), "/needs-you/breaker", "/sign-out", "/sign-in"])
@pytest.mark.parametrize("forged", ["", "0" * 64, "ü", "another"])
async def test_a_form_that_is_not_from_here_does_nothing(
    world: World, app: Starlette, browser: httpx.AsyncClient, path: str, forged: str
) -> None:
    await sign_in(browser)
    if forged == "another":  # the token of somebody else's session
        async with world.client(app=app) as other:
            forged = token_in(await other.get("/sign-in"))
    response = await browser.post(path, data={"form_token": forged, "token": API_TOKEN})
    assert response.status_code == 403
    assert "not from here" in response.text
    assert world.store.decided == []


async def test_another_site_can_send_no_form(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    token = token_in(await browser.get(decide("cancel")))
    response = await browser.post(
        decide("cancel"), data={"form_token": token}, headers={"Origin": "https://evil.example"}
    )
    assert response.status_code == 403
    assert world.store.decided == []


async def test_who_may_only_look_is_offered_nothing_and_can_do_nothing(
    world: World, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser, READ_TOKEN)
    page = await browser.get(f"/deletions/{held().deletion.id}")
    assert "may only read" in page.text
    assert "/confirm/" not in page.text
    assert "/confirm/" not in (await browser.get("/needs-you")).text
    token = token_in(page)
    for path in (decide("approve"), "/needs-you/breaker"):
        assert (await browser.post(path, data={"form_token": token})).status_code == 403
    assert world.store.decided == []


async def test_in_bulk_only_what_the_breaker_holds_is_let_go(world: World, browser: httpx.AsyncClient) -> None:
    world.store.add(held(2))
    world.store.add(replace(movie(3, title="Not by it"), conditions=(condition(Reason.PROTECTED),)))
    await sign_in(browser)
    queue = await browser.get("/needs-you")
    assert "The breaker holds 2 deletions" in queue.text
    assert "Not by it" in queue.text
    question = await browser.get("/needs-you/breaker")
    assert "Not by it" not in question.text
    form = {"form_token": token_in(question), "shown": field_in(question, "shown")}
    done = await browser.post("/needs-you/breaker", data=form)
    assert [what for what, _, _ in world.store.decided] == ["release", "release"]
    assert "2 deletions go on" in (await browser.get(done.headers["location"])).text


async def test_what_the_breaker_holds_by_now_is_not_let_go_unseen(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    question = await browser.get("/needs-you/breaker")
    world.store.add(held(2))
    form = {"form_token": token_in(question), "shown": field_in(question, "shown")}
    assert (await browser.post("/needs-you/breaker", data=form)).status_code == 409
    assert (await browser.post("/needs-you/breaker", data={"form_token": token_in(question)})).status_code == 409
    assert world.store.decided == []


async def test_an_approval_lifts_nothing_that_was_not_shown(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    question = await browser.get(decide("approve"))
    world.store.add(replace(held(), conditions=(*held().conditions, condition(Reason.INFERRED_DELETE))))
    form = {"form_token": token_in(question), "shown": field_in(question, "shown")}
    late = await browser.post(decide("approve"), data=form)
    assert late.status_code == 409
    assert "Things have changed meanwhile" in late.text
    assert world.store.decided == []


@pytest.mark.parametrize("reason", [reason for reason, meaning in MEANINGS.items() if meaning.approvable])
async def test_what_lifting_each_reason_does_is_said_before(
    world: World, browser: httpx.AsyncClient, reason: Reason
) -> None:
    world.store.add(replace(movie(), conditions=(condition(reason),)))
    await sign_in(browser)
    assert EFFECTS[reason] in (await browser.get(decide("approve"))).text


async def test_what_is_bound_is_named_before_an_approval(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    assert "Nothing yet: it is looked for" in (await browser.get(decide("approve"))).text
    entry = Target(TargetKind.ENTRY, InstanceName("radarr"), "7", name="A Film", size=3 * 2**30)
    torrents = [Target(TargetKind.TORRENT, InstanceName("qbittorrent"), f"{n:040x}", name=f"T{n}") for n in range(22)]
    gone = replace(torrents[0], name="Gone before", absent_since=NOW)
    files = [Target(TargetKind.FILE, InstanceName("sonarr"), str(n), size=2**30, season=1) for n in range(3)]
    world.store.add(replace(held(), targets=(entry, gone, *torrents, *files)))
    page = (await browser.get(decide("approve"))).text
    assert re.search(r"entry at radarr: <bdi>A Film</bdi> <span[^>]*>\(3.0 GiB\)", page)
    assert ("<bdi>T18</bdi>" in page, "<bdi>T19</bdi>" in page, "and 3 more titles and torrents" in page) == (
        True,
        False,
        True,
    )
    assert re.search(r"3 episode files <span[^>]*>\(3.0 GiB\)", page)
    assert "Gone before" not in page
    assert "What is bound to it" not in (await browser.get(decide("cancel"))).text


async def test_an_approval_says_what_holds_it_still(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    still = condition(Reason.SHARED_FOLDER)
    for holds, said in (
        (held().conditions, "The deletion goes on."),
        ((*held().conditions, still), "It stays held by SharedFolder."),
    ):
        world.store.add(replace(held(), conditions=holds))
        question = await browser.get(decide("approve"))
        form = {"form_token": token_in(question), "shown": field_in(question, "shown")}
        done = await browser.post(decide("approve"), data=form, follow_redirects=True)
        assert said in done.text


async def test_one_that_is_called_off_offers_no_approval(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    world.store.add(held(cancel_requested_at=NOW))
    page = (await browser.get(f"/deletions/{held().deletion.id}")).text
    assert "It was cancelled, and nothing more of it is deleted." in page
    assert ("/confirm/approve" in page, "/confirm/cancel" in page, "/confirm/retry" in page) == (False, False, True)
    assert (await browser.get(decide("approve"))).status_code == 409


async def test_a_page_says_nothing_of_itself(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    for path in (*EVERY_PAGE, "/docs"):
        assert 'class="notice" role="status"' not in (await browser.get(path)).text


async def test_a_mere_link_says_nothing(world: World, app: Starlette, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    question = await browser.get(decide("cancel"))
    done = await browser.post(decide("cancel"), data={"form_token": token_in(question)})
    async with world.client(app=app) as other:
        await other.get("/sign-in", headers=HTML)
        form = await other.get("/sign-in", headers=HTML)
        await other.post("/sign-in", data={"form_token": token_in(form), "token": API_TOKEN})
        assert DONE["cancel"] not in (await other.get(done.headers["location"], headers=HTML)).text
    assert DONE["cancel"] in (await browser.get(done.headers["location"])).text
    assert (await browser.get("/?said=cancel")).status_code == 200


async def test_a_decision_that_came_too_late_is_explained(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    late = await browser.get(decide("attribute"))  # nothing is unattributed
    assert late.status_code == 409
    assert "Things have changed" in late.text
    assert (await browser.get(decide("destroy"))).status_code == 404


# --- what is shown, and what never is ---

EVERY_PAGE = [
    "/",
    "/deletions",
    "/deletions?q=x&phase=held",
    f"/deletions/{held().deletion.id}",
    "/needs-you",
    "/needs-you/breaker",
    "/webhooks",
    "/receipts/1",
    decide("approve"),
    decide("cancel"),
]


@pytest.mark.parametrize("path", EVERY_PAGE)
async def test_no_title_can_be_more_than_text(world: World, browser: httpx.AsyncClient, path: str) -> None:
    changes = {"title": HOSTILE, "requested_by": HOSTILE}
    state = replace(held(1, **changes), conditions=(condition(Reason.BREAKER_OPEN, HOSTILE),))
    world.store.add(state)
    world.store.kept = [receipt_of(HOSTILE)]
    await sign_in(browser)
    page = await browser.get(path)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text
    assert not set("\u202e\x1b") & set(page.text)
    assert "A" * 1001 not in page.text or path.startswith("/receipts/"), "only what is shown raw is shown whole"
    assert "set-cookie: a" not in str(page.headers).lower()


async def test_a_page_shows_the_newest_of_a_long_timeline_and_where_the_others_are(
    world: World, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser)
    deletion = held().deletion.id
    older = "Older events are in the API"
    world.store.timeline[deletion] = tuple(Event("Drift", f"no. {n}", NOW, number=n) for n in range(1, 201))
    whole = (await browser.get(f"/deletions/{deletion}")).text
    assert ("No. 1." in whole, older in whole) == (True, False)
    world.store.timeline[deletion] += (Event("Drift", "no. 201", NOW, number=201),)
    newest = (await browser.get(f"/deletions/{deletion}")).text
    assert ("No. 1." in newest, "No. 2." in newest, "No. 201." in newest, older in newest) == (False, True, True, True)


async def test_the_webhooks_page_tells_what_to_enter_and_never_the_secret(
    world: World, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser)
    page = await browser.get("/webhooks")
    for path in ("/webhooks/radarr", "/webhooks/sonarr", "/webhooks/jellyseerr", "/webhooks/dashboard"):
        assert f"http://127.0.0.1:8585{path}" in page.text
    assert "Authorization: Bearer WEBHOOK_SECRET" in page.text
    assert "{{notification_type}}" in page.text
    assert WEBHOOK_SECRET not in page.text
    world.settings = settings(public_url="https://gone.example/reconciler")
    async with world.client() as client:
        client.cookies.set(*cookie_of(browser))
        page = await client.get("/webhooks", headers=HTML)
    assert "https://gone.example/reconciler/webhooks/radarr" in page.text
    assert "127.0.0.1" not in page.text


@pytest.mark.parametrize(
    ("state", "on_webhooks", "on_home"),
    [
        (WebhookState(False), "not set up there", "not set up"),
        (WebhookState(True, False), "switched off there", "off"),
        (WebhookState(True, True, ("it could not deliver",), muted=True), "muted there after failures", "muted"),
        (WebhookState(True, True, ("tags: some",)), "set up, but not as it should be", "not as it should be"),
        (WebhookState(True, True), "set up", "set up"),
    ],
)
async def test_pages_tell_how_a_webhook_stands(
    world: World, browser: httpx.AsyncClient, state: WebhookState, on_webhooks: str, on_home: str
) -> None:
    world.store.shown = Overview(connections={InstanceName("radarr"): ConnectionSeen(state, NOW)})
    await sign_in(browser)
    for path, words in (("/", on_home), ("/webhooks", on_webhooks)):
        page = await browser.get(path)
        assert re.search(rf'<span class="state-word \w+">{words}</span>', page.text), path
    assert [problem for problem in state.problems if f"<bdi>{problem.capitalize()}" not in page.text] == []


async def test_receipts_tell_how_they_were_understood_and_what_followed(
    world: World, browser: httpx.AsyncClient
) -> None:
    made = AcceptedDeletion(Accepted.CREATED, held().deletion.id)
    nothing = replace(receipt_of("{}"), number=2, heard=Heard.IGNORED, reason="it is not about a title", deletions=())
    world.store.kept = [nothing, replace(receipt_of('{"a": "ö"}'), deletions=(made,))]
    await sign_in(browser)
    page = await browser.get("/webhooks")
    assert "It is not about a title." in page.text
    assert f'<a href="/deletions/{held().deletion.id}">created</a>' in page.text
    detail = await browser.get("/receipts/1")
    assert "{\n  &#34;a&#34;: &#34;ö&#34;\n}" in detail.text
    for missing in ("/receipts/7", "/receipts/x", "/receipts/9999999999999999999"):
        assert (await browser.get(missing)).status_code == 404


@pytest.mark.parametrize("path", [*EVERY_PAGE, "/sign-in", "/nowhere"])
async def test_a_page_can_do_nothing_but_what_comes_from_here(browser: httpx.AsyncClient, path: str) -> None:
    await sign_in(browser)
    page = await browser.get(path)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (
        re.findall(r"<script(?! src=\"/static/)|<style|\son\w+=|\sstyle=|(?:src|href|action)=\"(?!/|#|\?)", page.text)
        == []
    )
    assert page.headers["cache-control"] == "no-store"


async def test_the_status_is_public_only_when_it_is_meant_to_be_and_then_names_no_title(
    world: World, browser: httpx.AsyncClient
) -> None:
    assert (await browser.get("/")).status_code == 303
    world.settings = settings(status_public=True)
    async with world.client() as stranger:
        page = await stranger.get("/", headers=HTML)
        assert page.status_code == 200
        assert "1 needs you" in page.text
        assert "A Film" not in page.text
        assert "/deletions" not in page.text
        for path in ("/deletions", "/needs-you", f"/deletions/{held().deletion.id}"):
            assert (await stranger.get(path, headers=HTML)).status_code == 303
        assert (await stranger.get("/status")).status_code == 401


async def test_what_goes_wrong_is_a_page_too(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    for path, status, words in (
        (f"/deletions/{UNKNOWN_ID}", 404, "There is no such deletion"),
        ("/nowhere", 404, "There is nothing at this address"),
        ("/deletions/../x", 404, "There is nothing at this address"),
    ):
        page = await browser.get(path)
        assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert words in page.text
    world.store.broken = database_down()
    page = await browser.get("/deletions")
    assert page.status_code == 503
    assert "The database does not answer" in page.text
    assert "hunter2" not in page.text


async def test_a_filter_that_cannot_be_used_is_not_applied_in_silence(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    page = await browser.get("/deletions?phase=nonsense&cursor=nonsense")
    assert page.status_code == 200
    assert '<a href="?" aria-current="true">all</a>' in page.text


async def test_static_files_are_kept_by_browsers_and_change_their_address(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/sign-in")
    found = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert len(found) >= 3
    for address in found:
        assert re.search(r"\?v=[0-9a-f]{12}$", address)
        file = await browser.get(address)
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
    assert (await browser.get("/static/../app.py")).status_code == 404
    assert (await browser.get("/static/%2e%2e/routes.py")).status_code == 404


async def test_below_a_prefix_every_link_has_it(world: World) -> None:
    world.settings = settings(root_path="/gone")
    async with world.client() as client:
        client.headers.update(HTML)
        refused = await client.get("/gone/deletions")
        assert refused.headers["location"] == "/gone/sign-in?next=%2Fdeletions"
        form = await client.get("/gone/sign-in")
        data = {"form_token": token_in(form), "token": API_TOKEN, "next": "/deletions"}
        assert (await client.post("/gone/sign-in", data=data)).headers["location"] == "/gone/deletions"
        page = await client.get("/gone/deletions")
    links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text)
    assert links
    assert [link for link in links if not link.startswith("/gone/")] == []


async def test_a_static_file_of_another_version_is_not_kept(browser: httpx.AsyncClient) -> None:
    for query in ("", "?v=000000000000"):
        assert (await browser.get(f"/static/app.css{query}")).headers["cache-control"] == "no-cache"


async def test_a_page_about_a_missing_file_leads_back(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/static/nothing.css")
    assert page.status_code == 404
    assert "/static/static" not in page.text
    assert 'href="/sign-in"' in page.text


@pytest.mark.parametrize("origin", ["http://[::1", "null", "http://"])
async def test_an_origin_that_is_no_address_is_foreign(browser: httpx.AsyncClient, origin: str) -> None:
    token = token_in(await browser.get("/sign-in"))
    data = {"form_token": token, "token": API_TOKEN}
    assert (await browser.post("/sign-in", data=data, headers={"Origin": origin})).status_code == 403


@pytest.mark.parametrize("path", ["/", "/nowhere", "/deletions"])
@pytest.mark.parametrize("host", ["nas.example", "[::1"])
async def test_a_name_that_is_not_served_gets_a_page_that_says_so(world: World, path: str, host: str) -> None:
    world.settings = settings(api_token=None, webhook_secret=None)
    async with world.client() as client:
        page = await client.get(path, headers={**HTML, "Host": host})
    assert page.status_code == 403
    assert "not served without a secret" in page.text


async def test_a_proxy_that_sends_credentials_of_its_own_along_hinders_nobody(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    answer = await browser.get("/status", headers={"Accept": "application/json", "Authorization": "Basic eDp5"})
    assert answer.status_code == 200


async def test_a_browser_is_never_asked_for_a_password_by_itself(world: World) -> None:
    async with world.client() as client:
        asked = await client.get("/status", headers={"Sec-Fetch-Mode": "cors"})
        program = await client.get("/status")
    assert (asked.status_code, asked.headers["www-authenticate"]) == (401, 'Bearer realm="reconciler"')
    assert "Basic" in program.headers["www-authenticate"]


async def test_a_clock_that_is_a_little_ahead_signs_nobody_out(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    for seconds, status in ((-240, 200), (-600, 303), (6 * 86_400, 200), (8 * 86_400, 303)):
        world.now = NOW + timedelta(seconds=seconds)
        async with world.client() as replica:
            replica.cookies.set(*cookie_of(browser))
            assert (await replica.get("/deletions", headers=HTML)).status_code == status


async def test_of_many_held_ones_a_page_is_shown(world: World, browser: httpx.AsyncClient) -> None:
    for number in range(2, 40):
        world.store.add(held(number))
    await sign_in(browser)
    page = await browser.get("/needs-you")
    assert page.text.count('class="held-one"') == 25
    assert '<a href="?cursor=more" rel="next">Older</a>' in page.text
    assert "The breaker holds 39 deletions" in page.text
