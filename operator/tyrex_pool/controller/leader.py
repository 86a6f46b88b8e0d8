"""One operator at a time: a Lease gates the start, and who loses it stops.

The election is kubernetes.aio's; here it gets short timeouts and patience with an API server that does not answer.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from tyrex_pool.cluster.access import Cluster, ClusterError
from tyrex_pool.cluster.kinds import LEASE

DURATION = 12
"""Seconds after which a leader that says nothing is taken to be dead."""
RENEW = 8
"""Seconds after which a leader that cannot renew gives up: before another one may take over."""
RETRY = 2
_TIMEOUT = 3.0

logger = logging.getLogger("tyrex_pool")


class LeaseLostError(Exception):
    """The Lease belongs to somebody else, or could not be renewed in time."""


class _Lock(LeaseLock):
    """A request that fails is a try that failed, not the end of the election."""

    async def get(self, name: str, namespace: str) -> Any:
        return await _tried(super().get(name, namespace), lambda error: (False, ApiException(reason=error)))

    async def create(self, name: str, namespace: str, election_record: Any) -> Any:
        return await _tried(super().create(name, namespace, election_record), lambda error: False)

    async def update(self, name: str, namespace: str, updated_record: Any) -> Any:
        return await _tried(super().update(name, namespace, updated_record), lambda error: False)


async def _tried(request: Awaitable[Any], failed: Callable[[str], Any]) -> Any:
    try:
        async with asyncio.timeout(_TIMEOUT):
            return await request
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return failed(str(error) or type(error).__name__)


async def lead(cluster: Cluster, namespace: str, name: str, identity: str, work: Callable[[], Awaitable[None]]) -> None:
    """Wait for the Lease, then do `work` while holding it. Raises LeaseLostError, and whatever `work` raises."""
    logging.getLogger("kubernetes.aio.leaderelection").setLevel(logging.CRITICAL)  # it logs each failed try as an error
    working: asyncio.Task[None] | None = None

    async def started() -> None:
        nonlocal working
        logger.info("leading: %s holds Lease %s/%s", identity, namespace, name)
        working = asyncio.ensure_future(_completed(work))
        await asyncio.wait([working])

    async def stopped() -> None:
        pass

    lock = _Lock(name, namespace, identity, cluster.api)
    election = asyncio.ensure_future(LeaderElection(Config(lock, DURATION, RENEW, RETRY, started, stopped)).run())
    try:
        while not election.done():
            await asyncio.wait(
                [one for one in (election, working) if one], timeout=RETRY, return_when=asyncio.FIRST_COMPLETED
            )
            if working is not None and working.done():
                await _release(cluster, namespace, name, election)
                return working.result()
        election.result()
        raise LeaseLostError(f"Lease {namespace}/{name} is lost")
    finally:
        for task in (election, working):
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in (election, working) if task), return_exceptions=True)


async def _completed(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def _release(cluster: Cluster, namespace: str, name: str, election: asyncio.Task[None]) -> None:
    """Let the next one start at once instead of when the Lease runs out."""
    election.cancel()
    await asyncio.gather(election, return_exceptions=True)
    with contextlib.suppress(ClusterError):
        await cluster.merge(LEASE, namespace, name, {"spec": {"holderIdentity": None}})
