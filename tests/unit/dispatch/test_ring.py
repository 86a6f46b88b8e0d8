import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tyrex_pool.dispatch.ring import Ring

KEYS = [f"user-{number}" for number in range(10_000)]


def ring_of(names: list[str]) -> Ring:
    ring = Ring()
    ring.update(names)
    return ring


def owners(ring: Ring, ready: list[str], keys: list[str] = KEYS) -> list[str | None]:
    names = {name: name for name in ready}
    return [ring.find(key, names) for key in keys]


def pods(count: int) -> list[str]:
    return [f"render-runtime-{number}" for number in range(count)]


@pytest.mark.parametrize("leaver", [0, 499, 999])
def test_one_of_a_thousand_moves_at_most_two_thousandths_of_the_keys(leaver: int) -> None:
    everyone = pods(1000)
    rest = everyone[:leaver] + everyone[leaver + 1 :]
    ring = ring_of(everyone)
    before = owners(ring, everyone)
    without = owners(ring, rest)

    moved = [key for key, old, new in zip(KEYS, before, without, strict=True) if old != new]

    assert len(moved) <= 2 * len(KEYS) / len(everyone)
    assert all(before[KEYS.index(key)] == everyone[leaver] for key in moved), "only the leaver's keys move"
    assert owners(ring, everyone) == before, "who comes back gets the same keys back"


def test_a_ring_that_grew_or_shrank_decides_as_a_fresh_one() -> None:
    grown = ring_of(pods(10))
    grown.update(pods(30))
    shrunk = ring_of(pods(100))
    shrunk.update(pods(30))

    expected = owners(ring_of(pods(30)), pods(30))

    assert owners(grown, pods(30)) == expected
    assert owners(shrunk, pods(30)) == expected


@pytest.mark.parametrize("count", [2, 10, 100])
def test_the_keys_are_spread_evenly(count: int) -> None:
    found = owners(ring_of(pods(count)), pods(count))
    loads = [found.count(name) for name in pods(count)]
    assert max(loads) < 1.6 * len(KEYS) / count
    assert min(loads) > 0.5 * len(KEYS) / count


@pytest.mark.parametrize("key", ["", "ключ", "\ud800", "a" * 100_000], ids=["empty", "word", "surrogate", "long"])
def test_any_string_is_a_key(key: str) -> None:
    assert ring_of(["a"]).find(key, {"a": 1}) == 1


def test_nobody_is_ready() -> None:
    assert Ring().find("key", {}) is None
    ring = ring_of(["a", "b", "c"])
    assert ring.find("key", {}) is None
    ring.update([])
    assert ring.find("key", {"a": 1}) is None, "a is not on the ring any more"


@settings(max_examples=30)
@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1), min_size=1), st.text())
def test_history_makes_no_difference(history: list[set[str]], key: str) -> None:
    ring = Ring()
    for names in history:
        ring.update(names)
    ready = {name: name for name in history[-1]}
    assert ring.find(key, ready) == ring_of(sorted(ready)).find(key, ready)


@pytest.mark.parametrize("seed", ["0", "1"])
def test_every_process_decides_alike(seed: str) -> None:
    program = (
        "from tyrex_pool.dispatch.ring import Ring\n"
        "names = {f'render-runtime-{number}' for number in range(30)}\n"
        "ring = Ring()\n"
        "ring.update(names)\n"
        "print(*(ring.find(f'user-{number}', {name: name for name in names}) for number in range(100)))\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stdout.split() == owners(ring_of(pods(30)), pods(30), KEYS[:100])
