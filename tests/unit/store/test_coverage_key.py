"""The text of which only one open deletion may exist."""

from reconciler.model import DeletionId, InstanceName, Media, MediaKind
from reconciler.store.intents import coverage_key

RADARR, RADARR_4K = InstanceName("radarr"), InstanceName("radarr-4k")
ONE, TWO = DeletionId("one"), DeletionId("two")


def test_it_is_the_same_for_the_same_title_in_the_same_instances() -> None:
    movie = Media(MediaKind.MOVIE, 603)
    assert coverage_key(ONE, movie, frozenset({RADARR, RADARR_4K})) == coverage_key(
        TWO, movie, frozenset({RADARR_4K, RADARR})
    )


def test_it_differs_by_kind_id_and_instances() -> None:
    keys = {
        coverage_key(ONE, Media(MediaKind.MOVIE, 603), frozenset({RADARR})),
        coverage_key(ONE, Media(MediaKind.MOVIE, 604), frozenset({RADARR})),
        coverage_key(ONE, Media(MediaKind.SERIES, 603), frozenset({RADARR})),
        coverage_key(ONE, Media(MediaKind.SERIES, None, 603), frozenset({RADARR})),
        coverage_key(ONE, Media(MediaKind.MOVIE, 603), frozenset({RADARR_4K})),
        coverage_key(ONE, Media(MediaKind.MOVIE, 603), frozenset()),
    }
    assert len(keys) == 6


def test_it_differs_by_seasons_and_not_by_their_order() -> None:
    series = Media(MediaKind.SERIES, None, 73739)
    keys = [
        coverage_key(ONE, series, frozenset({RADARR}), seasons)
        for seasons in (None, [0], [1], [12], [1, 2], [2, 1], frozenset({1, 2}))
    ]
    assert len(set(keys)) == 5
    assert keys[-3:] == [keys[-1]] * 3


def test_what_is_stored_for_whole_titles_stays_valid() -> None:
    key = coverage_key(ONE, Media(MediaKind.SERIES, 4607, 73739), frozenset({RADARR_4K, RADARR}))
    assert key == "series tmdb 4607, tvdb 73739 in radarr, radarr-4k"


def test_a_title_without_any_public_id_equals_no_other() -> None:
    nameless = Media(MediaKind.MOVIE)
    assert coverage_key(ONE, nameless, frozenset()) != coverage_key(TWO, nameless, frozenset())
