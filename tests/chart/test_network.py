"""Who reaches the service, and whom it reaches."""

from typing import Any

from tests.chart.rendering import (
    CLOSED_NETWORK,
    DATABASE_PEERS,
    EVERYTHING_SET,
    INGRESS,
    INGRESS_TLS,
    NAME,
    ONE_UPSTREAM,
    SENDER_PEERS,
    UPSTREAM_PEERS,
    Manifest,
    Rendered,
    Values,
    render,
)

# --- Ingress -------------------------------------------------------------------------------------------------------


def published(rendered: Rendered) -> list[tuple[str, str]]:
    """Return (host, path) of everything the Ingress sends to the Service."""
    found = []
    for rule in rendered.one("Ingress")["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            assert path["pathType"] == "Prefix"
            assert path["backend"] == {"service": {"name": NAME, "port": {"name": "http"}}}
            found.append((rule["host"], path["path"]))
    return found


def test_nothing_is_published_unless_it_is_asked_for() -> None:
    assert render(ONE_UPSTREAM).all("Ingress") == []


def test_an_ingress_publishes_every_host() -> None:
    rendered = render(INGRESS)
    assert published(rendered) == [("reconciler.example.org", "/"), ("other.example.org", "/")]
    ingress = rendered.one("Ingress")
    assert ingress["metadata"]["annotations"] == {"example.org/auth": "yes"}
    assert ingress["spec"]["ingressClassName"] == "traefik"
    assert ingress["spec"]["tls"] == INGRESS_TLS
    assert "https://reconciler.example.org/status" in rendered.notes


def test_an_ingress_can_leave_the_webhooks_out() -> None:
    ingress = {"enabled": True, "hosts": ["r.example.org"], "paths": ["/status", "/deletions"]}
    rendered = render({**ONE_UPSTREAM, "ingress": ingress})
    assert published(rendered) == [("r.example.org", "/status"), ("r.example.org", "/deletions")]
    assert "http://r.example.org/status" in rendered.notes, "without `tls` it is not encrypted"
    assert "ingressClassName" not in rendered.one("Ingress")["spec"]


def test_below_a_path_the_ingress_publishes_that_path_and_the_probes_ask_without_it() -> None:
    values: Values = {
        **ONE_UPSTREAM,
        "config": {"root_path": "/reconciler"},
        "ingress": {"enabled": True, "hosts": ["home.example.org"]},
    }
    rendered = render(values)
    assert published(rendered) == [("home.example.org", "/reconciler")]
    assert "http://home.example.org/reconciler/status" in rendered.notes
    assert rendered.container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert f"http://{NAME}.tv.svc:8585/webhooks/radarr" in rendered.notes


def test_paths_are_published_below_the_root_path_because_that_is_what_links_have_in_front() -> None:
    for root, paths in {
        "/reconciler": ["/reconciler/status", "/reconciler/deletions", "/reconciler", "/reconciler/reconciler-x"],
        "/": ["/status", "/reconciler/deletions", "/", "/reconciler-x"],
    }.items():
        ingress = {
            "enabled": True,
            "hosts": ["h.example"],
            "paths": ["/status", "/reconciler/deletions", "/", "/reconciler-x"],
        }
        rendered = render({**ONE_UPSTREAM, "config": {"root_path": root}, "ingress": ingress})
        assert [path for _, path in published(rendered)] == paths


# --- NetworkPolicy -------------------------------------------------------------------------------------------------


def policy_of(rendered: Rendered) -> Manifest:
    spec: Manifest = rendered.one("NetworkPolicy")["spec"]
    return spec


def ways_out(rendered: Rendered) -> list[tuple[Any, list[tuple[int, str]]]]:
    """Return (peers, ports) of everything the pod may reach."""
    rules = policy_of(rendered)["egress"]
    return [(rule["to"], [(port["port"], port["protocol"]) for port in rule["ports"]]) for rule in rules]


def test_the_network_is_open_unless_it_is_closed() -> None:
    assert render(ONE_UPSTREAM).all("NetworkPolicy") == []


def test_a_closed_network_lets_in_who_was_named_and_the_test_and_nobody_else() -> None:
    rendered = render(CLOSED_NETWORK)
    policy = policy_of(rendered)
    assert policy["podSelector"] == {"matchLabels": rendered.one("Service")["spec"]["selector"]}
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (way_in,) = policy["ingress"]
    *named, test = way_in["from"]
    assert named == SENDER_PEERS
    assert test["podSelector"]["matchLabels"].items() <= rendered.one("Pod")["metadata"]["labels"].items()
    assert way_in["ports"] == [{"port": "http", "protocol": "TCP"}]


def test_a_closed_network_lets_out_to_names_and_upstreams_and_nowhere_else() -> None:
    dns, *upstreams = ways_out(render(CLOSED_NETWORK))
    (peer,) = dns[0]
    assert peer == {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    assert dns[1] == [(53, "UDP"), (53, "TCP")]
    assert upstreams == [
        (UPSTREAM_PEERS[0]["to"], [(7878, "TCP")]),
        (UPSTREAM_PEERS[1]["to"], [(8080, "TCP"), (8989, "TCP")]),
    ]


def test_a_closed_network_lets_out_to_postgresql_if_that_is_used() -> None:
    database = (DATABASE_PEERS[0]["to"], [(5432, "TCP")])
    assert ways_out(render(EVERYTHING_SET))[-1] == database
    policy = {
        "enabled": True,
        "ingress": {"from": SENDER_PEERS},
        "egress": {"upstreams": UPSTREAM_PEERS, "database": DATABASE_PEERS},
    }
    assert database not in ways_out(render({**ONE_UPSTREAM, "networkPolicy": policy})), "SQLite needs no way out"


def test_names_may_be_asked_for_elsewhere() -> None:
    dns = {"to": [{"ipBlock": {"cidr": "10.0.0.10/32"}}], "ports": [5353]}
    policy = {
        "enabled": True,
        "ingress": {"from": SENDER_PEERS},
        "egress": {"dns": dns, "upstreams": UPSTREAM_PEERS},
    }
    assert ways_out(render({**ONE_UPSTREAM, "networkPolicy": policy}))[0] == (
        dns["to"],
        [(5353, "UDP"), (5353, "TCP")],
    )
