"""Paths of different programs: compared as text, never looked up."""

import pytest

from reconciler.observed import FolderListing, PathMapping
from reconciler.plan.paths import (
    NEVER_LISTED,
    Existence,
    as_library_sees,
    existence,
    folders_to_list,
    is_within,
    join,
    name_of,
    normal,
    parent,
    touch,
)
from reconciler.plan.world import Torrents
from tests.support.worlds import hash_of, listing, torrent


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/data/movies/", "/data/movies"),
        ("//data//movies/./Heat", "/data/movies/Heat"),
        ("/", "/"),
        ("", ""),
        ("data/x", "data/x"),
        ("C:\\Movies\\Heat\\", "c:/movies/heat"),
        ("c:/Movies/HEAT", "c:/movies/heat"),
        ("\\\\nas\\Share\\Heat", "/nas/share/heat"),
        ("/data/Movies", "/data/Movies"),
    ],
)
def test_paths_are_brought_into_one_form(path: str, expected: str) -> None:
    assert normal(path) == expected
    assert normal(normal(path)) == normal(path)


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("/data/movies/Heat", "/data/movies", True),
        ("/data/movies", "/data/movies/", True),
        ("/data/movies2/Heat", "/data/movies", False),
        ("/data", "/data/movies", False),
        ("/data/movies/Heat", "/", True),
        ("", "/data", False),
        ("/data", "", False),
        ("", "", False),
        ("C:\\Movies\\heat\\a.mkv", "c:\\movies\\Heat", True),
        ("/Data/Movies/x", "/data/movies", False),
        ("D:\\Movies", "C:\\Movies", False),
    ],
)
def test_a_path_lies_within_a_folder_part_by_part(path: str, folder: str, expected: bool) -> None:
    assert is_within(path, folder) is expected


def test_two_paths_touch_in_either_direction() -> None:
    assert touch("/data/movies/Heat", "/data/movies")
    assert touch("/data/movies", "/data/movies/Heat")
    assert not touch("/data/movies/Heat", "/data/movies/Heat (1995)")


@pytest.mark.parametrize(
    ("path", "folder", "name"),
    [
        ("/data/movies/Heat", "/data/movies/", "Heat"),
        ("/data/movies/Heat/", "/data/movies/", "Heat"),
        ("/data", "/", "data"),
        ("C:\\Movies\\Heat", "C:\\Movies\\", "Heat"),
        ("C:\\Movies\\Heat\\", "C:\\Movies\\", "Heat"),
        ("\\\\nas\\share\\Heat", "\\\\nas\\share\\", "Heat"),
    ],
)
def test_a_path_has_a_parent_with_a_trailing_separator_and_a_name(path: str, folder: str, name: str) -> None:
    assert parent(path) == folder
    assert name_of(path) == name


def test_joining_uses_the_separator_of_the_folder() -> None:
    assert join("/data/torrents/", "Heat/Heat.mkv") == "/data/torrents/Heat/Heat.mkv"
    assert join("D:\\Torrents", "Heat/Heat.mkv") == "D:\\Torrents\\Heat\\Heat.mkv"
    assert join("/", "Heat") == "/Heat"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/downloads/Heat/a.mkv", "/data/torrents/Heat/a.mkv"),
        ("/downloads", "/data/torrents"),
        ("/downloads/", "/data/torrents"),
        ("//downloads//Heat", "/data/torrents/Heat"),
        ("/downloads/movies/Heat", "/movies-in/Heat"),
        ("/downloads2/Heat", "/downloads2/Heat"),
        ("/elsewhere/Heat", "/elsewhere/Heat"),
    ],
)
def test_the_longest_fitting_path_mapping_translates(path: str, expected: str) -> None:
    mappings = [
        PathMapping("qbittorrent", "/downloads/", "/data/torrents/"),
        PathMapping("qbittorrent", "/downloads/movies", "/movies-in"),
    ]
    assert as_library_sees(path, mappings) == expected
    assert as_library_sees(path, reversed(mappings)) == expected


def test_a_mapping_translates_between_windows_and_unix_in_any_case() -> None:
    mappings = [PathMapping("qbittorrent", "D:\\Torrents\\", "/mnt/torrents/")]
    assert as_library_sees("d:\\torrents\\Heat\\A.mkv", mappings) == "/mnt/torrents/Heat/A.mkv"
    back = [PathMapping("qbittorrent", "/mnt/torrents", "D:\\Torrents")]
    assert as_library_sees("/mnt/torrents/Heat/A.mkv", back) == "D:\\Torrents\\Heat\\A.mkv"


def test_a_mapping_of_the_root_translates_everything() -> None:
    assert as_library_sees("/Heat/a.mkv", [PathMapping("", "/", "/mnt/")]) == "/mnt/Heat/a.mkv"


HEAT = "/data/movies/Heat"


@pytest.mark.parametrize(
    ("listings", "expected"),
    [
        ({"/data/movies/": listing("Heat", "Ronin")}, Existence.PRESENT),
        ({"/data/movies/": listing("Ronin")}, Existence.ABSENT),
        ({"/data/movies/": listing(files=["Heat"])}, Existence.PRESENT),
        ({}, Existence.UNKNOWN),
        ({"/data/movies/": listing()}, Existence.UNKNOWN),
        ({"/data/movies/": listing(), "/data/": listing()}, Existence.UNKNOWN),
        ({"/data/movies/": listing(), "/data/": listing("movies", "tv")}, Existence.UNKNOWN),
        ({"/data/movies/": listing(), "/data/": listing("tv")}, Existence.ABSENT),
    ],
)
def test_only_a_listing_that_shows_something_else_proves_absence(
    listings: dict[str, FolderListing], expected: Existence
) -> None:
    assert existence(HEAT, listings) is expected


def test_nothing_is_concluded_about_what_lies_in_the_root() -> None:
    assert existence("/movies", {"/": listing("etc", "usr")}) is Existence.UNKNOWN


@pytest.mark.parametrize("name", ["lost+found", "Cache", "@eaDir", "Windows"])
def test_nothing_is_concluded_about_folders_that_are_never_listed(name: str) -> None:
    assert name.casefold() in NEVER_LISTED
    assert existence(f"/data/movies/{name}", {"/data/movies/": listing("Ronin")}) is Existence.UNKNOWN


def test_windows_names_are_found_in_any_case() -> None:
    assert existence("C:\\Movies\\HEAT", {"C:\\Movies\\": listing("Heat")}) is Existence.PRESENT


def test_the_folders_to_list_are_the_parent_and_its_parent_but_never_the_root() -> None:
    assert folders_to_list("/data/movies/Heat") == ("/data/movies/", "/data/")
    assert folders_to_list("/movies/Heat") == ("/movies/",)
    assert folders_to_list("/movies") == ()


def test_knowing_more_of_torrents_changes_nothing_that_was_found_by_their_lists() -> None:
    before = Torrents({t.key: t for t in (torrent(1), torrent(2))})
    found = before.by_extent.holding(torrent(1).content_path), before.matching(hash_of(2)), before.by_size
    after = before.knowing(files={torrent(1).key: None})
    assert (after.by_extent.holding(torrent(1).content_path), after.matching(hash_of(2)), after.by_size) == found
    assert after.files == {torrent(1).key: None}
    assert before.files == {}
