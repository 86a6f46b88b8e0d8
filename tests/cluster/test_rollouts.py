"""A change of what pods are started with replaces them, one after another, and fails no eval."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.caller import Caller
from tests.cluster.cluster import Cluster
from tests.cluster.load import load
from tests.cluster.pools import InstalledPool
from tyrex_pool.model import names

ANSWER = "globalThis.answer = () =>"


@pytest.fixture(scope="module")
def rolling(module_pool: Callable[..., InstalledPool], cluster: Cluster, module_namespace: str) -> InstalledPool:
    write(cluster, module_namespace, 1)
    return module_pool("rolling", {"size": 2, "mainModule": {"configMap": {"name": "code", "entrypoint": "main.ts"}}})


def write(cluster: Cluster, namespace: str, answer: int) -> None:
    """The ConfigMap with a main module whose function gives this answer."""
    data = {"main.ts": f"{ANSWER} {answer};"}
    metadata = {"name": "code", "namespace": namespace}
    cluster.apply(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}))


def change(what: str, pool: InstalledPool) -> None:
    if what == "the ConfigMap of the main module":
        write(pool.cluster, pool.namespace, 2)
    else:
        pool.patch(SPECS[what])


def everything(pool: InstalledPool) -> set[str]:
    """The names of all pods of the namespace, those that are going included."""
    return set(pool.kubectl("get", "pods", "--output=jsonpath={.items[*].metadata.name}").split())


SPECS: dict[str, dict[str, Any]] = {
    "permissions": {"permissions": {"allow": {"env": ["LANG"]}}},
    "limits": {"limits": {"heap": "96Mi"}},
    "main module": {"mainModule": {"configMap": None, "inline": f"{ANSWER} 3;"}},
}
SLOW = "new Promise((done) => setTimeout(() => done(COUNT), 200))"
"""There is always one that runs."""
PROBE = "[answer(), Deno.permissions.querySync({name: 'env', variable: 'LANG'}).state]"


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        pytest.param("permissions", [1, "granted"], id="permissions"),
        pytest.param("limits", [1, "granted"], id="limits"),
        pytest.param("the ConfigMap of the main module", [2, "granted"], id="config-map"),
        pytest.param("main module", [3, "granted"], id="main-module"),
    ],
)
def test_a_change_rolls_the_runtimes_and_fails_no_eval(
    rolling: InstalledPool, module_caller: Caller, what: str, expected: list[Any]
) -> None:
    runtimes, proxies = (rolling.pod_names(one) for one in (names.COMPONENT_RUNTIME, names.COMPONENT_PROXY))
    with load(module_caller, rolling, SLOW) as found:
        change(what, rolling)
        rolling.cluster.wait(lambda: not runtimes & everything(rolling), 60, f"the old runtimes' end after {what}")
        rolling.wait_ready()
    found.assert_flawless()
    assert rolling.pod_names(names.COMPONENT_PROXY) == proxies
    assert {json.dumps(result) for result, _ in module_caller.evals(rolling, PROBE, times=8)} == {json.dumps(expected)}


def test_a_change_of_the_proxies_rolls_them_alone_and_fails_no_eval(
    rolling: InstalledPool, module_caller: Caller
) -> None:
    runtimes, proxies = (rolling.pod_names(one) for one in (names.COMPONENT_RUNTIME, names.COMPONENT_PROXY))
    with load(module_caller, rolling, workers=8, pause=0) as found:  # each sends its next eval at once
        rolling.patch({"proxy": {"resources": {"requests": {"cpu": "50m", "memory": "64Mi"}}}})
        rolling.cluster.wait(lambda: not proxies & everything(rolling), 60, "the old proxies' end")
        rolling.wait_ready()
    found.assert_flawless()
    assert rolling.pod_names(names.COMPONENT_RUNTIME) == runtimes


def test_changes_on_top_of_each_other_end_in_the_last_one(rolling: InstalledPool, module_caller: Caller) -> None:
    with load(module_caller, rolling, SLOW) as found:
        for answer in range(10, 15):
            rolling.patch({"mainModule": {"configMap": None, "inline": f"{ANSWER} {answer};"}})
        rolling.wait_ready()
        assert {result for result, _ in module_caller.evals(rolling, "answer()", times=8)} == {14}
    found.assert_flawless()
