"""The sections inside the settings: read like everything else, and as plain about what is wrong with them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.config import (
    SETTINGS_REFERENCE,
    ByteCount,
    GraceSettings,
    JellyseerrSettings,
    LikelyCrossSeeds,
    MetBy,
    Reaction,
    ResyncSettings,
    Settings,
    load_settings,
)
from reconciler.errors import ConfigError
from reconciler.model import Source

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def problems(config: Path, content: str, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    config.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_settings(environ or {}, config)
    return caught.value.problems


def only(config: Path, content: str) -> str:
    (problem,) = problems(config, content)
    return problem


# --- what they hold ---


def test_without_a_section_nothing_is_owed_denied_or_approved() -> None:
    loaded = Settings()
    assert (loaded.deny_windows, loaded.require_approval, loaded.grace) == ((), frozenset(), GraceSettings())
    assert (loaded.seeding.block_entry, loaded.seeding.private_min_hours, loaded.seeding.rules) == (False, None, ())
    assert (loaded.protect_categories, loaded.protect_paths) == (frozenset(), frozenset())
    assert (loaded.likely_cross_seeds, loaded.breaker_bytes) == (LikelyCrossSeeds.KEEP, 2_000_000_000_000)
    assert loaded.resync == ResyncSettings(
        interval_seconds=900,
        vanished_title=Reaction.DELETE,
        vanished_title_with_files=Reaction.IGNORE,
        declined=None,
        vanished_record=Reaction.IGNORE,
        vanished_request=Reaction.IGNORE,
        status_deleted=Reaction.IGNORE,
    )


def test_every_section_can_come_from_the_file(config: Path) -> None:
    config.write_text(
        f"""
        grace: {{dashboard: 0, jellyseerr: 3600}}
        grace_seconds: 60
        require_approval: [jellyseerr, Jellyfin]
        breaker_bytes: 1.5TiB
        protect_categories: [forever]
        protect_paths: [/data/keep/, 'D:\\Media\\Keep']
        likely_cross_seeds: together
        deny_windows:
          - {{cron: 0 18 * * fri-sun, minutes: 300, timezone: Europe/Berlin}}
          - {{cron: "*/5  2 * * *", minutes: 1}}
        seeding:
          block_entry: true
          private_min_hours: 336.5
          rules:
            - {{tracker: Tracker.Example.org, private: true, min_ratio: 1.05, min_hours: 72, met_by: any}}
            - {{category: tv, tag: hold, min_hours: 0.5}}
        resync: {{interval_seconds: 60, vanished_title: hold, declined: ignore}}
        jellyfin:
          url: http://jellyfin:8096
          api_key: "{KEY}"
          on_item_deleted: ignore
          path_mappings: [{{library: /data/movies/, jellyfin: /media/movies}}]
        jellyseerr: {{url: http://j, api_key: "{KEY}", command_phrase: " please delete "}}
        """
    )
    loaded = load_settings({}, config)
    assert loaded.grace_for(Source.DASHBOARD) == timedelta(0)
    assert loaded.grace_for(Source.JELLYSEERR) == timedelta(hours=1)
    assert loaded.grace_for(Source.CLI) == timedelta(minutes=1)
    assert [source for source in Source if loaded.needs_approval(source)] == [Source.JELLYSEERR, Source.JELLYFIN]
    assert loaded.breaker_bytes == 3 * 1024**4 // 2
    assert loaded.protect_categories == {"forever"}
    assert loaded.protect_paths == {"/data/keep", "D:\\Media\\Keep"}
    assert loaded.likely_cross_seeds is LikelyCrossSeeds.TOGETHER
    assert [(w.cron, w.minutes, w.timezone) for w in loaded.deny_windows] == [
        ("0 18 * * fri-sun", 300, "Europe/Berlin"),
        ("*/5 2 * * *", 1, "UTC"),
    ]
    strict, short = loaded.seeding.rules
    assert (loaded.seeding.block_entry, loaded.seeding.private_min_hours) == (True, 336.5)
    assert (strict.tracker, strict.private, strict.min_ratio, strict.min_hours, strict.met_by) == (
        "tracker.example.org",
        True,
        1.05,
        72,
        MetBy.ANY,
    )
    assert (short.category, short.tag, short.min_ratio, short.min_hours, short.met_by) == (
        "tv",
        "hold",
        None,
        0.5,
        MetBy.ALL,
    )
    assert (loaded.resync.interval_seconds, loaded.resync.vanished_title) == (60, Reaction.HOLD)
    assert loaded.on_declined() is Reaction.IGNORE
    (jellyfin,) = loaded.jellyfin
    assert (jellyfin.name, jellyfin.on_item_deleted) == ("jellyfin", Reaction.IGNORE)
    assert [(m.library, m.jellyfin) for m in jellyfin.path_mappings] == [("/data/movies", "/media/movies")]
    assert loaded.jellyseerr[0].command_phrase == "please delete"
    assert KEY in loaded.secret_values()
    assert KEY not in repr(loaded)


def test_several_instances_of_one_kind_are_served_and_the_variables_speak_of_the_first(
    config: Path, tmp_path: Path
) -> None:
    (tmp_path / "second").write_text("second-key")
    config.write_text(
        f"""
        radarr:
          - {{url: http://file, is_4k: false, instance_name: Radarr}}
          - {{url: http://b, api_key_file: {tmp_path / "second"}, name: radarr-4k, is_4k: true}}
        qbittorrent:
          - {{url: http://q, username: u, password: p, download_clients: [Main]}}
          - {{url: http://r, username: u, password: p, download_clients: ["A, B"], name: seedbox}}
        """
    )
    loaded = load_settings({"RADARR_URL": "http://env", "RADARR_API_KEY": KEY}, config)
    assert [(r.name, r.url, r.is_4k) for r in loaded.radarr] == [
        ("radarr", "http://env", False),
        ("radarr-4k", "http://b", True),
    ]
    assert [r.api_key.get_secret_value() for r in loaded.radarr] == [KEY, "second-key"]
    assert [q.download_clients for q in loaded.qbittorrent] == [{"Main"}, {"A, B"}]


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("2 TB", 2 * 1000**4),
        ("500 gb", 500 * 1000**3),
        ("1.5TiB", 3 * 1024**4 // 2),
        ("0.1 kB", 100),
        ("123", 123),
        ("7 B", 7),
        ("0", 0),
        ("1000 PB", 10**18),
    ],
)
def test_a_size_is_bytes_or_a_number_with_its_unit(written: str, size: int) -> None:
    assert load_settings({"RECONCILER_BREAKER_BYTES": written}).breaker_bytes == size


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1024, 2 * 1000**4, 3 * 1024**4 // 2, 10**18])
def test_a_size_is_shown_as_it_can_be_written(size: int) -> None:
    assert load_settings({"RECONCILER_BREAKER_BYTES": str(ByteCount(size))}).breaker_bytes == size


def test_there_is_a_grace_period_for_every_source() -> None:
    assert list(GraceSettings.model_fields) == [source.value for source in Source]


@pytest.mark.parametrize(
    ("delete_on", "reaction"), [({"MEDIA_DECLINED"}, Reaction.DELETE), ({"MEDIA_DELETED"}, Reaction.IGNORE)]
)
def test_a_declined_request_means_what_its_notification_means(delete_on: set[str], reaction: Reaction) -> None:
    board: dict[str, Any] = {"url": "http://j", "api_key": KEY, "delete_on": delete_on}
    assert Settings(jellyseerr=(JellyseerrSettings(**board),)).on_declined() is reaction
    assert Settings().on_declined() is Reaction.IGNORE


# --- what is wrong with them ---


def test_every_problem_of_every_section_is_reported_at_once(config: Path) -> None:
    found = problems(
        config,
        """
        grace: {dashbord: 3, jellyseerr: soon}
        deny_windows:
          - {cron: 0 18 * * 7, minutes: 0, timezone: Mars}
          - {minuets: 5}
          - friday
        seeding:
          private_min_hours: -1
          rules:
            - {tracker: https://tracker.example.org/passkey/announce, min_ratio: 1}
            - {tag: hold, min_ratio: -1}
            - {category: tv}
            - {private: perhaps, met_by: none}
        resync: [1]
        protect_paths: keep
        jellyfin: {path_mappings: {library: movies}, on_item_deleted: obey}
        jellyseerr: {command_phrase: rm}
        """,
        {"JELLYFIN_URL": "http://j", "JELLYSEERR_URL": "http://s", "JELLYSEERR_API_KEY": KEY},
    )
    seconds = "it must be a whole number of seconds from 0 to 31536000."
    cron = (
        "it must be minute, hour, day, month and weekday such as 0 18 * * fri-sun, with weekdays by name (mon to sun), "
        "and either the day or the weekday left as *."
    )
    tracker = "it must be a host name such as tracker.example.org, without scheme, port or path."
    assert sorted(found) == sorted(
        [
            f"grace.dashbord in {config} is no setting (did you mean dashboard?); remove or correct it.",
            f"grace.jellyseerr in {config} is 'soon'; {seconds}",
            f"deny_windows[0].cron in {config} is '0 18 * * 7'; {cron}",
            f"deny_windows[0].minutes in {config} is '0'; it must be a whole number of minutes from 1 to 10080.",
            f"deny_windows[0].timezone in {config} is 'Mars'; it must be a time zone such as Europe/Berlin.",
            f"deny_windows[1].minuets in {config} is no setting (did you mean minutes?); remove or correct it.",
            "deny_windows[1].cron is missing; set cron in the file.",
            "deny_windows[1].minutes is missing; set minutes in the file.",
            f'deny_windows[2] in {config} must hold "cron: …" and "minutes: …", or be a list of such sections.',
            f"seeding.private_min_hours in {config} is '-1'; it must be a number of hours above 0 and up to 100000.",
            f"seeding.rules[0].tracker in {config} cannot be used; {tracker}",
            f"seeding.rules[1].min_ratio in {config} is '-1'; it must be a number above 0, up to 100000.",
            f"seeding.rules[2] in {config} needs min_ratio, min_hours or both.",
            f"seeding.rules[3] in {config} needs min_ratio, min_hours or both.",
            f"seeding.rules[3].private in {config} is 'perhaps'; it must be true or false.",
            f"seeding.rules[3].met_by in {config} is 'none'; it must be all or any.",
            f'resync in {config} must hold "interval_seconds: …".',
            f"protect_paths in {config} is 'keep'; it must be a list of absolute paths below the root.",
            f"jellyfin.path_mappings.library in {config} is 'movies'; it must be an absolute path.",
            "jellyfin.path_mappings.jellyfin is missing; set jellyfin in the file.",
            f"jellyfin.on_item_deleted in {config} is 'obey'; it must be ignore, hold or delete.",
            "jellyfin.api_key is missing; set JELLYFIN_API_KEY, JELLYFIN_API_KEY_FILE or api_key in the file.",
            f"jellyseerr.command_phrase in {config} is 'rm'; it must be one line of 3 to 100 characters.",
        ]
    )


@pytest.mark.parametrize(
    "cron",
    ["@daily", "0 18 * *", "0 18 * * * *", "0 18 * * 0", "0 18 * * */2", "0 18 * * sun-tue", "0 18 13 * fri",
     "60 * * * *", "0 24 * * *", "0 0 31 2 *", "0 18 * * fri,", "a b c d *", ""],
)  # fmt: skip
def test_a_cron_that_programs_could_read_differently_or_that_never_comes_is_refused(cron: str, config: Path) -> None:
    problem = only(config, f"deny_windows: [{{cron: '{cron}', minutes: 5}}]")
    assert problem.startswith(f"deny_windows[0].cron in {config} is {cron!r}; it must be minute, hour, day, month and")


@pytest.mark.parametrize("cron", ["* * * * *", "*/5 1,3-5 1-7 jan-mar *", "0 18 * * FRI-sun,mon", "0 0 29 2 *"])
def test_a_cron_of_five_fields_is_taken(cron: str, config: Path) -> None:
    config.write_text(f"deny_windows: [{{cron: '{cron}', minutes: 5}}]")
    assert load_settings({}, config).deny_windows[0].cron == cron


@pytest.mark.parametrize("zone", ["Europe", "../UTC", "/etc/localtime", "", "europe/nowhere", "a\\0b"])
def test_a_time_zone_that_this_machine_does_not_know_is_refused(zone: str, config: Path) -> None:
    problem = only(config, f'deny_windows: [{{cron: "* * * * *", minutes: 5, timezone: "{zone}"}}]')
    assert problem.startswith(f"deny_windows[0].timezone in {config} is ")


@pytest.mark.parametrize("phrase", ["", "ab", "  ab  ", "x" * 101, "two\\nlines"])
def test_a_command_phrase_is_a_line_that_nobody_writes_by_accident(phrase: str, config: Path) -> None:
    problem = only(config, f'jellyseerr: {{url: http://j, api_key: "{KEY}", command_phrase: "{phrase}"}}')
    assert problem.startswith(f"jellyseerr.command_phrase in {config} is ")


@pytest.mark.parametrize("number", ["0", "-0.5", ".inf", ".nan", "true", "100001", "[1]"])
def test_a_ratio_is_a_number_that_can_be_reached(number: str, config: Path) -> None:
    problem = only(config, f"seeding: {{rules: [{{min_ratio: {number}}}]}}")
    assert problem.startswith(f"seeding.rules[0].min_ratio in {config} ")


def test_a_section_has_no_variables() -> None:
    with pytest.raises(ConfigError, match="RECONCILER_DENY_WINDOWS is no setting"):
        load_settings({"RECONCILER_DENY_WINDOWS": "0 18 * * *"})


# --- the reference ---


def _of(settings: Settings, key: str) -> object:
    """Return the value at a key of the reference that leads through no list."""
    found: Any = settings
    for part in key.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(
    "setting",
    [s for s in SETTINGS_REFERENCE if s.default and s.key.partition(".")[0] in {"grace", "seeding", "resync"}],
    ids=lambda setting: setting.key,
)
def test_a_documented_default_of_a_section_changes_nothing(setting: Any, config: Path) -> None:
    if "[]" in setting.key:
        assert setting.key == "seeding.rules[].met_by"
        config.write_text(f"seeding: {{rules: [{{min_hours: 1, met_by: {setting.default}}}]}}")
        assert load_settings({}, config).seeding.rules[0].met_by is MetBy.ALL
        return
    section, _, key = setting.key.partition(".")
    config.write_text(yaml.safe_dump({section: {key: yaml.safe_load(setting.default)}}))
    assert _of(load_settings({}, config), setting.key) == _of(Settings(), setting.key)
