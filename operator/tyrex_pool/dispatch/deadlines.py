"""Deadlines of many tickets in buckets of time: adding and discarding cost the same for one and for a million."""

from typing import Generic, Protocol, Self, TypeVar

TICK = 0.01
"""Seconds a bucket spans; a deadline is due at most this much late."""
_PER_SECOND = round(1 / TICK)


class Timed(Protocol):
    """An item with a deadline in seconds, on the caller's clock. `bucket` belongs to `Deadlines`: the item's bucket."""

    bucket: dict[Self, None] | None

    @property
    def deadline(self) -> float: ...


T = TypeVar("T", bound=Timed)


class Deadlines(Generic[T]):
    """Which items are due. An item's deadline must not change between `add` and `discard` or `due`."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[T, None]] = {}
        self._lowest = 0

    def __bool__(self) -> bool:
        """Whether any item may become due; False may come late, after the last one was discarded."""
        return bool(self._buckets)

    def add(self, item: T) -> None:
        tick = int(item.deadline * _PER_SECOND)
        bucket = self._buckets.get(tick)
        if bucket is None:
            if not self._buckets or tick < self._lowest:
                self._lowest = tick
            bucket = self._buckets[tick] = {}
        bucket[item] = None
        item.bucket = bucket

    def discard(self, item: T) -> None:
        """Remove `item`; one that was not added is no error."""
        bucket = item.bucket
        if bucket is not None:
            item.bucket = None
            del bucket[item]

    def due(self, now: float) -> list[T]:
        """Remove and return every item whose bucket has passed, oldest bucket first."""
        end = int(now * _PER_SECOND)
        if not self._buckets or end <= self._lowest:
            return []
        if end - self._lowest > len(self._buckets):
            ticks = sorted(tick for tick in self._buckets if tick < end)
        else:
            ticks = [tick for tick in range(self._lowest, end) if tick in self._buckets]
        self._lowest = end
        items = [item for tick in ticks for item in self._buckets.pop(tick)]
        for item in items:
            item.bucket = None
        return items
