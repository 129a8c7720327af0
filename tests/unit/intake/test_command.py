"""Deletions that are ordered in an issue of Jellyseerr."""

import copy
from typing import Any

import pytest
from hypothesis import given

from reconciler.intake import command_text, parse_jellyseerr
from reconciler.model import (
    NEVER_DELETING_NOTIFICATIONS,
    WANTED_NOTIFICATIONS,
    DeletionRequest,
    Hints,
    IssueCommand,
    Media,
    MediaKind,
    Source,
)
from reconciler.ports import Heard, Understood
from tests.unit.intake.fixtures import any_json, calm, webhook

PHRASE = "!delete"
COMMENT = webhook("jellyseerr-issue-comment-command")
SEASON = webhook("jellyseerr-issue-created-command-season")


def hear(payload: object, phrase: str | None = PHRASE) -> Understood:
    return parse_jellyseerr(payload, delete_on=frozenset({"MEDIA_DECLINED"}), command_phrase=phrase)


def one(understood: Understood) -> DeletionRequest:
    assert understood.heard is Heard.DELETE
    (wish,) = understood.deletions
    return wish


def comment(said: object) -> dict[str, Any]:
    payload: dict[str, Any] = copy.deepcopy(COMMENT)
    payload["comment"]["comment_message"] = said
    return payload


def test_a_comment_that_begins_with_the_phrase_orders_a_deletion_of_nobody_yet() -> None:
    assert one(hear(COMMENT)) == DeletionRequest(
        media=Media(MediaKind.MOVIE, tmdb_id=533514),
        title="The Quiet Harbour",
        year=2020,
        source=Source.JELLYSEERR,
        requested_by=None,
        hints=Hints(command=IssueCommand(7, "!delete, it is green")),
        because="issue 7 in Jellyseerr orders it",
    )


def test_an_issue_that_begins_with_the_phrase_covers_the_season_it_is_about() -> None:
    wish = one(hear(SEASON))
    assert wish.media == Media(MediaKind.SERIES, tmdb_id=154494, tvdb_id=414057)
    assert wish.seasons == frozenset({2})
    assert wish.hints == Hints(command=IssueCommand(9, "!delete The sound is late."))


def test_an_issue_about_the_whole_series_covers_it() -> None:
    assert one(hear(SEASON | {"extra": []})).seasons is None


def test_a_comment_is_not_judged_by_what_the_issue_said() -> None:
    payload = comment("thanks") | {"message": "!delete"}
    assert hear(payload).heard is Heard.IGNORED


@pytest.mark.parametrize("phrase", [None, "", " "])
@pytest.mark.parametrize("payload", [COMMENT, SEASON])
def test_without_a_phrase_nothing_is_ordered(payload: dict[str, object], phrase: str | None) -> None:
    assert hear(payload, phrase).heard is Heard.IGNORED


@pytest.mark.parametrize(
    "said", ["!delete", "  !DELETE ", "!Delete\nplease", "!delete.", "!delete-it", "\u202e!delete now", "!delete\x00"]
)
def test_the_phrase_is_found_in_any_case_at_the_beginning(said: str) -> None:
    assert hear(comment(said)).heard is Heard.DELETE


@pytest.mark.parametrize(
    "said", ["please !delete", "!deleted", "!delete_it", "!delete2", "!del", "", None, 5, ["!delete"]]
)
def test_anything_else_is_no_order(said: object) -> None:
    understood = hear(comment(said))
    assert understood.heard is Heard.IGNORED
    assert "does not begin with the command phrase" in understood.reason


@pytest.mark.parametrize("phrase", ["Reconciler delete", " reconciler   DELETE "])
def test_a_phrase_may_be_of_several_words(phrase: str) -> None:
    assert hear(comment("reconciler  delete this"), phrase).heard is Heard.DELETE


def test_a_phrase_is_no_pattern() -> None:
    assert hear(comment("xdelete"), ".delete").heard is Heard.IGNORED


@pytest.mark.parametrize("issue", [None, {}, {"issue_id": ""}, {"issue_id": "0"}, {"issue_id": "{{issue_id}}"}])
def test_without_an_issue_to_ask_about_nothing_is_ordered(issue: object) -> None:
    understood = hear(COMMENT | {"issue": issue})
    assert understood.heard is Heard.IGNORED
    assert "issue_id" in understood.reason


def test_two_issues_are_neither() -> None:
    assert hear(COMMENT | {"issue_id": "8"}).heard is Heard.IGNORED
    assert hear(COMMENT | {"issue_id": "7"}).heard is Heard.DELETE


@pytest.mark.parametrize("value", ["", "x", "-1", "1, 2", None, "10000", [1]])
def test_an_affected_season_that_cannot_be_read_never_means_the_whole_series(value: object) -> None:
    understood = hear(SEASON | {"extra": [{"name": "Affected Season", "value": value}]})
    assert understood.heard is Heard.IGNORED
    assert "Affected Season" in understood.reason


def test_an_episode_alone_is_not_deleted() -> None:
    understood = hear(webhook("jellyseerr-issue-created-command-episode"))
    assert understood.heard is Heard.IGNORED
    assert understood.reason == "ISSUE_CREATED: an episode alone is not deleted"


def test_a_season_of_a_movie_is_a_contradiction() -> None:
    extra = {"extra": [{"name": "Affected Season", "value": "1"}]}
    assert "seasons of a movie" in hear(COMMENT | extra).reason


@pytest.mark.parametrize(
    "words", ["Movie Request Approved", "Video Issue Resolved", "Video Issue Reopened", "New Movie Request"]
)
@pytest.mark.parametrize("payload", [COMMENT, SEASON | {"message": "!delete"}])
def test_a_constant_type_does_not_outweigh_what_the_event_says(payload: dict[str, object], words: str) -> None:
    understood = hear(payload | {"event": words})
    assert understood.heard is Heard.IGNORED
    assert "must not be a constant" in understood.reason


@pytest.mark.parametrize("words", ["", None, "Neuer Kommentar"])
def test_an_event_in_other_words_does_not_prevent_an_order(words: object) -> None:
    assert hear(COMMENT | {"event": words}).heard is Heard.DELETE


@pytest.mark.parametrize("event", sorted(NEVER_DELETING_NOTIFICATIONS - {"ISSUE_CREATED", "ISSUE_COMMENT"}))
def test_no_other_type_orders_anything(event: str) -> None:
    understood = hear(COMMENT | {"notification_type": event, "message": "!delete"})
    assert not understood.deletions
    assert (understood.heard is Heard.WANT) == (event in WANTED_NOTIFICATIONS)


def test_the_normal_form_joins_white_space_hides_secrets_and_is_short() -> None:
    assert (
        command_text(" !Delete\r\n \x01 it\x00,\u202e a@b.cz apikey=SECRET ") == "!Delete it, [e-mail] apikey=[secret]"
    )
    assert command_text("x" * 900) == "x" * 500


@pytest.mark.parametrize("nothing", [None, "", " \n", 5, {}])
def test_nothing_written_is_the_empty_text(nothing: object) -> None:
    assert command_text(nothing) == ""


@calm
@given(raw=any_json)
def test_whatever_was_written_has_a_normal_form_that_can_be_stored(raw: object) -> None:
    form = command_text(raw)
    assert form == " ".join(form.split())
    assert b"\0" not in form.encode()
