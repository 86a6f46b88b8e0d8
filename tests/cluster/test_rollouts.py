"""What a runtime is started with: a change of it replaces the runtimes, one after another, and fails no eval."""

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


SPECS: dict[str, dict[str, Any]] = {
    "permissions": {"permissions": {"allow": {"env": ["LANG"]}}},
    "limits": {"limits": {"heap": "96Mi"}},
    "main module": {"mainModule": {"configMap": None, "inline": f"{ANSWER} 3;"}},
}
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
    with load(module_caller, rolling, workers=2, retries=3) as found:
        change(what, rolling)
        rolling.cluster.wait(
            lambda: not runtimes & rolling.pod_names(names.COMPONENT_RUNTIME), 60, f"new runtimes after {what}"
        )
        rolling.wait_ready()
    found.assert_flawless()
    assert rolling.pod_names(names.COMPONENT_PROXY) == proxies
    assert {json.dumps(result) for result, _ in module_caller.evals(rolling, PROBE, times=8)} == {json.dumps(expected)}
