"""What a proxy may read from the API server: its own pool, the runtimes' addresses, and its strategy's source."""

from typing import Final

from tyrex_pool.model import names
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform

RBAC_GROUP: Final = "rbac.authorization.k8s.io"


def account(pool: DeclaredPool, platform: Platform) -> Manifest:
    """The ServiceAccount; its token is mounted only in pods that ask for it."""
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
    """`name`: the only object that the rule is for; None: all objects of the resource."""
    rule = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    return rule if name is None else {**rule, "resourceNames": [name]}
