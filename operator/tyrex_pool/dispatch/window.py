"""How many lines of one batch may be in flight: enough to keep every runtime busy, and few enough for deadlines of
lines, for other callers and for memory.
"""

from typing import Final

BEHIND: Final = 16
"""Lines that may wait behind those that run, per runtime, where its queue has room for them."""
WORK: Final = 0.02
"""Seconds of work that may wait, at the rate at which lines are answered; one line per runtime in any case."""
MOST: Final = 4096
"""Lines of one batch in flight, however large the pool is."""
ROOM: Final = 16 << 20
"""Bytes of the lines in flight and of the answers that they may have."""
_FADE: Final = 64
_MEASURED: Final = 0.01
"""Seconds for which answers are counted, at least, for one measurement of the rate."""


class Window:
    """Of one batch. One line may always be in flight. All times are seconds of one clock.

    Of answers the size is not known beforehand: each is taken to be as large as the largest of late.
    """

    def __init__(self) -> None:
        self._size = self._running = self._behind = 0
        self._most = 1
        self._lines = 0
        self._bytes = 0
        self._answer = 0
        self._rate = 0.0
        """Answers per second."""
        self._count = 0
        self._since = 0.0
        """Of the answers that are being counted for the next measurement."""

    def fit(self, size: int, concurrency: int, queue: int) -> None:
        """From now on the pool has `size` runtimes, each with that concurrency and that length of its queue."""
        self._size = size
        self._running = size * concurrency
        self._behind = size * min(queue, BEHIND)
        self._adjust()

    def _adjust(self) -> None:
        waiting = min(self._behind, max(self._size, int(self._rate * WORK)))
        self._most = max(1, min(MOST, self._running + waiting))

    @property
    def open(self) -> bool:
        """Whether another line may start."""
        lines = self._lines
        return not lines or (lines < self._most and self._bytes + (lines + 1) * self._answer <= ROOM)

    def start(self, size: int, now: float) -> None:
        """A line of `size` bytes starts."""
        if not self._lines:
            self._count, self._since = 0, now
        self._lines += 1
        self._bytes += size

    def end(self, size: int, answer: int, now: float) -> None:
        """A line of `size` bytes has an answer of `answer` bytes; 0: none, it waits again."""
        self._lines -= 1
        self._bytes -= size
        if answer:
            self._answer = max(answer, self._answer - self._answer // _FADE)
            self._measure(now)

    def _measure(self, now: float) -> None:
        self._count += 1
        seconds = now - self._since
        if seconds >= _MEASURED:
            rate = self._count / seconds
            self._rate = (self._rate + rate) / 2 if self._rate else rate
            self._count, self._since = 0, now
            self._adjust()
