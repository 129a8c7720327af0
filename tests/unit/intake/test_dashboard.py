"""What a dashboard may ask for, and how it is told what is wrong."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.intake import MAX_DELETIONS, InvalidPayload, parse_dashboard
from reconciler.model import DeletionRequest, Hints, InfoHash, InstanceName, Media, MediaKind, Options, Source
from tests.unit.intake.fixtures import any_json, calm, webhook

HASH = "c2c60f66c126652a86f7f2ee73dc83d4e255929e"
MOVIE = {"media_type": "movie", "tmdb_id": 603}
SERIES = {"media_type": "tv", "tvdb_id": 81189}
INSTANCES = {
    MediaKind.MOVIE: frozenset({InstanceName("radarr"), InstanceName("radarr-4k")}),
    MediaKind.SERIES: frozenset({InstanceName("sonarr"), InstanceName("sonarr-4k")}),
}


def one(payload: object) -> DeletionRequest:
    (wish,) = parse_dashboard(payload, instances=INSTANCES)
    return wish


def fields(payload: object) -> list[str]:
    with pytest.raises(InvalidPayload) as caught:
        parse_dashboard(payload, instances=INSTANCES)
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
    nulls = dict.fromkeys(
        ["tvdb_id", "title", "year", "requested_by", "qbit_hash", "qbit_hashes", "sonarr_id", "not_before"]
    )
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
        (MOVIE | {"tmdb_id": 1.5}, ["tmdb_id"]),
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
        (SERIES | {"seasons": []}, ["seasons"]),
        (SERIES | {"seasons": None}, ["seasons"]),
        (SERIES | {"seasons": 1}, ["seasons"]),
        (SERIES | {"seasons": "1, 2"}, ["seasons"]),
        (SERIES | {"seasons": {"1": True}}, ["seasons"]),
        (SERIES | {"seasons": [1, 1]}, ["seasons[1]"]),
        (SERIES | {"seasons": [-1, 0, 10000, 1.5, True, None, "x"]}, [f"seasons[{n}]" for n in (0, 2, 3, 4, 5, 6)]),
        (MOVIE | {"seasons": [1]}, ["seasons"]),
        (SERIES | {"season": 1}, ["season"]),
        (SERIES | {"instance": "sonarr"}, ["instance"]),
        (MOVIE | {"instances": []}, ["instances"]),
        (MOVIE | {"instances": None}, ["instances"]),
        (MOVIE | {"instances": "radarr"}, ["instances"]),
        (MOVIE | {"instances": ["radarr", "radarr"]}, ["instances[1]"]),
        (MOVIE | {"instances": ["radarr", "sonarr", "Radarr", 5, None]}, [f"instances[{n}]" for n in (1, 2, 3, 4)]),
        (SERIES | {"instances": ["radarr"]}, ["instances[0]"]),
        (MOVIE | {"not_before": "2026-01-31"}, ["not_before"]),
        (MOVIE | {"not_before": "2026-01-31T04:00:00"}, ["not_before"]),
        (MOVIE | {"not_before": "2026-02-30T04:00:00Z"}, ["not_before"]),
        (MOVIE | {"not_before": "2026-01-31T24:30:00Z"}, ["not_before"]),
        (MOVIE | {"not_before": "0001-01-01T00:00:00+01:00"}, ["not_before"]),
        (MOVIE | {"not_before": "20260131T040000Z"}, ["not_before"]),
        (MOVIE | {"not_before": "tomorrow"}, ["not_before"]),
        (MOVIE | {"not_before": ""}, ["not_before"]),
        (MOVIE | {"not_before": 1767225600}, ["not_before"]),
        (MOVIE | {"add_exclusion": "true"}, ["add_exclusion"]),
        (SERIES | {"seasons": [1], "blocklist": 1, "remove_empty_series": None}, ["blocklist", "remove_empty_series"]),
        (SERIES | {"blocklist": True, "remove_empty_series": True}, ["blocklist", "remove_empty_series"]),
        (MOVIE | {"blocklist": True}, ["blocklist"]),
        (MOVIE | {"deleteFiles": False}, ["deleteFiles"]),
        (MOVIE | {"tmdb_id": "x", "year": "y", "foo": 1}, ["foo", "year", "tmdb_id"]),
    ],
)
def test_every_problem_names_its_field(payload: object, named: list[str]) -> None:
    assert fields(payload) == named


def test_seasons_with_everything_that_narrows_them() -> None:
    assert one(webhook("dashboard-seasons")) == DeletionRequest(
        media=Media(MediaKind.SERIES, tvdb_id=414057),
        title="Lantern Street",
        year=2022,
        source=Source.DASHBOARD,
        requested_by="admin",
        instances=frozenset({InstanceName("sonarr-4k")}),
        options=Options(blocklist=True, remove_empty_series=True),
        not_before=datetime(2026, 3, 5, 3, tzinfo=UTC),
        seasons=frozenset({1, 2}),
    )


def test_a_whole_number_is_one_however_it_is_written() -> None:
    payload = {"media_type": "tv", "tvdb_id": 81189.0, "tmdb_id": "1396", "year": 2008.0, "seasons": [1.0]}
    (wish,) = parse_dashboard(payload)
    assert (wish.media.tvdb_id, wish.media.tmdb_id, wish.year) == (81189, 1396, 2008)
    assert wish.seasons == frozenset({1})


@pytest.mark.parametrize(("sent", "understood"), [([0], {0}), ([2023, 2024], {2023, 2024}), (["3", 9999], {3, 9999})])
def test_specials_and_seasons_numbered_by_years_are_seasons(sent: list[object], understood: set[int]) -> None:
    assert one(SERIES | {"seasons": sent}).seasons == frozenset(understood)


def test_only_the_absence_of_seasons_means_the_whole_series() -> None:
    assert one(SERIES).seasons is None
    with pytest.raises(InvalidPayload, match=r"seasons: must be a list of .* leave it out for the whole series"):
        one(SERIES | {"seasons": []})


def test_a_season_is_asked_for_as_one_of_seasons() -> None:
    with pytest.raises(InvalidPayload, match=r"season: is not known; send seasons"):
        one(SERIES | {"season": 1})


@pytest.mark.parametrize(("wish", "names"), [(MOVIE, "radarr, radarr-4k"), (SERIES, "sonarr, sonarr-4k")])
def test_an_unknown_instance_is_told_which_there_are(wish: dict[str, object], names: str) -> None:
    with pytest.raises(InvalidPayload, match=rf"instances\[0\]: must be one of the configured: {names}"):
        one(wish | {"instances": ["other"]})


def test_without_configured_instances_none_can_be_named() -> None:
    with pytest.raises(InvalidPayload, match="must be left out: none is there"):
        parse_dashboard(MOVIE | {"instances": ["radarr"]})


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T04:00:00+01:00", "2026-01-31t03:00:00z", "2026-01-31T03:00:00.000Z", "2026-01-30T22:00:00-05:00"],
)
def test_a_time_is_understood_in_every_offset(text: str) -> None:
    assert one(MOVIE | {"not_before": text}).not_before == datetime(2026, 1, 31, 3, tzinfo=UTC)


def test_options_are_taken_as_sent() -> None:
    everything = {"delete_files": False, "add_exclusion": True, "blocklist": True, "remove_empty_series": True}
    assert one(SERIES | {"seasons": [1]} | everything).options == Options(False, True, True, True)
    assert one(MOVIE | {"blocklist": False, "remove_empty_series": False}).options == Options()


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
        "seasons": st.lists(st.integers(-1, 3), max_size=3) | any_json,
        "instances": st.lists(st.sampled_from(["radarr", "sonarr", "other"]), max_size=2) | any_json,
        "not_before": any_json,
    },
)


@calm
@given(payload=any_json | _fields | st.fixed_dictionaries({"deletions": st.lists(_fields | any_json, max_size=3)}))
def test_any_json_is_either_understood_wholly_or_refused_with_fields(payload: object) -> None:
    try:
        wishes = parse_dashboard(payload, instances=INSTANCES)
    except InvalidPayload:
        assert fields(payload)
        return
    assert wishes
    for wish in wishes:
        assert wish.media.tmdb_id or (wish.media.kind is MediaKind.SERIES and wish.media.tvdb_id)
        assert wish.instances is None or (wish.instances and wish.instances <= INSTANCES[wish.media.kind])
        assert wish.seasons is None or (wish.seasons and wish.media.kind is MediaKind.SERIES)
        (wish.title or "").encode()
