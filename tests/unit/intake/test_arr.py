"""What the webhooks of Radarr and Sonarr mean: every event of upstreams.md 4.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.intake import oversized, parse_arr
from reconciler.model import (
    DeletionRequest,
    DownloadProtocol,
    Hints,
    InstanceName,
    ManualAdd,
    Media,
    MediaKind,
    NewReference,
    ReferenceKind,
    Source,
    UpstreamKind,
)
from reconciler.ports import Heard, Understood
from tests.unit.intake.fixtures import any_json, calm, names, webhook

RADARR, SONARR = InstanceName("radarr"), InstanceName("sonarr")
MOVIE = Media(MediaKind.MOVIE, tmdb_id=533514)
SERIES = Media(MediaKind.SERIES, tmdb_id=154494, tvdb_id=414057)
TORRENT, USENET, UNKNOWN = DownloadProtocol.TORRENT, DownloadProtocol.USENET, DownloadProtocol.UNKNOWN


def radarr(payload: object, *, delete_without_files: bool = False) -> Understood:
    return parse_arr(UpstreamKind.RADARR, payload, instance=RADARR, delete_without_files=delete_without_files)


def sonarr(payload: object, *, delete_without_files: bool = False) -> Understood:
    return parse_arr(UpstreamKind.SONARR, payload, instance=SONARR, delete_without_files=delete_without_files)


def parse(name: str) -> Understood:
    return radarr(webhook(name)) if name.startswith("radarr") else sonarr(webhook(name))


TABLE = {
    "radarr-grab": Heard.REFERENCE,
    "radarr-grab-usenet": Heard.REFERENCE,
    "radarr-grab-blackhole": Heard.REFERENCE,
    "radarr-import": Heard.REFERENCE,
    "radarr-import-upgrade": Heard.REFERENCE,
    "radarr-import-manual": Heard.REFERENCE,
    "radarr-movie-added": Heard.WANT,
    "radarr-movie-added-by-list": Heard.WANT,
    "radarr-movie-delete": Heard.DELETE,
    "radarr-movie-delete-files-kept": Heard.IGNORED,
    "radarr-movie-file-delete": Heard.IGNORED,
    "radarr-movie-file-delete-upgrade": Heard.IGNORED,
    "radarr-rename": Heard.IGNORED,
    "radarr-health": Heard.IGNORED,
    "radarr-health-restored": Heard.IGNORED,
    "radarr-application-update": Heard.IGNORED,
    "radarr-manual-interaction-required": Heard.IGNORED,
    "radarr-test": Heard.TEST,
    "sonarr-grab": Heard.REFERENCE,
    "sonarr-import": Heard.REFERENCE,
    "sonarr-import-double-episode": Heard.REFERENCE,
    "sonarr-import-complete": Heard.REFERENCE,
    "sonarr-series-add": Heard.WANT,
    "sonarr-series-delete": Heard.DELETE,
    "sonarr-series-delete-files-kept": Heard.IGNORED,
    "sonarr-episode-file-delete": Heard.IGNORED,
    "sonarr-rename": Heard.IGNORED,
    "sonarr-health": Heard.IGNORED,
    "sonarr-health-restored": Heard.IGNORED,
    "sonarr-application-update": Heard.IGNORED,
    "sonarr-manual-interaction-required": Heard.IGNORED,
    "sonarr-test": Heard.TEST,
}


@pytest.mark.parametrize(("name", "heard"), TABLE.items())
def test_every_event_is_heard_for_what_it_is(name: str, heard: Heard) -> None:
    understood = parse(name)
    assert understood.heard is heard
    assert understood.event == webhook(name)["eventType"]
    assert bool(understood.deletions) == (heard is Heard.DELETE)
    assert bool(understood.references) == (heard is Heard.REFERENCE)
    assert bool(understood.reason) == (heard is Heard.IGNORED)


def test_every_fixture_of_radarr_and_sonarr_is_in_the_table() -> None:
    assert set(names("radarr") + names("sonarr")) == set(TABLE)


def test_a_captured_grab_becomes_one_reference() -> None:
    assert parse("radarr-grab") == Understood(
        Heard.REFERENCE,
        references=(
            NewReference(
                instance=RADARR,
                kind=ReferenceKind.GRAB,
                entry_id=52,
                media=MOVIE,
                raw_hash="C2C60F66C126652A86F7F2EE73DC83D4E255929E",
                client="qBittorrent (VPN)",
                protocol=TORRENT,
                source_title="The.Quiet.Harbour.2020.1080p.BluRay.x265-GRP",
            ),
        ),
        event="Grab",
    )


def test_a_captured_import_of_a_movie_becomes_one_reference() -> None:
    (reference,) = parse("radarr-import").references
    assert (reference.kind, reference.entry_id, reference.media) == (ReferenceKind.IMPORT, 52, MOVIE)
    assert reference.hash == "c2c60f66c126652a86f7f2ee73dc83d4e255929e"


def test_a_captured_import_complete_becomes_one_reference_per_episode() -> None:
    understood = parse("sonarr-import-complete")
    assert understood == Understood(
        Heard.REFERENCE,
        references=tuple(
            NewReference(
                instance=SONARR,
                kind=ReferenceKind.IMPORT,
                entry_id=23,
                media=Media(MediaKind.SERIES, tvdb_id=414057),
                raw_hash="3F92992E2FBEB6EBB251304236BF5E0B600A91C3",
                season=1,
                episode=episode,
                client="qBittorrent (VPN)",
                protocol=UNKNOWN,
            )
            for episode in range(1, 14)
        ),
        event="Download",
    )


def test_both_shapes_of_an_import_give_the_same_references() -> None:
    per_file = parse("sonarr-import").references
    whole = [r for r in parse("sonarr-import-complete").references if r.episode == 2]
    keys = [(r.instance, r.entry_id, r.hash, r.kind, r.season, r.episode) for r in (*per_file, *whole)]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_a_file_with_two_episodes_gives_two_references() -> None:
    assert [(r.season, r.episode) for r in parse("sonarr-import-double-episode").references] == [(1, 2), (1, 3)]


def test_a_grab_of_a_pack_gives_a_reference_per_episode() -> None:
    references = parse("sonarr-grab").references
    assert [(r.season, r.episode) for r in references] == [(1, 1), (1, 2), (1, 3)]
    assert {(r.kind, r.media, r.protocol) for r in references} == {(ReferenceKind.GRAB, SERIES, TORRENT)}


def test_specials_are_season_zero_and_no_episode_is_counted_twice() -> None:
    payload = webhook("sonarr-grab") | {
        "episodes": [{"seasonNumber": 0, "episodeNumber": 0}, {"seasonNumber": 0, "episodeNumber": 0}, None, {}]
    }
    assert [(r.season, r.episode) for r in sonarr(payload).references] == [(0, 0)]


@pytest.mark.parametrize("episodes", [None, [], [{}], "x", {"seasonNumber": 1}])
def test_a_grab_without_readable_episodes_still_protects_its_hash(episodes: object) -> None:
    (reference,) = sonarr(webhook("sonarr-grab") | {"episodes": episodes}).references
    assert (reference.season, reference.episode) == (None, None)
    assert reference.hash == "3f92992e2fbeb6ebb251304236bf5e0b600a91c3"


@pytest.mark.parametrize(
    ("client_type", "protocol"),
    [
        ("qBittorrent", TORRENT),
        ("QBittorrent", TORRENT),
        ("Transmission", TORRENT),
        ("RTorrent", TORRENT),
        ("TorrentBlackhole", TORRENT),
        ("SABnzbd", USENET),
        ("Sabnzbd", USENET),
        ("NZBGet", USENET),
        ("Nzbget", USENET),
        ("Something", UNKNOWN),
        ("", UNKNOWN),
        (None, UNKNOWN),
        (7, UNKNOWN),
    ],
)
def test_the_protocol_follows_the_type_of_the_client(client_type: object, protocol: DownloadProtocol) -> None:
    (reference,) = radarr(webhook("radarr-grab") | {"downloadClientType": client_type}).references
    assert reference.protocol is protocol


def test_usenet_and_downloads_without_id_have_no_hash() -> None:
    (usenet,) = parse("radarr-grab-usenet").references
    assert (usenet.raw_hash, usenet.hash, usenet.protocol) == ("SABnzbd_nzo_k3x9w1", None, USENET)
    (blackhole,) = parse("radarr-grab-blackhole").references
    assert (blackhole.raw_hash, blackhole.hash, blackhole.protocol) == (None, None, TORRENT)
    (manual,) = parse("radarr-import-manual").references
    assert (manual.kind, manual.raw_hash) == (ReferenceKind.IMPORT, None)


def test_a_movie_that_a_person_added_is_a_want_of_its_own() -> None:
    assert parse("radarr-movie-added").manual_add == ManualAdd(RADARR, 52, MOVIE)


@pytest.mark.parametrize("method", ["list", "collection", "", None, 3])
def test_any_other_way_of_adding_only_wakes_the_check(method: object) -> None:
    understood = radarr(webhook("radarr-movie-added") | {"addMethod": method})
    assert understood == Understood(Heard.WANT, event="MovieAdded", about=MOVIE)


def test_an_added_series_only_wakes_the_check_because_it_does_not_say_who_added_it() -> None:
    assert parse("sonarr-series-add") == Understood(Heard.WANT, event="SeriesAdd", about=SERIES)


def test_a_title_holds_no_secret_and_no_address() -> None:
    movie = {"id": 7, "tmdbId": 603, "title": "Film apikey=SECRET mail a@b.cz"}
    assert (
        radarr({"eventType": "MovieDelete", "deletedFiles": True, "movie": movie}).deletions[0].title
        == "Film apikey=[secret] mail [e-mail]"
    )


def test_a_deleted_movie_is_a_deletion_of_the_sending_instance_only() -> None:
    assert parse("radarr-movie-delete") == Understood(
        Heard.DELETE,
        deletions=(
            DeletionRequest(
                media=MOVIE,
                title="The Quiet Harbour",
                year=2020,
                source=Source.RADARR,
                instances=frozenset({RADARR}),
                hints=Hints(radarr_id=52),
            ),
        ),
        internal_entry=(RADARR, 52),
        event="MovieDelete",
    )


def test_a_deleted_series_is_a_deletion_of_the_sending_instance_only() -> None:
    understood = parse("sonarr-series-delete")
    assert understood.internal_entry == (SONARR, 23)
    assert understood.deletions == (
        DeletionRequest(
            media=SERIES,
            title="Lantern Street",
            year=2022,
            source=Source.SONARR,
            instances=frozenset({SONARR}),
            hints=Hints(sonarr_id=23),
        ),
    )


@pytest.mark.parametrize("flag", [False, None, "true", 1, [], [{"id": 1}]])
def test_a_delete_that_kept_the_files_follows_the_policy(flag: object) -> None:
    payload = webhook("radarr-movie-delete") | {"deletedFiles": flag}
    kept = radarr(payload)
    assert (kept.heard, kept.kept_entry) == (Heard.IGNORED, parse("radarr-movie-delete").internal_entry)
    assert radarr(payload, delete_without_files=True).deletions == parse("radarr-movie-delete").deletions


def test_ids_of_zero_are_unknown() -> None:
    series = {"id": 23, "title": "x", "tvdbId": 414057, "tmdbId": 0}
    (wish,) = sonarr({"eventType": "SeriesDelete", "series": series, "deletedFiles": True}).deletions
    assert wish.media == Media(MediaKind.SERIES, tvdb_id=414057)
    nothing = sonarr({"eventType": "SeriesDelete", "series": series | {"tvdbId": 0}, "deletedFiles": True})
    assert nothing.heard is Heard.IGNORED
    assert "no usable TMDB or TVDB id" in nothing.reason


def test_a_grab_without_the_title_s_internal_id_is_ignored() -> None:
    understood = radarr(webhook("radarr-grab") | {"movie": {"tmdbId": 5}})
    assert understood.heard is Heard.IGNORED
    assert "movie.id" in understood.reason


@pytest.mark.parametrize("name", ["radarr-movie-delete", "radarr-movie-added"])
def test_an_event_of_the_other_program_is_ignored(name: str) -> None:
    assert sonarr(webhook(name)).heard is Heard.IGNORED


@pytest.mark.parametrize("name", ["sonarr-series-delete", "sonarr-series-add"])
def test_and_the_other_way_round(name: str) -> None:
    assert radarr(webhook(name)).heard is Heard.IGNORED


@pytest.mark.parametrize("payload", [None, [], "text", 5, {}, {"eventType": 5}, {"eventType": "grab"}])
def test_what_is_no_event_is_ignored_with_a_reason(payload: object) -> None:
    understood = radarr(payload)
    assert understood.heard is Heard.IGNORED
    assert understood.reason


def test_a_body_too_large_to_read_is_said_to_be_made_good() -> None:
    understood = oversized(UpstreamKind.SONARR)
    assert understood.heard is Heard.OVERSIZED
    assert "history sync of sonarr" in understood.reason


def test_a_kind_that_sends_no_webhooks_of_this_sort_is_a_mistake_in_our_program() -> None:
    with pytest.raises(ValueError, match="qbittorrent"):
        parse_arr(UpstreamKind.QBITTORRENT, {}, instance=RADARR, delete_without_files=False)


_events = st.sampled_from(
    ["Test", "Grab", "Download", "MovieAdded", "SeriesAdd", "MovieDelete", "SeriesDelete", "Rename", "Health"]
)
_title = st.fixed_dictionaries(
    {}, optional={"id": st.integers(-2, 5) | any_json, "tmdbId": st.integers(-2, 5) | any_json, "tvdbId": any_json}
)
_shaped = st.fixed_dictionaries(
    {"eventType": _events | any_json},
    optional={
        "movie": _title | any_json,
        "series": _title | any_json,
        "episodes": st.lists(st.fixed_dictionaries({"seasonNumber": any_json, "episodeNumber": any_json}), max_size=3)
        | any_json,
        "downloadId": any_json,
        "downloadClientType": any_json,
        "deletedFiles": any_json,
        "addMethod": st.just("manual") | any_json,
        "release": any_json,
    },
)


@calm
@given(
    kind=st.sampled_from([UpstreamKind.RADARR, UpstreamKind.SONARR]),
    payload=any_json | _shaped,
    delete_without_files=st.booleans(),
)
def test_no_json_raises_and_a_delete_covers_the_sender_only(
    kind: UpstreamKind, payload: object, delete_without_files: bool
) -> None:
    sender = InstanceName("here")
    understood = parse_arr(kind, payload, instance=sender, delete_without_files=delete_without_files)
    for wish in understood.deletions:
        assert wish.instances == frozenset({sender})
        assert wish.media.tmdb_id or wish.media.tvdb_id
        assert understood.event in {"MovieDelete", "SeriesDelete"}
    for reference in understood.references:
        assert reference.instance == sender
        assert reference.entry_id > 0
        (reference.raw_hash or "").encode()  # no lone surrogate reaches a database
    assert bool(understood.deletions) == (understood.heard is Heard.DELETE)
    assert bool(understood.references) == (understood.heard is Heard.REFERENCE)
