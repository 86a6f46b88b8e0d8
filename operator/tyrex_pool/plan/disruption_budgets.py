"""How many pods a node's drain may take at a time. One that stands alone has no budget, or no node could be drained."""

from tyrex_pool.model import names
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform
from tyrex_pool.plan.metadata import selector


def runtimes(pool: DeclaredPool, platform: Platform) -> Manifest | None:
    return _budget(pool, names.COMPONENT_RUNTIME, pool.spec.size)


def proxies(pool: DeclaredPool, platform: Platform) -> Manifest | None:
    return _budget(pool, names.COMPONENT_PROXY, pool.spec.proxy.replicas)


def _budget(pool: DeclaredPool, component: str, size: int) -> Manifest | None:
    """Pods that are not ready may always go: they serve nobody, and must not hold a node."""
    if size < 2:
        return None
    return {
        "spec": {
            "maxUnavailable": "25%",
            "selector": {"matchLabels": selector(pool.name, component)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
    }
