"""How a line of the access log looks, for programs and for people."""

import asyncio
import io
import json

import pytest

from tyrex_pool.model.errors import DeadRuntimeError
from tyrex_pool.server.telemetry.access_log import AT_ONCE, AccessLog
from tyrex_pool.server.telemetry.eval_record import ABANDONED, OK, EvalRecord

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ENDED = EvalRecord(
    OK, 200, None, "hello-0", 7, "hello-0.7.1", False, "/v1/eval", b"", b"", 100.0, 100.0015, 100.5, 17, 12
)  # fmt: skip
TRACED = ENDED._replace(received=9, trace=f"00-{ID}-{SPAN}-01".encode(), keyed=True)
DEAD = ENDED._replace(outcome=DeadRuntimeError.name, status=502, fault="guest")
REFUSED = ENDED._replace(outcome="no_runtime", status=503, fault="platform", runtime=None, eval_id=None, started=0.0)
LEFT = ENDED._replace(outcome=ABANDONED, status=0)


async def written(*endings: EvalRecord, readable: bool = False) -> str:
    stream = io.StringIO()
    log = AccessLog(stream, readable, asyncio.get_running_loop())
    for ending in endings:
        log.observe(ending)
    assert stream.getvalue() == "", "all lines of one turn are written at once"
    await asyncio.sleep(0)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("ending", "fields"),
    [
        pytest.param(
            ENDED,
            {
                "level": "info", "logger": "tyrex_pool.access", "message": "POST /v1/eval 200 ok", "outcome": "ok",
                "status": 200, "fault": None, "runtime": "hello-0", "eval": "hello-0.7.1", "key": False,
                "queue_ms": 1.5, "run_ms": 498.5, "bytes_in": 17, "bytes_out": 12,
            },
            id="a result",
        ),
        pytest.param(TRACED, {"key": True, "trace_id": ID, "span_id": SPAN}, id="a trace and a key"),
        pytest.param(ENDED._replace(cpu=0.0125), {"cpu_ms": 12.5}, id="the CPU time"),
        pytest.param(ENDED, {"cpu_ms": None}, id="no CPU time"),
        pytest.param(DEAD, {"outcome": "dead_runtime_error", "status": 502, "fault": "guest"}, id="an error"),
        pytest.param(
            REFUSED, {"runtime": None, "eval": None, "queue_ms": 500.0, "run_ms": 0.0}, id="one that never started"
        ),
        pytest.param(LEFT, {"outcome": "abandoned", "status": 0}, id="nobody waited for it"),
    ],
)  # fmt: skip
async def test_for_a_program(ending: EvalRecord, fields: dict[str, object]) -> None:
    told = json.loads(await written(ending))
    assert told.items() >= fields.items()
    assert ("trace_id" in told) == bool(ending.trace)
    assert told["time"][10] == "T"


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (ENDED, "hello-0.7.1 POST /v1/eval 200 ok, queue 1.500 ms, run 498.500 ms, 17 B in, 12 B out"),
        (REFUSED, "- POST /v1/eval 503 no_runtime, queue 500.000 ms, run 0.000 ms, 17 B in, 12 B out"),
        (
            TRACED,
            f"hello-0.7.1 POST /v1/eval 200 ok, queue 1.500 ms, run 498.500 ms, 9 B in, 12 B out, with key, trace {ID}",
        ),
    ],
    ids=["result", "refusal", "trace"],
)
async def test_for_people(ending: EvalRecord, text: str) -> None:
    line = await written(ending, readable=True)
    assert line[9:] == f"info    {text}\n"


async def test_lines_in_order() -> None:
    lines = (await written(*(ENDED._replace(status=status) for status in range(200, 230)))).splitlines()
    assert [json.loads(line)["status"] for line in lines] == [*range(200, 230)]


async def test_nobody_reads_any_more() -> None:
    class Broken(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    log = AccessLog(Broken(), False, asyncio.get_running_loop())
    log.observe(ENDED)
    await asyncio.sleep(0)
    log.observe(ENDED)
    await asyncio.sleep(0)


class Pieces(io.StringIO):
    """What was written between two flushes."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def flush(self) -> None:
        self.pieces.append(self.getvalue())
        self.seek(0)
        self.truncate()


async def test_no_line_is_torn_when_others_write_too() -> None:
    stream = Pieces()
    log = AccessLog(stream, False, asyncio.get_running_loop())
    for number in range(100):
        log.observe(ENDED._replace(eval_id=f"hello-ü.{number}"))
    await asyncio.sleep(0)
    assert all(len(piece.encode()) <= AT_ONCE and piece.endswith("\n") for piece in stream.pieces)
    assert len(stream.pieces) < 20, "as few as may be"
    lines = "".join(stream.pieces).splitlines()
    assert [json.loads(line)["eval"] for line in lines] == [f"hello-ü.{number}" for number in range(100)]
