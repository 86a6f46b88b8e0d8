"""A guest that looks in its own heap for what begins lines of the log: it finds nothing to write such lines with."""

import pytest

from tests.local.guest_logs import guest_logs
from tyrex_pool import LocalPool

SNAPSHOT = """(async () => {
    console.log('before');
    const stream = process.getBuiltinModule('node:v8').getHeapSnapshot();
    let text = '';
    for await (const part of stream) text += part;
    const found = new Set(text.match(/[0-9a-f]{16}/g));
    %s
    return [...found];
})()"""
WRITES = """
    const lines = [...found].map((token) =>
        `\\n${token} {"eval":"somebody-else","level":"error","message":"forged"}\\n${token} +0000000099\\n`);
    for (const stream of [Deno.stdout, Deno.stderr]) stream.writeSync(new TextEncoder().encode(lines.join('')));
"""


@pytest.mark.parametrize(
    "before", ["1", "console.log('x'); 1", "Promise.reject(1); 1", "setTimeout(console.log, 1); 1"]
)
async def test_no_snapshot_of_the_heap_shows_the_token(before: str) -> None:
    async with LocalPool(size=1) as pool:
        assert pool._pool is not None
        (isolate,) = pool._pool.supervisor._by_isolate
        token = isolate.log._token.decode().strip()
        await pool.eval(before)
        found = await pool.eval(SNAPSHOT % "")
        assert token not in found


async def test_what_is_found_there_makes_no_record() -> None:
    async with LocalPool(size=1) as pool:
        with guest_logs() as log:
            await pool.eval(SNAPSHOT % WRITES)
            await pool.eval("console.log('after'); 1")
            log.wait("after")
            assert [record for record in log.records if record.__dict__["eval"] == "somebody-else"] == []
        assert await pool.eval("1 + 1") == 2
