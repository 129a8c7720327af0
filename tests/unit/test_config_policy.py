"""What the settings become for the planner."""

from datetime import timedelta
from typing import Any

import pytest

from reconciler.config import LikelyCrossSeeds, Settings
from reconciler.main import address_of, policy_of
from reconciler.model import InstanceName, MediaKind
from reconciler.plan import Policy
from reconciler.plan.policy import (
    Address,
    CrossSeeds,
    LibraryInstance,
    SeedingPolicy,
    SeedingRule,
    TorrentInstance,
)

KEY = "0123456789abcdef"


def settings(**written: Any) -> Settings:
    return Settings.model_validate(written)


def test_nothing_configured_is_a_policy_of_defaults() -> None:
    assert policy_of(Settings()) == Policy(
        torrent_clients={}, request_instance=None, libraries={}, breaker_size=2_000_000_000_000
    )


def test_every_instance_is_known_by_its_name_and_address() -> None:
    policy = policy_of(
        settings(
            qbittorrent=[
                {"url": "http://QB:8080", "api_key": KEY, "download_clients": ["Main"]},
                {"url": "https://box.example.org/qb/", "api_key": KEY, "name": "seedbox"},
            ],
            radarr=[
                {"url": "http://radarr:7878", "api_key": KEY},
                {"url": "http://radarr/4k", "api_key": KEY, "name": "radarr-4k", "is_4k": True},
            ],
            sonarr=[{"url": "http://[::1]:8989", "api_key": KEY}],
            jellyseerr=[{"url": "http://j", "api_key": KEY}],
            jellyfin=[
                {
                    "url": "http://f",
                    "api_key": KEY,
                    "path_mappings": [{"library": "/data/movies", "jellyfin": "/media/movies"}],
                }
            ],
        )
    )
    main, seedbox, radarr = InstanceName("qbittorrent"), InstanceName("seedbox"), InstanceName("radarr")
    radarr_4k, sonarr = InstanceName("radarr-4k"), InstanceName("sonarr")
    assert policy.torrent_clients == {
        main: TorrentInstance(main, Address("qb", 8080), frozenset({"Main"})),
        seedbox: TorrentInstance(seedbox, Address("box.example.org", 443, "qb")),
    }
    assert policy.libraries == {
        radarr: LibraryInstance(radarr, MediaKind.MOVIE, is_4k=False, address=Address("radarr", 7878)),
        radarr_4k: LibraryInstance(radarr_4k, MediaKind.MOVIE, is_4k=True, address=Address("radarr", 80, "4k")),
        sonarr: LibraryInstance(sonarr, MediaKind.SERIES, is_4k=False, address=Address("::1", 8989)),
    }
    assert (policy.request_instance, policy.media_server) == ("jellyseerr", "jellyfin")
    assert policy.media_server_paths == (("/data/movies", "/media/movies"),)


def test_what_is_protected_and_owed_arrives_in_the_planners_words() -> None:
    policy = policy_of(
        settings(
            breaker_bytes="1.5TiB",
            likely_cross_seeds="hold",
            protect_categories=["forever"],
            protect_paths=["/data/keep"],
            seeding={
                "block_entry": True,
                "private_min_hours": 0.5,
                "rules": [
                    {"tracker": "t.example", "private": True, "min_ratio": 1.05, "min_hours": 72, "met_by": "any"},
                    {"category": "tv", "tag": "x", "min_ratio": 2},
                ],
            },
        )
    )
    assert policy.breaker_size == 3 * 1024**4 // 2
    assert policy.cross_seeds is CrossSeeds.HOLD
    assert (policy.protect_categories, policy.protect_paths) == (frozenset({"forever"}), frozenset({"/data/keep"}))
    assert policy.seeding == SeedingPolicy(
        rules=(
            SeedingRule(tracker="t.example", private=True, min_ratio=1.05, min_time=timedelta(hours=72), both=False),
            SeedingRule(category="tv", tag="x", min_ratio=2),
        ),
        private_min_time=timedelta(minutes=30),
        block_entry=True,
    )


def test_a_breaker_of_no_bytes_counts_deletions_only() -> None:
    assert policy_of(settings(breaker_bytes=0)).breaker_size is None


def test_settings_and_planner_have_the_same_words_for_cross_seeds() -> None:
    assert [word.value for word in LikelyCrossSeeds] == [word.value for word in CrossSeeds]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://Radarr", Address("radarr", 80)),
        ("HTTPS://radarr", Address("radarr", 443)),
        ("http://radarr:7878/a/b/", Address("radarr", 7878, "a/b")),
        ("https://10.0.0.1:8443", Address("10.0.0.1", 8443)),
    ],
)
def test_an_address_names_its_port(url: str, address: Address) -> None:
    assert address_of(url) == address
