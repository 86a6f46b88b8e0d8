"""The sending half of the pipe to an isolate."""

import asyncio

from tyrex_pool.runtime.isolate_process import IsolateProcess


class PipeWriter:
    """Collects bytes in `_out`, and writes them to the pipe of `process` without blocking: the base of `Isolate`.

    A base class and not a part, because every eval adds to `_out`.
    """

    def __init__(self, process: IsolateProcess, loop: asyncio.AbstractEventLoop) -> None:
        self.process = process
        self._loop = loop
        self._out = bytearray()
        self._blocked = False

    def flush(self) -> None:
        """Write what was collected; call it once for several evals."""
        if self._out and not self._blocked:
            self._write()

    def _write(self) -> None:
        try:
            written = self.process.pipe.send(self._out)
        except BlockingIOError:
            written = 0
        except OSError:  # the process is gone, and we are about to be notified
            self._out.clear()
            return
        del self._out[:written]
        if self._out and not self._blocked:
            self._blocked = True
            self._loop.add_writer(self.process.pipe, self._write)
        elif not self._out and self._blocked:
            self._blocked = False
            self._loop.remove_writer(self.process.pipe)
