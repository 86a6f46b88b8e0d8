"""Standard output of an isolate, which is read only now and then: it says which orders have begun.

The guest side writes a line there before it starts an eval, or several of which each starts when the one before has
been answered. Nobody is woken for it, because the reply says the same in most cases; it is read when an isolate ends or
an eval is overdue, and by a timer, so that the pipe never stays full.
What else is in it is output of guests.
"""

import os
from collections.abc import Callable
from typing import Final

_CAPACITY: Final = 65_536
"""Bytes that a pipe holds."""
_DIGITS: Final = 10


class StandardOutput:
    """Reads `descriptor`, which does not block. `line` gets each line of a guest's; `token` begins the others."""

    def __init__(self, descriptor: int, token: str, line: Callable[[bytes], None]) -> None:
        self.begun = 0
        """The number of the last order that has begun, or begins when those before it are answered; as of the last
        `read`, 0 for none."""
        self._descriptor = descriptor
        self._sign = f"{token} +".encode()
        self._start = b"\n" + self._sign
        self._length = len(self._start) + _DIGITS + 1
        self._line = line
        self._held = b""

    def read(self) -> int:
        """Read what has come, at most what a pipe holds; returns `begun`."""
        try:
            data = self._held + os.read(self._descriptor, _CAPACITY)
        except OSError:  # nothing has come
            return self.begun
        count = data.count(self._start)
        if count * self._length == len(data) and data[-self._length :].startswith(self._start):
            self.begun = int(data[-_DIGITS - 1 :])  # all of it is ours, and whole
            self._held = b""
        else:
            self._lines(data)
        return self.begun

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
