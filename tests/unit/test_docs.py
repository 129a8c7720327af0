"""What the documents say is what the code does: names, numbers and links. The README's examples: `test_readme.py`."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Route

from reconciler.backoff import HELD, REFUSED_CALL, REFUSED_LOGIN
from reconciler.cli import app
from reconciler.cli.service import URL_VARIABLE
from reconciler.config import SETTINGS_REFERENCE, Settings
from reconciler.config.sources import CONFIG_VARIABLE
from reconciler.lease import LEASE
from reconciler.ledger import LONGEST_SILENCE
from reconciler.model import ConditionType, Phase, TargetKind
from reconciler.notify.wording import MOST_LINES
from reconciler.plan.actions import Action
from reconciler.plan.refresh import ANNOUNCE_AGAIN
from reconciler.reasons import MEANINGS, Effect, Reason
from reconciler.rounds import WATCH_STEPS
from reconciler.store.ingest import REMEMBERED
from reconciler.telemetry import CALL_OUTCOMES, METRIC_NAMES, NOTIFICATION_OUTCOMES, WEBHOOK_OUTCOMES
from tests.support.metrics import used
from tests.support.pages import PAGES, ROOT, Row, blocks, code, prose, read, rows_of, section
from tests.unit.web.fakes import World

every_page = pytest.mark.parametrize("page", PAGES)

# --- plans ---------------------------------------------------------------------------------------------------------


def test_every_step_and_every_kind_of_target_is_explained() -> None:
    text = section("docs/api.md", "Reading")
    missing = [a.__name__ for a in typing.get_args(Action) if f"`{a.__name__}`" not in text]
    missing += [
        kind.value for kind in TargetKind if f"| `{kind.value}`" not in text and f", `{kind.value}`" not in text
    ]
    assert not missing


# --- reasons and conditions ----------------------------------------------------------------------------------------

SECTIONS = {
    "Done": Effect.DONE,
    "At work": Effect.PROGRESS,
    "Waiting": Effect.WAIT,
    "Held": Effect.HOLD,
    "How a cancelled deletion ended": Effect.DONE,
    "Why a webhook created nothing": Effect.DONE,
}


def explained() -> dict[str, tuple[Effect, Row]]:
    rows = [(effect, row) for title, effect in SECTIONS.items() for row in rows_of(section("docs/reasons.md", title))]
    found = {code(row[0]): (effect, row) for effect, row in rows}
    assert len(found) == len(rows), "a reason is explained twice"
    return found


def test_every_reason_is_explained_and_no_other() -> None:
    assert set(explained()) == {reason.value for reason in Reason}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_explained_where_its_effect_is(reason: Reason) -> None:
    effect, row = explained()[reason.value]
    assert effect is MEANINGS[reason].effect
    assert [cell for cell in row if not cell] == []


@pytest.mark.parametrize("reason", [r for r in Reason if MEANINGS[r].effect in {Effect.WAIT, Effect.HOLD}])
def test_the_page_says_whether_an_approval_lifts_a_reason(reason: Reason) -> None:
    _effect, row = explained()[reason.value]
    assert row[-1] == ("yes" if MEANINGS[reason].approvable else "no")


def test_only_what_is_waited_for_can_be_approved() -> None:
    """The sections without that column are right to leave it out."""
    done = [r for r in Reason if MEANINGS[r].effect in {Effect.DONE, Effect.PROGRESS} and MEANINGS[r].approvable]
    assert done == []


def test_every_condition_and_phase_is_explained() -> None:
    head = read("docs/reasons.md").partition("\n## ")[0]
    listed = [code(row[0]) for row in rows_of(head)]
    assert sorted(listed) == sorted([*(c.value for c in ConditionType), *(p.value for p in Phase)])


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("helm/")])
def test_a_page_names_no_reason_condition_or_step_that_does_not_exist(page: str) -> None:
    steps = {a.__name__ for a in typing.get_args(Action)}
    known = {*(r.value for r in Reason), *(c.value for c in ConditionType), *CALL_OUTCOMES, *steps}
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", read(page)))
    assert named - known == set()


# --- metrics -------------------------------------------------------------------------------------------------------


def exposed() -> dict[str, tuple[str, set[str]]]:
    """Return every metric's type and labels, as Prometheus gets them."""
    found = {}
    for family in text_string_to_metric_families(used().render().decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = (family.type, {label for sample in family.samples for label in sample.labels} - {"le"})
    return found


def test_every_metric_is_listed_with_its_type_and_labels() -> None:
    rows = [row for row in rows_of(read("docs/metrics.md")) if code(row[0]).startswith("reconciler_")]
    listed = {code(name): (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _meaning in rows}
    assert listed == exposed()
    assert sorted(listed) == sorted(METRIC_NAMES)


SENDERS = {r.path.split("/")[2] for r in World().app().routes if isinstance(r, Route) and "/webhooks/" in r.path}
"""Whose webhooks are taken."""


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ("`phase`", {phase.value for phase in Phase}),
        ("`source`", SENDERS),
        ("`outcome` of a call", CALL_OUTCOMES),
        ("`outcome` of a webhook", WEBHOOK_OUTCOMES),
        ("`outcome` of a notification", NOTIFICATION_OUTCOMES),
    ],
)
def test_the_values_of_a_label_are_listed(label: str, values: set[str]) -> None:
    (cell,) = [row[1] for row in rows_of(read("docs/metrics.md")) if row[0] == label]
    assert set(re.findall(r"`(\w+)`", cell)) == set(values)


def test_the_alerts_name_metrics_that_exist() -> None:
    (alerts,) = blocks("docs/metrics.md", "promql")
    named = set(re.findall(r"reconciler_\w+", alerts))
    assert named
    assert named <= set(METRIC_NAMES)


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", SETTINGS_REFERENCE, ids=lambda setting: setting.key)
def test_every_setting_is_listed(setting: Any) -> None:
    (row,) = [row for row in rows_of(read("docs/configuration.md")) if code(row[0]) == setting.key]
    assert code(row[1]) == (setting.env or "")


@every_page
def test_a_page_names_only_variables_that_exist(page: str) -> None:
    variables = {setting.env for setting in SETTINGS_REFERENCE if setting.env}
    files = {f"{setting.env}_FILE" for setting in SETTINGS_REFERENCE if setting.env and setting.secret}
    named = set(
        re.findall(r"\b(?:RECONCILER|QBITTORRENT|RADARR|SONARR|JELLYSEERR|JELLYFIN|DATABASE)_[A-Z0-9_]+\b", read(page))
    )
    assert named - variables - files - {CONFIG_VARIABLE, URL_VARIABLE} == set()


@pytest.mark.parametrize("page", ["README.md", "docs/how-it-works.md"])
def test_a_setting_in_brackets_exists(page: str) -> None:
    """A default is followed by its setting's name, as in: every 60 seconds (`interval_seconds`)."""
    named = re.findall(r"\((?:`[a-z_]+`(?:, )?)+\)", prose(page))
    keys = {key for group in named for key in re.findall(r"`([a-z_]+)`", group)}
    assert keys
    assert keys <= Settings.model_fields.keys()


@every_page
def test_a_setting_of_a_section_exists(page: str) -> None:
    """Such as `seeding.block_entry`."""
    keys = {setting.key for setting in SETTINGS_REFERENCE}
    sections = {key.partition(".")[0] for key in keys if "." in key and "[" not in key}
    named = set(re.findall(r"`([a-z_]+\.[a-z_\[\].]+)(?::[^`]*)?`", read(page)))
    assert {key for key in named if key.partition(".")[0] in sections} - keys == set()


def test_the_defaults_of_the_resync_are_those_of_the_code() -> None:
    rows = rows_of(section("docs/how-it-works.md", "Catch-up by polling"))
    told = {code(setting).removeprefix("resync."): code(default) for _, setting, default in rows}
    default = Settings().resync
    values = {name: getattr(default, name) for name in type(default).model_fields if name != "interval_seconds"}
    assert told == {name: str(value) if value is not None else "" for name, value in values.items()}
    assert Settings().on_declined() == "ignore", "without a Jellyseerr"


def _defaults() -> Iterator[tuple[str, str]]:
    default = Settings()
    minutes, hours = 60, 3600
    how = "docs/how-it-works.md"
    yield how, f"every {default.interval_seconds} seconds (`interval_seconds`)"
    yield how, f"every {default.ledger_interval_seconds // minutes} minutes (`ledger_interval_seconds`)"
    yield how, f"For {default.watch_window_seconds // hours} hours (`watch_window_seconds`)"
    yield how, f"When {default.breaker_limit} deletions (`breaker_limit`) have begun to destroy within an hour"
    yield how, f"by which more than {_in_tb(default.breaker_bytes)} (`breaker_bytes`) would go"
    yield how, f"every {default.resync.interval_seconds // minutes} minutes (`resync.interval_seconds`)"
    yield how, f"told again every {ANNOUNCE_AGAIN.total_seconds() / minutes:.0f} minutes"
    yield how, f"at least {default.suspicious_minimum} entries (`suspicious_minimum`)"
    yield how, f"after {default.files_left_behind_seconds // minutes} minutes (`files_left_behind_seconds`)"
    yield how, f"for more than {LONGEST_SILENCE.total_seconds() / minutes:.0f} minutes, it notes a gap"
    yield how, f"every {REFUSED_CALL.total_seconds() / minutes:.0f} minutes, a refused login every hour"
    first, second, third, rest = (step.total_seconds() for step in WATCH_STEPS)
    yield (
        how,
        f"after {first:.0f} seconds, {second:.0f} seconds, {third / 60:.0f} minutes, and every {rest / 60:.0f} min",
    )
    yield how, f"{LEASE.total_seconds():.0f} seconds after its holder is gone"
    yield "README.md", f"More than {default.breaker_limit} deletions that begin within an hour (`breaker_limit`)"
    yield "README.md", f"or more than {_in_tb(default.breaker_bytes)} (`breaker_bytes`)"
    yield "README.md", f"is looked for every {default.resync.interval_seconds // minutes} minutes"
    yield "docs/reasons.md", f"more data than allowed ({_in_tb(default.breaker_bytes)})"
    yield "README.md", f"within {REMEMBERED.days} days"
    yield "README.md", f"(default `http://127.0.0.1:{default.port}`)"
    yield "docs/reasons.md", f"({default.breaker_limit} in an hour, unless set otherwise)"
    yield "docs/reasons.md", f"seen {default.files_left_behind_seconds // minutes} minutes after everything else went"
    yield "docs/reasons.md", f"At least {default.suspicious_minimum} titles"
    told = "docs/notifications.md"
    section_, hour = default.notifications, hours
    yield told, f"within {section_.interval_seconds} seconds"
    yield told, f"has not come further for {section_.stalled_after_seconds // hour} hours"
    yield told, f"at most {MOST_LINES} deletions"
    yield "docs/reasons.md", f"looked at every {HELD.total_seconds() / minutes:.0f} minutes by itself"


def _in_tb(size: int) -> str:
    return f"{size / 1000**4:.0f} TB"


@pytest.mark.parametrize(("page", "said"), [*_defaults()])
def test_the_numbers_are_those_of_the_code(page: str, said: str) -> None:
    assert said in prose(page)


def test_an_hour_is_what_the_pages_call_an_hour() -> None:
    assert Settings().breaker_window_seconds == REFUSED_LOGIN.total_seconds() == 3600
    assert Settings().protect_labels == Settings().protect_tags == {"keep"}


# --- pages ---------------------------------------------------------------------------------------------------------


def test_every_page_is_looked_at() -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))}
    assert pages <= set(PAGES)


def anchors(page: str) -> set[str]:
    """Return the names that headings get."""
    text = re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_every_relative_link_leads_somewhere(page: str) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", read(page))
    for target in targets:
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert linked.is_file(), target
        if anchor:
            assert anchor in anchors(linked.relative_to(ROOT).as_posix()), target


def test_every_picture_is_shown_described_and_small() -> None:
    shown: set[Path] = set()
    for page in PAGES:
        for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", read(page)):
            assert words, target
            shown.add(((ROOT / page).parent / target).resolve())
    kept = set((ROOT / "docs" / "images").iterdir())
    assert shown == kept
    assert [path.name for path in kept if path.stat().st_size > 150 * 1024] == []


@every_page
def test_a_page_names_no_machine_of_its_author(page: str) -> None:
    """Addresses outside are few and known (`.example` is nobody's), and no path is that of somebody's own machine."""
    hosts = set(re.findall(r"\w+://(?:[^/@\s]+@)?([\w.-]+)", read(page)))
    outside = {host for host in hosts if "." in host and not re.fullmatch(r"[\d.]+|.+\.example", host)}
    assert outside <= {"keepachangelog.com", "semver.org"}
    assert re.findall(r"(?<![\w.…}])/(?:work|home|root|Users|tmp|mnt|opt)/\S*", read(page)) == []


def test_the_changelog_begins_with_what_is_not_released() -> None:
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), flags=re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert [h for h in headings[1:] if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", h)] == []
    kinds = set(re.findall(r"^### (.+)$", read("CHANGELOG.md"), flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@every_page
def test_a_page_names_only_commands_that_exist(page: str) -> None:
    text = re.sub(r"docker exec reconciler ", "", read(page))
    named = set(re.findall(r"(?:`|bin/|^)reconciler ([a-z]+(?:-[a-z]+)*)", text, flags=re.MULTILINE))
    assert named - {command.name for command in app.registered_commands} == set()


@every_page
def test_a_page_names_only_make_targets_that_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", read(page), flags=re.MULTILINE))
    assert named - targets == set()
