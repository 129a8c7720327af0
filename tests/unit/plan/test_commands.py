"""Orders in issues: who wrote them is proven before anything else."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import ConditionType, DeletionState, Hints, IssueCommand, Media, SettledAs, Source
from reconciler.observed import Issue, IssueComment, Seen, Unseen
from reconciler.plan import Plan, World, plan_deletion
from reconciler.reasons import Effect, Reason, effect_of
from tests.support.clocks import START
from tests.support.worlds import (
    HEAT,
    LOST,
    POLICY,
    RONIN,
    UNREACHABLE,
    condition,
    deletion,
    entry,
    library,
    reason,
    world,
)

REQUEST = ConditionType.REQUEST_CLEARED
ADMIN, MANAGE_REQUESTS, MANAGE_ISSUES, REQUEST_ONLY = 2, 16, 1048576, 32
COMMAND = IssueCommand(issue_id=8, text="!delete")


def ordered(media: Media = HEAT, **more: Any) -> DeletionState:
    return deletion(media, source=Source.JELLYSEERR, hints=Hints(command=COMMAND), **more)


def issue(*said: tuple[str, int], media: Media = HEAT, season: int | None = None) -> Issue:
    """An issue with these comments: what each says, and the permissions of who wrote it."""
    comments = tuple(IssueComment(number, text, bits) for number, (text, bits) in enumerate(said, start=1))
    return Issue(8, media, comments, season)


def seeing(one: Issue | Unseen | None) -> World:
    seen = world(radarr=library(entry(7)), sonarr=library(entry(5, LOST, file_count=0)))
    if one is None:
        return seen
    return replace(seen, issues={8: one if isinstance(one, Unseen) else Seen(one, START)})


def look(state: DeletionState, one: Issue | Unseen | None) -> Plan:
    return plan_deletion(state, seeing(one), POLICY)


@pytest.mark.parametrize("permissions", [ADMIN, MANAGE_REQUESTS, ADMIN | REQUEST_ONLY])
def test_an_order_of_somebody_who_manages_requests_is_obeyed(permissions: int) -> None:
    assert look(ordered(), issue(("it stutters", 0), ("!delete", permissions))).bind is not None


@pytest.mark.parametrize("permissions", [0, REQUEST_ONLY, MANAGE_ISSUES])
def test_an_order_of_anybody_else_ends_the_deletion(permissions: int) -> None:
    plan = look(ordered(), issue(("!delete", permissions)))
    assert plan.bind is None
    assert plan.settle == (SettledAs.CANCELLED, Reason.NOT_ALLOWED)


@pytest.mark.parametrize("one", [None, UNREACHABLE], ids=["not read", "unreachable"])
def test_an_order_whose_author_cannot_be_seen_waits(one: Unseen | None) -> None:
    plan = look(ordered(), one)
    assert plan.bind is None
    assert plan.settle is None
    assert reason(plan, REQUEST) is Reason.COMMAND_UNVERIFIED
    assert effect_of(Reason.COMMAND_UNVERIFIED) is Effect.WAIT


@pytest.mark.parametrize(
    ("state", "one"),
    [
        (ordered(), issue(("!delete", ADMIN), media=RONIN)),
        (ordered(LOST), issue(("!delete", ADMIN), media=LOST, season=1)),
        (ordered(LOST, seasons=[2]), issue(("!delete", ADMIN), media=LOST, season=1)),
        (ordered(LOST, seasons=[1, 2]), issue(("!delete", ADMIN), media=LOST, season=1)),
        (ordered(), issue(("please !delete", ADMIN))),
        (ordered(), issue()),
    ],
    ids=["another title", "a whole series", "another season", "more seasons", "other words", "deleted meanwhile"],
)
def test_an_order_for_anything_but_what_its_issue_says_ends_the_deletion(state: DeletionState, one: Issue) -> None:
    plan = look(state, one)
    assert plan.bind is None
    assert plan.settle == (SettledAs.CANCELLED, Reason.NOT_ALLOWED)
    assert condition(plan, REQUEST).message


def test_an_order_for_the_season_of_its_issue_is_obeyed() -> None:
    assert look(ordered(LOST, seasons=[1]), issue(("!delete", ADMIN), media=LOST, season=1)).bind is not None


def test_of_several_comments_with_the_same_words_the_newest_counts() -> None:
    assert look(ordered(), issue(("!delete", 0), ("!delete", ADMIN))).bind is not None
    assert look(ordered(), issue(("!delete", ADMIN), ("!delete", 0))).settle is not None
