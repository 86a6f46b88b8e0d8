import random
from collections.abc import Sequence

import pytest

from tests.unit.dispatch.runtimes import FakeRuntime
from tyrex_pool.dispatch.custom import CustomStrategy, adapt
from tyrex_pool.dispatch.strategies import STRATEGIES, RoundRobin, make
from tyrex_pool.dispatch.strategy import Runtime, Strategy
from tyrex_pool.model.errors import InvalidStrategy, StrategyError

POOL = (FakeRuntime("a"), FakeRuntime("b"))


class Scripted:
    """Returns or raises what it was given; `ends` is raised by close()."""

    def __init__(self, what: object, ends: Exception | None = None) -> None:
        self.what = what
        self.ends = ends

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if isinstance(self.what, BaseException):
            raise self.what
        return self.what  # type: ignore[return-value]

    def close(self) -> None:
        if self.ends:
            raise self.ends


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        pytest.param(ZeroDivisionError("oh"), r"at test_custom.py:\d+: ZeroDivisionError: oh$", id="raises"),
        pytest.param(SystemExit(3), r"SystemExit: 3$", id="exits"),
        pytest.param("a", r"must return one of the runtimes, and returned 'a'$", id="a name"),
        pytest.param(FakeRuntime("a"), r"must return one of the runtimes", id="an equal copy"),
        pytest.param(Unprintable(), r"returned a Unprintable$", id="unprintable"),
        pytest.param(False, r"returned False$", id="false"),
    ],
)
def test_a_failing_select_fails_that_eval_only(what: object, message: str) -> None:
    select = adapt(Scripted(what)).select
    for _ in range(2):
        with pytest.raises(StrategyError, match=message):
            select(POOL, None)


def test_ctrl_c_in_a_strategy_stays_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt):
        adapt(Scripted(KeyboardInterrupt())).select(POOL, None)


def test_the_guard_follows_the_runtimes() -> None:
    scripted = Scripted(POOL[1])
    select = adapt(scripted).select
    assert select(POOL, None) is POOL[1]
    with pytest.raises(StrategyError):
        select(POOL[:1], None)
    changing = list(POOL)
    assert select(changing, None) is POOL[1]
    del changing[1]
    with pytest.raises(StrategyError):
        select(changing, None)


@pytest.mark.parametrize("type_name", STRATEGIES)
def test_built_ins_need_no_guard(type_name: str) -> None:
    strategy = make(type_name, random.Random(1))
    assert adapt(strategy) is strategy


class Derived(RoundRobin):
    """It derives from a built-in strategy, and may do anything."""


def test_what_derives_from_a_built_in_is_custom() -> None:
    strategy = adapt(Derived())
    assert isinstance(strategy, CustomStrategy)
    assert strategy.name == "Derived"
    assert [strategy.select(POOL, None) for _ in range(3)] == [POOL[0], POOL[1], POOL[0]]


def test_what_derives_from_a_built_in_keeps_its_start_and_its_overflow() -> None:
    strategy = adapt(Derived())
    strategy.start_at(0.5)
    assert strategy.select(POOL, None) is POOL[1]
    assert strategy.may_overflow("k")


def test_a_custom_strategy_follows_no_loads_and_does_not_overflow() -> None:
    strategy = adapt(Scripted(POOL[0]))
    strategy.start_at(0.5)
    strategy.follow(())
    assert strategy.select(POOL, None) is POOL[0]
    assert [strategy.may_overflow(key) for key in (None, "k")] == [False, False]


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        pytest.param(object(), "object: has no method `select`", id="no select"),
        pytest.param(Scripted, "pass an object, not the class", id="class"),
    ],
)
def test_check_refuses_what_is_no_strategy(strategy: object, message: str) -> None:
    with pytest.raises(InvalidStrategy, match=message):
        adapt(strategy)


class Explaining(Scripted):
    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> tuple[Runtime | None, str]:
        return self.select(runtimes, key), "because"


@pytest.mark.parametrize(
    ("strategy", "told", "why"),
    [
        pytest.param(Scripted(POOL[0]), None, "a custom strategy cannot be told beforehand", id="no explain"),
        pytest.param(Explaining(POOL[0]), POOL[0], "because", id="explains"),
        pytest.param(Explaining("a"), None, "because", id="nonsense"),
        pytest.param(Explaining(ValueError("x")), None, "explain failed: at test_custom.py", id="raises"),
        pytest.param(make("RoundRobin", random.Random(1)), POOL[0], "it is a's turn", id="built-in"),
    ],
)
def test_explain(strategy: Strategy, told: Runtime | None, why: str) -> None:
    runtime, said = adapt(strategy).explain(POOL, None)
    assert runtime is told
    assert why in said


def test_close_is_optional_and_never_raises() -> None:
    assert make("Hash", random.Random(1)).close() is None
    assert adapt(Scripted(None)).close() is None
    assert "Scripted.close() failed: at test_custom.py" in (adapt(Scripted(None, ValueError("x"))).close() or "")
