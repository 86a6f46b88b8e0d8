"""Leader election: one operator works at a time, and a leader that loses its Lease stops before another one may begin.

The election is the project's own: that of kubernetes.aio cannot create its Lease (version 37 sends an argument that its
own client refuses), waits up to five minutes for an answer, and lets a Lease expire at the end instead of releasing it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from tyrex_pool.cluster.errors import ClusterError, Conflict
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.model.kinds import LEASE

DURATION = 12.0
"""Seconds without a renewal after which the other candidates take the leader for dead."""
RENEW = 8.0
"""Seconds without a renewal after which a leader stops: before another one may take over."""
RETRY = 2.0
"""Seconds between two attempts to take or to renew the Lease."""
_TIMEOUT = 3.0

logger = logging.getLogger("tyrex_pool")


class LeaseLostError(Exception):
    """Another candidate holds the Lease, or it could not be renewed in time."""


class Lease:
    """The Lease `namespace`/`name`, as the candidate `identity` sees it. `clock`: monotonic seconds.

    The age of a holder's last renewal is measured by this clock from when this candidate saw it, since the clocks of
    machines differ.
    """

    def __init__(
        self, cluster: ClusterApi, namespace: str, name: str, identity: str, clock: Callable[[], float]
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock
        self._seen: tuple[str | None, str | None] | None = None
        self._since = 0.0
        self.taken = False
        """Whether another candidate holds it and renews it."""

    def __str__(self) -> str:
        return f"Lease {self._namespace}/{self._name}"

    async def hold(self) -> bool:
        """Take it or renew it; False when another candidate holds it, or the API server does not answer."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await self._hold()
        except Conflict:
            return False
        except (ClusterError, TimeoutError) as error:
            logger.warning("%s can be neither taken nor renewed: %s", self, str(error) or "no answer")
            return False

    async def _hold(self) -> bool:
        lease = await self._cluster.get(LEASE, self._namespace, self._name)
        if lease is None:
            metadata = {"name": self._name, "namespace": self._namespace}
            document = {
                "apiVersion": LEASE.api_version,
                "kind": LEASE.name,
                "metadata": metadata,
                "spec": self._spec({}),
            }
            await self._cluster.create(LEASE, self._namespace, document)
            return True
        spec = lease.get("spec") or {}
        if self._alive(spec.get("holderIdentity"), spec.get("renewTime")):
            return False
        await self._cluster.replace(LEASE, self._namespace, self._name, {**lease, "spec": self._spec(spec)})
        return True

    def _alive(self, holder: str | None, renewed: str | None) -> bool:
        """Whether another candidate holds it and has renewed it in time."""
        if (holder, renewed) != self._seen:
            self._seen, self._since = (holder, renewed), self._clock()
        self.taken = bool(holder) and holder != self._identity and self._clock() < self._since + DURATION
        return self.taken

    def _spec(self, before: Object) -> Object:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        again = before.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(DURATION),
            "acquireTime": before.get("acquireTime", now) if again else now,
            "renewTime": now,
            "leaseTransitions": before.get("leaseTransitions", 0) + (not again),
        }

    async def release(self) -> None:
        """Let another candidate take it at once instead of when it expires. Errors are ignored."""
        with contextlib.suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(_TIMEOUT):
                lease = await self._cluster.get(LEASE, self._namespace, self._name)
                if lease is not None and lease["spec"].get("holderIdentity") == self._identity:
                    free = {**lease, "spec": {**lease["spec"], "holderIdentity": ""}}
                    await self._cluster.replace(LEASE, self._namespace, self._name, free)


async def lead(lease: Lease, work: Callable[[], Awaitable[None]]) -> None:
    """Wait for the Lease, then do `work` while holding it. Raises LeaseLostError, and whatever `work` raises."""
    while not await lease.hold():
        await asyncio.sleep(RETRY)
    logger.info("leading, with %s", lease)
    working = asyncio.ensure_future(work())
    renewing = asyncio.ensure_future(_renew(lease))
    try:
        await asyncio.wait([working, renewing], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        else:
            renewing.result()
    finally:
        for task in (working, renewing):
            task.cancel()
        await asyncio.gather(working, renewing, return_exceptions=True)
        await lease.release()


async def _renew(lease: Lease) -> None:
    """Renew until that fails. The time counts from before a request: the other candidates count from when they see it.

    Raises LeaseLostError.
    """
    loop = asyncio.get_running_loop()
    held = loop.time()
    with contextlib.suppress(TimeoutError):
        while not lease.taken:
            async with asyncio.timeout_at(held + RENEW):
                await asyncio.sleep(RETRY)
                requested = loop.time()
                if await lease.hold():
                    held = requested
    raise LeaseLostError(f"{lease} is somebody else's, or could not be renewed for {RENEW:.0f} s")
