"""The CPU time of each eval of an isolate that runs one at a time.

To ask the system costs as much as a part of a short eval, so it is asked about once in 2 ms of running. An eval that
falls between two questions is charged with the time that it ran, which is at most too much.
"""

from collections.abc import Callable
from typing import Final

ASK: Final = 0.002
"""Seconds that evals run, or that the isolate has nothing to do, until the system is asked again."""


class CpuMeter:
    """`read` returns the CPU seconds of the isolate's threads so far; other times are `monotonic()` seconds.

    `at` is when an eval was charged last, or `begin` called.
    """

    __slots__ = ("_charged", "_mark", "_read", "at")

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read
        self._mark = 0.0
        self._charged = 0.0
        self.at = 0.0

    def begin(self, now: float) -> None:
        """An eval begins, and what the isolate did since `at` is not its. Needed if that was longer than ASK ago."""
        self._mark = self._read()
        self._charged = 0.0
        self.at = now

    def used(self) -> float:
        """The CPU seconds of the eval that runs, so far."""
        return self._read() - self._mark - self._charged

    def charge(self, run: float, now: float) -> float:
        """The CPU seconds of an eval that ended now, after it ran for `run` seconds."""
        self.at = now
        before = self._charged
        charged = self._charged = before + run
        if charged < ASK:
            return run
        read = self._read()
        used = read - self._mark - before
        self._mark = read
        self._charged = 0.0
        return used if used > 0.0 else 0.0
