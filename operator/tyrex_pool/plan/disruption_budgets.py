"""PodDisruptionBudgets: how many pods may be evicted at once. A single pod has none: it would block a node's drain."""

from tyrex_pool.model import names
from tyrex_pool.model.components import DisruptionBudget
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform
from tyrex_pool.plan.metadata import selector


def runtimes(pool: DeclaredPool, platform: Platform) -> Manifest | None:
    return _budget(pool, names.COMPONENT_RUNTIME, pool.spec.size, pool.spec.runtime.disruption_budget)


def proxies(pool: DeclaredPool, platform: Platform) -> Manifest | None:
    return _budget(pool, names.COMPONENT_PROXY, pool.spec.proxy.replicas, pool.spec.proxy.disruption_budget)


def _budget(pool: DeclaredPool, component: str, size: int, budget: DisruptionBudget) -> Manifest | None:
    """Pods that are not ready may always be evicted: they serve nobody, and must not block a drain."""
    if size < 2 or not budget.enabled:
        return None
    return {
        "spec": {
            "maxUnavailable": budget.max_unavailable.wire,
            "selector": {"matchLabels": selector(pool.name, component)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
    }
