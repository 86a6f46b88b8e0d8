"""What a proxy may see of the cluster: its own pool, where the runtimes are, and the source of its strategy."""

from typing import Final

from tyrex_pool.model import names
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform

RBAC_GROUP: Final = "rbac.authorization.k8s.io"


def account(pool: DeclaredPool, platform: Platform) -> Manifest:
    """Only pods that ask for its token have it."""
    return {"automountServiceAccountToken": False}


def role(pool: DeclaredPool, platform: Platform) -> Manifest:
    rules = [
        _rule(names.GROUP, names.PLURAL, "get", "list", "watch", name=pool.name),
        _rule("discovery.k8s.io", "endpointslices", "list", "watch"),
    ]
    if pool.spec.strategy.custom is not None:
        source = pool.spec.strategy.custom.config_map.name
        rules.append(_rule("", "configmaps", "get", "list", "watch", name=source))
    return {"rules": rules}


def binding(pool: DeclaredPool, platform: Platform) -> Manifest:
    name = names.component_name(pool.name, names.COMPONENT_PROXY)
    return {
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": pool.namespace}],
    }


def _rule(group: str, resource: str, *verbs: str, name: str | None = None) -> Manifest:
    """`name`: only of the object that is called so."""
    rule = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    return rule if name is None else {**rule, "resourceNames": [name]}
