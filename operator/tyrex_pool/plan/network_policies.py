"""NetworkPolicies: who may connect to a pool's pods, and whether guests may open connections."""

from typing import Final

from tyrex_pool.model import names
from tyrex_pool.model.permissions import ALL, Permissions
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform
from tyrex_pool.plan.denials import granted
from tyrex_pool.plan.metadata import selector

_CONNECTING: Final = ("net", "import", "run", "ffi")
"""Kinds of permissions each of which lets code reach a network."""
_NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
_ANYWHERE: Final[Manifest] = {"namespaceSelector": {}}


def proxies(pool: DeclaredPool, platform: Platform) -> Manifest:
    """Callers in the scope of `spec.access.from`, and the operator, which asks proxies for their reports."""
    callers = _ANYWHERE if pool.spec.access.from_ == "Cluster" else {"podSelector": {}}
    return _policy(pool, names.COMPONENT_PROXY, [callers, *_operator(platform)], types=["Ingress"])


def runtimes(pool: DeclaredPool, platform: Platform) -> Manifest:
    """Only this pool's own proxies, which enforce queue, deadlines and access."""
    own = [{"podSelector": {"matchLabels": selector(pool.name, names.COMPONENT_PROXY)}}]
    if connects(pool.spec.permissions):
        return _policy(pool, names.COMPONENT_RUNTIME, own, types=["Ingress"])
    # The list is empty, not absent: a rule that somebody adds is a difference then.
    closed = _policy(pool, names.COMPONENT_RUNTIME, own, types=["Ingress", "Egress"])
    return {"spec": {**closed["spec"], "egress": []}}


def connects(permissions: Permissions) -> bool:
    """Whether guests may reach a network at all. Where none can, an agent needs none either."""
    return any(_grants(permissions, kind) for kind in _CONNECTING)


def _grants(permissions: Permissions, kind: str) -> bool:
    denied = permissions.deny.of(kind)
    if permissions.default == "AllowAll":
        return denied != ALL
    return bool(granted(kind, permissions.allow.of(kind), denied))


def _policy(pool: DeclaredPool, component: str, callers: list[Manifest], types: list[str]) -> Manifest:
    """`callers` may connect to the port for evals, everybody to the admin port: metrics are scraped from anywhere."""
    return {
        "spec": {
            "podSelector": {"matchLabels": selector(pool.name, component)},
            "policyTypes": types,
            "ingress": [_from(callers, names.SERVE_PORT), _from([_ANYWHERE], names.ADMIN_PORT)],
        }
    }


def _from(peers: list[Manifest], port: int) -> Manifest:
    return {"from": peers, "ports": [{"port": port, "protocol": "TCP"}]}


def _operator(platform: Platform) -> list[Manifest]:
    if platform.operator_namespace is None:
        return []
    pods = {names.LABEL_NAME: names.APPLICATION, names.LABEL_COMPONENT: names.COMPONENT_OPERATOR}
    return [
        {
            "namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: platform.operator_namespace}},
            "podSelector": {"matchLabels": pods},
        }
    ]
