"""What Jellyseerr's notifications mean: every type of upstreams.md 1.1 and every template variation of 1.5 to 1.7."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.intake import parse_jellyseerr
from reconciler.model import (
    NEVER_DELETING_NOTIFICATIONS,
    WANTED_NOTIFICATIONS,
    DeletionRequest,
    Hints,
    Media,
    MediaKind,
    Source,
)
from reconciler.ports import Heard, Understood
from tests.unit.intake.fixtures import any_json, any_text, calm, names, webhook

DEFAULT = frozenset({"MEDIA_DECLINED"})
MOVIE = Media(MediaKind.MOVIE, tmdb_id=533514)
SERIES = Media(MediaKind.SERIES, tmdb_id=154494, tvdb_id=414057)


def one(understood: Understood) -> DeletionRequest:
    assert understood.heard is Heard.DELETE
    (wish,) = understood.deletions
    return wish


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("media-pending", Heard.WANT),
        ("media-approved", Heard.WANT),
        ("media-approved-series-4k", Heard.WANT),
        ("media-available", Heard.WANT),
        ("media-failed", Heard.WANT),
        ("test-notification", Heard.TEST),
        ("media-declined", Heard.DELETE),
        ("media-declined-series", Heard.DELETE),
        ("media-auto-approved", Heard.WANT),
        ("issue-created", Heard.IGNORED),
        ("issue-comment", Heard.IGNORED),
        ("issue-comment-command", Heard.IGNORED),
        ("issue-created-command-season", Heard.IGNORED),
        ("issue-created-command-episode", Heard.IGNORED),
        ("issue-resolved", Heard.IGNORED),
        ("issue-reopened", Heard.IGNORED),
        ("media-auto-requested", Heard.WANT),
        ("template-plain-keys", Heard.DELETE),
        ("template-missing-keys", Heard.DELETE),
        ("template-overseerr", Heard.DELETE),
        ("template-flat", Heard.IGNORED),
        ("template-constant-delete", Heard.WANT),
        ("template-constant-type", Heard.IGNORED),
    ],
)
def test_every_notification_is_heard_for_what_it_is(name: str, heard: Heard) -> None:
    payload = webhook(f"jellyseerr-{name}")
    understood = parse_jellyseerr(payload, delete_on=DEFAULT)
    assert understood.heard is heard
    assert understood.event == payload["notification_type"]
    assert bool(understood.deletions) == (heard is Heard.DELETE)
    assert bool(understood.reason) == (heard is Heard.IGNORED)


def test_every_jellyseerr_fixture_is_one_of_the_types_above() -> None:
    assert len(names("jellyseerr")) == 23


def test_a_captured_auto_approval_only_wakes_the_want_check() -> None:
    understood = parse_jellyseerr(webhook("jellyseerr-media-auto-approved"), delete_on=DEFAULT)
    assert understood == Understood(Heard.WANT, event="MEDIA_AUTO_APPROVED", about=MOVIE)


def test_a_wanted_notification_without_a_usable_title_speaks_of_no_title() -> None:
    payload = webhook("jellyseerr-media-approved") | {"media": None}
    assert parse_jellyseerr(payload, delete_on=DEFAULT) == Understood(Heard.WANT, event="MEDIA_APPROVED")


def test_a_title_holds_no_secret_and_no_address() -> None:
    payload = webhook("jellyseerr-media-declined") | {"subject": "Film apikey=SECRET mail a@b.cz (1999)"}
    assert one(parse_jellyseerr(payload, delete_on=DEFAULT)).title == "Film apikey=[secret] mail [e-mail]"


def test_a_declined_movie_is_an_inferred_deletion_that_spares_its_own_request() -> None:
    understood = parse_jellyseerr(webhook("jellyseerr-media-declined"), delete_on=DEFAULT)
    assert one(understood) == DeletionRequest(
        media=MOVIE,
        title="The Quiet Harbour",
        year=2020,
        source=Source.JELLYSEERR,
        requested_by="user",
        hints=Hints(request_id=69),
        inferred=True,
        because="request 69 was declined",
    )


def test_a_declined_series_is_known_by_both_ids() -> None:
    wish = one(parse_jellyseerr(webhook("jellyseerr-media-declined-series"), delete_on=DEFAULT))
    assert (wish.media, wish.title, wish.year) == (SERIES, "Lantern Street", 2022)
    assert wish.hints == Hints(request_id=12)
    assert wish.seasons == frozenset({1, 2})


def series_declined(**changes: object) -> Understood:
    return parse_jellyseerr(webhook("jellyseerr-media-declined-series") | changes, delete_on=DEFAULT)


@pytest.mark.parametrize(
    ("value", "seasons"), [("1", {1}), ("0, 2", {0, 2}), ("2023,2024", {2023, 2024}), (" 3 ", {3}), (4, {4})]
)
def test_the_requested_seasons_are_those_covered(value: object, seasons: set[int]) -> None:
    assert one(series_declined(extra=[{"name": "Requested Seasons", "value": value}])).seasons == frozenset(seasons)


@pytest.mark.parametrize(
    "extra",
    [
        *(
            [{"name": "Requested Seasons", "value": value}]
            for value in ("", "all", "1, x", "1, ", "-1", None, 10000, [1])
        ),
        [{"name": "requested seasons"}],
        [{"name": "Requested Seasons", "value": "1"}, {"name": "Requested Seasons", "value": "2"}],
        ["Requested Seasons: 1"],
        [{"name": None, "value": "1"}],
        {"name": "Requested Seasons", "value": "1"},
        "Requested Seasons: 1",
    ],
)
def test_seasons_that_cannot_be_read_never_mean_the_whole_series(extra: object) -> None:
    understood = series_declined(extra=extra)
    assert understood.heard is Heard.IGNORED
    assert "cannot be read" in understood.reason


@pytest.mark.parametrize("extra", [None, [], "", [{"name": "Other", "value": "1"}]])
def test_a_decline_without_seasons_is_left_to_its_request(extra: object) -> None:
    wish = one(series_declined(extra=extra))
    assert (wish.seasons, wish.hints, wish.inferred) == (None, Hints(request_id=12), True)


def test_a_declined_series_without_seasons_and_request_covers_nothing() -> None:
    understood = series_declined(extra=[], request=None)
    assert understood.heard is Heard.IGNORED
    assert "neither its seasons nor its request" in understood.reason


def test_a_declined_series_with_seasons_needs_no_request() -> None:
    assert one(series_declined(request=None)).seasons == frozenset({1, 2})


def test_a_movie_has_no_seasons_and_needs_no_extra() -> None:
    declined = webhook("jellyseerr-media-declined")
    seasons = {"extra": [{"name": "Requested Seasons", "value": "1"}]}
    assert "seasons of a movie" in parse_jellyseerr(declined | seasons, delete_on=DEFAULT).reason
    assert one(parse_jellyseerr(declined | {"extra": "unreadable"}, delete_on=DEFAULT)).seasons is None


@pytest.mark.parametrize("name", ["template-plain-keys", "template-missing-keys", "template-overseerr"])
def test_null_missing_and_empty_objects_mean_the_same(name: str) -> None:
    wish = one(parse_jellyseerr(webhook(f"jellyseerr-{name}"), delete_on=DEFAULT))
    assert (wish.media, wish.title, wish.year) == (MOVIE, "The Quiet Harbour", 2020)


def test_old_overseerr_templates_name_who_asked_at_the_top() -> None:
    assert one(parse_jellyseerr(webhook("jellyseerr-template-overseerr"), delete_on=DEFAULT)).requested_by == "user"


def test_a_type_of_a_custom_template_is_explicit_and_does_not_spare_a_request() -> None:
    understood = parse_jellyseerr(webhook("jellyseerr-template-flat"), delete_on=DEFAULT | {"MEDIA_DELETED"})
    assert one(understood) == DeletionRequest(
        media=SERIES,
        title="Lantern Street",
        year=2022,
        source=Source.JELLYSEERR,
        requested_by="user",
        hints=Hints(),
        inferred=False,
    )


@pytest.mark.parametrize("tmdb_key", ["tmdbId", "tmdb_id", "tmdbid", "media_tmdbid"])
@pytest.mark.parametrize("value", ["603", 603, " 603 "])
def test_ids_are_found_under_every_spelling_and_as_text_or_number(tmdb_key: str, value: object) -> None:
    payload = {"notification_type": "MEDIA_DECLINED", "media_type": "movie", tmdb_key: value}
    assert one(parse_jellyseerr(payload, delete_on=DEFAULT)).media == Media(MediaKind.MOVIE, tmdb_id=603)


@pytest.mark.parametrize(
    "value", ["", "0", 0, None, -1, "abc", "{{media_tmdbid}}", True, 1.5, [603], {"id": 603}, "9" * 5000, 2**31]
)
def test_an_id_that_is_none_is_never_guessed(value: object) -> None:
    payload = {"notification_type": "MEDIA_DECLINED", "media": {"media_type": "movie", "tmdbId": value}}
    understood = parse_jellyseerr(payload, delete_on=DEFAULT)
    assert understood.heard is Heard.IGNORED
    assert "no usable TMDB or TVDB id" in understood.reason


@pytest.mark.parametrize("media_type", ["", None, "season", "anime", 1, ["movie"]])
def test_a_media_type_that_is_neither_movie_nor_tv_is_ignored(media_type: object) -> None:
    payload = {"notification_type": "MEDIA_DECLINED", "media": {"media_type": media_type, "tmdbId": "603"}}
    assert "media_type" in parse_jellyseerr(payload, delete_on=DEFAULT).reason


def test_a_movie_is_never_identified_by_a_tvdb_id() -> None:
    payload = {"notification_type": "MEDIA_DECLINED", "media": {"media_type": "movie", "tmdbId": "", "tvdbId": "5"}}
    assert parse_jellyseerr(payload, delete_on=DEFAULT).heard is Heard.IGNORED


@pytest.mark.parametrize("extra", [{"tmdb_id": "604"}, {"media_type": "tv"}])
def test_a_payload_that_names_two_titles_deletes_neither(extra: dict[str, object]) -> None:
    payload = {"notification_type": "MEDIA_DECLINED", "media": {"media_type": "movie", "tmdbId": "603"}} | extra
    understood = parse_jellyseerr(payload, delete_on=DEFAULT)
    assert understood.heard is Heard.IGNORED
    assert "more than one title" in understood.reason


def test_a_decline_is_ignored_when_declines_are_not_configured() -> None:
    understood = parse_jellyseerr(webhook("jellyseerr-media-declined"), delete_on=frozenset())
    assert understood.heard is Heard.IGNORED
    assert "delete_on" in understood.reason


@pytest.mark.parametrize("event", sorted(NEVER_DELETING_NOTIFICATIONS))
def test_no_configuration_makes_a_wish_a_test_or_an_issue_delete(event: str) -> None:
    payload = webhook("jellyseerr-media-declined") | {"notification_type": event, "action": "delete"}
    understood = parse_jellyseerr(payload, delete_on=frozenset({event}))
    assert understood.heard in {Heard.WANT, Heard.TEST, Heard.IGNORED}
    assert (understood.heard is Heard.WANT) == (event in WANTED_NOTIFICATIONS)


@pytest.mark.parametrize(
    "words",
    [
        "Movie Request Approved",
        "4K Series Request Automatically Approved",
        "New 4K Movie Request",
        "Movie Request Now Available",
        "Series Request Failed",
        "Movie Request Declined",
        "New Video Issue Reported",
        "Video Issue Resolved",
        "New Comment on Video Issue",
    ],
)
def test_a_constant_type_does_not_outweigh_what_the_event_says(words: str) -> None:
    payload = webhook("jellyseerr-media-declined") | {"notification_type": "MEDIA_DELETED", "event": words}
    understood = parse_jellyseerr(payload, delete_on=frozenset({"MEDIA_DELETED"}))
    assert understood.heard is Heard.IGNORED
    assert "must not be a constant" in understood.reason


@pytest.mark.parametrize("words", ["", "Movie Deleted", "Movie no longer available", None])
def test_the_event_of_a_real_delete_does_not_prevent_it(words: object) -> None:
    payload = webhook("jellyseerr-media-declined") | {"notification_type": "MEDIA_DELETED", "event": words}
    assert parse_jellyseerr(payload, delete_on=frozenset({"MEDIA_DELETED"})).heard is Heard.DELETE


def test_a_display_name_that_is_an_address_is_dropped() -> None:
    payload: dict[str, Any] = copy.deepcopy(webhook("jellyseerr-media-declined"))
    payload["request"]["requestedBy_username"] = "user@example.org"
    assert one(parse_jellyseerr(payload, delete_on=DEFAULT)).requested_by is None


def test_a_title_without_a_year_is_kept_whole() -> None:
    payload = webhook("jellyseerr-media-declined") | {"subject": "Harbour \u202e(draft)\x00"}
    wish = one(parse_jellyseerr(payload, delete_on=DEFAULT))
    assert (wish.title, wish.year) == ("Harbour (draft)", None)


@pytest.mark.parametrize("payload", [None, [], "text", 5, {}, {"notification_type": None}, {"media": {}}])
def test_what_is_no_notification_is_ignored_with_a_reason(payload: object) -> None:
    understood = parse_jellyseerr(payload, delete_on=DEFAULT)
    assert understood.heard is Heard.IGNORED
    assert understood.reason


_types = (
    st.sampled_from(["MEDIA_DECLINED", "MEDIA_DELETED", "MEDIA_APPROVED", "ISSUE_CREATED", "TEST_NOTIFICATION"])
    | any_json
)
_shaped = st.fixed_dictionaries(
    {"notification_type": _types},
    optional={
        "media": st.fixed_dictionaries({}, optional={"media_type": any_json, "tmdbId": any_json, "tvdbId": any_json})
        | any_json,
        "media_type": st.sampled_from(["movie", "tv"]) | any_json,
        "tmdb_id": st.integers(-5, 5) | any_json,
        "request": st.dictionaries(any_text, any_json, max_size=3) | any_json,
        "subject": any_json,
        "event": any_json,
        "extra": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["Requested Seasons", "Affected Season"]), "value": any_json}
            )
        )
        | any_json,
        "issue_id": st.integers(-1, 2),
        "message": st.just("!delete") | any_json,
    },
)


@calm
@given(payload=any_json | _shaped)
def test_no_json_raises_and_only_configured_types_with_an_id_delete(payload: object) -> None:
    types = frozenset({"MEDIA_DECLINED", "MEDIA_DELETED", "MEDIA_APPROVED"})
    understood = parse_jellyseerr(payload, delete_on=types, command_phrase="!delete")
    for wish in understood.deletions:
        assert understood.event in {"MEDIA_DECLINED", "MEDIA_DELETED", "ISSUE_CREATED"}
        assert (wish.hints.command is not None) == (understood.event == "ISSUE_CREATED")
        assert wish.seasons is None or (wish.seasons and wish.media.kind is MediaKind.SERIES)
        assert wish.media.tmdb_id or wish.media.tvdb_id
        assert wish.inferred == (understood.event == "MEDIA_DECLINED")
    assert bool(understood.deletions) == (understood.heard is Heard.DELETE)
    for shown in (understood.event, understood.reason):
        assert shown.encode().isascii() or shown.isprintable()
