"""Where settings come from, and that everything wrong with them is said at once, with its fix and without a secret."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from reconciler.config import (
    SETTINGS_REFERENCE,
    DeleteWithoutFiles,
    LogFormat,
    LogLevel,
    Mode,
    Setting,
    Settings,
    load_settings,
    settings_markdown,
)
from reconciler.errors import ConfigError
from reconciler.model import InstanceName, MediaKind, UpstreamKind

ROOT = Path(__file__).parents[2]
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


# --- defaults and sources ---


def test_nothing_set_listens_on_loopback_with_nothing_configured() -> None:
    loaded = load_settings({"PATH": "/bin", "HOME": "/root"})
    assert loaded == Settings()
    assert (loaded.host, loaded.port, loaded.mode) == ("127.0.0.1", 8585, Mode.ENFORCE)
    assert (loaded.interval_seconds, loaded.ledger_interval_seconds, loaded.watch_window_seconds) == (60, 300, 86400)
    assert (loaded.grace_seconds, loaded.breaker_limit, loaded.breaker_window_seconds) == (0, 25, 3600)
    assert loaded.protect_labels == loaded.protect_tags == frozenset({"keep"})
    assert (loaded.delete_without_files, loaded.files_left_behind_seconds) == (DeleteWithoutFiles.IGNORE, 900)
    assert (loaded.suspicious_minimum, loaded.shutdown_seconds) == (10, 10)
    assert (loaded.log_format, loaded.log_level) == (LogFormat.CONSOLE, LogLevel.INFO)
    assert loaded.database_url == "sqlite:///reconciler.db"
    assert loaded.webhook_secret is None
    assert loaded.api_token is None
    assert [*loaded.qbittorrent, *loaded.radarr, *loaded.sonarr, *loaded.jellyseerr, *loaded.jellyfin] == []


def test_everything_can_come_from_the_environment() -> None:
    loaded = load_settings(
        RADARR
        | SECRETS
        | {
            "RECONCILER_HOST": "0.0.0.0",
            "RECONCILER_PORT": "9000",
            "RECONCILER_MODE": "Observe",
            "RECONCILER_INTERVAL_SECONDS": "5",
            "RECONCILER_LOG_FORMAT": "json",
            "RECONCILER_LOG_LEVEL": "DEBUG",
            "RECONCILER_PROTECT_TAGS": "keep, archive ,",
            "RECONCILER_DELETE_WITHOUT_FILES": "delete",
            "DATABASE_URL": "postgresql://me:pw@db:5432/reconciler",
            "QBITTORRENT_URL": "http://q:8080/",
            "QBITTORRENT_USERNAME": "admin",
            "QBITTORRENT_PASSWORD": "a",
            "SONARR_URL": "https://example.org/sonarr/",
            "SONARR_API_KEY": KEY,
            "JELLYSEERR_URL": "http://[::1]:5055",
            "JELLYSEERR_API_KEY": KEY,
            "JELLYSEERR_DELETE_ON": "MEDIA_DECLINED,MEDIA_DELETED",
        }
    )
    assert (loaded.host, loaded.port, loaded.mode) == ("0.0.0.0", 9000, Mode.OBSERVE)
    assert (loaded.log_format, loaded.log_level) == (LogFormat.JSON, LogLevel.DEBUG)
    assert loaded.protect_tags == frozenset({"keep", "archive"})
    assert loaded.delete_without_files is DeleteWithoutFiles.DELETE
    (torrents,) = loaded.qbittorrent
    assert (torrents.name, torrents.url, torrents.username, torrents.api_key) == (
        "qbittorrent",
        "http://q:8080",
        "admin",
        None,
    )
    assert torrents.password is not None
    assert torrents.password.get_secret_value() == "a"
    assert loaded.sonarr[0].url == "https://example.org/sonarr"
    assert loaded.jellyseerr[0].delete_on == frozenset({"MEDIA_DECLINED", "MEDIA_DELETED"})


def test_everything_can_come_from_the_file(config: Path) -> None:
    config.write_text(
        f"""
        mode: observe
        interval_seconds: 7
        protect_labels: []
        radarr:
          - name: films
            url: http://radarr:7878
            api_key: "{KEY}"
            is_4k: true
        qbittorrent:
          url: http://q
          api_key: qbt_123
        jellyseerr: {{url: http://j, api_key: "{KEY}", delete_on: []}}
        sonarr:
        """
    )
    loaded = load_settings({"RECONCILER_CONFIG": str(config)})
    assert loaded == load_settings({}, config)
    assert (loaded.mode, loaded.interval_seconds, loaded.protect_labels) == (Mode.OBSERVE, 7, frozenset())
    assert (loaded.radarr[0].name, loaded.radarr[0].is_4k) == ("films", True)
    assert loaded.jellyseerr[0].delete_on == frozenset()
    assert loaded.sonarr == ()


def test_the_environment_outweighs_the_file_value_by_value(config: Path) -> None:
    config.write_text(f"port: 1\ngrace_seconds: 9\nradarr: {{url: http://file, api_key: '{KEY}', name: films}}")
    loaded = load_settings({"RECONCILER_PORT": "2", "RADARR_URL": "http://env"}, config)
    assert (loaded.port, loaded.grace_seconds) == (2, 9)
    assert (loaded.radarr[0].url, loaded.radarr[0].name) == ("http://env", "films")


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert load_settings({"RECONCILER_PORT": "", "RADARR_URL": " ", "RADARR_API_KEY": ""}) == Settings()


def test_an_empty_file_changes_nothing(config: Path) -> None:
    config.write_text("# nothing yet\n")
    assert load_settings({}, config) == Settings()


def test_what_kubernetes_says_of_a_service_called_reconciler_is_no_setting() -> None:
    links = {
        "RECONCILER_SERVICE_HOST": "10.0.0.1",
        "RECONCILER_SERVICE_PORT": "8585",
        "RECONCILER_SERVICE_PORT_HTTP": "8585",
        "RECONCILER_PORT": "tcp://10.0.0.1:8585",
        "RECONCILER_PORT_8585_TCP": "tcp://10.0.0.1:8585",
        "RECONCILER_PORT_8585_TCP_ADDR": "10.0.0.1",
        "RECONCILER_DELETION_RECONCILER_PORT": "tcp://10.0.0.1:8585",
        "RECONCILER_DELETION_RECONCILER_SERVICE_HOST": "10.0.0.1",
    }
    assert load_settings(links) == Settings()


def test_library_instances_are_radarr_for_movies_and_sonarr_for_series() -> None:
    loaded = load_settings(RADARR)
    assert loaded.library_instances(MediaKind.MOVIE) == frozenset({InstanceName("radarr")})
    assert loaded.library_instances(MediaKind.SERIES) == frozenset()


def test_settings_cannot_be_changed() -> None:
    loaded = load_settings(RADARR)
    with pytest.raises(ValidationError):
        setattr(loaded, "port", 1)  # noqa: B010 - the plain statement does not even type-check


# --- secrets ---


@pytest.mark.parametrize(
    "variable", [s.env for s in SETTINGS_REFERENCE if s.secret and s.env and not s.env.startswith("QBITTORRENT")]
)
def test_every_secret_can_come_from_a_file(variable: str, tmp_path: Path) -> None:
    values = {"DATABASE_URL": "sqlite:///other.db", "RECONCILER_NOTIFICATIONS_URLS": f"ntfy://{KEY}/topic"}
    value = values.get(variable, KEY)
    (tmp_path / "secret").write_text(f"\n{value}\n\n")
    beside = {variable.replace("API_KEY", "URL"): "http://x"} if variable.endswith("API_KEY") else {}
    beside |= {variable.replace("PREVIOUS_", ""): "n" * 16} if "PREVIOUS" in variable else {}
    beside |= {"RECONCILER_API_TOKEN": "n" * 16} if variable == "RECONCILER_READ_TOKEN" else {}
    direct = load_settings({variable: value} | beside)
    assert load_settings({f"{variable}_FILE": str(tmp_path / "secret")} | beside) == direct
    assert direct != load_settings(beside if "RECONCILER" in variable else {})


def test_the_password_of_qbittorrent_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("pass word\n")
    environ = {"QBITTORRENT_URL": "http://q", "QBITTORRENT_USERNAME": "u"}
    loaded = load_settings(environ | {"QBITTORRENT_PASSWORD_FILE": str(tmp_path / "secret")})
    assert loaded == load_settings(environ | {"QBITTORRENT_PASSWORD": "pass word"})


def test_a_secret_file_can_be_named_in_yaml_and_the_environment_outweighs_it(config: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(KEY)
    config.write_text(
        f"radarr: {{url: http://r, api_key_file: {tmp_path / 'secret'}}}\napi_token_file: {tmp_path}/secret"
    )
    loaded = load_settings({}, config)
    assert loaded.radarr[0].api_key.get_secret_value() == KEY
    assert loaded.api_token is not None
    other = load_settings({"RADARR_API_KEY": "other"}, config)
    assert other.radarr[0].api_key.get_secret_value() == "other"


def test_a_secret_and_its_file_cannot_both_be_set(tmp_path: Path, config: Path) -> None:
    (tmp_path / "secret").write_text(KEY)
    both = only(RADARR | {"RADARR_API_KEY_FILE": str(tmp_path / "secret")})
    assert "RADARR_API_KEY" in both
    assert "RADARR_API_KEY_FILE" in both
    assert "keep one" in both
    config.write_text(f"webhook_secret: '{KEY}'\nwebhook_secret_file: {tmp_path / 'secret'}")
    assert "webhook_secret_file" in only({}, config)


@pytest.mark.parametrize(("content", "word"), [(None, "cannot be read"), (" \n", "is empty"), (b"\xff\xfe", "UTF-8")])
def test_a_secret_file_that_cannot_be_used_is_the_only_problem(
    content: str | bytes | None, word: str, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problem = only({"RADARR_URL": "http://r", "RADARR_API_KEY_FILE": str(path)})
    assert "RADARR_API_KEY_FILE" in problem
    assert word in problem


def test_only_secrets_have_a_file_variant() -> None:
    assert "RECONCILER_PORT_FILE is no setting" in only({"RECONCILER_PORT_FILE": "/x"})


def test_neither_settings_nor_problems_show_a_secret(config: Path) -> None:
    hidden = "hush-hush-hush-hush"
    environ = {
        "RECONCILER_WEBHOOK_SECRET": hidden,
        "RECONCILER_API_TOKEN": hidden,
        "DATABASE_URL": f"postgresql://me:{hidden}@db/reconciler",
        "QBITTORRENT_URL": "http://q",
        "QBITTORRENT_USERNAME": "u",
        "QBITTORRENT_PASSWORD": hidden,
        "RADARR_URL": "http://r",
        "RADARR_API_KEY": hidden,
    }
    loaded = load_settings(environ)
    assert hidden not in f"{loaded!r} {loaded} {loaded.radarr!r}"
    assert loaded.secret_values() == (hidden,)
    bad = {
        "DATABASE_URL": f"mysql://me:{hidden}@db/x",
        "RADARR_URL": f"http://me:{hidden}@r",
        "RADARR_API_KEY": f"{hidden} with spaces",
        "QBITTORRENT_API_KEY": f"{hidden} x",
    }
    assert hidden not in "\n".join(problems(environ | bad))
    config.write_text(f"radarr: {{url: http://r, api_key: '{hidden}'\nwebhook_secret: {hidden}")
    assert hidden not in "\n".join(problems({}, config))


@pytest.mark.parametrize("key", ["webhook_secret", "api_token"])
def test_a_previous_secret_helps_only_beside_another_present_one(key: str) -> None:
    present, previous = f"RECONCILER_{key.upper()}", f"RECONCILER_PREVIOUS_{key.upper()}"
    alone = only({previous: KEY})
    assert alone == f"previous_{key} is set and {key} is not; set {present} to the new secret, or remove {previous}."
    same = only({previous: KEY, present: KEY})
    assert same == f"previous_{key} is the same as {key}; set {present} to the new secret, or remove {previous}."
    assert KEY not in alone + same
    assert only({previous: KEY, present: "short"}).startswith(present), "one problem is said once"
    assert only({previous: "short", present: KEY}).startswith(previous)


def test_previous_secrets_are_secrets() -> None:
    loaded = load_settings(
        SECRETS | {"RECONCILER_PREVIOUS_WEBHOOK_SECRET": "old-" * 4, "RECONCILER_PREVIOUS_API_TOKEN": "older" * 4}
    )
    assert "old" not in f"{loaded!r} {loaded}"
    assert {"old-" * 4, "older" * 4} <= {*loaded.secret_values()}


# --- the root path ---


@pytest.mark.parametrize("path", ["/", "/reconciler", "/media/deletion-reconciler_2", "/statuses"])
def test_a_root_path_is_taken_as_it_is(path: str) -> None:
    assert load_settings({"RECONCILER_ROOT_PATH": path}).root_path == path


@pytest.mark.parametrize(
    "path",
    ["reconciler", "/reconciler/", "//reconciler", "/a//b", "/..", "/a/../b", "/a b", "/a?b", "/a#b", "/a%20b", "/a.b",
     "http://host/reconciler", "/status", "/webhooks/radarr", "/ä"],
)  # fmt: skip
def test_a_root_path_that_could_be_misread_is_refused(path: str) -> None:
    assert "it must be / (none), or a path such as /reconciler" in only({"RECONCILER_ROOT_PATH": path})


# --- the reference ---


def test_the_page_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == settings_markdown()


def test_every_setting_is_on_the_page_and_nothing_else() -> None:
    rows = re.findall(r"^\| `([a-z_0-9.\[\]]+)` \|", settings_markdown(), re.MULTILINE)
    assert sorted(rows) == sorted(setting.key for setting in SETTINGS_REFERENCE)
    assert len(rows) == len(set(rows))
    upstreams = {kind.value for kind in UpstreamKind}
    assert set(rows) == {key for key in _keys(Settings) if key.removesuffix("[]") not in upstreams}


def _keys(model: type[BaseModel], place: str = "") -> Iterator[str]:
    """Find every key there is by the types of the models alone, as the page names it."""
    for key, field in model.model_fields.items():
        inner = [kind for kind in (field.annotation, *get_args(field.annotation)) if _is_model(kind)]
        is_list = inner != [] and inner[0] is not field.annotation
        is_upstream = not place and key in {kind.value for kind in UpstreamKind}
        yield f"{place}{key}"
        for kind in inner:
            yield from _keys(kind, f"{place}{key}{'[]' if is_list and not is_upstream else ''}.")


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and not get_args(kind) and issubclass(kind, BaseModel)


@pytest.mark.parametrize("setting", [s for s in SETTINGS_REFERENCE if s.default and s.env], ids=lambda s: s.key)
def test_every_documented_default_is_accepted_and_changes_nothing(setting: Setting) -> None:
    assert setting.env is not None
    section = setting.key.partition(".")[0].upper()
    base = {f"{section}_URL": "http://j", f"{section}_API_KEY": KEY} if "." in setting.key else {}
    assert load_settings(base | {setting.env: setting.default}) == load_settings(base)
