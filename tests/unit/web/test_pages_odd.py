"""Pages of what is rare: every one can be read, and none of them says what only programs understand."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from reconciler.model import (
    ConditionType,
    DeletionState,
    Event,
    InstanceName,
    LedgerCoverage,
    Media,
    MediaKind,
    Options,
    Phase,
    SettledAs,
    Source,
    Target,
    TargetKind,
    UpstreamKind,
    WebhookState,
)
from reconciler.ports import (
    Accepted,
    AcceptedDeletion,
    ConnectionSeen,
    Convergence,
    Evidence,
    Freed,
    Heard,
    KeptReceipt,
    LoopStatus,
    MessengerState,
    Overview,
    PassRecord,
    PlannedStep,
    PlanPreview,
    Sent,
    UpstreamHealth,
)
from reconciler.reasons import Reason
from tests.unit.web.fakes import API_TOKEN, NOW, World, condition, id_of, movie, settings

EARLIER = NOW - timedelta(hours=5)
RADARR, QBITTORRENT = InstanceName("radarr"), InstanceName("qbittorrent")
SERIES = Media(MediaKind.SERIES, tmdb_id=None, tvdb_id=71471)


def settled_as(as_: SettledAs, reason: Reason | None = None, **changes: object) -> DeletionState:
    facts: dict[str, object] = {"settled_at": NOW, "settled_as": as_, "settled_reason": reason, **changes}
    return movie(1, **facts)


def held(state: DeletionState) -> DeletionState:
    reasons = (Reason.PROTECTED, Reason.UNATTRIBUTED_TORRENT, Reason.BREAKER_OPEN)
    return replace(state, conditions=tuple(condition(reason, "") for reason in reasons))


BARE = Target(TargetKind.FILE, RADARR, "")
GONE = Target(TargetKind.TORRENT, QBITTORRENT, "a" * 40, absent_since=EARLIER)
ENTRY = Target(TargetKind.ENTRY, RADARR, "7", media=SERIES, season=1, size=5, files=tuple(f"/d/{n}" for n in range(60)))

DELETIONS: Mapping[str, DeletionState] = {
    "no title and no year": held(movie(title=None, year=None, requested_by=None)),
    "no title, a series": held(movie(title=None, year=None, media=SERIES, instances=frozenset())),
    "an empty title": movie(title="", year=1999),
    "a year without a title": movie(title=None),
    "seasons": held(movie(media=SERIES, seasons=frozenset({0, 1, 12}), title="A Series")),
    "several instances": movie(instances=frozenset({RADARR, InstanceName("radarr-4k")})),
    "just written down": movie(source=Source.CLI),
    "concluded": held(movie(inferred=True, source=Source.JELLYSEERR)),
    "found by polling": movie(source=Source.RESYNC, requested_by=None),
    "every option": movie(
        options=Options(delete_files=False, add_exclusion=True, blocklist=True), not_before=NOW + timedelta(days=400)
    ),
    "settled without a reason": settled_as(SettledAs.CANCELLED),
    "settled as nobody expects": settled_as(SettledAs.CANCELLED, Reason.ABSENT),
    "converged without a watch": settled_as(SettledAs.CONVERGED, requested_at=EARLIER),
    "converged and watched": settled_as(SettledAs.CONVERGED, watch_until=NOW + timedelta(days=1)),
    "cancelled while it worked": movie(
        cancel_requested_at=NOW, destroyed_at=NOW, approved=frozenset({Reason.PROTECTED})
    ),
    "nothing bound": replace(movie(), conditions=(condition(Reason.NOT_LOOKED_YET),)),
    "evidence without names": replace(movie(), targets=(BARE, GONE, ENTRY)),
}
"""By what is odd about them."""


def evidence(state: DeletionState) -> tuple[Evidence, ...]:
    sent = (Sent("RemoveTorrent", 3, EARLIER, NOW), Sent("DeleteEntry", 1, NOW, NOW))
    return tuple(Evidence(target, sent=sent if target.absent_since else ()) for target in state.targets)


def receipt(**changes: object) -> KeptReceipt:
    values: dict[str, object] = {
        "number": 1,
        "source": Source.DASHBOARD,
        "instance": None,
        "received_at": EARLIER,
        "heard": Heard.DELETE,
        "event": "",
        "reason": "",
        "deletions": (AcceptedDeletion(Accepted.CREATED, id_of(1)), AcceptedDeletion(Accepted.CREATED, None)),
        "body": "",
    }
    return KeptReceipt(**(values | changes))  # type: ignore[arg-type]  # by name


PLANS: Mapping[str, PlanPreview] = {
    "an empty plan": PlanPreview(id_of(1)),
    "a plan of everything": PlanPreview(
        id_of(1),
        steps=(
            PlannedStep("DeleteEntry", RADARR),
            PlannedStep("RemoveTorrent", QBITTORRENT, "", "", 5, tuple(f"/d/{number}" for number in range(9))),
        ),
        notes=("", "not before 2999"),
        ends_as=Phase.WAITING,
    ),
}

GAP = (NOW - timedelta(days=2), NOW - timedelta(days=1))
OVERVIEWS: Mapping[str, Overview] = {
    "nothing at all": Overview(),
    "everything at once": Overview(
        by_phase=dict.fromkeys(Phase, 1),
        oldest_unsettled_at=EARLIER,
        upstreams=(
            UpstreamHealth(QBITTORRENT, UpstreamKind.QBITTORRENT, False, EARLIER, last_error="did not answer"),
            UpstreamHealth(RADARR, UpstreamKind.RADARR, True, NOW, "Radarr", "", NOW, "most of the list is missing"),
        ),
        coverage=(
            LedgerCoverage(RADARR, NOW, 1200, 1200, synced_at=NOW, gaps=(GAP, GAP)),
            LedgerCoverage(InstanceName("sonarr"), None, 7),
        ),
        last_pass=PassRecord(EARLIER, NOW, 1, 0, 1, "it could not be read"),
        leader="pod-2",
        freed=Freed(2**50, 1),
        convergences=(
            Convergence(id_of(1), NOW, timedelta()),
            Convergence(id_of(2), EARLIER, timedelta(days=30)),
            Convergence(id_of(3), NOW + timedelta(seconds=3), timedelta(seconds=-3)),
        ),
        connections={
            RADARR: ConnectionSeen(WebhookState(True, False, ("", "only titles with some tags")), EARLIER),
            InstanceName("sonarr"): ConnectionSeen(WebhookState(False), NOW),
        },
        messengers=(MessengerState(1, "ntfy", EARLIER, failing_since=EARLIER, last_error="refused"),),
    ),
}
HOUSES: Mapping[str, Callable[[], World]] = {
    "as usual": World,
    "no upstream": lambda: World(settings=settings(qbittorrent=(), radarr=(), sonarr=(), jellyseerr=(), jellyfin=())),
    "observing, and no secrets": lambda: World(settings=settings(mode="observe", api_token=None, webhook_secret=None)),
    "the leader elsewhere": lambda: World(loop=LoopStatus(True, None, False, "pod-1")),
    "a loop that stopped": lambda: World(loop=LoopStatus(False, None, False, "pod-1")),
    "secrets being changed": lambda: World(
        settings=settings(previous_api_token=SecretStr("the-token-before-this-one"), public_url="http://reconciler")
    ),
    "under a path, and public": lambda: World(settings=settings(root_path="/gone", status_public=True)),
}

_FOR_PROGRAMS = re.compile(
    r"\bNone\b|\bUndefined\b|\bTrue\b(?!</td>)|\bFalse\b|<[A-Z]\w+[.:]|datetime\.|frozenset|\(\)|\[\]"
)


async def read(world: World, path: str, *, signed_in: bool = True) -> str:
    """Return a page as it is read, without its markup; fails unless it is one."""
    async with world.client(secret=API_TOKEN if signed_in else None) as client:
        page = await client.get(path, headers={"Accept": "text/html"})
    assert page.status_code == 200, f"{path}: {page.status_code}"
    body = page.text.partition("<main")[2].partition("</main>")[0]
    assert body, path
    text = re.sub(r"<pre.*?</pre>|<[^>]+>", " ", "<main" + body, flags=re.DOTALL)
    assert _FOR_PROGRAMS.findall(text) == [], f"{path}: {text}"
    return " ".join(text.split())


@pytest.mark.parametrize("name", DELETIONS)
async def test_an_odd_deletion_can_be_read_on_every_page(world: World, name: str) -> None:
    state = DELETIONS[name]
    deletion = world.store.add(state)
    world.store.known[deletion] = evidence(state)
    world.store.timeline[deletion] = (Event("Accepted", "", None), Event("ConditionChanged", "x", NOW))
    world.store.kept = [receipt()]
    world.store.shown = Overview(by_phase={state.phase: 1})
    world.preview = lambda _: PLANS["an empty plan"]
    text = await read(world, f"/deletions/{deletion}")
    assert "What do I have to do?" in text
    for path in ("/", "/deletions", f"/deletions?phase={state.phase.value}", "/needs-you", "/needs-you/breaker"):
        await read(world, path)
    for decision in decisions_of(text):
        await read(world, f"/deletions/{deletion}/confirm/{decision}")


def decisions_of(text: str) -> set[str]:
    words = {"Approve…": "approve", "Bind torrents…": "attribute", "Cancel…": "cancel", "Retry now…": "retry"}
    return {decision for word, decision in words.items() if word in text}


async def test_every_reason_at_every_condition_can_be_read(world: World) -> None:
    for reason in Reason:
        for type_ in ConditionType:
            state = replace(movie(), conditions=(replace(condition(reason, ""), type=type_),))
            world.store.shown = Overview(by_phase={state.phase: 1})
            deletion = world.store.add(state)
        text = await read(world, f"/deletions/{deletion}")
        assert reason.value in text
        await read(world, "/")


@pytest.mark.parametrize("name", PLANS)
async def test_an_odd_plan_can_be_read(world: World, name: str) -> None:
    world.preview = lambda _: PLANS[name]
    deletion = world.store.add(movie(title=None))
    assert "If every upstream does as it is told" in await read(world, f"/deletions/{deletion}/plan")


@pytest.mark.parametrize("house", HOUSES)
@pytest.mark.parametrize("name", OVERVIEWS)
async def test_an_odd_house_can_be_read(house: str, name: str) -> None:
    world = HOUSES[house]()
    world.store.shown = OVERVIEWS[name]
    world.store.add(held(movie(title=None)))
    world.store.kept = [receipt(), receipt(number=2, heard=Heard.IGNORED, deletions=(), reason="nothing follows")]
    for path in ("/", "/webhooks", "/receipts/1", "/receipts/2", "/needs-you"):
        await read(world, path)


async def test_a_public_status_can_be_read_by_strangers_in_every_house() -> None:
    for shown in OVERVIEWS.values():
        world = World(settings=settings(status_public=True))
        world.store.shown = shown
        text = await read(world, "/", signed_in=False)
        assert "did not answer" not in text
        assert "pod-2" not in text
