from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dispatch.runtimes import FakeRuntime, picks, pool
from tyrex_pool.dispatch.strategies import STRATEGIES, LeastLoaded, RoundRobin, make
from tyrex_pool.dispatch.strategy import DispatchStrategy
from tyrex_pool.model.errors import InvalidStrategy


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        pytest.param("0", "aaa", id="one"),
        pytest.param("000", "abcabc", id="in turn, the first first"),
        pytest.param("010", "acac", id="a saturated one is passed over"),
        pytest.param("110", "cccc", id="all but one saturated"),
        pytest.param("111", "abcabc", id="none free: in turn"),
        pytest.param("", "--", id="none"),
    ],
)
def test_round_robin(loads: str, expected: str) -> None:
    assert picks(RoundRobin(), pool(loads), len(expected)) == expected


ROTATIONS = [
    pytest.param([("abc", "a"), ("abc", "b")], id="unchanged"),
    pytest.param([("abc", "ab"), ("ac", "ca")], id="the last one chosen leaves"),
    pytest.param([("abc", "ab"), ("bc", "cb")], id="an earlier one leaves"),
    pytest.param([("abc", "a"), ("ac", "ca")], id="the next one leaves"),
    pytest.param([("abc", "abc"), ("ab", "ab")], id="the end leaves after its turn"),
    pytest.param([("ac", "a"), ("abc", "bca")], id="one joins at the turn"),
    pytest.param([("bc", "b"), ("abc", "cab")], id="one joins before the turn"),
    pytest.param([("ab", "ab"), ("abc", "cab")], id="one joins at the end"),
    pytest.param([("abc", "ab"), ("def", "def")], id="all are new"),
    pytest.param([("abc", "ab"), ("", "-"), ("abc", "ca")], id="all leave for a while"),
]


@pytest.mark.parametrize("kind", [RoundRobin, LeastLoaded])
@pytest.mark.parametrize("transcript", ROTATIONS)
def test_the_turn_survives_change(kind: type[DispatchStrategy], transcript: list[tuple[str, str]]) -> None:
    strategy = kind()
    for names, expected in transcript:
        runtimes = tuple(FakeRuntime(name) for name in names)
        assert picks(strategy, runtimes, len(expected)) == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "abcda"), (0.25, "bcdab"), (0.5, "cdabc"), (0.999, "dabcd")],
)
def test_processes_of_one_proxy_begin_at_different_runtimes(share: float, expected: str) -> None:
    for kind in (RoundRobin, LeastLoaded):
        strategy: DispatchStrategy = kind()
        strategy.start_at(share)
        assert picks(strategy, pool("0000"), 5) == expected


def test_a_list_that_changes_in_place_is_seen() -> None:
    for name in STRATEGIES:
        strategy = make(name, random.Random(1))
        runtimes = list(pool("00"))
        strategy.select(runtimes, "key")
        runtimes[:] = [FakeRuntime("z")]
        assert picks(strategy, runtimes, 2, "key") == "zz", name


@given(st.integers(1, 20), st.integers(0, 40))
def test_round_robin_is_fair_for_evals_one_after_another(size: int, before: int) -> None:
    strategy, runtimes = RoundRobin(), tuple(FakeRuntime(str(i), i) for i in range(size))
    for _ in range(before):
        strategy.select(runtimes, None)
    served = Counter(id(strategy.select(runtimes, None)) for _ in range(size))
    assert set(served.values()) == {1}
    assert len(served) == size


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        pytest.param("000", "abcabc", id="all idle: in turn"),
        pytest.param("201", "bbb", id="one idle"),
        pytest.param("312", "bbb", id="none idle"),
        pytest.param("2122", "bbb", id="one least"),
        pytest.param("2121", "bdbd", id="ties in turn"),
        pytest.param("", "-", id="none"),
    ],
)
def test_least_loaded(loads: str, expected: str) -> None:
    assert picks(LeastLoaded(), pool(loads), len(expected)) == expected


def test_least_loaded_counts_the_waiting() -> None:
    waiting = FakeRuntime("waiting", in_flight=1, queued=2, capacity=9)
    running = FakeRuntime("running", in_flight=2, queued=0, capacity=2)
    assert LeastLoaded().select((waiting, running), None) is running


def runtimes_strategy() -> st.SearchStrategy[list[FakeRuntime]]:
    one = st.builds(
        FakeRuntime,
        name=st.sampled_from([str(number) for number in range(20)]),
        in_flight=st.integers(0, 3),
        queued=st.integers(0, 3),
        capacity=st.integers(1, 3),
    )
    return st.lists(one, max_size=8, unique_by=lambda runtime: runtime.name)


@pytest.mark.parametrize("type_name", STRATEGIES)
@given(sequences=st.lists(runtimes_strategy(), max_size=6), key=st.none() | st.text())
def test_every_built_in_returns_one_of_the_runtimes(
    type_name: str, sequences: list[list[FakeRuntime]], key: str | None
) -> None:
    strategy = make(type_name, random.Random(1))
    for sequence in sequences:
        runtimes = tuple(sequence)
        for _ in range(3):
            told, why = strategy.explain(runtimes, key)
            assert strategy.explain(runtimes, key) == (told, why)
            assert why.endswith(".")
            chosen = strategy.select(runtimes, key)
            assert any(chosen is one for one in runtimes) if runtimes else chosen is None
            assert told is None or told is chosen
            somebody_free = any(one.in_flight + one.queued < one.capacity for one in runtimes)
            if chosen and somebody_free and (type_name != "Hash" or key is None) and type_name != "LeastLoaded":
                assert chosen.in_flight + chosen.queued < chosen.capacity


@pytest.mark.parametrize(
    ("type_name", "key", "told", "why"),
    [
        ("RoundRobin", None, "c", "RoundRobin: it was b's turn, which is saturated; c is free."),
        ("Random", None, None, "Random: it cannot be told beforehand; each eval draws from the 2 free of 3."),
        ("LeastLoaded", None, "c", "LeastLoaded: c has 0 in flight and waiting; no other has fewer."),
    ],
)
def test_explain(type_name: str, key: str | None, told: str | None, why: str) -> None:
    strategy, runtimes = make(type_name, random.Random(1)), pool("000")
    if type_name != "Random":
        strategy.select(runtimes, None)
    runtimes[1].in_flight = 1
    runtime, said = strategy.explain(runtimes, key)
    assert (runtime.name if runtime else None, said) == (told, why)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(InvalidStrategy, match=r"write one of RoundRobin, Random, .*; got 'round_robin'"):
        make("round_robin", random.Random(1))
