"""The children of a pool: one table of builders, from which the desired state of every child is made."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tyrex_pool.model import names
from tyrex_pool.plan import (
    config_map,
    disruption_budgets,
    network_policies,
    proxy_deployment,
    rbac,
    runtime_deployment,
    services,
)
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform, Ref
from tyrex_pool.plan.metadata import digest, inherited, labels, owners


class Child(NamedTuple):
    """`build` makes the object without apiVersion and kind, and of metadata only labels and annotations of its own.

    None: the object must not exist.
    """

    api_version: str
    kind: str
    component: str
    build: Callable[[DeclaredPool, Platform], Manifest | None]
    has_own_name: bool = False
    """The object has the pool's name instead of its component's."""

    def ref(self, pool: str) -> Ref:
        name = names.proxy_service(pool) if self.has_own_name else names.component_name(pool, self.component)
        return Ref(self.api_version, self.kind, name)


_RUNTIME: Final = names.COMPONENT_RUNTIME
_PROXY: Final = names.COMPONENT_PROXY
_RBAC: Final = f"{rbac.RBAC_GROUP}/v1"

CHILDREN: Final = (
    Child("v1", "ServiceAccount", _PROXY, rbac.account),
    Child(_RBAC, "Role", _PROXY, rbac.role),
    Child(_RBAC, "RoleBinding", _PROXY, rbac.binding),
    Child("networking.k8s.io/v1", "NetworkPolicy", _PROXY, network_policies.proxies),
    Child("networking.k8s.io/v1", "NetworkPolicy", _RUNTIME, network_policies.runtimes),
    Child("v1", "Service", _PROXY, services.proxies, has_own_name=True),
    Child("v1", "Service", _RUNTIME, services.runtimes),
    Child("v1", "ConfigMap", _RUNTIME, config_map.build),
    Child("apps/v1", "Deployment", _RUNTIME, runtime_deployment.build),
    Child("apps/v1", "Deployment", _PROXY, proxy_deployment.build),
    Child("policy/v1", "PodDisruptionBudget", _RUNTIME, disruption_budgets.runtimes),
    Child("policy/v1", "PodDisruptionBudget", _PROXY, disruption_budgets.proxies),
)
"""In the order in which they are created: what a pod needs comes before it."""

Desired = Mapping[Ref, Manifest | None]


def desired(pool: DeclaredPool, platform: Platform) -> Desired:
    """Every child; None for one that must not exist. Raises InvalidSpec when the main module is incomplete."""
    return {child.ref(pool.name): _whole(child, pool, platform) for child in CHILDREN}


def gone(name: str) -> dict[Ref, None]:
    """The desired state of the pool `name` when it is deleted: no child exists."""
    return {child.ref(name): None for child in CHILDREN}


def _whole(child: Child, pool: DeclaredPool, platform: Platform) -> Manifest | None:
    body = child.build(pool, platform)
    if body is None:
        return None
    ref = child.ref(pool.name)
    own, above = body.pop("metadata", {}), inherited(pool)
    chosen = {**above, **own.get("labels", {})}
    metadata: Manifest = {
        "name": ref.name,
        "namespace": pool.namespace,
        "labels": {**chosen, **labels(pool.name, child.component)},
        "annotations": {
            **own.get("annotations", {}),
            names.ANNOTATION_MANIFEST_HASH: digest(body, *filter(None, (own, chosen))),
        },
    }
    if pool.uid is not None:
        metadata["ownerReferences"] = owners(pool)
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, **body}
