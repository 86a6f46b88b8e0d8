"""The output of guests as structured log records, and its last lines, which say why a process ended.

Records go to the logger `tyrex_pool.guest` with the extras `runtime` and `eval` (None when the eval that printed is
not known), and for an eval with a trace `trace_id` and `span_id`, as OpenTelemetry names them in logs. Guests that
print too much are slowed down, not cut off: the reader takes at most RATE bytes a second, and their writes block.
"""

import asyncio
import contextlib
import json
import logging
import os
from collections import deque
from collections.abc import Callable

from tyrex_pool.model.console import Console
from tyrex_pool.model.trace_context import span_id, trace_id
from tyrex_pool.model.wire import encode_json

RATE = 1 << 20
"""Bytes that one isolate may add to the log in a second, as the log writes them; each line counts `_RECORD` more."""
_RECORD = 512
_READ = 4_096
_PIPE = 1 << 20
"""Bytes that `release` reads at most; a pipe of Linux holds 64 KiB, unless somebody made it larger."""
LONGEST_LINE = 65_536
"""Bytes; a console message of the guest side is shorter, even when each of its characters is escaped."""
_TAIL_LINES = 20
_LEVELS = {
    "debug": logging.DEBUG, "trace": logging.DEBUG, "log": logging.INFO, "info": logging.INFO,
    "warn": logging.WARNING, "error": logging.ERROR,
}  # fmt: skip

logger = logging.getLogger("tyrex_pool.guest")


class GuestLog:
    """Reads one isolate's output. `current()` gives the id of the one eval that runs, or None; `trace_of(id)` the
    trace of an eval, or nothing."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        descriptor: int,
        token: str,
        current: Callable[[], str | None],
        trace_of: Callable[[str], bytes],
    ) -> None:
        self.runtime = ""
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self.bytes = 0
        """Bytes of output so far, as RATE counts them."""
        self._loop = loop
        self._descriptor = descriptor
        self._token = token.encode() + b" "
        self._current = current
        self._trace_of = trace_of
        self._held = b""
        self._collected: dict[str, Console] = {}
        self._budget = RATE
        self._reading = False
        self._pause: asyncio.TimerHandle | None = None
        self._closed = False
        self._resume()

    def _resume(self) -> None:
        self._pause = None
        self._budget = min(RATE, self._budget + RATE)
        if self.full:
            self._pause = self._loop.call_later(1.0, self._resume)
            return
        self._reading = True
        self._loop.add_reader(self._descriptor, self._readable)

    def _stop(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._descriptor)

    def collect(self, eval_id: str, limit: int) -> Console:
        """Keep what the eval prints from now on, until `release`: at most `limit` bytes."""
        console = self._collected[eval_id] = Console(limit)
        return console

    def release(self, eval_id: str) -> None:
        """The eval has ended: what it printed until now is in its Console, what comes later is not.

        Reads what the isolate has written, as much as a pipe holds, also when it has printed what it may.
        """
        if not self._closed:
            end = self.bytes + _PIPE
            while self.bytes < end and len(self._read()) > 1:
                pass
        self._collected.pop(eval_id, None)

    def _readable(self) -> None:
        if not self._read():
            self._stop()

    def _read(self) -> bytes:
        try:
            data = os.read(self._descriptor, _READ)
        except BlockingIOError:
            return b" "  # nothing yet
        except OSError:
            return b""
        lines = (self._held + data).split(b"\n")
        self._held = lines.pop()
        self._charge(len(data))
        if len(self._held) > LONGEST_LINE:
            lines.append(self._held)
            self._held = b""
        for line in lines:
            if line:
                self._line(line)
        return data

    @property
    def full(self) -> bool:
        """Whether the isolate has printed what it may in this second."""
        return self._budget <= 0

    def add(self, line: bytes) -> None:
        """Log one line of output that somebody else has read."""
        self._charge(len(line))
        self._line(line)

    def _line(self, line: bytes) -> None:
        if line.startswith(self._token):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                fields = json.loads(line[len(self._token) :])
                level, message, eval_id = fields["level"], fields["message"], fields["eval"]
                if (console := self._collected.get(eval_id)) is not None:
                    console.add(level, message, "cut" in fields)
                return self._record(_LEVELS[level], message, eval_id)
        text = line[:LONGEST_LINE].decode(errors="replace").rstrip("\r")
        self.tail.append(text)
        self._record(logging.INFO, text, self._current())

    def _charge(self, size: int) -> None:
        self._budget -= size
        self.bytes += size
        if self.full and self._pause is None and not self._closed:
            self._stop()
            self._pause = self._loop.call_later(1.0, self._resume)

    def _record(self, level: int, message: str, eval_id: str | None) -> None:
        self._charge(_RECORD + len(encode_json(message)) - len(message))  # escapes make a message longer
        if logger.isEnabledFor(level):
            extra = {"runtime": self.runtime, "eval": eval_id}
            if eval_id is not None and (trace := self._trace_of(eval_id)):
                extra |= {"trace_id": trace_id(trace), "span_id": span_id(trace)}
            logger.log(level, "%s", message, extra=extra)

    def close(self) -> None:
        """Read the rest, at most RATE bytes, and stop: the last lines of a process say why it ended."""
        if self._closed:
            return
        self._closed = True
        self._stop()
        if self._pause is not None:
            self._pause.cancel()
        self._budget = RATE
        while self._budget > 0 and len(self._read()) > 1:
            pass
        if self._held:
            self._line(self._held)
            self._held = b""
