"""Logs that keep secrets and cannot be forged, call counts, metrics."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from reconciler import __version__
from reconciler.model import InstanceName, Phase, Source, UpstreamKind, WebhookState
from reconciler.ports import ConnectionSeen, Heard, Overview, SenderHeard
from reconciler.reasons import MEANINGS, Effect
from reconciler.telemetry import METRIC_NAMES, Calls, Metrics, configure_logging, fan_out, get_logger, logs
from tests.support.clocks import START
from tests.support.metrics import RADARR, used

SEERR = InstanceName("jellyseerr")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in logs._QUIET}
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, was in quiet.items():
        logging.getLogger(name).setLevel(was)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def configured(format_: Literal["console", "json"] = "json", level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure_logging(format_, level, stream=stream)
    return stream


def the_line(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    parsed: dict[str, Any] = json.loads(line)
    return parsed


# --- shape ---------------------------------------------------------------------------------------------------------


def test_a_json_line_is_an_event_with_fields() -> None:
    stream = configured()
    get_logger("loop").info("upstream lost", upstream="radarr", attempt=3)
    line = the_line(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "upstream lost", "logger": "loop", "level": "info", "upstream": "radarr", "attempt": 3}


def test_a_console_line_names_level_event_and_fields() -> None:
    stream = configured("console")
    get_logger().warning("upstream lost", upstream="radarr")
    (line,) = stream.getvalue().splitlines()
    assert "warning" in line
    assert "upstream lost" in line
    assert "upstream=radarr" in line


@pytest.mark.parametrize("name", ["uvicorn.error", "apscheduler.executors", "somewhere.else"])
def test_lines_of_libraries_take_the_same_form(name: str) -> None:
    stream = configured()
    logging.getLogger(name).error("it %s", "broke")
    line = the_line(stream)
    assert (line["event"], line["logger"], line["level"]) == ("it broke", name, "error")


def test_handlers_that_uvicorn_installed_are_replaced() -> None:
    uvicorn_logger = logging.getLogger("uvicorn")
    uvicorn_logger.addHandler(logging.StreamHandler(io.StringIO()))
    uvicorn_logger.propagate = False
    stream = configured()
    uvicorn_logger.error("started")
    assert uvicorn_logger.handlers == []
    assert the_line(stream)["event"] == "started"


@pytest.mark.parametrize("name", ["httpx", "httpcore", "apscheduler.scheduler", "uvicorn.access"])
def test_chatter_of_libraries_is_left_out(name: str) -> None:
    stream = configured(level="debug")
    logging.getLogger(name).info("HTTP Request: GET http://radarr/api/v3/movie")
    assert stream.getvalue() == ""


def test_the_level_decides_what_is_written() -> None:
    stream = configured(level="WARNING")
    get_logger().info("quiet")
    get_logger().warning("loud")
    assert the_line(stream)["event"] == "loud"


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="chatty"):
        configure_logging("json", "chatty")


def test_configuring_again_replaces_the_first_configuration() -> None:
    first = configured()
    second = configured()
    get_logger().info("once")
    assert first.getvalue() == ""
    assert the_line(second)["event"] == "once"


async def test_bound_context_is_part_of_the_lines_of_its_task_only() -> None:
    stream = configured()

    async def work(number: int) -> None:
        structlog.contextvars.bind_contextvars(deletion_id=number)
        await asyncio.sleep(0)
        get_logger().info("done")

    await asyncio.gather(*(asyncio.create_task(work(number)) for number in (1, 2)))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["deletion_id"] for line in lines] == [1, 2]


# --- secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    ["authorization", "Authorization", "api_key", "apikey", "X-Api-Key", "password", "webhook_token", "cookie", "SID"],
)
def test_fields_named_like_secrets_are_starred_out(key: str) -> None:
    stream = configured()
    get_logger().info("sent", **{key: "hunter2"}, headers={key: "hunter2", "Accept": "json"}, all=[{key: "hunter2"}])
    assert "hunter2" not in stream.getvalue()
    line = the_line(stream)
    assert line[key] == "***"
    assert line["headers"] == {key: "***", "Accept": "json"}


@pytest.mark.parametrize(
    "text",
    [
        "cannot reach http://admin:hunter2@qbit:8080/api",
        "GET /api/v3/movie?apikey=hunter2&x=1",
        "GET /hook?token=hunter2",
        "login failed: username=a&password=hunter2",
        'body {"api_key": "hunter2", "id": 3}',
        "header X-Api-Key: hunter2",
        "Authorization: Basic aHVudGVyMg== hunter2",
        "sent Bearer hunter2hunter2hunter2",
        "Set-Cookie: SID=hunter2; path=/",
        "postgresql://user:hunter2@db/reconciler",
    ],
)
@pytest.mark.parametrize("format_", ["console", "json"])
def test_secrets_inside_texts_are_starred_out(text: str, format_: Literal["console", "json"]) -> None:
    stream = configured(format_)
    get_logger().error(text, reason=text, error=RuntimeError(text))
    logging.getLogger("library").error(text)
    get_logger().error("failed", exc_info=RuntimeError(text))
    assert "hunter2" not in stream.getvalue()
    assert "***" in stream.getvalue()


@pytest.mark.parametrize("title", ["Basic Instinct (1992)", "The Secret: Dare to Dream", "Password", "Ring Bearer"])
def test_titles_are_not_taken_for_secrets(title: str) -> None:
    stream = configured()
    get_logger().info("converged", title=title)
    assert the_line(stream)["title"] == title


def test_an_absent_secret_is_shown_as_absent() -> None:
    stream = configured()
    get_logger().info("configured", api_key=None)
    assert the_line(stream)["api_key"] is None


# --- forgery -------------------------------------------------------------------------------------------------------

FORGED = "x\r\n2026-01-01T00:00:00Z [info] converged\x1b[2K\u2028\x85y"


@pytest.mark.parametrize("format_", ["console", "json"])
def test_no_text_can_start_a_line_or_move_the_cursor(format_: Literal["console", "json"]) -> None:
    stream = configured(format_)
    get_logger().info(FORGED, title=FORGED, nested={FORGED: [FORGED]}, **{FORGED: 1})
    logging.getLogger("uvicorn.error").error("%s", FORGED)
    written = stream.getvalue()
    assert len(written.splitlines()) == 2
    assert "\x1b[2K" not in written


@pytest.mark.parametrize("format_", ["console", "json"])
def test_an_exception_message_cannot_forge_a_line(format_: Literal["console", "json"]) -> None:
    stream = configured(format_)
    get_logger().error("failed", exc_info=RuntimeError(FORGED))
    first, *rest = stream.getvalue().splitlines()
    assert "failed" in first
    assert all(line.startswith("    | ") for line in rest)
    assert bool(rest) is (format_ == "console")


# --- calls ---------------------------------------------------------------------------------------------------------


def test_calls_are_counted_per_instance_operation_and_outcome() -> None:
    calls = Calls()
    calls(RADARR, "entries", "ok", 0.1)
    calls(RADARR, "entries", "ok", 0.1)
    calls(RADARR, "entries", "Unreachable", 0.1)
    calls(SEERR, "records", "ok", 0.1)
    counts = calls.snapshot()
    assert counts.total == 4
    assert counts.of(RADARR) == 3
    assert counts.by_call[RADARR, "entries", "ok"] == 2


def test_a_reset_returns_what_was_counted_and_a_snapshot_does_not_move() -> None:
    calls = Calls()
    calls(RADARR, "entries", "ok", 0.1)
    before = calls.snapshot()
    assert calls.reset().total == 1
    calls(RADARR, "queue", "ok", 0.1)
    assert before.total == 1
    assert list(calls.snapshot().by_call) == [(RADARR, "queue", "ok")]


def test_one_call_can_be_told_to_several_observers() -> None:
    first, second = Calls(), Calls()
    fan_out(first, second)(RADARR, "entries", "ok", 0.1)
    assert (first.snapshot().total, second.snapshot().total) == (1, 1)


# --- metrics -------------------------------------------------------------------------------------------------------


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_exactly_the_named_metrics_are_exposed() -> None:
    types = [line.split()[2] for line in used().render().decode().splitlines() if line.startswith("# TYPE")]
    assert sorted(types) == sorted(METRIC_NAMES)


def test_each_fact_reaches_its_metric() -> None:
    seen = samples(used())
    call = (("operation", "history_since"), ("outcome", "ok"), ("upstream", "radarr"))
    assert seen["reconciler_upstream_calls_total", call] == 1
    assert seen["reconciler_upstream_call_seconds_sum", (("operation", "history_since"), ("upstream", "radarr"))] == 0.2
    assert seen["reconciler_upstream_up", (("upstream", "radarr"),)] == 1
    assert seen["reconciler_deletions", (("phase", "held"),)] == 2
    assert seen["reconciler_passes_total", (("outcome", "ok"),)] == 1
    assert seen["reconciler_pass_seconds_count", ()] == 1
    assert seen["reconciler_webhooks_total", (("outcome", "want"), ("source", "jellyseerr"))] == 1
    assert seen["reconciler_convergence_seconds_sum", ()] == 12
    assert seen["reconciler_notifications_total", (("outcome", "dropped"),)] == 3
    assert seen["reconciler_notifications_total", (("outcome", "sent"),)] == 0


def of(name: str, metrics: Metrics | None = None) -> dict[str, float]:
    """Return one metric's values by their only label."""
    found = {labels: value for (sample, labels), value in samples(metrics or used()).items() if sample == name}
    return {"".join(dict(labels).values()): value for labels, value in found.items()}


def test_every_phase_and_every_holding_reason_is_shown_and_falls_back_to_zero() -> None:
    metrics = used()
    assert of("reconciler_held", metrics)["BreakerOpen"] == 2
    metrics.show(Overview(by_phase={Phase.CONVERGED: 1}), {})
    assert of("reconciler_deletions", metrics) == {phase.value: float(phase is Phase.CONVERGED) for phase in Phase}
    holding = {reason.value for reason, meaning in MEANINGS.items() if meaning.effect is Effect.HOLD}
    assert of("reconciler_held", metrics) == dict.fromkeys(holding, 0)


def test_what_the_database_knows_is_shown_of_what_is_configured() -> None:
    at = START.timestamp()
    assert of("reconciler_upstream_up") == {"qbittorrent": 0, "radarr": 1}
    assert of("reconciler_oldest_unsettled_timestamp_seconds") == {"": at}
    assert of("reconciler_oldest_change_timestamp_seconds") == {"waiting": at}
    assert of("reconciler_ledger_complete") == {"radarr": 1}
    assert of("reconciler_ledger_gaps") == {"radarr": 1}
    assert of("reconciler_ledger_synced_timestamp_seconds") == {"radarr": at}
    assert of("reconciler_webhook_last_heard_timestamp_seconds") == {"radarrradarr": at, "radarr": at - 3600}
    assert of("reconciler_webhook_connected") == {"radarr": 1}, "a mute ends by itself, and is not told when it has"
    assert of("reconciler_webhook_muted") == {"radarr": 1}
    assert of("reconciler_notifications_failing_since_timestamp_seconds") == {"1": at}
    assert of("reconciler_lease_held") == {"": 1}
    assert of("reconciler_build_info") == {__version__: 1}


def test_what_is_not_known_is_missing_and_a_history_that_was_never_read_is_not_complete() -> None:
    metrics = used()
    metrics.show(Overview(), {RADARR: UpstreamKind.RADARR})
    assert of("reconciler_ledger_complete", metrics) == of("reconciler_ledger_gaps", metrics) == {"radarr": 0}
    for name in ("upstream_up", "oldest_unsettled_timestamp_seconds", "webhook_connected"):
        assert of(f"reconciler_{name}", metrics) == {}


def test_an_instance_that_is_silent_does_not_hide_behind_another_of_its_kind() -> None:
    uhd, later = InstanceName("radarr-4k"), START + timedelta(days=9)
    metrics = Metrics([RADARR, uhd])
    heard = [(RADARR, later), (uhd, START), (None, START), (InstanceName("gone"), later)]
    senders = tuple(SenderHeard(Source.RADARR, name, at, Heard.WANT, None) for name, at in heard)
    metrics.show(Overview(senders=senders), dict.fromkeys((RADARR, uhd), UpstreamKind.RADARR))
    assert of("reconciler_webhook_last_heard_timestamp_seconds", metrics) == {
        "radarrradarr": later.timestamp(),
        "radarrradarr-4k": START.timestamp(),
        "radarr": START.timestamp(),
    }


@pytest.mark.parametrize(
    ("state", "heard_at", "shown"),
    [
        (WebhookState(True, enabled=False), START, (0, 0)),
        (WebhookState(True, True, muted=True), START, (1, 1)),
        (WebhookState(True, True, muted=True), START + timedelta(seconds=1), (1, 0)),
    ],
)
def test_a_webhook_that_is_off_is_not_connected_and_a_muted_one_is_until_it_is_heard(
    state: WebhookState, heard_at: datetime, shown: tuple[int, int]
) -> None:
    metrics = Metrics([RADARR])
    seen = {RADARR: ConnectionSeen(state, START)}
    heard = (SenderHeard(Source.RADARR, RADARR, heard_at, Heard.TEST, None),)
    metrics.show(Overview(connections=seen, senders=heard), {RADARR: UpstreamKind.RADARR})
    names = ("reconciler_webhook_connected", "reconciler_webhook_muted")
    assert [of(name, metrics) for name in names] == [{"radarr": value} for value in shown]


def test_labels_outside_the_closed_sets_become_other() -> None:
    metrics = Metrics([RADARR])
    metrics.call(InstanceName("stranger"), "GET /movie/603", "KeyError", 0.1)
    metrics.webhook(Source.RADARR, "The Matrix")
    labels = [dict(labels) for name, labels in samples(metrics) if name.endswith("_total") and labels]
    assert {"upstream": "other", "operation": "other", "outcome": "other"} in labels
    assert {"source": "radarr", "outcome": "other"} in labels


def test_the_number_of_operations_is_bounded() -> None:
    metrics = Metrics([RADARR])
    for number in range(500):
        metrics.call(RADARR, f"operation_{number}", "ok", 0.1)
    operations = {dict(labels)["operation"] for name, labels in samples(metrics) if name.endswith("calls_total")}
    assert len(operations) == 101


def test_two_registries_do_not_share_anything() -> None:
    used()
    assert ("reconciler_pass_seconds_count", ()) in samples(Metrics())
    assert samples(Metrics())["reconciler_pass_seconds_count", ()] == 0
