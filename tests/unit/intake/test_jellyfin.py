"""What the notifications of Jellyfin's webhook plugin mean (upstreams.md 6.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.intake import parse_jellyfin
from reconciler.model import DeletionRequest, Media, MediaKind, Source
from reconciler.ports import Heard, Understood
from tests.unit.intake.fixtures import any_json, any_text, calm, names, webhook

MOVIE = webhook("jellyfin-item-deleted-movie")
SERIES = webhook("jellyfin-item-deleted-series")


def parse(payload: object, *, deletes: bool = True, needs_approval: bool = True) -> Understood:
    return parse_jellyfin(payload, deletes=deletes, needs_approval=needs_approval)


def one(understood: Understood) -> DeletionRequest:
    assert understood.heard is Heard.DELETE
    (wish,) = understood.deletions
    return wish


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("item-added", Heard.IGNORED),
        ("item-deleted-episode", Heard.IGNORED),
        ("item-deleted-movie", Heard.DELETE),
        ("item-deleted-season", Heard.IGNORED),
        ("item-deleted-series", Heard.DELETE),
    ],
)
def test_every_notification_is_heard_for_what_it_is(name: str, heard: Heard) -> None:
    understood = parse(webhook(f"jellyfin-{name}"))
    assert understood.heard is heard
    assert understood.event == webhook(f"jellyfin-{name}")["NotificationType"]
    assert bool(understood.deletions) == (heard is Heard.DELETE)
    assert bool(understood.reason) == (heard is Heard.IGNORED)


def test_every_fixture_of_jellyfin_is_one_of_those_above() -> None:
    assert len(names("jellyfin")) == 5


@pytest.mark.parametrize("needs_approval", [True, False])
def test_a_movie_that_left_the_library_is_an_inferred_wish(needs_approval: bool) -> None:
    assert one(parse(MOVIE, needs_approval=needs_approval)) == DeletionRequest(
        media=Media(MediaKind.MOVIE, tmdb_id=533514),
        title="The Quiet Harbour",
        year=2020,
        source=Source.JELLYFIN,
        inferred=True,
        needs_approval=needs_approval,
        because="it left Jellyfin's library",
    )


def test_a_series_is_known_by_both_ids() -> None:
    assert one(parse(SERIES)).media == Media(MediaKind.SERIES, tmdb_id=154494, tvdb_id=414057)


def test_a_movie_is_never_identified_by_a_tvdb_id() -> None:
    assert one(parse(MOVIE | {"Provider_tvdb": "7"})).media == Media(MediaKind.MOVIE, tmdb_id=533514)
    assert parse(MOVIE | {"Provider_tmdb": "", "Provider_tvdb": "7"}).heard is Heard.IGNORED


def test_nothing_is_deleted_when_the_configuration_says_ignore() -> None:
    understood = parse(MOVIE, deletes=False)
    assert understood.heard is Heard.IGNORED
    assert "on_item_deleted is ignore" in understood.reason


@pytest.mark.parametrize("name", ["season", "episode"])
def test_a_season_or_an_episode_cannot_be_identified(name: str) -> None:
    assert "not those of its series" in parse(webhook(f"jellyfin-item-deleted-{name}")).reason


@pytest.mark.parametrize(
    "part", [{"SeasonNumber": 0}, {"SeasonNumber": "1"}, {"EpisodeNumber": 2}, {"itemtype": "Season"}]
)
def test_a_constant_type_does_not_outweigh_what_the_item_is(part: dict[str, object]) -> None:
    understood = parse(SERIES | part)
    assert understood.heard is Heard.IGNORED
    assert "cannot be identified" in understood.reason


@pytest.mark.parametrize("empty", ["", None])
def test_variables_that_rendered_to_nothing_say_nothing(empty: object) -> None:
    assert parse(MOVIE | {"SeasonNumber": empty, "EpisodeNumber": empty}).heard is Heard.DELETE


@pytest.mark.parametrize("item_type", ["Folder", "BoxSet", "", None, 5, ["Movie"]])
def test_other_items_are_ignored(item_type: object) -> None:
    assert "ItemType" in parse(MOVIE | {"ItemType": item_type}).reason


@pytest.mark.parametrize("value", ["", "0", None, "tt1", "{{Provider_tmdb}}", True, 1.5, [5], 2**31])
def test_an_id_that_is_none_is_never_guessed(value: object) -> None:
    assert "no usable TMDB or TVDB id" in parse(MOVIE | {"Provider_tmdb": value}).reason


def test_keys_are_found_in_any_case_and_two_titles_are_neither() -> None:
    lower = {key.lower(): value for key, value in MOVIE.items()}
    assert one(parse(lower)).media == Media(MediaKind.MOVIE, tmdb_id=533514)
    assert "more than one title" in parse(MOVIE | {"provider_tmdb": "604"}).reason


@pytest.mark.parametrize("kind", ["Test", "test", "TestNotification"])
def test_a_test_is_a_test_whatever_item_it_shows(kind: str) -> None:
    assert parse(MOVIE | {"NotificationType": kind}) == Understood(Heard.TEST, event=kind)


def test_a_title_holds_no_secret_and_no_address() -> None:
    assert one(parse(MOVIE | {"Name": "Film apikey=SECRET mail a@b.cz"})).title == "Film apikey=[secret] mail [e-mail]"


@pytest.mark.parametrize("payload", [None, [], "text", 5, {}, {"NotificationType": None}, {"ItemType": "Movie"}])
def test_what_is_no_notification_is_ignored_with_a_reason(payload: object) -> None:
    understood = parse(payload)
    assert understood.heard is Heard.IGNORED
    assert understood.reason


_shaped = st.fixed_dictionaries(
    {"NotificationType": st.sampled_from(["ItemDeleted", "ItemAdded"]) | any_json},
    optional={
        "ItemType": st.sampled_from(["Movie", "Series", "Season"]) | any_json,
        "Provider_tmdb": st.integers(-5, 5) | any_json,
        "Provider_tvdb": any_json,
        "SeasonNumber": any_json,
        "Name": any_text,
        "Year": any_json,
    },
)


@calm
@given(payload=any_json | _shaped)
def test_no_json_raises_and_only_whole_titles_with_an_id_are_wishes(payload: object) -> None:
    understood = parse(payload)
    for wish in understood.deletions:
        assert wish.media.tmdb_id or wish.media.tvdb_id
        assert (wish.inferred, wish.seasons) == (True, None)
        (wish.title or "").encode()
    assert bool(understood.deletions) == (understood.heard is Heard.DELETE)
