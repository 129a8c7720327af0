"""What a dashboard may ask for, and how it is told what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.intake import MAX_DELETIONS, InvalidPayload, parse_dashboard
from reconciler.model import DeletionRequest, Hints, InfoHash, Media, MediaKind, Options, Source
from tests.unit.intake.fixtures import any_json, calm, webhook

HASH = "c2c60f66c126652a86f7f2ee73dc83d4e255929e"
MOVIE = {"media_type": "movie", "tmdb_id": 603}
SERIES = {"media_type": "tv", "tvdb_id": 81189}


def one(payload: object) -> DeletionRequest:
    (wish,) = parse_dashboard(payload)
    return wish


def fields(payload: object) -> list[str]:
    with pytest.raises(InvalidPayload) as caught:
        parse_dashboard(payload)
    assert all(problem.message for problem in caught.value.problems)
    return [problem.field for problem in caught.value.problems]


def test_a_movie_with_all_that_a_dashboard_knows() -> None:
    assert parse_dashboard(webhook("dashboard-movie")) == (
        DeletionRequest(
            media=Media(MediaKind.MOVIE, tmdb_id=533514),
            title="The Quiet Harbour",
            year=2020,
            source=Source.DASHBOARD,
            requested_by="admin",
            options=Options(delete_files=True),
            hints=Hints(hashes=(InfoHash(HASH),), radarr_id=52, jellyseerr_id=31),
        ),
    )


def test_a_series_with_ids_as_text_and_files_kept() -> None:
    wish = one(webhook("dashboard-series"))
    assert wish.media == Media(MediaKind.SERIES, tmdb_id=154494, tvdb_id=414057)
    assert wish.options == Options(delete_files=False)
    assert wish.hints == Hints(hashes=(InfoHash("3f92992e2fbeb6ebb251304236bf5e0b600a91c3"),), sonarr_id=23)


def test_several_deletions_keep_their_order() -> None:
    assert [wish.media for wish in parse_dashboard(webhook("dashboard-several"))] == [
        Media(MediaKind.MOVIE, tmdb_id=533514),
        Media(MediaKind.SERIES, tvdb_id=414057),
    ]


def test_the_least_that_is_needed_deletes_files_everywhere_and_is_explicit() -> None:
    wish = one(MOVIE)
    assert (wish.options, wish.instances, wish.inferred) == (Options(delete_files=True), None, False)


def test_both_hash_fields_add_up_and_each_hash_counts_once() -> None:
    other = "a" * 64
    wish = one(MOVIE | {"qbit_hash": HASH.upper(), "qbit_hashes": [other, HASH]})
    assert wish.hints.hashes == (HASH, other)


def test_null_means_not_given() -> None:
    nulls = dict.fromkeys(["tvdb_id", "title", "year", "requested_by", "qbit_hash", "qbit_hashes", "sonarr_id"])
    assert one(MOVIE | nulls) == one(MOVIE)


def test_text_is_cleaned_and_limited_and_shows_no_address() -> None:
    wish = one(MOVIE | {"title": "A\x00 \u202eB\ud800\n C" + "x" * 900, "requested_by": "joe <joe@example.org>"})
    assert wish.title is not None
    assert wish.title.startswith("A B Cxxx")
    assert len(wish.title) == 500
    assert wish.requested_by == "joe <[e-mail]>"


def test_a_title_holds_no_secret_and_no_address() -> None:
    assert one(MOVIE | {"title": "Film apikey=SECRET mail a@b.cz"}).title == "Film apikey=[secret] mail [e-mail]"


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ({}, ["media_type"]),
        ([], [""]),
        (None, [""]),
        ("x", [""]),
        ({"deletions": []}, ["deletions"]),
        ({"deletions": None}, ["deletions"]),
        ({"deletions": {}}, ["deletions"]),
        ({"deletions": [5]}, ["deletions[0]"]),
        ({"deletions": [MOVIE, {}]}, ["deletions[1].media_type"]),
        ({"deletions": [MOVIE], "delete_files": False}, ["delete_files"]),
        ({"media_type": "movie"}, ["tmdb_id"]),
        ({"media_type": "movie", "tvdb_id": 5}, ["tmdb_id"]),
        ({"media_type": "tv"}, ["tvdb_id"]),
        ({"media_type": "series", "tvdb_id": 5}, ["media_type"]),
        ({"media_type": ["movie"], "tmdb_id": 5}, ["media_type"]),
        ({"media_type": "season", "tvdb_id": 5}, ["media_type"]),
        (MOVIE | {"tmdb_id": 0}, ["tmdb_id"]),
        (MOVIE | {"tmdb_id": "0"}, ["tmdb_id"]),
        (MOVIE | {"tmdb_id": ""}, ["tmdb_id"]),
        (MOVIE | {"tmdb_id": -3}, ["tmdb_id"]),
        (MOVIE | {"tmdb_id": 1.0}, ["tmdb_id"]),
        (MOVIE | {"tmdb_id": True}, ["tmdb_id"]),
        (MOVIE | {"tmdb_id": 2**31}, ["tmdb_id"]),
        (MOVIE | {"tmdb_id": "٣"}, ["tmdb_id"]),
        (MOVIE | {"sonarr_id": 5}, ["sonarr_id"]),
        (SERIES | {"radarr_id": 5}, ["radarr_id"]),
        (SERIES | {"sonarr_id": "x"}, ["sonarr_id"]),
        (MOVIE | {"qbit_hash": "all"}, ["qbit_hash"]),
        (MOVIE | {"qbit_hash": ""}, ["qbit_hash"]),
        (MOVIE | {"qbit_hash": HASH[:-1]}, ["qbit_hash"]),
        (MOVIE | {"qbit_hashes": HASH}, ["qbit_hashes"]),
        (MOVIE | {"qbit_hashes": [HASH, "z" * 40, None]}, ["qbit_hashes[1]", "qbit_hashes[2]"]),
        (MOVIE | {"delete_files": "false"}, ["delete_files"]),
        (MOVIE | {"delete_files": 0}, ["delete_files"]),
        (MOVIE | {"delete_files": None}, ["delete_files"]),
        (MOVIE | {"title": 5}, ["title"]),
        (MOVIE | {"year": "soon"}, ["year"]),
        (MOVIE | {"year": 12}, ["year"]),
        (MOVIE | {"requested_by": {}}, ["requested_by"]),
        (SERIES | {"seasons": [1]}, ["seasons"]),
        (SERIES | {"season": 1}, ["season"]),
        (MOVIE | {"instances": ["radarr"]}, ["instances"]),
        (MOVIE | {"deleteFiles": False}, ["deleteFiles"]),
        (MOVIE | {"tmdb_id": "x", "year": "y", "foo": 1}, ["foo", "year", "tmdb_id"]),
    ],
)
def test_every_problem_names_its_field(payload: object, named: list[str]) -> None:
    assert fields(payload) == named


def test_what_is_not_supported_yet_says_so() -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse_dashboard(SERIES | {"seasons": [1]})
    assert "not supported yet" in caught.value.problems[0].message


def test_one_bad_deletion_refuses_all_of_them() -> None:
    assert fields({"deletions": [MOVIE, MOVIE | {"qbit_hash": "x"}, SERIES]}) == ["deletions[1].qbit_hash"]


def test_as_many_as_allowed_and_not_one_more() -> None:
    assert len(parse_dashboard({"deletions": [MOVIE] * MAX_DELETIONS})) == MAX_DELETIONS
    assert fields({"deletions": [MOVIE] * (MAX_DELETIONS + 1)}) == ["deletions"]


def test_problems_can_be_unpacked_as_field_and_message() -> None:
    with pytest.raises(InvalidPayload, match="tmdb_id: is missing") as caught:
        parse_dashboard({"media_type": "movie"})
    ((field, message),) = caught.value.problems
    assert (field, message) == ("tmdb_id", "is missing: a movie is identified by its TMDB id")


_fields = st.fixed_dictionaries(
    {"media_type": st.sampled_from(["movie", "tv"]) | any_json, "tmdb_id": st.integers(-1, 9) | any_json},
    optional={
        "tvdb_id": any_json,
        "title": any_json,
        "qbit_hash": any_json,
        "qbit_hashes": any_json,
        "delete_files": st.booleans() | any_json,
        "radarr_id": any_json,
    },
)


@calm
@given(payload=any_json | _fields | st.fixed_dictionaries({"deletions": st.lists(_fields | any_json, max_size=3)}))
def test_any_json_is_either_understood_wholly_or_refused_with_fields(payload: object) -> None:
    try:
        wishes = parse_dashboard(payload)
    except InvalidPayload:
        assert fields(payload)
        return
    assert wishes
    for wish in wishes:
        assert wish.media.tmdb_id or (wish.media.kind is MediaKind.SERIES and wish.media.tvdb_id)
        assert wish.instances is None
        (wish.title or "").encode()
