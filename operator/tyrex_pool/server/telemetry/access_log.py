"""A line for each eval: how it ended and what it took, never what it was. Off unless it is asked for."""

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
"""Bytes that get into a pipe in one piece, whoever else writes to it: the workers of a proxy share one."""
_encode = msgspec.json.Encoder().encode


class AccessLog:
    """Writes JSON to `stream`, or text for people; the lines of one turn of `loop` together."""

    def __init__(self, stream: TextIO, readable: bool, loop: AbstractEventLoop) -> None:
        self._stream = stream
        self._line = _readable if readable else _json
        self._loop = loop
        self._lines: list[str] = []

    def ended(self, ending: EvalRecord) -> None:
        if not self._lines:
            self._loop.call_soon(self._flush)
        self._lines.append(self._line(ending, datetime.now(UTC)))

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        with contextlib.suppress(OSError):  # nobody reads any more: evals go on
            for part in _parts(lines):
                self._stream.write(part)
                self._stream.flush()


def _parts(lines: list[str]) -> Iterator[str]:
    """The lines in as few parts as may be."""
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


def _json(ending: EvalRecord, now: datetime) -> str:
    fields: dict[str, Any] = {
        "time": now.isoformat(timespec="milliseconds"),
        "level": "info",
        "logger": LOGGER,
        "message": _summary(ending),
        "outcome": ending.outcome,
        "status": ending.status,
        "fault": ending.fault,
        "runtime": ending.runtime,
        "eval": ending.eval_id,
        "key": ending.keyed,
        "queue_ms": round(ending.queue_ms, 3),
        "run_ms": round(ending.run_ms, 3),
        "bytes_in": ending.received,
        "bytes_out": ending.sent,
    }
    if ending.trace:
        fields |= {"trace_id": trace_id(ending.trace), "span_id": span_id(ending.trace)}
    return _encode(fields).decode() + "\n"


def _readable(ending: EvalRecord, now: datetime) -> str:
    who = ending.eval_id or ending.runtime or "-"
    times = f"queue {ending.queue_ms:.3f} ms, run {ending.run_ms:.3f} ms"
    traced = f", trace {trace_id(ending.trace)}" if ending.trace else ""
    sizes = f"{ending.received} B in, {ending.sent} B out{', with key' if ending.keyed else ''}"
    return f"{now.astimezone():%H:%M:%S} info    {who} {_summary(ending)}, {times}, {sizes}{traced}\n"


def _summary(ending: EvalRecord) -> str:
    return f"POST {ending.path} {ending.status or '-'} {ending.outcome}"
