"""An eval that cannot be sent to its isolate costs no other eval anything: replies still belong to their own evals."""

import asyncio
from pathlib import Path
from time import monotonic

from tyrex_pool.dispatch.ticket import Outcome, Ticket, Work
from tyrex_pool.model.errors import InvalidRequest
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.wire import CallRequest, EvalRequest
from tyrex_pool.runtime.isolate_pool import IsolatePool
from tyrex_pool.runtime.sources import Sources

CYCLE: list[object] = []
CYCLE.append(CYCLE)


async def test_arguments_that_cannot_be_encoded() -> None:
    pool = IsolatePool("test", PoolSpec.parse({"size": 1}), Sources(Path.cwd(), {}))
    pool.start()
    try:
        async with asyncio.timeout(30):
            await pool.wait_ready()
            work: list[Work] = [EvalRequest(f"'{number}'") for number in range(9)]
            work[1:1] = [CallRequest("String", CYCLE)]
            work[5:5] = [CallRequest("String", CYCLE)]
            outcomes = await asyncio.gather(*(outcome(pool, each) for each in work))
            epochs = {runtime.epoch for runtime in pool.describe().runtimes}
            assert await outcome(pool, EvalRequest("'last'")) == b'"last"'
    finally:
        await pool.close()
    refused = [each for each in outcomes if not isinstance(each, bytes)]
    assert [type(each) for each in refused] == [InvalidRequest] * 2
    assert [each for each in outcomes if isinstance(each, bytes)] == [b'"%d"' % number for number in range(9)]
    assert len(epochs) == 1


async def outcome(pool: IsolatePool, work: Work) -> Outcome:
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    now = monotonic()
    pool.submit(Ticket(work, None, now, now + 10, lambda _, result: future.set_result(result)))
    return await future
