"""Evals without HTTP, one measurement in a process of its own.

`python -m tests.bench.inprocess VARIANT SECONDS` prints the sample as JSON.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from itertools import count

import uvloop
from denobox import AsyncDenobox, Denobox

from tests.bench.processes import cpu, cpu_per_eval
from tests.bench.samples import Sample

CODE = "1 + 2"
WARM_UP = 0.3
"""Seconds before the clock starts."""

Eval = Callable[[str], Awaitable[object]]


def sample(latencies: list[int], seconds: float, before: dict[str, float]) -> Sample:
    """Latencies are in nanoseconds."""
    ordered = sorted(latencies)
    return Sample(
        rate=len(ordered) / seconds,
        p50=ordered[len(ordered) // 2] / 1e3,
        p99=ordered[len(ordered) * 99 // 100] / 1e3,
        cpu=cpu_per_eval(before, cpu([os.getpid()]), len(ordered)),
    )


async def callers(evaluate: Eval, number: int, seconds: float) -> Sample:
    """So many callers at once, each one eval after another."""

    async def caller(end: int, latencies: list[int]) -> None:
        started = time.perf_counter_ns()
        while started < end:
            assert await evaluate(CODE) == 3
            finished = time.perf_counter_ns()
            latencies.append(finished - started)
            started = finished

    async def run(duration: float) -> tuple[list[int], float]:
        latencies: list[int] = []
        started = time.perf_counter_ns()
        await asyncio.gather(*(caller(started + int(duration * 1e9), latencies) for _ in range(number)))
        return latencies, (time.perf_counter_ns() - started) / 1e9

    await run(WARM_UP)
    before = cpu([os.getpid()])
    latencies, took = await run(seconds)
    return sample(latencies, took, before)


def denobox(seconds: float) -> Sample:
    """The blocking class, which is denobox's faster one."""
    with Denobox() as box:

        def run(duration: float) -> tuple[list[int], float]:
            latencies: list[int] = []
            first = started = time.perf_counter_ns()
            for _ in count():
                assert box.eval(CODE) == 3
                finished = time.perf_counter_ns()
                latencies.append(finished - started)
                started = finished
                if started - first >= duration * 1e9:
                    break
            return latencies, (started - first) / 1e9

        run(WARM_UP)
        before = cpu([os.getpid()])
        latencies, took = run(seconds)
        return sample(latencies, took, before)


async def async_denobox(number: int, seconds: float) -> Sample:
    async with AsyncDenobox() as box:
        return await callers(box.eval, number, seconds)


async def local_pool(size: int, number: int, seconds: float) -> Sample:
    from tyrex_pool import LocalPool  # the peers' processes do not load it

    async with LocalPool(size=size) as pool:
        return await callers(pool.eval, number, seconds)


def _uvloop(work: Awaitable[Sample]) -> Sample:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)  # type: ignore[arg-type]


VARIANTS: dict[str, Callable[[float], Sample]] = {
    "denobox-1": denobox,
    "local-uvloop-1": lambda seconds: _uvloop(local_pool(1, 1, seconds)),
    "local-asyncio-1": lambda seconds: asyncio.run(local_pool(1, 1, seconds)),
    "denobox-async-32": lambda seconds: _uvloop(async_denobox(32, seconds)),
    "local-uvloop-32": lambda seconds: _uvloop(local_pool(2, 32, seconds)),
}
"""By name, which ends in the number of callers; in the order in which a round measures them."""


if __name__ == "__main__":
    print(json.dumps(asdict(VARIANTS[sys.argv[1]](float(sys.argv[2])))))
