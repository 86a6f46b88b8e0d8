"""The short form of the benchmark's soak: after mixed load, servers and proxy hold what they held before it."""

import asyncio
import gc
import logging
import os
import random
import sys
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.bench.mix import ENDS, Mix
from tyrex_pool.dispatch.deadlines import Deadlines
from tyrex_pool.dispatch.strategies import make
from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.runtime.isolate_pool import IsolatePool
from tyrex_pool.runtime.sources import Sources
from tyrex_pool.server.admin import Admin
from tyrex_pool.server.api import Api
from tyrex_pool.server.remote.definition import Definition
from tyrex_pool.server.remote.discovery import Endpoint, StaticList
from tyrex_pool.server.remote.remote_pool import RemotePool
from tyrex_pool.server.service import Address, Service
from tyrex_pool.server.stream import Stream
from tyrex_pool.server.telemetry.metrics import IsolateMetrics, Metrics, UpstreamMetrics

TIMEOUTS = {"eval": "3s"}
SPEC = {"size": 1, "limits": {"heap": "64Mi"}, "timeouts": TIMEOUTS}
ROUND = 400
ROUNDS = 4
"""Requests of a round, besides the guests that lose their isolate, and rounds."""
LEAK = 60
"""Bytes for each request: about what the smallest thing takes that could be kept of one."""
CACHED = {"Head"}
"""HeadCache of requests, of which a server remembers a limited number."""


ANYWHERE = Address("127.0.0.1", 0, 0)


@asynccontextmanager
async def agent() -> AsyncIterator[str]:
    """The URL of a server with one isolate, in this process, that a proxy may stand before."""
    pool = IsolatePool("test", PoolSpec.parse(SPEC), Sources(Path.cwd(), {}))
    metrics = Metrics(pool.describe, IsolateMetrics(pool.supervisor))
    api = Api(pool, metrics)
    service = await Service.open(api, Admin(pool, metrics), ANYWHERE, partial(Stream, api))
    try:
        pool.start()
        await pool.wait_ready()
        yield f"http://127.0.0.1:{service.public.port}"
    finally:
        await service.close()
        await pool.close()


@asynccontextmanager
async def proxy(*runtimes: str) -> AsyncIterator[str]:
    """The URL of a proxy in this process, before servers at these URLs."""
    spec = PoolSpec.parse({"size": len(runtimes), "timeouts": TIMEOUTS})
    pool = RemotePool("test", Definition(spec, make("LeastLoaded", random.Random(1))))
    following = asyncio.create_task(pool.follow(StaticList([Endpoint.parse(url) for url in runtimes])))
    metrics = Metrics(pool.describe, UpstreamMetrics(pool))
    service = await Service.open(Api(pool, metrics), Admin(pool, metrics), ANYWHERE)
    try:
        await pool.first_check()
        yield f"http://127.0.0.1:{service.public.port}"
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await service.close()
        await pool.close()


@asynccontextmanager
async def whole() -> AsyncIterator[Mix]:
    """The mixed load on a proxy before two servers, all of this process but the isolates."""
    async with agent() as one, agent() as other, proxy(one, other) as url:
        mix = Mix(url)
        try:
            yield mix
        finally:
            await mix.close()


def held() -> dict[str, int]:
    """How many objects of ours live, by type, and what the system keeps for us."""
    gc.collect()
    kinds = (type(each) for each in gc.get_objects())
    found = Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("tyrex_pool."))
    found["Task"] = len(asyncio.all_tasks())
    found["descriptors"] = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number is wanted
    return {kind: number for kind, number in found.items() if kind not in CACHED}


def all_deadlines() -> list[Deadlines[Ticket]]:
    """Those of every balancer in this process."""
    return [each for each in gc.get_objects() if type(each) is Deadlines]


async def at_rest(mix: Mix, others: list[Deadlines[Ticket]]) -> dict[str, int]:
    """What is held when every caller has left and no deadline is to come any more, but for those of `others`."""
    await mix.close()
    theirs = {id(each) for each in others}
    async with asyncio.timeout(30):
        while any(bool(each) for each in all_deadlines() if id(each) not in theirs):
            await asyncio.sleep(0.1)
    return held()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
async def test_mixed_load_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "tyrex_pool")  # what pytest keeps of the log is not ours
    others = all_deadlines()  # what other tests left, whose loops have ended
    tracemalloc.start()
    try:
        async with whole() as mix:
            for _ in range(2):
                await mix.round(ROUND)
            before = await at_rest(mix, others)
            memory, _ = tracemalloc.get_traced_memory()
            for _ in range(ROUNDS):
                await mix.round(ROUND)
            assert await at_rest(mix, others) == before
            grown = tracemalloc.get_traced_memory()[0] - memory
    finally:
        tracemalloc.stop()
    assert not mix.wrong
    assert mix.outcomes[ENDS[0].name] == 2 + ROUNDS
    assert grown < ROUNDS * ROUND * LEAK, f"{grown} bytes more after {ROUNDS * ROUND} requests"
