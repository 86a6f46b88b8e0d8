"""Evals without HTTP in Python, one measurement in a process of its own.

`python -m tests.bench.inprocess_run PATH TASK CALLERS SECONDS` prints the sample as JSON.
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

from tests.bench.inprocess import TASKS, WARM_UP
from tests.bench.processes import cpu, cpu_per_eval
from tests.bench.samples import Sample

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


async def measure(evaluate: Eval, code: str, callers: int, seconds: float) -> Sample:
    """So many callers at once, each one eval after another."""

    async def caller(end: int, latencies: list[int]) -> None:
        started = time.perf_counter_ns()
        while started < end:
            assert await evaluate(code) == 3
            finished = time.perf_counter_ns()
            latencies.append(finished - started)
            started = finished

    async def run(duration: float) -> tuple[list[int], float]:
        latencies: list[int] = []
        started = time.perf_counter_ns()
        await asyncio.gather(*(caller(started + int(duration * 1e9), latencies) for _ in range(callers)))
        return latencies, (time.perf_counter_ns() - started) / 1e9

    await run(WARM_UP)
    before = cpu([os.getpid()])
    latencies, took = await run(seconds)
    return sample(latencies, took, before)


def denobox(code: str, callers: int, seconds: float) -> Sample:
    """The blocking class, which is denobox's faster one for one caller."""
    assert callers == 1
    with Denobox() as box:

        def run(duration: float) -> tuple[list[int], float]:
            latencies: list[int] = []
            first = started = time.perf_counter_ns()
            for _ in count():
                assert box.eval(code) == 3
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


async def async_denobox(code: str, callers: int, seconds: float) -> Sample:
    async with AsyncDenobox() as box:
        return await measure(box.eval, code, callers, seconds)


async def local_pool(code: str, callers: int, seconds: float) -> Sample:
    """One runtime for one caller, two for more."""
    from tyrex_pool import LocalPool  # the peers' processes do not load it

    async with LocalPool(size=min(callers, 2)) as pool:
        return await measure(pool.eval, code, callers, seconds)


PATHS: dict[str, Callable[[str, int, float], Sample]] = {
    "denobox": denobox,
    "denobox-async": lambda *run: uvloop.run(async_denobox(*run)),
    "local-uvloop": lambda *run: uvloop.run(local_pool(*run)),
    "local-asyncio": lambda *run: asyncio.run(local_pool(*run)),
}


if __name__ == "__main__":
    path, task, callers, seconds = sys.argv[1:]
    print(json.dumps(asdict(PATHS[path](TASKS[task], int(callers), float(seconds)))))
