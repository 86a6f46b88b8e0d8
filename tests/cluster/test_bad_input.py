"""A wrong spec, or a main module that is gone, does not stop the operator from keeping what was good."""

import json
from collections.abc import Callable

import pytest

from tests.cluster.installed import MakePool
from tests.cluster.operators import Operators
from tests.cluster.pools import RESOURCE, InstalledPool
from tyrex_pool.model import names

SPEC = {
    "size": 1,
    "proxy": {"replicas": 1},
    "mainModule": {"configMap": {"name": "code", "entrypoint": "main.ts"}},
}
DEADLINE = 10.0
pytestmark = pytest.mark.slow


def lose_config_map(pool: InstalledPool) -> None:
    pool.kubectl("delete", "configmap", "code")


def lose_entrypoint(pool: InstalledPool) -> None:
    pool.kubectl("patch", "configmap", "code", "--type=merge", '--patch={"data":{"main.ts":null,"a.ts":""}}')


def misspell_permissions(pool: InstalledPool) -> None:
    pool.patch({"permissions": {"alow": {}}})


def another_config_map(pool: InstalledPool) -> None:
    pool.patch({"mainModule": {"configMap": {"name": "other"}}})


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(lose_config_map, "ConfigMapNotFound", id="no ConfigMap"),
        pytest.param(lose_entrypoint, "ConfigMapNotFound", id="no entrypoint"),
        pytest.param(misspell_permissions, "InvalidSpec", id="permissions"),
        pytest.param(another_config_map, "ConfigMapNotFound", id="another ConfigMap"),
    ],
)
@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_the_rest_is_repaired_and_scaled(
    pool: MakePool, namespace: str, operator: str, bad: Callable[[InstalledPool], None], reason: str, restarts: bool
) -> None:
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "code"}, "data": {"main.ts": "export {}"}}
    kept = pool("p", {"size": 0, "proxy": {"replicas": 1}}, ready=False)
    kept.kubectl("apply", "--filename=-", input=json.dumps(data))
    kept.apply(SPEC)
    kept.wait_ready()
    before = kept.pod_names()
    bad(kept)
    kept.wait_condition("Ready", "False", reason)
    if restarts:
        operators = Operators(kept.cluster, operator)
        operators.scale(0)
        operators.scale(1)
    kept.kubectl("delete", "service", "p")
    kept.kubectl("delete", "networkpolicy", "p-runtime")
    kept.kubectl("scale", RESOURCE, "p", "--replicas=2")
    kept.cluster.wait(lambda: there(kept, "service/p") and there(kept, "networkpolicy/p-runtime"), 30, "both, again")
    kept.cluster.wait(lambda: len(kept.pods(names.COMPONENT_RUNTIME)) == 2, 30, "another runtime")
    kept.wait_condition("Available", "True")
    found = kept.wait_condition("Ready", "False", reason)
    assert "spec." in found["message"]
    assert before <= kept.pod_names(), "no pod was replaced"


def there(pool: InstalledPool, name: str) -> bool:
    return bool(pool.kubectl("get", name, "--ignore-not-found", "--output=name"))
