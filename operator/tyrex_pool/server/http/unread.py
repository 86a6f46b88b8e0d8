"""The answers that clients have not read yet: bounded in all and in time. The slowest reader is cut off; no I/O here.

A transport keeps the whole of an answer until its last byte is sent, so the whole answer counts until then. A reader
is as slow as the time for which its client has taken no byte: one that reads slowly but steadily stays.
"""

import logging
from typing import Final, Protocol

BOUND: Final = 128 << 20
"""Bytes that may wait in all, if that is room for `ANSWERS` whole answers."""
ANSWERS: Final = 8
STALLED: Final = 30.0
"""Seconds for which a client may take no byte of what waits for it."""
SETTLE: Final = 1.0
"""Seconds after an answer in which the client's kernel takes bytes by itself: they do not show that anybody reads, so
the first look after them only finds how much is left."""
LOOK: Final = 0.1
"""Seconds between two looks at every reader, while answers compete for room: each costs a system call per reader."""
STEP: Final = 5.0
"""Seconds in which a client that reads may seem to take nothing, since kernels make room in large steps."""
LOG: Final = 60.0
"""Seconds between two lines of the log about readers that were cut off."""

log = logging.getLogger("tyrex_pool")


def bound_of(result: int, processes: int = 1) -> int:
    """The bound of one of `processes` that share a port, for answers of up to `result` bytes."""
    return max(BOUND // processes, ANSWERS * result)


class Reader(Protocol):
    """A connection whose client has not read all that was written."""

    def left(self) -> int:
        """Bytes that were written and that the client has not taken."""
        ...

    def cut(self) -> None:
        """Close now, drop what the client has not read, and let it see a reset."""
        ...


class _Wait:
    """What waits for one reader: bytes `held`, at most `largest` in one piece; `left` and `since` are of the last look.

    `since` is when the client was last seen to take a byte, or when it began to wait. `settled`: at the last look its
    kernel took nothing by itself any more.
    """

    __slots__ = ("began", "held", "largest", "left", "settled", "since")

    def __init__(self, left: int, now: float) -> None:
        self.held = 0
        self.largest = 0
        self.left = left
        self.began = self.since = now
        self.settled = False

    def slowness(self, now: float) -> float:
        """Seconds without a byte taken; 0 for a client that reads, as was seen a moment ago."""
        silent = now - self.since
        return 0.0 if self.since > self.began and silent < STEP else silent


class Unread:
    """What waits on the connections of a process. `held` is its sum in bytes, `cut_off` counts readers by reason:
    `bound` or `stalled`.

    All times are `monotonic()` seconds.
    """

    def __init__(self, bound: int = BOUND) -> None:
        self.bound = bound
        self.held = 0
        self.cut_off: dict[str, int] = {"bound": 0, "stalled": 0}
        self.released = 0
        """Bytes that wait no more, since the listener last set this to 0."""
        self._waits: dict[Reader, _Wait] = {}
        self._looked = 0.0
        self._logged = (-LOG, 0)
        """When the log last had a line, and how many were cut off then."""

    def wait(self, reader: Reader, size: int, now: float) -> None:
        """`size` more bytes wait for `reader`: call this when they were written and not all of them could be sent."""
        wait = self._waits.get(reader)
        if wait is None:
            wait = self._waits[reader] = _Wait(reader.left(), now)
        else:
            wait.left += size
        wait.held += size
        wait.largest = max(wait.largest, size)
        self.held += size
        if self.held > self.bound:
            self._make_room(now)

    def done(self, reader: Reader) -> None:
        """Nothing waits for `reader` any more, or its connection is gone."""
        wait = self._waits.pop(reader, None)
        if wait is not None:
            self.held -= wait.held
            self.released += wait.held

    def sweep(self, now: float) -> None:
        """Cut off those whose clients have taken nothing for too long."""
        self._look(now)
        for reader in [reader for reader, wait in self._waits.items() if now - wait.since > STALLED]:
            self._cut(reader, "stalled")
        self._log(now)

    def _make_room(self, now: float) -> None:
        if now - self._looked >= LOOK:
            self._look(now)
        if self.held <= self.bound:
            return
        for reader in sorted(self._waits, key=lambda reader: self._waits[reader].slowness(now), reverse=True):
            if self.held <= self.bound:
                break
            self._cut(reader, "bound")
        self._log(now)

    def _look(self, now: float) -> None:
        """Find out which clients have taken something."""
        self._looked = now
        for reader, wait in self._waits.items():
            left = reader.left()
            if wait.settled and left < wait.left:
                wait.since = now
            wait.left = left
            wait.settled = wait.settled or now - wait.began >= SETTLE
            held = min(wait.held, left + wait.largest)  # of several answers, those that were sent are dropped
            self.held += held - wait.held
            wait.held = held

    def _cut(self, reader: Reader, reason: str) -> None:
        self.done(reader)
        self.cut_off[reason] += 1
        reader.cut()

    def _log(self, now: float) -> None:
        (at, count), cut_off = self._logged, self.cut_off
        if sum(cut_off.values()) > count and now - at >= LOG:
            self._logged = now, sum(cut_off.values())
            log.warning(
                "clients do not read their answers; connections cut off so far: "
                "%d when more than %d bytes waited in all, %d after %g s",
                cut_off["bound"], self.bound, cut_off["stalled"], STALLED,
            )  # fmt: skip
