"""The access log: a line for each eval with its outcome, times and sizes, and none of its contents. Off by default."""

import contextlib
import select
from asyncio import AbstractEventLoop
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import msgspec

from tyrex_pool.model.trace_context import span_id, trace_id
from tyrex_pool.server.telemetry.eval_record import EvalRecord

LOGGER: Final = "tyrex_pool.access"
AT_ONCE: Final = select.PIPE_BUF
"""Bytes that the kernel writes to a pipe in one piece: the workers of a proxy share one pipe."""
_encode = msgspec.json.Encoder().encode


class AccessLog:
    """Writes JSON to `stream`, or text for people; the lines of one turn of `loop` together."""

    def __init__(self, stream: TextIO, readable: bool, loop: AbstractEventLoop) -> None:
        self._stream = stream
        self._line = _readable if readable else _json
        self._loop = loop
        self._lines: list[str] = []

    def observe(self, record: EvalRecord) -> None:
        if not self._lines:
            self._loop.call_soon(self._flush)
        self._lines.append(self._line(record, datetime.now(UTC)))

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        with contextlib.suppress(OSError):  # the reader of the log is gone: evals go on
            for part in _parts(lines):
                self._stream.write(part)
                self._stream.flush()


def _parts(lines: list[str]) -> Iterator[str]:
    """The lines, joined to as few parts as the limit allows."""
    part: list[str] = []
    size = 0
    for line in lines:
        length = len(line.encode())
        if part and size + length > AT_ONCE:
            yield "".join(part)
            part, size = [], 0
        part.append(line)
        size += length
    yield "".join(part)


def _json(record: EvalRecord, now: datetime) -> str:
    fields: dict[str, Any] = {
        "time": now.isoformat(timespec="milliseconds"),
        "level": "info",
        "logger": LOGGER,
        "message": _summary(record),
        "outcome": record.outcome,
        "status": record.status,
        "fault": record.fault,
        "runtime": record.runtime,
        "eval": record.eval_id,
        "key": record.keyed,
        "queue_ms": round(record.queue_ms, 3),
        "run_ms": round(record.run_ms, 3),
        "cpu_ms": record.cpu_ms,
        "bytes_in": record.received,
        "bytes_out": record.sent,
    }
    if record.trace:
        fields |= {"trace_id": trace_id(record.trace), "span_id": span_id(record.trace)}
    return _encode(fields).decode() + "\n"


def _readable(record: EvalRecord, now: datetime) -> str:
    who = record.eval_id or record.runtime or "-"
    times = f"queue {record.queue_ms:.3f} ms, run {record.run_ms:.3f} ms"
    if record.cpu_ms is not None:
        times += f", cpu {record.cpu_ms:.3f} ms"
    traced = f", trace {trace_id(record.trace)}" if record.trace else ""
    sizes = f"{record.received} B in, {record.sent} B out{', with key' if record.keyed else ''}"
    return f"{now.astimezone():%H:%M:%S} info    {who} {_summary(record)}, {times}, {sizes}{traced}\n"


def _summary(record: EvalRecord) -> str:
    return f"POST {record.path} {record.status or '-'} {record.outcome}"
