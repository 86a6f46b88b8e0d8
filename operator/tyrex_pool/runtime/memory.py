"""The resident memory of an isolate's process, and the limit that follows from limits.heap."""

import os
import resource
from typing import Final

_MEBI: Final = 1 << 20
_YOUNG_GENERATION: Final = 96 * _MEBI
"""Bytes that V8 uses beside the old generation, which is what limits.heap bounds."""
_AT_START: Final = 64 * _MEBI
"""Bytes: more than an isolate uses before it has loaded anything."""
_PAGE: Final = resource.getpagesize()


class Memory:
    """Watches the process `pid`; never over the limit where the system has no /proc. `heap` and `limit` are bytes."""

    def __init__(self, pid: int, heap: int) -> None:
        self._heap = heap
        self.limit = heap + _YOUNG_GENERATION + _AT_START
        try:
            self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._statm = -1

    def main_module_loaded(self) -> None:
        """From now on the heap counts from what the process uses now."""
        self.limit = self._resident() + self._heap + _YOUNG_GENERATION

    @property
    def over_limit(self) -> bool:
        return self._resident() > self.limit

    def _resident(self) -> int:
        """Bytes; 0 if they cannot be read."""
        if self._statm < 0:
            return 0
        try:
            return int(os.pread(self._statm, 128, 0).split()[1]) * _PAGE
        except (OSError, IndexError):  # the process has ended
            return 0

    def close(self) -> None:
        if self._statm >= 0:
            os.close(self._statm)
            self._statm = -1
