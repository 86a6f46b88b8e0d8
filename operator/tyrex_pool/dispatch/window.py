"""How many lines of one batch may be in flight: enough to keep every runtime busy, and few enough for memory."""

from typing import Final

BEHIND: Final = 32
"""Lines that may wait behind those that run, per runtime, where its queue has room for them."""
MOST: Final = 4096
"""Lines of one batch in flight, however large the pool is."""
ROOM: Final = 16 << 20
"""Bytes of the lines in flight and of the answers that they may have."""
_FADE: Final = 64


class Window:
    """Of one batch. One line may always be in flight.

    Of answers the size is not known beforehand: each is taken to be as large as the largest of late.
    """

    def __init__(self) -> None:
        self.most = 1
        self._lines = 0
        self._bytes = 0
        self._answer = 0

    def fit(self, size: int, concurrency: int, queue: int) -> None:
        """From now on the pool has `size` runtimes, each with that concurrency and that length of its queue."""
        self.most = max(1, min(MOST, size * (concurrency + min(queue, BEHIND))))

    @property
    def open(self) -> bool:
        """Whether another line may start."""
        lines = self._lines
        return not lines or (lines < self.most and self._bytes + (lines + 1) * self._answer <= ROOM)

    def start(self, size: int) -> None:
        """A line of `size` bytes starts."""
        self._lines += 1
        self._bytes += size

    def end(self, size: int, answer: int) -> None:
        """A line of `size` bytes has an answer of `answer` bytes; 0: none, it waits again."""
        self._lines -= 1
        self._bytes -= size
        self._answer = max(answer, self._answer - self._answer // _FADE)
