"""Deletes every pool in scope and waits until they are gone: what must happen before an operator is uninstalled."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from tyrex_pool.cluster.access import ClusterError, Forbidden, Object
from tyrex_pool.model.kinds import TYREX_POOL, Kind

_NOT_FOUND = 404


class Access(Protocol):
    """What it takes of an API server; both raise ClusterError."""

    async def list(self, kind: Kind, namespace: str | None) -> Sequence[Object]: ...

    async def delete(self, kind: Kind, namespace: str, name: str) -> bool: ...


async def remove_pools(
    cluster: Access, namespaces: Sequence[str], timeout: float, tell: Callable[[str], None], look: float = 0.5
) -> list[str]:
    """Returns `namespace/name` of those that are left after `timeout` seconds; looks every `look`. Raises ClusterError.

    Those that somebody makes meanwhile go too.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    told = 0
    while True:
        try:
            pools = await _pools(cluster, namespaces)
        except ClusterError as error:
            if isinstance(error, Forbidden) or loop.time() >= end:
                raise
            tell(f"tried again: {error}")
            await asyncio.sleep(look)
            continue
        left = [f"{pool['metadata']['namespace']}/{pool['metadata']['name']}" for pool in pools]
        for pool in pools:
            if not pool["metadata"].get("deletionTimestamp"):
                await cluster.delete(TYREX_POOL, pool["metadata"]["namespace"], pool["metadata"]["name"])
        if not left or loop.time() >= end:
            return left
        if len(left) != told:
            told = len(left)
            tell(f"{told} pool{'s are' if told != 1 else ' is'} going: {', '.join(left[:5])}{' …' if told > 5 else ''}")
        await asyncio.sleep(look)


async def _pools(cluster: Access, namespaces: Sequence[str]) -> list[Object]:
    """Without a CRD there are none."""
    found: list[Object] = []
    for namespace in namespaces or (None,):
        try:
            found += await cluster.list(TYREX_POOL, namespace)
        except ClusterError as error:
            if error.status != _NOT_FOUND:
                raise
    return found
