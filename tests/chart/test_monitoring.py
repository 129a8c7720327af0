"""What Prometheus and Grafana get: every query can be read, and names only what the program tells."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser as promql
import pytest
from prometheus_client.parser import text_string_to_metric_families

from reconciler.model import Phase, Source
from reconciler.reasons import MEANINGS, Effect
from reconciler.telemetry import CALL_OUTCOMES, METRIC_NAMES, NOTIFICATION_OUTCOMES, WEBHOOK_OUTCOMES, WEBHOOK_SOURCES
from tests.chart.rendering import CHART, EVERYTHING_SET, NAME, NAMESPACE, ONE_UPSTREAM, WATCHED, Manifest, render
from tests.support.metrics import used
from tests.support.pages import read

DASHBOARD: dict[str, Any] = json.loads((CHART / "dashboards" / "deletion-reconciler.json").read_text())
OF_PROMETHEUS = {"namespace", "job"}
"""Labels that Prometheus adds to every series, by the ServiceMonitor."""


def told() -> dict[str, set[str]]:
    """Return every series that /metrics can show, with its labels."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(used().render().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


TOLD = told()
CLOSED_SETS: dict[tuple[str, str], set[str]] = {
    ("reconciler_deletions", "phase"): {phase.value for phase in Phase},
    ("reconciler_held", "reason"): {reason.value for reason, known in MEANINGS.items() if known.effect is Effect.HOLD},
    ("reconciler_notifications_total", "outcome"): set(NOTIFICATION_OUTCOMES),
    ("reconciler_webhook_last_heard_timestamp_seconds", "source"): {source.value for source in WEBHOOK_SOURCES},
    ("reconciler_oldest_change_timestamp_seconds", "phase"): {"pending", "waiting", "converging", "held"},
    ("reconciler_passes_total", "outcome"): {"ok", "error"},
    ("reconciler_upstream_calls_total", "outcome"): set(CALL_OUTCOMES),
    ("reconciler_webhooks_total", "outcome"): set(WEBHOOK_OUTCOMES),
    ("reconciler_webhooks_total", "source"): {source.value for source in Source},
}


def rules_of(manifest: Manifest) -> list[Manifest]:
    (group,) = manifest["spec"]["groups"]
    rules: list[Manifest] = group["rules"]
    return rules


RULES = rules_of(render(WATCHED).one("PrometheusRule"))


def queries() -> Iterator[tuple[str, str]]:
    """Return (where, query) of every query there is, with Grafana's own variables replaced as Grafana does."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert asked
            yield variable["name"], f"count by ({asked[2]}) ({asked[1]})"


QUERIES = list(queries())
every_query = pytest.mark.parametrize("query", [query for _, query in QUERIES], ids=[where for where, _ in QUERIES])


def nodes_of(expression: promql.Expr) -> list[promql.Expr]:
    found: list[promql.Expr] = []
    promql.walk(expression, found.append)
    return found


def problems_of(query: str) -> list[str]:
    """Say what a query names that does not exist."""
    problems = []
    for node in nodes_of(promql.parse(query)):
        if isinstance(node, promql.VectorSelector):
            name = node.name or ""
            if name not in TOLD:
                problems.append(f"no metric {name}")
            for matcher in node.matchers.matchers:
                if matcher.name not in TOLD.get(name, set()) | OF_PROMETHEUS:
                    problems.append(f"{name} has no label {matcher.name}")
                elif (name, matcher.name) in CLOSED_SETS:
                    named = set(matcher.value.split("|"))
                    wrong = named - CLOSED_SETS[name, matcher.name]
                    problems += [f"{name}: {matcher.name} is never {value}" for value in sorted(wrong)]
        if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            inside = [n.name or "" for n in nodes_of(node.expr) if isinstance(n, promql.VectorSelector)]
            for name in inside:
                unknown = set(node.modifier.labels) - TOLD.get(name, set()) - OF_PROMETHEUS
                problems += [f"{name} has no label {label}" for label in sorted(unknown)]
    return problems


@every_query
def test_a_query_can_be_read_and_names_only_what_exists(query: str) -> None:
    assert problems_of(query) == []


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("reconciler_deletion", "no metric reconciler_deletion"),
        ("reconciler_deletions{state='held'}", "reconciler_deletions has no label state"),
        ("reconciler_deletions{phase='stuck'}", "reconciler_deletions: phase is never stuck"),
        ("rate(reconciler_passes_total{outcome=~'ok|failed'}[5m])", "reconciler_passes_total: outcome is never failed"),
        ("sum by (instance) (reconciler_upstream_up)", "reconciler_upstream_up has no label instance"),
    ],
)
def test_a_query_that_names_something_else_would_be_found(query: str, problem: str) -> None:
    assert problem in problems_of(query)


def test_a_query_that_cannot_be_read_would_be_found() -> None:
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        promql.parse("sum by (phase (reconciler_deletions)")


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {
        re.sub(r"_bucket$", "", node.name or "")
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        for node in nodes_of(promql.parse(target["expr"].replace("$__rate_interval", "5m")))
        if isinstance(node, promql.VectorSelector)
    }
    assert shown == set(METRIC_NAMES)


# --- the objects ---------------------------------------------------------------------------------------------------


def test_nothing_of_it_is_there_unless_it_is_asked_for() -> None:
    rendered = render(ONE_UPSTREAM)
    assert rendered.all("ServiceMonitor") == rendered.all("PrometheusRule") == []
    assert len(rendered.all("ConfigMap")) == 1


def test_the_metrics_are_read_from_the_service_without_a_secret() -> None:
    rendered = render(WATCHED)
    monitor = rendered.one("ServiceMonitor")
    service = rendered.one("Service")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": [NAMESPACE]}
    assert monitor["spec"]["endpoints"] == [
        {"port": service["spec"]["ports"][0]["name"], "path": "/metrics", "interval": "1m", "scrapeTimeout": "10s"}
    ]


def test_the_alerts_watch_the_series_of_this_release_only() -> None:
    for rule in RULES:
        for node in nodes_of(promql.parse(rule["expr"])):
            if isinstance(node, promql.VectorSelector):
                matchers = {matcher.name: matcher.value for matcher in node.matchers.matchers}
                assert matchers.items() >= {"namespace": NAMESPACE, "job": NAME}.items(), rule["alert"]


def test_the_alerts_watch_the_series_that_the_values_name() -> None:
    rendered = render(EVERYTHING_SET)
    rules = rules_of(rendered.one("PrometheusRule"))
    assert all('{job="erasers"' in rule["expr"] for rule in rules)
    (stuck,) = [rule for rule in rules if rule["alert"] == "DeletionStuck"]
    assert stuck["expr"].endswith(f"> {2 * 86_400}")
    assert "2d" in stuck["annotations"]["summary"]


@pytest.mark.parametrize(("written", "seconds"), [("6h", 21_600), ("1d12h", 129_600), ("90m", 5400), ("1w", 604_800)])
def test_a_duration_of_prometheus_is_counted_in_seconds(written: str, seconds: int) -> None:
    values = {**WATCHED, "prometheusRule": {"enabled": True, "stuckFor": written}}
    rules = rules_of(render(values).one("PrometheusRule"))
    assert {rule["alert"]: rule["expr"] for rule in rules}["DeletionStuck"].endswith(f"> {seconds}")


def test_an_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in RULES:
        labels = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        assert labels <= {label for known in TOLD.values() for label in known}
        assert rule["annotations"].keys() == {"summary", "description"}, "no link where nobody said where to"
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_every_alert_is_explained_and_none_that_is_gone() -> None:
    explained = re.findall(r"^\| `([A-Z]\w+)` \|", (CHART / "README.md").read_text(), flags=re.MULTILINE)
    assert explained == [rule["alert"] for rule in RULES]
    assert re.findall(r"^## (.+)$", read("docs/alerts.md"), flags=re.MULTILINE) == explained


def test_an_alert_links_to_where_it_is_explained_if_that_is_published() -> None:
    rules = rules_of(render(EVERYTHING_SET).one("PrometheusRule"))
    links = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules}
    assert links["DeletionStuck"] == "https://wiki.example/alerts#deletionstuck"
    assert set(links.values()) == {f"https://wiki.example/alerts#{name.lower()}" for name in links}


@pytest.mark.parametrize(("written", "seconds"), [("2w", 1_209_600), ("36h", 129_600), (0, None), ("0", None)])
def test_how_long_a_sender_may_be_silent_can_be_said_or_left_out(written: str | int, seconds: int | None) -> None:
    values = {**WATCHED, "prometheusRule": {"enabled": True, "webhookSilentFor": written}}
    rules = {rule["alert"]: rule["expr"] for rule in rules_of(render(values).one("PrometheusRule"))}
    if seconds is None:
        assert "DeletionWebhookSilent" not in rules
    else:
        assert rules["DeletionWebhookSilent"].endswith(f"> {seconds}")


def test_a_webhook_that_never_was_there_is_not_missed() -> None:
    (rule,) = [rule for rule in RULES if rule["alert"] == "DeletionWebhookDisconnected"]
    both = promql.parse(rule["expr"])
    assert isinstance(both, promql.BinaryExpr)
    assert "max_over_time" in str(both.rhs)
    (window,) = [node for node in nodes_of(both) if isinstance(node, promql.MatrixSelector)]
    assert window.range.days == 28


def test_silence_is_longer_than_the_program_may_be_silent() -> None:
    """Between two readings of the histories nothing has to be asked of an upstream."""

    def silence(config: dict[str, int]) -> float:
        rules = rules_of(render({**WATCHED, "config": config}).one("PrometheusRule"))
        (rule,) = [rule for rule in rules if rule["alert"] == "DeletionReconcilerIdle"]
        (window,) = [n for n in nodes_of(promql.parse(rule["expr"])) if isinstance(n, promql.MatrixSelector)]
        return window.range.total_seconds()

    assert silence({}) == 1800
    assert silence({"ledger_interval_seconds": 86_400}) == 3 * 86_400


def test_every_messenger_that_takes_nothing_raises_an_alert_of_its_own() -> None:
    """Holds are never given up, so nothing is dropped then; and what one messenger takes says nothing of another."""
    (rule,) = [rule for rule in RULES if rule["alert"] == "DeletionNotificationsLost"]
    either = promql.parse(rule["expr"])
    assert isinstance(either, promql.BinaryExpr)
    assert str(either.op) == "or"
    dropped, failing = either.lhs, either.rhs
    assert re.findall(r'outcome="(\w+)"', str(dropped)) == ["dropped"]
    (grouped,) = [node for node in nodes_of(failing) if isinstance(node, promql.AggregateExpr)]
    assert grouped.modifier is not None
    assert grouped.modifier.labels == ["messenger"]
    assert [n.name for n in nodes_of(failing) if isinstance(n, promql.VectorSelector)] == [
        "reconciler_notifications_failing_since_timestamp_seconds"
    ]
    assert isinstance(failing, promql.BinaryExpr)
    assert (str(failing.op), str(failing.rhs)) == (">", "86400")


# --- the dashboard -------------------------------------------------------------------------------------------------


def test_the_dashboard_is_where_the_sidecar_of_grafana_looks() -> None:
    (board,) = [m for m in render(WATCHED).all("ConfigMap") if m["metadata"]["name"].endswith("-dashboard")]
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(board["data"]["deletion-reconciler.json"]) == DASHBOARD
    (board,) = [m for m in render(EVERYTHING_SET).all("ConfigMap") if m["metadata"]["name"].endswith("-dashboard")]
    assert board["metadata"]["labels"]["dashboards"] == "mine"
    assert board["metadata"]["annotations"] == {"folder": "Media"}


def test_the_panels_lie_beside_each_other_and_explain_themselves() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + column, place["y"] + row) for column in range(place["w"]) for row in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        assert panel["description"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_panels_ask_for_what_was_chosen_above() -> None:
    chosen = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)\}?", json.dumps(DASHBOARD["panels"]))) - {"__rate_interval"}
    assert used == chosen
