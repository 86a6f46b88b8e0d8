"""Indexes that find a free or the least loaded runtime among a thousand at about the cost of two.

An index knows a lower bound of each runtime's load, so runtimes need only report, through `watch`, a load that
falls. The index reads a load that rose when it is about to name that runtime, once. So an index over runtimes that
report nothing is right too, the first time it is used.

Sets of runtimes are the bits of an integer, the first runtime's the highest: then the first of those from a
certain one on is the highest bit of the lower part, and Python finds it among a thousand in 50 ns.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol

_BITS: list[int] = []
_LOWER: list[int] = []
"""By k: the bit `1 << k`, and all the bits below it. To look up a long one costs half of what making it costs."""


class Loaded(Protocol):
    """What an index reads: `in_flight + queued` is the load, below `capacity` the runtime is free."""

    @property
    def in_flight(self) -> int: ...
    @property
    def queued(self) -> int: ...
    @property
    def capacity(self) -> int: ...


class Watched(Loaded, Protocol):
    """A runtime that calls `watch(position)`, if set, when its load may have fallen or its capacity has changed."""

    position: int
    watch: Callable[[int], None] | None


class Index(Protocol):
    """An index over `runtimes`, a sequence that never changes."""

    @property
    def runtimes(self) -> Sequence[Loaded]: ...

    def load_fell(self, position: int) -> None:
        """Called when the runtime at `position` may have a lower load or another capacity."""
        ...


class InOrder(Index, Protocol):
    """An index that goes around."""

    def next(self, turn: int) -> int:
        """The position of the first suitable runtime from `turn` (0 to the number of runtimes) on, all around."""
        ...


def watch(index: Index, runtimes: Sequence[Watched]) -> None:
    """Have `runtimes`, over which `index` was made just now, report their loads to it, and to no other index."""
    for position, runtime in enumerate(runtimes):
        runtime.position = position
        runtime.watch = index.load_fell


def _all(count: int) -> int:
    """The set of `count` runtimes; extends the tables to that size."""
    for k in range(len(_BITS), count + 1):
        _BITS.append(1 << k)
        _LOWER.append((1 << k) - 1)
    return _LOWER[count]


class Free:
    """Suitable: a free runtime; the one whose turn it is when none is free."""

    __slots__ = ("_bits", "_busy", "_size", "runtimes")

    def __init__(self, runtimes: Sequence[Loaded]) -> None:
        self.runtimes = runtimes
        self._size = len(runtimes)
        self._bits = _all(self._size)
        self._busy = [False] * self._size
        """False: its bit is set, it may be free."""

    def load_fell(self, position: int) -> None:
        if self._busy[position]:
            runtime = self.runtimes[position]
            if runtime.in_flight + runtime.queued < runtime.capacity:
                self._busy[position] = False
                self._bits |= _BITS[self._size + ~position]

    def next(self, turn: int) -> int:
        lower = _LOWER[self._size - turn]
        while bits := self._bits:
            place = (bits & lower or bits).bit_length()
            runtime = self.runtimes[-place]
            if runtime.in_flight + runtime.queued < runtime.capacity:
                return self._size - place
            self._bits = bits ^ _BITS[place - 1]
            self._busy[-place] = True
        return turn if turn < self._size else 0


class Least:
    """Suitable: a runtime with the lowest load."""

    __slots__ = ("_least", "_levels", "_loads", "_size", "runtimes")

    def __init__(self, runtimes: Sequence[Loaded]) -> None:
        self.runtimes = runtimes
        self._size = len(runtimes)
        self._loads = [0] * self._size
        """A lower bound of the load of each."""
        self._levels = defaultdict(int, {0: _all(self._size)})
        """The set of runtimes by that bound; `_least` is the lowest bound of a runtime."""
        self._least = 0

    def load_fell(self, position: int) -> None:
        old = self._loads[position]
        if old:
            runtime = self.runtimes[position]
            load = runtime.in_flight + runtime.queued
            if load < old:
                self._loads[position] = load
                bit = _BITS[self._size + ~position]
                levels = self._levels
                levels[load] ^= bit
                levels[old] ^= bit
                if not levels[old]:
                    del levels[old]
                if load < self._least:
                    self._least = load

    def next(self, turn: int) -> int:
        lower = _LOWER[self._size - turn]
        levels, least = self._levels, self._least
        while True:
            bits = levels[least]
            place = (bits & lower or bits).bit_length()
            runtime = self.runtimes[-place]
            load = runtime.in_flight + runtime.queued
            if load <= least:
                return self._size - place
            self._loads[-place] = load
            bit = _BITS[place - 1]
            levels[load] ^= bit
            if bits == bit:
                del levels[least]
                self._least = least = min(levels)
            else:
                levels[least] = bits ^ bit


class Lot:
    """The free runtimes, in any order, to draw from."""

    __slots__ = ("_inside", "_place", "runtimes")

    def __init__(self, runtimes: Sequence[Loaded]) -> None:
        self.runtimes = runtimes
        self._inside = list(range(len(runtimes)))
        self._place: list[int | None] = list(self._inside)

    def load_fell(self, position: int) -> None:
        if self._place[position] is None:
            runtime = self.runtimes[position]
            if runtime.in_flight + runtime.queued < runtime.capacity:
                self._place[position] = len(self._inside)
                self._inside.append(position)

    def draw(self, chance: Callable[[], float]) -> int:
        """Each free one alike, or each of all when none is free; `chance` gives numbers in [0, 1)."""
        inside = self._inside
        while inside:
            place = int(chance() * len(inside))
            position = inside[place]
            runtime = self.runtimes[position]
            if runtime.in_flight + runtime.queued < runtime.capacity:
                return position
            last = inside.pop()
            if last != position:
                inside[place], self._place[last] = last, place
            self._place[position] = None
        return int(chance() * len(self.runtimes))
