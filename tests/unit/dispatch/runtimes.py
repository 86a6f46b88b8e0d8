"""Runtimes for strategies to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass

from tyrex_pool.dispatch.strategy import DispatchStrategy


@dataclass
class FakeRuntime:
    name: str
    index: int = 0
    in_flight: int = 0
    queued: int = 0
    capacity: int = 1
    epoch: int = 1


def pool(loads: str) -> tuple[FakeRuntime, ...]:
    """`"010"`: three runtimes a, b, c of capacity 1, the second of which has one eval."""
    return tuple(FakeRuntime("abcdefghij"[i], i, in_flight=int(load)) for i, load in enumerate(loads))


def picks(strategy: DispatchStrategy, runtimes: Sequence[FakeRuntime], count: int, key: str | None = None) -> str:
    chosen = (strategy.select(runtimes, key) for _ in range(count))
    return "".join(runtime.name if runtime else "-" for runtime in chosen)
