"""Standard output of an isolate, which is read only now and then: it says which orders have begun.

The guest side writes a line there before it starts an eval. Nobody is woken for it, because the reply says the same in
most cases; it is read when an isolate ends or an eval is overdue, and by a timer, so that the pipe never stays full.
What else is in it is output of guests.
"""

import os
import re
from collections.abc import Callable
from typing import Final

_CAPACITY: Final = 65_536
"""Bytes that a pipe holds."""
_READ: Final = 4_096


class StandardOutput:
    """Reads `descriptor`, which does not block. `line` gets each line of a guest's, `wanted` says whether it takes
    more now; `token` begins the others."""

    def __init__(self, descriptor: int, token: str, line: Callable[[bytes], None], wanted: Callable[[], bool]) -> None:
        self.begun = 0
        """The number of the last order that has begun, as of the last `read`; 0 for none."""
        self._descriptor = descriptor
        self._sign = f"{token} +".encode()
        self._only_ours = re.compile(rb"(?:\n%b(\d{10})\n)*" % re.escape(self._sign))
        self._line = line
        self._wanted = wanted
        self._held = b""

    def read(self, everything: bool = True) -> int:
        """Read what has come; returns `begun`. With `everything` false only as long as `line` takes more."""
        for _ in range(0, _CAPACITY, _READ):
            try:
                data = os.read(self._descriptor, _READ)
            except OSError:  # nothing more has come
                break
            self._take(self._held + data)
            if len(data) < _READ or not (everything or self._wanted()):
                break
        return self.begun

    def _take(self, data: bytes) -> None:
        ours = self._only_ours.fullmatch(data)
        if ours is None:
            self._lines(data)
        else:
            self.begun = int(ours[1] or self.begun)
            self._held = b""

    def _lines(self, data: bytes) -> None:
        lines = data.split(b"\n")
        self._held = lines.pop()
        if len(self._held) > _CAPACITY:
            lines.append(self._held)
            self._held = b""
        for line in lines:
            if line.startswith(self._sign):
                self.begun = int(line[len(self._sign) :])
            elif line:
                self._line(line)

    def close(self) -> None:
        """Read the rest."""
        self.read()
        if self._held and not self._held.startswith(self._sign):
            self._line(self._held)
        self._held = b""
