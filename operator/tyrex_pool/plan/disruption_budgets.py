"""PodDisruptionBudgets: how many pods may be evicted at once. A single pod has none: it would block a node's drain."""

from tyrex_pool.model import names
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform
from tyrex_pool.plan.metadata import selector


def runtimes(pool: DeclaredPool, platform: Platform) -> Manifest | None:
    return _budget(pool, names.COMPONENT_RUNTIME, pool.spec.size)


def proxies(pool: DeclaredPool, platform: Platform) -> Manifest | None:
    return _budget(pool, names.COMPONENT_PROXY, pool.spec.proxy.replicas)


def _budget(pool: DeclaredPool, component: str, size: int) -> Manifest | None:
    """Pods that are not ready may always be evicted: they serve nobody, and must not block a drain."""
    if size < 2:
        return None
    return {
        "spec": {
            "maxUnavailable": "25%",
            "selector": {"matchLabels": selector(pool.name, component)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
    }
