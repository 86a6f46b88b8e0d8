"""Deletes every pool in scope and waits until they are gone: what must happen before an operator is uninstalled."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from tyrex_pool.cluster.errors import ClusterError, Forbidden
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.controller.claims import is_free
from tyrex_pool.model.kinds import TYREX_POOL, Kind

_NOT_FOUND = 404


class PoolAccess(Protocol):
    """The part of ClusterApi that this needs; both methods raise ClusterError."""

    async def list(self, kind: Kind, namespace: str | None) -> Sequence[Object]: ...

    async def delete(self, kind: Kind, namespace: str, name: str) -> bool: ...


async def remove_pools(
    cluster: PoolAccess,
    namespaces: Sequence[str],
    timeout: float,
    report: Callable[[str], None],
    interval: float = 0.5,
    claim: str | None = None,
) -> list[str]:
    """Returns `namespace/name` of the pools that are left after `timeout` seconds; checks every `interval` seconds.

    Pools that are created meanwhile are deleted too; with `claim`, that of the operator which goes, those of other
    operators are not. `report` is called with progress and with errors that are retried.
    Raises Forbidden at once, another ClusterError when it persists until the end.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    reported = 0
    while True:
        try:
            pools = [pool for pool in await _pools(cluster, namespaces) if claim is None or is_free(pool, claim)]
        except ClusterError as error:
            if isinstance(error, Forbidden) or loop.time() >= end:
                raise
            report(f"tried again: {error}")
            await asyncio.sleep(interval)
            continue
        left = [f"{pool['metadata']['namespace']}/{pool['metadata']['name']}" for pool in pools]
        for pool in pools:
            if not pool["metadata"].get("deletionTimestamp"):
                await cluster.delete(TYREX_POOL, pool["metadata"]["namespace"], pool["metadata"]["name"])
        if not left or loop.time() >= end:
            return left
        if len(left) != reported:
            reported = len(left)
            report(_progress(left))
        await asyncio.sleep(interval)


def _progress(left: Sequence[str]) -> str:
    number = len(left)
    return f"{number} pool{'s are' if number != 1 else ' is'} going: {', '.join(left[:5])}{' …' if number > 5 else ''}"


async def _pools(cluster: PoolAccess, namespaces: Sequence[str]) -> list[Object]:
    """None where the CustomResourceDefinition is not installed."""
    found: list[Object] = []
    for namespace in namespaces or (None,):
        try:
            found += await cluster.list(TYREX_POOL, namespace)
        except ClusterError as error:
            if error.status != _NOT_FOUND:
                raise
    return found
