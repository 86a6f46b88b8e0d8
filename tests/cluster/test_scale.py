"""The scale subresource: by kubectl, by what an autoscaler writes, and down to nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.caller import Caller
from tests.cluster.cluster import Cluster
from tests.cluster.load import load
from tests.cluster.pools import RESOURCE, InstalledPool, Object
from tyrex_pool.model import names


@pytest.fixture(scope="module")
def scaled(module_pool: Callable[..., InstalledPool]) -> InstalledPool:
    return module_pool("scaled", {"size": 1})


def path(pool: InstalledPool) -> str:
    return f"/apis/{names.API_VERSION}/namespaces/{pool.namespace}/{names.PLURAL}/{pool.name}/scale"


def scale(pool: InstalledPool) -> Object:
    """The subresource as an autoscaler reads it."""
    found: Object = json.loads(pool.cluster.kubectl("get", "--raw", path(pool)))
    return found


def has(pool: InstalledPool, caller: Caller, size: int) -> None:
    """The pool gets so many runtimes, says so, and all of them answer."""
    pool.wait_ready()
    assert scale(pool)["status"]["replicas"] == size
    assert pool.status()["readyRuntimes"] == size
    runtimes = {runtime for _, runtime in caller.evals(pool, "1", times=10 * size)}
    assert runtimes == pool.pod_names(names.COMPONENT_RUNTIME)
    assert len(runtimes) == size


def test_kubectl_scale(scaled: InstalledPool, module_caller: Caller) -> None:
    scaled.kubectl("scale", f"{names.SHORT_NAME}/{scaled.name}", "--replicas=3")
    has(scaled, module_caller, 3)


def test_the_selector_finds_the_runtimes(scaled: InstalledPool) -> None:
    selector = scale(scaled)["status"]["selector"]
    found = scaled.kubectl("get", "pods", "--selector", selector, "--output=name").split()
    assert {name.removeprefix("pod/") for name in found} == scaled.pod_names(names.COMPONENT_RUNTIME)


def test_a_scale_as_an_autoscaler_writes_it(scaled: InstalledPool, module_caller: Caller) -> None:
    wanted = scale(scaled)
    wanted["spec"]["replicas"] = 2
    scaled.cluster.kubectl("replace", "--raw", path(scaled), "--filename=-", input=json.dumps(wanted))
    has(scaled, module_caller, 2)


def test_scaling_down_drops_no_eval(scaled: InstalledPool, module_caller: Caller) -> None:
    with load(module_caller, scaled, code="new Promise(done => setTimeout(done, 300, COUNT))", workers=2) as found:
        scaled.kubectl("scale", f"{names.SHORT_NAME}/{scaled.name}", "--replicas=1")
        scaled.cluster.wait(lambda: len(all_pods(scaled)) == 1, 60, "one pod of two to go")
        scaled.wait_ready()
    found.assert_flawless()


def all_pods(pool: InstalledPool) -> list[Any]:
    """The runtimes, those that are going included."""
    return pool.kubectl("get", "pods", "--output=name", "--selector", scale(pool)["status"]["selector"]).split()


def test_a_parked_pool_answers_that_it_has_no_runtime(scaled: InstalledPool, module_caller: Caller) -> None:
    proxies = scaled.pod_names(names.COMPONENT_PROXY)
    scaled.kubectl("scale", f"{names.SHORT_NAME}/{scaled.name}", "--replicas=0")
    scaled.wait_condition("Ready", "True", "Parked")
    scaled.cluster.wait(lambda: not all_pods(scaled), 60, "the last runtime to go")
    for _ in range(3):
        answer = module_caller.post(scaled, names.PATH_EVAL, {"code": "1"})
        assert answer["headers"]["content-type"] == names.TYPE_PROBLEM
        assert answer["status"] == answer["body"]["status"] == 503
        assert (answer["body"]["name"], answer["body"]["retryable"]) == ("no_runtime", True)
    assert scaled.pod_names(names.COMPONENT_PROXY) == proxies


def test_an_autoscaler_of_the_cluster_scales_it(scaled: InstalledPool, module_caller: Caller, cluster: Cluster) -> None:
    """The real controller: below its minimum it needs no metrics, which this cluster does not have."""
    scaled.kubectl("scale", f"{names.SHORT_NAME}/{scaled.name}", "--replicas=1")
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": scaled.name, "namespace": scaled.namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": names.API_VERSION, "kind": names.KIND, "name": scaled.name},
            "minReplicas": 2,
            "maxReplicas": 3,
        },
    }
    cluster.apply(json.dumps(autoscaler))
    cluster.wait(lambda: scaled.read()["spec"]["size"] == 2, 45, "the autoscaler's minimum")
    has(scaled, module_caller, 2)


def test_a_manifest_without_a_size_leaves_it_to_others(scaled: InstalledPool) -> None:
    quiet = InstalledPool(scaled.cluster, scaled.namespace, "quiet")
    quiet.apply({"proxy": {"replicas": 0}})
    assert quiet.read()["spec"]["size"] == 2
    quiet.kubectl("scale", f"{names.SHORT_NAME}/{quiet.name}", "--replicas=0")
    quiet.apply({"proxy": {"replicas": 0}, "queue": {"length": 7}})
    assert quiet.read()["spec"]["size"] == 0
    quiet.delete(wait=False)


def test_the_size_stays_in_its_bounds(scaled: InstalledPool) -> None:
    refused = scaled.kubectl("patch", RESOURCE, scaled.name, "--subresource=scale", "--type=merge",
                             "--patch", '{"spec": {"replicas": 1001}}', check=False)  # fmt: skip
    assert "1001" in refused
    assert scaled.read()["spec"]["size"] != 1001
