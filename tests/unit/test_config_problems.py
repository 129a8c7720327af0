"""Everything that can be wrong with a configuration is named, each with its fix, and all of it at once."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import SETTINGS_REFERENCE, Settings, load_settings
from reconciler.errors import ConfigError
from reconciler.model import NEVER_DELETING_NOTIFICATIONS

KEY = "0123456789abcdef0123456789abcdef"
RADARR = {"RADARR_URL": "http://radarr:7878", "RADARR_API_KEY": KEY}
SECRETS = {"RECONCILER_WEBHOOK_SECRET": "w" * 16, "RECONCILER_API_TOKEN": "t" * 16}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def problems(environ: dict[str, str], path: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ, path)
    return caught.value.problems


def only(environ: dict[str, str], path: Path | None = None) -> str:
    (problem,) = problems(environ, path)
    return problem


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("RADAR_URL", "RADARR_URL"),
        ("RADDAR_API_KEY", "RADARR_API_KEY"),
        ("SONAR_API_KEY_FILE", "SONARR_API_KEY_FILE"),
        ("JELLYSEER_API_KEY", "JELLYSEERR_API_KEY"),
        ("JELYFIN_URL", "JELLYFIN_URL"),
        ("QBITORRENT_PASSWORD", "QBITTORRENT_PASSWORD"),
        ("QBITTORENT_USERNAME", "QBITTORRENT_USERNAME"),
    ],
)
def test_a_variable_of_a_mistyped_upstream_is_a_problem(name: str, meant: str) -> None:
    problem = only({**RADARR, name: "http://value-that-may-be-secret"})
    assert problem == f"{name} is no setting (did you mean {meant}?); correct or remove it."


@pytest.mark.parametrize(
    "name",
    [
        "READARR_API_KEY",
        "LIDARR_URL",
        "PROWLARR_API_KEY",
        "JELLYSTAT_URL",
        "OVERSEERR_URL",
        "RADARR_4K_URL",
        "DATABASE_PASSWORD",
        "RADAR_HOST",
        "RADAR_USERNAME",
        "PROXY_URL",
        "_URL",
    ],
)
def test_variables_of_other_programs_are_none_of_our_business(name: str) -> None:
    assert load_settings({**RADARR, name: "x"}).radarr[0].name == "radarr"


def test_every_problem_is_reported_at_once(config: Path) -> None:
    config.write_text(
        """
        prot: 3
        grace_seconds: 1.5
        protect_tags: {a: b}
        radarr: {url: "http://me:pw@radarr", api_key: 123, nmae: x}
        sonarr: {api_key: k}
        qbittorrent: {url: "http://q", username: u}
        jellyseerr: text
        webhook_secret: short
        """
    )
    found = problems(
        {
            "RECONCILER_HOST": "0.0.0.0",
            "RECONCILER_PORT": "http",
            "RECONCILER_MOD": "observe",
            "RECONCILER_BREAKER_LIMIT": "0",
            "JELLYSEERR_DELETE_ON": "MEDIA_APPROVED",
        },
        config,
    )
    text = "\n".join(found)
    for expected in (
        "RECONCILER_MOD is no setting (did you mean RECONCILER_MODE?)",
        f"prot in {config} is no setting (did you mean port?)",
        "grace_seconds",
        "protect_tags",
        "radarr.url",
        "radarr.api_key",
        "radarr.nmae",
        "sonarr.url is missing; set SONARR_URL",
        "qbittorrent.password is missing; set QBITTORRENT_PASSWORD",
        f"jellyseerr in {config} must hold",
        "jellyseerr.url is missing",
        "jellyseerr.api_key is missing; set JELLYSEERR_API_KEY, JELLYSEERR_API_KEY_FILE or api_key in the file",
        "JELLYSEERR_DELETE_ON",
        "webhook_secret in",
        "RECONCILER_PORT is 'http'; it must be a port from 0 to 65535.",
        "RECONCILER_BREAKER_LIMIT is '0'",
        "host is 0.0.0.0, which others can reach, and api_token is missing",
    ):
        assert expected in text
    assert len(found) == 17


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RECONCILER_PORT", "65536"),
        ("RECONCILER_PORT", "8585.5"),
        ("RECONCILER_HOST", "[::1]"),
        ("RECONCILER_HOST", "127.0.0.1:80"),
        ("RECONCILER_HOST", "999.1.1.1"),
        ("RECONCILER_MODE", "dry-run"),
        ("RECONCILER_INTERVAL_SECONDS", "0"),
        ("RECONCILER_INTERVAL_SECONDS", "3601"),
        ("RECONCILER_LEDGER_INTERVAL_SECONDS", "0"),
        ("RECONCILER_WEBHOOK_SECRET", "x" * 15),
        ("RECONCILER_API_TOKEN", "x"),
        ("RECONCILER_LOG_FORMAT", "xml"),
        ("RECONCILER_LOG_LEVEL", "loud"),
        ("RECONCILER_GRACE_SECONDS", "-1"),
        ("RECONCILER_BREAKER_LIMIT", "0"),
        ("RECONCILER_BREAKER_WINDOW_SECONDS", "0"),
        ("RECONCILER_BREAKER_BYTES", "-1"),
        ("RECONCILER_BREAKER_BYTES", "2 TB/day"),
        ("RECONCILER_BREAKER_BYTES", "1.5"),
        ("RECONCILER_BREAKER_BYTES", "two TB"),
        ("RECONCILER_BREAKER_BYTES", "2 TiBB"),
        ("RECONCILER_BREAKER_BYTES", "1001 PB"),
        ("RECONCILER_REQUIRE_APPROVAL", "dashbord"),
        ("RECONCILER_PROTECT_PATHS", "data/keep"),
        ("RECONCILER_PROTECT_PATHS", "/data/../keep"),
        ("RECONCILER_PROTECT_PATHS", "/data,/"),
        ("RECONCILER_LIKELY_CROSS_SEEDS", "delete"),
        ("RECONCILER_DELETE_WITHOUT_FILES", "yes"),
        ("RECONCILER_SUSPICIOUS_MINIMUM", "0"),
        ("RECONCILER_SHUTDOWN_SECONDS", "0"),
        ("DATABASE_URL", "mysql://x/y"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "postgresql://host"),
        ("DATABASE_URL", "reconciler.db"),
    ],
)
def test_a_bad_value_is_named_with_what_it_must_be(variable: str, value: str) -> None:
    problem = only({variable: value})
    assert problem.startswith((f"{variable} is {value!r}; ", f"{variable} cannot be used; "))
    assert "it must be " in problem


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@h/db", "postgres://h/db", "postgresql:///db?host=/run/pg", "sqlite:////var/x.db"]
)
def test_durable_databases_are_accepted(url: str) -> None:
    assert load_settings({"DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    "url",
    ["radarr:7878", "ftp://r", "http://", "http://u:p@r", "http://u@r", "http://r?x=1", "http://r?", "http://r#a",
     "http://r:port", "http://r:99999", "http://r:0", "http://r/a b", "//r", "http://[::1"],
)  # fmt: skip
def test_an_upstream_needs_a_plain_address(url: str) -> None:
    problem = only(RADARR | {"RADARR_URL": url})
    assert problem.startswith("RADARR_URL cannot be used; it must be an http:// or https:// address")


@pytest.mark.parametrize("kind", ["RADARR", "SONARR", "JELLYSEERR", "JELLYFIN"])
def test_half_an_upstream_is_a_problem_with_its_fix(kind: str) -> None:
    assert f"set {kind}_API_KEY" in only({f"{kind}_URL": "http://x"})
    assert f"set {kind}_URL" in only({f"{kind}_API_KEY": KEY})


def test_a_variable_that_is_nearly_right_is_pointed_out() -> None:
    problem = only({"RADARR_URL": "http://x", "RADARR_APIKEY": KEY})
    assert "RADARR_APIKEY is set: did you mean RADARR_API_KEY?" in problem


def test_a_bad_variable_is_reported_even_when_the_file_is_wrong_about_the_same_secret(
    config: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(KEY)
    both = f"'{KEY}', api_key_file: {tmp_path / 'secret'}"
    config.write_text(
        f"radarr: {{url: http://r, api_key: {both}}}\napi_token: '{KEY}'\napi_token_file: {tmp_path}/secret"
    )
    found = problems({"RADARR_API_KEY": "a b", "RECONCILER_API_TOKEN": "short"}, config)
    assert sum("keep one of them" in problem for problem in found) == 2
    assert any(problem.startswith("RADARR_API_KEY cannot be used") for problem in found)
    assert any(problem.startswith("RECONCILER_API_TOKEN cannot be used") for problem in found)
    assert len(found) == 4


@pytest.mark.parametrize(
    ("given_keys", "word"),
    [
        ((), "QBITTORRENT_USERNAME and QBITTORRENT_PASSWORD"),
        (("USERNAME",), "QBITTORRENT_PASSWORD"),
        (("PASSWORD",), "QBITTORRENT_USERNAME"),
        (("API_KEY", "PASSWORD"), "keep QBITTORRENT_API_KEY or"),
        (("API_KEY", "USERNAME", "PASSWORD"), "keep QBITTORRENT_API_KEY or"),
    ],
)
def test_qbittorrent_needs_exactly_one_way_in(given_keys: tuple[str, ...], word: str) -> None:
    environ = {"QBITTORRENT_URL": "http://q"} | {f"QBITTORRENT_{key}": "abc" for key in given_keys}
    assert word in only(environ)


@pytest.mark.parametrize("given_keys", [("API_KEY",), ("USERNAME", "PASSWORD")])
def test_qbittorrent_takes_a_key_or_a_login(given_keys: tuple[str, ...]) -> None:
    environ = {"QBITTORRENT_URL": "http://q"} | {f"QBITTORRENT_{key}": "abc" for key in given_keys}
    assert len(load_settings(environ).qbittorrent) == 1


@pytest.mark.parametrize("kind", ["jellyseerr", "jellyfin"])
def test_a_second_instance_is_refused_where_one_is_all_there_can_be(kind: str, config: Path) -> None:
    config.write_text(
        f"""
        {kind}:
          - {{url: http://a, api_key: "{KEY}"}}
          - {{url: http://b, api_key: "{KEY}", name: other}}
        """
    )
    assert only({}, config) == f"{kind} has 2 instances, and only one can be served; keep one."


def test_two_instances_cannot_share_a_name(config: Path) -> None:
    config.write_text(f"sonarr: {{url: http://a, api_key: '{KEY}', name: radarr}}")
    assert 'The name "radarr" is given to 2 instances' in only(RADARR, config)
    config.write_text(f"radarr: [{{url: http://a, api_key: '{KEY}'}}, {{url: http://b, api_key: '{KEY}'}}]")
    assert 'The name "radarr" is given to 2 instances' in only({}, config)


def test_a_download_client_belongs_to_one_qbittorrent(config: Path) -> None:
    config.write_text(
        """
        qbittorrent:
          - {url: http://a, api_key: a, download_clients: [Seedbox, qBittorrent]}
          - {url: http://b, api_key: b, download_clients: [Seedbox], name: seedbox}
        """
    )
    assert 'The download client "Seedbox" is given to several qBittorrents' in only({}, config)


def test_an_instance_name_tells_instances_of_one_kind_apart(config: Path) -> None:
    one = f"url: http://a, api_key: '{KEY}', instance_name: Media"
    config.write_text(f"radarr: {{{one}}}\nsonarr: {{{one}}}")
    assert load_settings({}, config).sonarr[0].instance_name == "Media"
    config.write_text(f"radarr: [{{{one}}}, {{{one}, name: radarr-4k}}]")
    assert 'The instance name "Media" is given to several radarr instances' in only({}, config)


def test_the_problems_of_a_further_instance_name_its_place_in_the_file_and_no_variable(config: Path) -> None:
    config.write_text(
        f"""
        radarr:
          - {{api_key: "{KEY}"}}
          - {{url: http://b, name: radarr-4k, is4k: true}}
        qbittorrent:
          - {{url: http://a, username: u}}
          - {{url: http://b, username: u, name: second}}
          - {{url: http://c, username: u, api_key: k, name: third}}
          - text
        """
    )
    first = "set QBITTORRENT_PASSWORD (or QBITTORRENT_API_KEY alone, for qBittorrent 5.2 and later)"
    second = "set qbittorrent[1].password (or qbittorrent[1].api_key alone, for qBittorrent 5.2 and later)"
    third = "keep qbittorrent[2].api_key or qbittorrent[2].username and qbittorrent[2].password"
    assert problems({}, config) == (
        f'qbittorrent[3] in {config} must hold "url: …" and the credentials, or be a list of such sections.',
        f"qbittorrent[0].password is missing; {first}.",
        f"qbittorrent[1].password is missing; {second}.",
        f"qbittorrent[2] has an API key as well as a user name or password; {third}.",
        f"radarr[1].is4k in {config} is no setting (did you mean is_4k?); remove or correct it.",
        "radarr[0].url is missing; set RADARR_URL or url in the file.",
        "radarr[1].api_key is missing; set api_key or api_key_file in the file.",
    )


@pytest.mark.parametrize("name", ["Radarr", "a b", "-a", "a/b", "", "x" * 64])
def test_a_name_must_fit_into_an_address(name: str, config: Path) -> None:
    config.write_text(f"radarr: {{url: http://a, api_key: '{KEY}', name: '{name}'}}")
    assert "radarr.name" in only({}, config)


@pytest.mark.parametrize("event", [*sorted(NEVER_DELETING_NOTIFICATIONS), "media_declined", "A B"])
def test_what_speaks_of_a_wish_cannot_delete(event: str) -> None:
    environ = {"JELLYSEERR_URL": "http://j", "JELLYSEERR_API_KEY": KEY, "JELLYSEERR_DELETE_ON": event}
    assert only(environ).startswith("JELLYSEERR_DELETE_ON is ")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_loopback_needs_no_secrets(host: str) -> None:
    assert load_settings({"RECONCILER_HOST": host}).host == host


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.5", "reconciler.example.org", "128.0.0.1", "localhost.example.org"]
)
def test_any_other_address_needs_both_secrets(host: str) -> None:
    found = problems({"RECONCILER_HOST": host})
    assert ["RECONCILER_WEBHOOK_SECRET" in p or "RECONCILER_API_TOKEN" in p for p in found] == [True, True]
    assert all("or listen on 127.0.0.1" in problem for problem in found)
    only({"RECONCILER_HOST": host, "RECONCILER_API_TOKEN": "t" * 16})
    assert load_settings({"RECONCILER_HOST": host} | SECRETS).host == host


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("a: [1", "line"),
        ("- a\n- b", '"key: value" lines'),
        ("just text", '"key: value" lines'),
        ("port: 1\nport: 2", '"port" is written twice'),
        ("radarr:\n  url: http://a\n  url: http://b", '"url" is written twice'),
        ("a: \x01", "characters that YAML does not allow"),
        ("host: !!python/object:os.system x", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_configuration_says_where_it_is_wrong(content: str, word: str, config: Path) -> None:
    config.write_text(content)
    problem = only({}, config)
    assert str(config) in problem
    assert word in problem


def test_a_file_that_cannot_be_read_is_a_problem(config: Path, tmp_path: Path) -> None:
    assert "cannot be read (No such file or directory)" in only({"RECONCILER_CONFIG": str(config)})
    assert "cannot be read (Is a directory)" in only({}, tmp_path)
    config.write_bytes(b"host: \xff")
    assert "UTF-8" in only({}, config)


@pytest.mark.parametrize(
    "line", ["port: true", "port: [1]", "port: x", "mode: 3", "protect_tags: 5", "protect_tags: [1]", "host: 5",
             "webhook_secret: 1234567890123456", "database_url: 7", "radarr: 5", "radarr: [5]"]
)  # fmt: skip
def test_a_value_of_the_wrong_kind_in_the_file_is_a_problem(line: str, config: Path) -> None:
    config.write_text(line)
    assert str(config) in only({}, config)


_yaml = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, derandomize=True)
@given(
    values=st.dictionaries(st.sampled_from([s.env for s in SETTINGS_REFERENCE if s.env]), st.text(max_size=12)),
    content=st.dictionaries(st.sampled_from([*Settings.model_fields, "x"]), _yaml, max_size=3),
)
def test_whatever_is_written_the_answer_is_settings_or_problems(
    values: dict[str, str], content: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    try:
        loaded = load_settings(values, path)
    except ConfigError:
        assert all(problem.endswith(".") for problem in problems(values, path))
    else:
        assert isinstance(loaded, Settings)


@pytest.mark.parametrize("key", ["API_TOKEN", "WEBHOOK_SECRET"])
def test_a_read_token_that_allows_more_than_to_look_is_refused(key: str) -> None:
    same = "the-same-secret-twice"
    environ = {"RECONCILER_API_TOKEN": "the-api-token-0123", "RECONCILER_READ_TOKEN": same, f"RECONCILER_{key}": same}
    with pytest.raises(ConfigError, match=f"read_token is the same as {key.lower()}") as refused:
        load_settings(environ)
    assert same not in str(refused.value)


def test_a_read_token_that_nobody_would_have_to_show_is_refused() -> None:
    with pytest.raises(ConfigError, match="everybody may do everything; set RECONCILER_API_TOKEN"):
        load_settings({"RECONCILER_READ_TOKEN": "n" * 16})
