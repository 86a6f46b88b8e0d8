"""What the Prometheus operator is given, and who may talk to the operator."""

import pytest

from tests.chart.helm import NAMESPACE, OPERATOR, Helm, Object
from tests.chart.promql import SCRAPED, asked, shown
from tyrex_pool.model import names

ALL = {
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    }
}
KINDS = ("ServiceMonitor", "PodMonitor", "PrometheusRule")

METRICS = {
    "up",
    "tyrex_operator_last_resync_timestamp_seconds",
    "tyrex_pool_ready",
    "tyrex_evals_total",
    "tyrex_isolate_replacements_total",
}


def test_none_without_being_asked(helm: Helm) -> None:
    assert [o["kind"] for o in helm.render().objects if o["kind"] in KINDS] == []


@pytest.mark.parametrize("kind", KINDS)
def test_labels_for_the_prometheus_that_selects_them(helm: Helm, kind: str) -> None:
    assert helm.render(ALL).one(kind)["metadata"]["labels"]["release"] == "prometheus"


def test_the_service_monitor_finds_the_service(helm: Helm) -> None:
    rendered = helm.render(ALL)
    monitor, service = rendered.one("ServiceMonitor"), rendered.one("Service")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    (port,) = service["spec"]["ports"]
    assert (endpoint["port"], endpoint["path"], port["port"]) == (port["name"], names.PATH_METRICS, names.ADMIN_PORT)
    assert endpoint["honorLabels"], "the metric's own namespace is the pool's"


@pytest.mark.parametrize(
    ("values", "where"),
    [
        pytest.param({}, {"any": True}, id="cluster"),
        pytest.param(
            {"scope": "Namespaces", "watchNamespaces": ["a", "b"]}, {"matchNames": ["a", "b"]}, id="namespaces"
        ),
    ],
)
def test_the_pod_monitor_finds_pools(helm: Helm, values: Object, where: Object) -> None:
    spec = helm.render({**ALL, **values}).one("PodMonitor")["spec"]
    assert spec["namespaceSelector"] == where
    keys = {expression["key"] for expression in spec["selector"]["matchExpressions"]}
    assert keys == {names.LABEL_POOL, names.LABEL_COMPONENT}


def rules(helm: Helm) -> list[Object]:
    (group,) = helm.render(ALL).one("PrometheusRule")["spec"]["groups"]
    found: list[Object] = group["rules"]
    return found


def test_alerts(helm: Helm) -> None:
    assert {rule["alert"] for rule in rules(helm)} == {
        "TyrexOperatorDown", "TyrexOperatorStuck", "TyrexPoolNotReady", "TyrexPoolOverloaded", "TyrexIsolatesReplaced",
    }  # fmt: skip
    for rule in rules(helm):
        assert rule["for"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}


def test_alerts_ask_for_metrics_and_labels_that_are_there(helm: Helm) -> None:
    selectors = [selector for rule in rules(helm) for selector in asked(rule["expr"]).selectors]
    there = shown()
    assert {name for name, _ in selectors} == METRICS
    for name, chosen_by in selectors:
        assert chosen_by <= there[name] | SCRAPED


def test_alerts_about_the_operator_are_about_this_one(helm: Helm) -> None:
    for rule in rules(helm)[:2]:
        assert f'job="{OPERATOR}-metrics",namespace="{NAMESPACE}"' in rule["expr"]


def test_no_network_policy_without_being_asked(helm: Helm) -> None:
    assert helm.render().of("NetworkPolicy") == []


def test_the_network_policy(helm: Helm) -> None:
    values = {"networkPolicy": {"enabled": True, "apiServerPorts": [6443], "metricsFrom": [{"podSelector": {}}]}}
    spec = helm.render(values).one("NetworkPolicy")["spec"]
    assert spec["ingress"] == [{"ports": [{"port": "admin", "protocol": "TCP"}], "from": [{"podSelector": {}}]}]
    ports = [[port["port"] for port in rule["ports"]] for rule in spec["egress"]]
    assert ports == [[53, 53], [6443], [names.SERVE_PORT]]
    (proxies,) = spec["egress"][2]["to"]
    assert proxies["podSelector"]["matchLabels"][names.LABEL_COMPONENT] == "proxy"
