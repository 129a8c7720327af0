"""Where messages go and what they tell: from the file, from variables, and never quoted."""

from pathlib import Path

import pytest

from reconciler.config import NotificationsSettings, Settings, load_settings
from reconciler.errors import ConfigError
from reconciler.model import Occasion

NTFY = "ntfy://token@ntfy.example/deletions"
MAIL = "mailto://user:hunter2@mail.example?to=a@mail.example,b@mail.example"


def urls_of(settings: Settings) -> list[str]:
    return [url.get_secret_value() for url in settings.notifications.urls]


def loaded(path: Path, content: str, environ: dict[str, str] | None = None) -> Settings:
    (path / "config.yaml").write_text(content)
    return load_settings(environ or {}, path / "config.yaml")


def problem_of(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    (problem,) = caught.value.problems
    return problem


def test_nothing_is_told_unless_it_is_said_to_whom() -> None:
    assert load_settings({}).notifications == NotificationsSettings()
    assert NotificationsSettings().urls == ()
    assert NotificationsSettings().tell == {Occasion.HELD, Occasion.STALLED}


def test_variables_are_enough(tmp_path: Path) -> None:
    environ = {
        "RECONCILER_NOTIFICATIONS_URLS": f"{NTFY} {MAIL}",
        "RECONCILER_NOTIFICATIONS_TELL": "held, Converged",
        "RECONCILER_NOTIFICATIONS_INTERVAL_SECONDS": "300",
    }
    settings = load_settings(environ)
    assert urls_of(settings) == [NTFY, MAIL]
    assert settings.notifications.tell == {Occasion.HELD, Occasion.CONVERGED}
    assert settings.notifications.interval_seconds == 300
    assert settings.notifications.stalled_after_seconds == 21_600


@pytest.mark.parametrize("between", [" ", "\n", ",", ", ", " ,\n  "])
def test_a_comma_inside_an_address_belongs_to_it(between: str) -> None:
    settings = load_settings({"RECONCILER_NOTIFICATIONS_URLS": f"{MAIL}{between}{NTFY}"})
    assert urls_of(settings) == [MAIL, NTFY]


def test_the_file_lists_them_and_a_variable_outweighs_it_key_by_key(tmp_path: Path) -> None:
    content = f"notifications:\n  urls:\n    - {NTFY}\n    - {MAIL}\n  tell: [stalled]\n  interval_seconds: 5\n"
    settings = loaded(tmp_path, content)
    assert urls_of(settings) == [NTFY, MAIL]
    settings = loaded(tmp_path, content, {"RECONCILER_NOTIFICATIONS_INTERVAL_SECONDS": "7"})
    assert urls_of(settings) == [NTFY, MAIL]
    assert settings.notifications.tell == {Occasion.STALLED}
    assert settings.notifications.interval_seconds == 7


def test_the_addresses_can_be_read_from_a_file_of_their_own(tmp_path: Path) -> None:
    secret = tmp_path / "urls"
    secret.write_text(f"{NTFY}\n{MAIL}\n")
    assert urls_of(load_settings({"RECONCILER_NOTIFICATIONS_URLS_FILE": str(secret)})) == [NTFY, MAIL]
    assert urls_of(loaded(tmp_path, f"notifications:\n  urls_file: {secret}\n")) == [NTFY, MAIL]


def test_a_bad_address_is_refused_and_not_quoted(tmp_path: Path) -> None:
    said = problem_of({"RECONCILER_NOTIFICATIONS_URLS": f"{NTFY} https:hunter2"})
    assert said.startswith("RECONCILER_NOTIFICATIONS_URLS cannot be used; it must be one or more addresses")
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "notifications:\n  urls: [hunter2, 3]\n  stalled_after_seconds: 5\n  often: 3\n")
    assert len(caught.value.problems) == 3
    assert "hunter2" not in str(caught.value)


def test_a_mistyped_variable_is_named_with_the_one_that_was_meant() -> None:
    said = problem_of({"RECONCILER_NOTIFICATION_URLS": NTFY})
    assert said.startswith("RECONCILER_NOTIFICATION_URLS is no setting (did you mean RECONCILER_NOTIFICATIONS_URLS?)")
    assert "ntfy.example" not in said


def test_they_are_secrets_like_all_others() -> None:
    settings = load_settings({"RECONCILER_NOTIFICATIONS_URLS": f"{NTFY} {MAIL}"})
    assert "hunter2" not in repr(settings)
    assert {NTFY, MAIL} <= set(settings.secret_values())
