from typing import Any

import pytest

from tests.unit.plan.plans import PLATFORM, pool
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan.declared_pool import Platform
from tyrex_pool.plan.network_policies import connects, proxies, runtimes

ALL = ["*"]


@pytest.mark.parametrize(
    ("permissions", "possible"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"allow": {"read": ALL, "write": ALL, "env": ALL, "sys": ALL}}, False, id="no way out"),
        pytest.param({"allow": {"net": ["a"]}}, True, id="net"),
        pytest.param({"allow": {"import": ["a"]}}, True, id="import"),
        pytest.param({"allow": {"run": ["curl"]}}, True, id="run"),
        pytest.param({"allow": {"ffi": ["/x.so"]}}, True, id="ffi"),
        pytest.param({"allow": {"net": ["a"]}, "deny": {"net": ALL}}, False, id="denied altogether"),
        pytest.param({"allow": {"net": ["a:443"]}, "deny": {"net": ["a"]}}, False, id="denied in effect"),
        pytest.param({"allow": {"net": ["a", "b"]}, "deny": {"net": ["a"]}}, True, id="denied in part"),
        pytest.param({"default": "AllowAll"}, True, id="anything"),
        pytest.param({"default": "AllowAll", "deny": {"net": ALL}}, True, id="anything but net"),
        pytest.param(
            {"default": "AllowAll", "deny": {"net": ALL, "import": ALL, "run": ALL, "ffi": ALL}},
            False,
            id="anything but the way out",
        ),
    ],
)
def test_whether_guests_reach_a_network(permissions: dict[str, Any], possible: bool) -> None:
    assert connects(PoolSpec.parse({"permissions": permissions}).permissions) is possible
    spec = runtimes(pool(permissions=permissions), PLATFORM)["spec"]
    assert ("Egress" in spec["policyTypes"]) is not possible
    assert spec.get("egress") == (None if possible else [])


def test_runtimes_are_for_the_pool_s_own_proxies() -> None:
    evals, admin = runtimes(pool(), PLATFORM)["spec"]["ingress"]
    labels = {"tyrex.dev/pool": "p", "app.kubernetes.io/component": "proxy"}
    assert evals == {
        "from": [{"podSelector": {"matchLabels": labels}}],
        "ports": [{"port": 8080, "protocol": "TCP"}],
    }
    assert admin == {"from": [{"namespaceSelector": {}}], "ports": [{"port": 9090, "protocol": "TCP"}]}


@pytest.mark.parametrize(
    ("access", "callers"),
    [("Namespace", {"podSelector": {}}), ("Cluster", {"namespaceSelector": {}})],
)
def test_who_may_call(access: str, callers: dict[str, Any]) -> None:
    peers = proxies(pool(access={"from": access}), PLATFORM)["spec"]["ingress"][0]["from"]
    operator = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tyrex-system"}},
        "podSelector": {
            "matchLabels": {"app.kubernetes.io/name": "tyrex-pool", "app.kubernetes.io/component": "operator"}
        },
    }
    assert peers == [callers, operator]
    assert proxies(pool(access={"from": access}), Platform("a", "b"))["spec"]["ingress"][0]["from"] == [callers]
