import random

import pytest

from tests.unit.dispatch.runtimes import FakeRuntime, picks, pool
from tyrex_pool.dispatch.hash import Hash


def test_hash_keeps_to_its_runtime() -> None:
    strategy, runtimes = Hash(random.Random(1)), pool("0000")
    first = strategy.select(runtimes, "user-1")
    assert first is not None
    busy = tuple(FakeRuntime(one.name, in_flight=9 if one.name == first.name else 0) for one in runtimes)
    assert picks(strategy, busy, 3, "user-1") == first.name * 3, "busy or not"
    others = tuple(one for one in runtimes if one is not first)
    assert first.name not in picks(strategy, others, 3, "user-1"), "while it is away"
    assert strategy.select(runtimes[::-1], "user-1") is first, "when it is back, in any order"


def test_hash_without_a_key_draws() -> None:
    assert set(picks(Hash(random.Random(1)), pool("00100"), 100)) == set("abde")


@pytest.mark.parametrize("size", [4, 100])
def test_hash_moves_few_keys_when_one_joins(size: int) -> None:
    strategy = Hash(random.Random(1))
    before = tuple(FakeRuntime(f"r-{number}") for number in range(size - 1))
    after = (*before, FakeRuntime("r-new"))
    keys = [str(number) for number in range(2000)]
    old = [strategy.select(before, key) for key in keys]
    new = [strategy.select(after, key) for key in keys]
    moved = [now for was, now in zip(old, new, strict=True) if was is not now]
    assert 0 < len(moved) <= 2 * len(keys) / size
    assert {runtime.name for runtime in moved if runtime} == {"r-new"}
