"""What users choose for pods, Services and main modules, on a real node."""

import base64
import json
from typing import Any

import pytest

from tests.cluster.caller import Caller
from tests.cluster.installed import MakePool
from tests.cluster.pools import InstalledPool
from tests.cluster.releases import SMALL
from tyrex_pool.model import names

WASM = bytes.fromhex("0061736d01000000 01050160 00017f 03020100 070501 01660000 0a0601 0400412a0b")
"""A module that exports `f`, which returns 42."""
MODULE = {"configMap": {"name": "code", "entrypoint": "main.ts"}}


def put_config_map(pool: InstalledPool, **members: Any) -> None:
    """Server-side: kubectl keeps no copy of what is large."""
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "code"}, **members}
    words = ("apply", "--server-side", "--force-conflicts", "--filename=-")
    pool.kubectl(*words, input=json.dumps(document))


@pytest.fixture(scope="module")
def demo(module_pool: MakePool) -> InstalledPool:
    """With everything that can be chosen; its user has no entry in the image, as OpenShift assigns them."""
    assigned = {"runAsUser": 1_000_650_000, "runAsGroup": 0, "fsGroup": 1_000_650_000}
    both = {
        "podMetadata": {"labels": {"team": "a"}, "annotations": {"example.com/note": "b"}},
        "rollout": {"maxSurge": 0, "maxUnavailable": 1},
        "disruptionBudget": {"enabled": False},
        "pod": {"securityContext": assigned},
    }
    service = {"type": "NodePort", "labels": {"expose": "yes"}, "annotations": {"example.com/scheme": "internal"}}
    return module_pool("choices", {"size": 2, "runtime": both, "proxy": {**both, "replicas": 2, "service": service}})


def test_pods_have_what_was_chosen(demo: InstalledPool) -> None:
    for pod in demo.pods():
        metadata = pod["metadata"]
        assert metadata["labels"]["team"] == "a"
        assert metadata["annotations"]["example.com/note"] == "b"
        assert pod["spec"]["securityContext"]["runAsUser"] == 1_000_650_000
    assert demo.kubectl("get", "poddisruptionbudgets", "--output=name") == ""


def test_a_user_without_an_entry_in_the_image_evaluates(demo: InstalledPool, module_caller: Caller) -> None:
    assert module_caller.eval(demo, "6 * 7") == 42


def test_the_service_has_what_was_chosen(demo: InstalledPool) -> None:
    service = json.loads(demo.kubectl("get", "service", demo.name, "--output=json"))
    assert service["spec"]["type"] == "NodePort"
    assert service["metadata"]["labels"]["expose"] == "yes"
    assert service["metadata"]["annotations"]["example.com/scheme"] == "internal"
    demo.patch({"proxy": {"service": {"type": "ClusterIP", "annotations": None, "labels": None}}})

    def closed() -> bool:
        found = json.loads(demo.kubectl("get", "service", demo.name, "--output=json"))
        extras = {"expose", "example.com/scheme"} & {*found["metadata"]["labels"], *found["metadata"]["annotations"]}
        return found["spec"]["type"] == "ClusterIP" and "nodePort" not in found["spec"]["ports"][0] and not extras

    demo.cluster.wait(closed, 20, "the Service to be as before")


def test_a_role_for_one_pool(demo: InstalledPool) -> None:
    """A right to `services/proxy` with the Service's name and port reaches no other Service."""
    names_of = ("--verb=get,create", "--resource=services/proxy", f"--resource-name={demo.name}:{names.SERVICE_PORT}")
    demo.kubectl("create", "role", "one", *names_of)
    demo.kubectl("create", "rolebinding", "one", "--role=one", "--user=someone")

    def said(service: str) -> str:
        path = f"/api/v1/namespaces/{demo.namespace}/services/{service}/proxy{names.PATH_POOL}"
        return demo.kubectl("get", "--raw", path, "--as=someone", check=False)

    demo.cluster.wait(lambda: f'"{demo.name}"' in said(f"{demo.name}:80"), 20, "the right to call this pool")
    for verb, resource in (("create", f"services/{demo.name}:80"), ("get", f"services/{demo.name}:80")):
        words = ("auth", "can-i", verb, resource, "--subresource=proxy", "--as=someone")
        assert demo.kubectl(*words, check=False).strip() == "yes"
    for other in (f"{demo.name}-runtime:8080", f"{demo.name}-runtime:9090", f"http:{demo.name}:80", "other:80"):
        assert "cannot get resource" in said(other)


@pytest.mark.parametrize("component", [names.COMPONENT_RUNTIME, names.COMPONENT_PROXY])
def test_restarts_by_kubectl(demo: InstalledPool, component: str) -> None:
    """Which set an annotation of the pods that is not the operator's."""
    before, deployment = demo.pod_names(component), f"deployment/{demo.name}-{component}"
    demo.kubectl("rollout", "restart", deployment)
    demo.kubectl("rollout", "status", deployment, "--timeout=90s")
    demo.cluster.wait(lambda: not before & demo.pod_names(component), 60, "new pods")
    demo.wait_ready()


def test_labels_of_the_pool_reach_its_children_and_restart_nothing(demo: InstalledPool) -> None:
    before = demo.restarts()
    demo.kubectl("label", names.PLURAL, demo.name, "cost-centre=42", "argocd.argoproj.io/instance=app")

    def labelled() -> bool:
        kinds = "deployments,services,configmaps,serviceaccounts,roles,rolebindings,networkpolicies"
        items = json.loads(demo.kubectl("get", kinds, "--selector", names.selector(demo.name), "--output=json"))[
            "items"
        ]
        labels = [item["metadata"]["labels"] for item in items]
        assert not any("argocd.argoproj.io/instance" in one for one in labels)
        return bool(labels) and all(one.get("cost-centre") == "42" for one in labels)

    demo.cluster.wait(labelled, 20, "the label on every child")
    demo.wait_ready()
    assert demo.restarts() == before


@pytest.mark.parametrize(
    ("part", "said"),
    [
        pytest.param({"rollout": {"maxUnavailable": None}}, "write 1 or more for maxUnavailable", id="nothing-moves"),
        pytest.param({"podMetadata": {"labels": {"a": 1}}}, "must be of type string", id="a-number"),
        pytest.param({"disruptionBudget": {"maxUnavailable": "200%"}}, "should match", id="too-much"),
    ],
)
def test_the_api_server_refuses(demo: InstalledPool, part: dict[str, Any], said: str) -> None:
    spec = json.dumps({"spec": {"runtime": part}})
    assert said in demo.kubectl("patch", names.PLURAL, demo.name, "--type=merge", "--patch", spec, check=False)


def test_reserved_labels_are_refused_with_their_path(demo: InstalledPool) -> None:
    demo.patch({"runtime": {"podMetadata": {"labels": {"tyrex.dev/pool": "other"}}}})
    found = demo.wait_condition("Ready", "False", "InvalidSpec")
    assert found["message"].startswith("spec.runtime.podMetadata.labels[tyrex.dev/pool]: ")
    demo.patch({"runtime": {"podMetadata": {"labels": {"tyrex.dev/pool": None}}}})
    demo.wait_ready()


def test_bytes_and_too_many_of_them(pool: MakePool, caller: Caller) -> None:
    made = pool("bytes", {**SMALL, "mainModule": MODULE}, ready=False)
    source = "import { f } from './a.wasm'; globalThis.answer = f;"
    binary = {"a.wasm": base64.b64encode(WASM).decode()}
    put_config_map(made, data={"main.ts": source}, binaryData=binary)
    made.wait_ready()
    assert caller.eval(made, "answer()") == 42
    second = f"{source} globalThis.version = 2"
    put_config_map(made, data={"main.ts": second, "large.ts": "x" * 1_040_000}, binaryData=binary)
    made.cluster.wait(lambda: caller.eval(made, "globalThis.version") == 2, 60, "the second version")
    put_config_map(made, data={"main.ts": second, "large.ts": "x" * 1_048_300}, binaryData=binary)
    found = made.wait_condition("Ready", "False", "InvalidSpec")
    assert found["message"].startswith("spec.mainModule.configMap: takes 1,04")
    assert caller.eval(made, "[answer(), version]") == [42, 2], "what ran goes on"
