"""Deletes every pool in scope and waits until they are gone: what must happen before an operator is uninstalled."""

import asyncio
from collections.abc import Callable, Sequence

from tyrex_pool.cluster.access import Cluster
from tyrex_pool.cluster.kinds import TYREX_POOL

_LOOK = 0.5


async def remove_pools(
    cluster: Cluster, namespaces: Sequence[str], timeout: float, tell: Callable[[str], None]
) -> list[str]:
    """Returns `namespace/name` of those that are left after `timeout` seconds. Raises ClusterError."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    left = await _pools(cluster, namespaces)
    for path in left:
        namespace, name = path.split("/")
        await cluster.delete(TYREX_POOL, namespace, name)
    told = -1
    while left and loop.time() < end:
        if len(left) != told:
            told = len(left)
            tell(f"{told} pool{'s are' if told != 1 else ' is'} going: {', '.join(left[:5])}{' …' if told > 5 else ''}")
        await asyncio.sleep(_LOOK)
        left = await _pools(cluster, namespaces)
    return left


async def _pools(cluster: Cluster, namespaces: Sequence[str]) -> list[str]:
    found: list[str] = []
    for namespace in namespaces or (None,):
        pools = await cluster.list(TYREX_POOL, namespace)
        found += [f"{pool['metadata']['namespace']}/{pool['metadata']['name']}" for pool in pools]
    return found
