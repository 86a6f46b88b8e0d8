import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tyrex_pool.controller.queue import WorkQueue
from tyrex_pool.controller.turns import Key

A, B = Key("web", "a"), Key("web", "b")


@asynccontextmanager
async def working(queue: WorkQueue, work: Callable[[Key], Awaitable[float | None]]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(queue.run(work))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_key_that_is_added_twice_is_worked_on_once() -> None:
    queue, seen, done = WorkQueue(1), [], asyncio.Event()

    async def work(key: Key) -> None:
        seen.append(key)
        if key == B:
            done.set()

    for key in (A, A, B):
        queue.add(key)
    assert len(queue) == 2
    async with working(queue, work):
        await asyncio.wait_for(done.wait(), 5)
    assert seen == [A, B]


async def test_a_key_has_one_worker_at_a_time_and_what_came_meanwhile_is_not_lost() -> None:
    queue, runs, go, second = WorkQueue(2), 0, asyncio.Event(), asyncio.Event()
    at_once = most = 0

    async def work(key: Key) -> None:
        nonlocal runs, at_once, most
        runs += 1
        at_once += 1
        most = max(most, at_once)
        if runs == 1:
            queue.add(key)
            queue.add(key)
            go.set()
            await asyncio.wait_for(queue_is_idle(queue), 5)
        else:
            second.set()
        at_once -= 1

    queue.add(A)
    async with working(queue, work):
        await asyncio.wait_for(go.wait(), 5)
        await asyncio.wait_for(second.wait(), 5)
    assert (runs, most) == (2, 1)


async def queue_is_idle(queue: WorkQueue) -> None:
    while len(queue):
        await asyncio.sleep(0)


async def test_work_may_ask_to_be_repeated() -> None:
    queue, runs, done = WorkQueue(2), 0, asyncio.Event()

    async def work(key: Key) -> float | None:
        nonlocal runs
        runs += 1
        if runs == 3:
            done.set()
            return None
        return 0.001

    queue.add(A)
    async with working(queue, work):
        await asyncio.wait_for(done.wait(), 5)
    assert runs == 3


async def test_of_two_planned_times_the_earlier_counts() -> None:
    queue, done = WorkQueue(2), asyncio.Event()

    async def work(key: Key) -> None:
        done.set()

    queue.add_later(A, 1000.0)
    queue.add_later(A, 0.001)
    queue.add_later(A, 1000.0)
    async with working(queue, work):
        await asyncio.wait_for(done.wait(), 5)


async def test_a_round_ends_when_each_of_its_keys_was_reconciled() -> None:
    queue, seen = WorkQueue(2), []

    async def work(key: Key) -> float | None:
        seen.append(key)
        return 1000.0

    async with working(queue, work):
        await asyncio.wait_for(queue.process([A, B]), 5)
        assert sorted(seen) == [A, B]
        await asyncio.wait_for(queue.process([]), 5)
