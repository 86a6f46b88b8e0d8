"""Standard output of an isolate, which is read only now and then: it says which orders have begun.

The guest side writes a line there before it starts an eval, or several of which each starts when the one before has
been answered. Nobody is woken for it, because the reply says the same in most cases; it is read when an isolate ends or
an eval is overdue, and by a timer, so that the pipe never stays full.
What else is in it is output of guests.
"""

import os
from collections import deque
from collections.abc import Callable
from typing import Final

_CAPACITY: Final = 65_536
"""Bytes that a pipe holds."""
_DIGITS: Final = 10


class StandardOutput:
    """Reads `descriptor`, which does not block. `line` gets each line of a guest's, as long as it is `wanted`; `token`
    begins the others."""

    def __init__(self, descriptor: int, token: str, line: Callable[[bytes], None], wanted: Callable[[], bool]) -> None:
        self.begun = 0
        """The number of the last order that has begun, or begins when those before it are answered; as of the last
        `read`, 0 for none."""
        self.leftover = False
        """Whether code of an eval that is over runs now, while others run too; as of the last `read`."""
        self._descriptor = descriptor
        self._sign = f"{token} +".encode()
        self._start = b"\n" + self._sign
        self._leftover = self._start + b"0" * _DIGITS + b"\n"
        self._length = len(self._leftover)
        self._line = line
        self._wanted = wanted
        self._lines: deque[bytes] = deque()
        self._held = b""

    def poll(self) -> int:
        """`read`, unless guests have printed more than is wanted: their writes block then."""
        self._log()
        return self.begun if self._lines else self.read()

    def read(self) -> int:
        """Read what has come, at most what a pipe holds; returns `begun`."""
        try:
            data = self._held + os.read(self._descriptor, _CAPACITY)
        except OSError:  # nothing has come
            return self.begun
        count = data.count(self._start)
        last = data[-self._length :]
        if count * self._length == len(data) and last.startswith(self._start) and last != self._leftover:
            self._say(last)  # all of it is ours, and whole
            self._held = b""
        else:
            self._split(data)
            self._log()
        return self.begun

    def _log(self) -> None:
        while self._lines and self._wanted():
            self._line(self._lines.popleft())

    def _split(self, data: bytes) -> None:
        lines = data.split(b"\n")
        self._held = lines.pop()
        if len(self._held) > _CAPACITY:
            lines.append(self._held)
            self._held = b""
        for line in lines:
            if line.startswith(self._sign):
                self._say(line)
            elif line and len(self._lines) < _CAPACITY:
                self._lines.append(line)

    def _say(self, line: bytes) -> None:
        number = int(line.strip()[-_DIGITS:])
        self.leftover = not number
        self.begun = number or self.begun

    def close(self) -> None:
        """Read the rest."""
        self.read()
        if self._held and not self._held.startswith(self._sign):
            self._lines.append(self._held)
        self._held = b""
        self._log()
