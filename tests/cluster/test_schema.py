"""Bad manifests are refused when they are applied, with a message that says what to write instead."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.cluster import Cluster
from tests.cluster.pools import InstalledPool, manifest
from tyrex_pool.model import names
from tyrex_pool.model.permissions import KINDS

CUSTOM = {"configMap": {"name": "own", "key": "strategy.py"}, "class": "Own"}
STAR = '"*" means all of it and stands alone'
ONLY_CUSTOM = "write custom with type Custom, and only then"
ONE_MODULE = "write exactly one of path, configMap, inline"
ABOVE_ZERO = "write more than 0"
NO_PODS = "write 1 or more for maxUnavailable beside maxSurge: 0"

RULES = [
    pytest.param("strategy: {type: Custom}", "spec.strategy", ONLY_CUSTOM, id="custom-missing"),
    pytest.param(
        {"strategy": {"type": "Hash", "custom": CUSTOM}}, "spec.strategy", ONLY_CUSTOM,
        id="custom-beside-hash",
    ),
    pytest.param("mainModule: {}", "spec.mainModule", ONE_MODULE, id="module-none"),
    pytest.param(
        "mainModule: {path: /app/main.ts, inline: '1'}", "spec.mainModule", ONE_MODULE,
        id="module-two",
    ),
    pytest.param("timeouts: {eval: 0s}", "spec.timeouts.eval", "write more than 0s", id="eval-0"),
    pytest.param("timeouts: {eval: 0s, maxEval: 0s}", "spec.timeouts.maxEval", "write more than 0s", id="maxEval-0"),
    pytest.param("timeouts: {startup: 0ms}", "spec.timeouts.startup", "write more than 0s", id="startup-0"),
    pytest.param(
        "timeouts: {eval: 1m1ms}", "spec.timeouts.maxEval", "write at least timeouts.eval", id="maxEval-default"
    ),
    pytest.param(
        "timeouts: {eval: 10s, maxEval: 9s}", "spec.timeouts.maxEval", "write at least timeouts.eval", id="maxEval"
    ),
    pytest.param("timeouts: {cpu: 0s}", "spec.timeouts.cpu", "write more than 0s", id="cpu-0"),
    pytest.param(
        {"timeouts": {"cpu": "1s"}, "concurrency": 2}, "spec.timeouts.cpu", "it needs concurrency: 1", id="cpu-of-two"
    ),
    pytest.param("limits: {heap: 31Mi}", "spec.limits.heap", "write at least 32Mi", id="heap"),
    pytest.param("limits: {heap: 33554431}", "spec.limits.heap", "write at least 32Mi", id="heap-number"),
    pytest.param("limits: {request: 0}", "spec.limits.request", ABOVE_ZERO, id="request-0"),
    pytest.param("limits: {result: '0'}", "spec.limits.result", ABOVE_ZERO, id="result-0"),
    *(
        pytest.param(f"{component}: {{rollout: {{maxSurge: {surge}}}}}", f"spec.{component}.rollout", NO_PODS,
                     id=f"{component}-{surge}")
        for component in ("runtime", "proxy") for surge in ("0", "0%", "0, maxUnavailable: 0%")
    ),
    *(
        pytest.param({"permissions": {side: {kind: ["*", "x"]}}}, f"spec.permissions.{side}.{kind}", STAR,
                     id=f"{side}-{kind}")
        for side in ("allow", "deny") for kind in KINDS
    ),
]  # fmt: skip
"""What a CEL rule refuses."""

BOUNDS = [
    pytest.param("size: -1", "spec.size", "should be greater than or equal to 0", id="size-low"),
    pytest.param("size: 1001", "spec.size", "should be less than or equal to 1000", id="size-high"),
    pytest.param("size: '2'", "spec.size", 'must be of type integer: "string"', id="size-text"),
    pytest.param("concurrency: 0", "spec.concurrency", "greater than or equal to 1", id="concurrency-low"),
    pytest.param("concurrency: 1001", "spec.concurrency", "less than or equal to 1000", id="concurrency-high"),
    pytest.param("queue: {length: -1}", "spec.queue.length", "greater than or equal to 0", id="queue-low"),
    pytest.param("queue: {length: 100001}", "spec.queue.length", "less than or equal to 100000", id="queue-high"),
    pytest.param("recycle: {maxEvals: -1}", "spec.recycle.maxEvals", "greater than or equal to 0", id="maxEvals-low"),
    pytest.param("proxy: {replicas: -1}", "spec.proxy.replicas", "greater than or equal to 0", id="replicas-low"),
    pytest.param("proxy: {replicas: 101}", "spec.proxy.replicas", "less than or equal to 100", id="replicas-high"),
    pytest.param("strategy: {type: hash}", "spec.strategy.type", '"RoundRobin", "Random", "Hash"', id="strategy"),
    pytest.param("isolation: None", "spec.isolation", '"Shared", "PerEval"', id="isolation"),
    pytest.param("access: {from: Everyone}", "spec.access.from", '"Namespace", "Cluster"', id="from"),
    pytest.param("access: {authentication: Basic}", "spec.access.authentication", '"ServiceAccount"', id="auth"),
    pytest.param("permissions: {default: All}", "spec.permissions.default", '"None", "AllowAll"', id="default"),
    pytest.param("permissions: {allow: {net: x}}", "spec.permissions.allow.net", "must be of type array", id="no-list"),
    pytest.param("permissions: {allow: {net: ['']}}", "allow.net[0]", "at least 1 chars", id="empty-entry"),
    pytest.param({"permissions": {"deny": {"net": ["x"] * 257}}}, "deny.net", "at most 256 items", id="entries"),
    pytest.param({"permissions": {"deny": {"net": ["x" * 513]}}}, "deny.net[0]", "Too long", id="long-entry"),
    pytest.param("timeouts: {eval: 5}", "spec.timeouts.eval", 'must be of type string: "integer"', id="no-unit"),
    pytest.param("timeouts: {eval: 5 s}", "spec.timeouts.eval", "should match '^([0-9]{1,5}(h|m|s|ms))", id="duration"),
    pytest.param("limits: {heap: 128MB}", "spec.limits.heap", "should match '^[0-9]{1,19}", id="quantity"),
    pytest.param("mainModule: {path: ''}", "spec.mainModule.path", "at least 1 chars", id="path"),
    pytest.param("mainModule: {configMap: {name: code}}", "configMap.entrypoint", "Required value", id="entrypoint"),
    pytest.param({"mainModule": {"inline": "x" * 524289}}, "spec.mainModule.inline", "Too long", id="inline"),
    pytest.param("strategy: {type: Custom, custom: {class: Own}}", "custom.configMap", "Required value", id="map"),
    pytest.param({"strategy": {"type": "Custom", "custom": CUSTOM | {"class": "a.b"}}}, "custom.class", "should match",
                 id="class"),
    pytest.param("runtime: {rollout: {maxSurge: '1'}}", "rollout.maxSurge", "should match", id="surge-text"),
    pytest.param("proxy: {rollout: {maxUnavailable: 101%}}", "maxUnavailable", "should match", id="unavailable"),
    pytest.param("proxy: {disruptionBudget: {enabled: 'no'}}", "enabled", "must be of type boolean", id="budget"),
    pytest.param("proxy: {podMetadata: {labels: {a: 1}}}", "labels.a", "must be of type string", id="label"),
    pytest.param({"proxy": {"podMetadata": {"labels": {"a": "b" * 64}}}}, "labels.a", "Too long", id="label-long"),
    pytest.param("proxy: {service: {type: ExternalName}}", "service.type", '"ClusterIP", "NodePort"', id="service"),
    pytest.param("runtime: {imagePullPolicy: Maybe}", "spec.runtime.imagePullPolicy", '"IfNotPresent"', id="pull"),
]  # fmt: skip
"""What the types and bounds refuse; Kubernetes words these messages."""


def document(spec: str | dict[str, Any]) -> str:
    return manifest("bad", yaml.safe_load(spec) if isinstance(spec, str) else spec)


def dry_run(cluster: Cluster, text: str) -> str:
    """What `kubectl apply` says; nothing is made of it."""
    return cluster.kubectl("apply", "--dry-run=server", "--filename=-", input=text, check=False)


@pytest.mark.usefixtures("operator")
class TestRefused:
    @pytest.mark.parametrize(("spec", "path", "message"), RULES)
    def test_by_a_rule(self, cluster: Cluster, spec: str | dict[str, Any], path: str, message: str) -> None:
        said = dry_run(cluster, document(spec))
        assert path in said
        assert message in said

    @pytest.mark.parametrize(("spec", "path", "message"), BOUNDS)
    def test_by_a_bound(self, cluster: Cluster, spec: str | dict[str, Any], path: str, message: str) -> None:
        said = dry_run(cluster, document(spec))
        assert path in said
        assert message in said

    @pytest.mark.parametrize("name", ["a.b", "1a", "a" * 64])
    def test_by_its_name(self, cluster: Cluster, name: str) -> None:
        assert "write a name of a-z, 0-9 and -, first a letter, at most 63 characters" in dry_run(
            cluster, manifest(name, {})
        )

    def test_a_field_that_does_not_exist(self, cluster: Cluster) -> None:
        assert 'unknown field "spec.sizee"' in dry_run(cluster, document("sizee: 3"))

    def test_a_change_of_a_pool_that_is_there(self, cluster: Cluster, namespace: str) -> None:
        parked = manifest("parked", {"size": 0, "proxy": {"replicas": 0}}, namespace)
        cluster.apply(parked)
        changed = json.loads(parked)
        changed["spec"]["strategy"] = {"type": "Custom"}
        said = cluster.kubectl("apply", "--filename=-", input=json.dumps(changed), check=False)
        assert ONLY_CUSTOM in said


def test_every_rule_of_the_schema_is_tried(root: Path) -> None:
    def messages(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (rule["message"] for rule in node.get("x-kubernetes-validations", ()))
            for member in node.values():
                yield from messages(member)

    tried = {str(param.values[2]) for param in RULES}
    version = yaml.safe_load((root / "crds" / "tyrexpool.yaml").read_text())["spec"]["versions"][0]
    (_, *said) = messages(version["schema"]["openAPIV3Schema"])  # the first is about the name
    assert [message for message in said if not any(one in message or message in one for one in tried)] == []


@pytest.mark.parametrize(
    ("permissions", "path"),
    [
        pytest.param({"denny": {"net": ["169.254.169.254"]}}, "spec.permissions.denny", id="member"),
        pytest.param({"default": "AllowAll", "deny": {"nett": ["x"]}}, "spec.permissions.deny.nett", id="kind"),
        pytest.param({"allow": {"net": ["a,b"]}}, "spec.permissions.allow.net[0]", id="value"),
    ],
)
def test_a_client_that_validates_nothing_gets_no_weaker_pool(
    pool: Callable[..., InstalledPool], namespace: str, cluster: Cluster, permissions: dict[str, Any], path: str
) -> None:
    text = manifest("unchecked", {"permissions": permissions}, namespace)
    cluster.kubectl("apply", "--validate=false", "--filename=-", input=text)
    unchecked = InstalledPool(cluster, namespace, "unchecked")
    said = unchecked.wait_condition("Ready", "False", "InvalidSpec", deadline=30)
    assert path in said["message"]
    assert unchecked.pods(names.COMPONENT_RUNTIME) == []
    events = unchecked.kubectl("get", "events", "--field-selector=reason=InvalidSpec", "--output=json")
    assert path in json.dumps([event["message"] for event in json.loads(events)["items"]])
