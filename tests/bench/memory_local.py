"""What a program holds while evals wait in its LocalPool.

`python -m tests.bench.memory_local FEW MANY` prints the bytes at both numbers as JSON.
"""

import asyncio
import json
import os
import sys

import uvloop

from tests.bench.resident import memory
from tyrex_pool import LocalPool


async def held(numbers: list[int]) -> list[int]:
    """Bytes at each number of waiting evals."""
    found = []
    async with LocalPool(size=1, queue={"length": numbers[-1]}, timeouts={"drain": "0s"}) as pool:
        blocking = asyncio.create_task(pool.eval("new Promise(() => {})", timeout=60))
        waiting: list[asyncio.Task[object]] = []
        for number in numbers:
            waiting += [asyncio.create_task(pool.eval("1 + 2", timeout=60)) for _ in range(number - len(waiting))]
            while pool.status()["queued"] < number:
                await asyncio.sleep(0.01)
            found.append(memory([os.getpid()]))
        for task in (blocking, *waiting):
            task.cancel()
        await asyncio.gather(blocking, *waiting, return_exceptions=True)
    return found


if __name__ == "__main__":
    print(json.dumps(uvloop.run(held([int(number) for number in sys.argv[1:]]))))
