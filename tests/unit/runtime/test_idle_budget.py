"""What evals leave behind draws on a budget; what evals use does not."""

from dataclasses import replace
from typing import Any

import pytest

from tyrex_pool.runtime import causes
from tyrex_pool.runtime.idle_budget import (
    CPU_SECONDS,
    CPU_SHARE,
    HELD_SECONDS,
    LOG_BYTES,
    LOG_RATE,
    MORE_THREADS,
    MOST_THREADS,
    IdleBudget,
    Usage,
)  # fmt: skip

FIRST = Usage(at=0.0, cpu=1.0, log=10, threads=8, begun=0, waiting=0, runs=False)
TICK = 0.1


def run(ticks: int, **per_tick: float) -> causes.Cause | None:
    """The first cause within `ticks`, each of which adds `per_tick` (numbers) or sets it (flags)."""
    budget, usage = IdleBudget(FIRST), FIRST
    for _ in range(ticks):
        changes = {
            name: value if isinstance(value, bool) else getattr(usage, name) + value for name, value in per_tick.items()
        }
        usage = replace(usage, at=usage.at + TICK, **changes)
        if (cause := budget.check(usage)) is not None:
            return cause
    return None


@pytest.mark.parametrize(
    ("per_tick", "cause"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"cpu": TICK}, causes.IDLE_CPU, id="one thread burns"),
        pytest.param({"cpu": 32 * TICK}, causes.IDLE_CPU, id="many threads burn"),
        pytest.param({"cpu": TICK * CPU_SHARE * 0.9}, None, id="less CPU than the budget gets back"),
        pytest.param({"cpu": TICK * CPU_SHARE * 2}, causes.IDLE_CPU, id="twice as much CPU"),
        pytest.param({"cpu": TICK, "runs": True}, None, id="an eval burns"),
        pytest.param({"log": LOG_BYTES, "begun": 1}, None, id="short evals print much"),
        pytest.param({"log": LOG_BYTES}, causes.IDLE_LOG, id="prints much"),
        pytest.param({"log": int(TICK * LOG_RATE * 0.9)}, None, id="prints less than the budget gets back"),
        pytest.param({"log": LOG_BYTES, "runs": True}, None, id="an eval prints much"),
    ],
)
def test_causes(per_tick: dict[str, float], cause: causes.Cause | None) -> None:
    assert run(1000, **per_tick) is cause


def test_the_budget_is_whole_at_first() -> None:
    assert run(1, cpu=CPU_SECONDS * 0.9) is None
    assert run(2, cpu=CPU_SECONDS * 0.9) is causes.IDLE_CPU


MORE = FIRST.threads + MORE_THREADS + 1
MOST = FIRST.threads + MOST_THREADS + 1


@pytest.mark.parametrize(
    ("readings", "cause"),
    [
        pytest.param([{"threads": MORE - 1}], None, id="as many as may be"),
        pytest.param([{"threads": MORE}], causes.IDLE_THREADS, id="left behind"),
        pytest.param([{"threads": MOST}], causes.TOO_MANY_THREADS, id="far too many"),
        pytest.param(
            [{"threads": MORE, "runs": True, "begun": 1}], causes.TOO_MANY_THREADS, id="of the eval that runs"
        ),
        pytest.param([{"threads": MORE, "runs": True, "begun": 2}], causes.IDLE_THREADS, id="of one of two evals"),
        pytest.param(
            [{"threads": MORE - 9, "begun": 1}, {"threads": MORE, "begun": 2, "runs": True}],
            causes.IDLE_THREADS,
            id="most of them of the one before",
        ),
        pytest.param(
            [{"threads": MORE - 60, "begun": 1}, {"threads": MORE, "begun": 2, "runs": True}],
            causes.TOO_MANY_THREADS,
            id="few of them of the one before",
        ),
    ],
)
def test_threads(readings: list[dict[str, Any]], cause: causes.Cause | None) -> None:
    budget = IdleBudget(FIRST)
    assert [budget.check(replace(FIRST, **reading)) for reading in readings][-1] is cause


def test_short_evals_do_not_hide_what_others_use() -> None:
    assert run(1000, begun=5, cpu=TICK * 0.9, mean_run=0.0) is causes.IDLE_CPU
    budget, usage = IdleBudget(FIRST), FIRST
    for _ in range(1000):
        usage = replace(usage, at=usage.at + TICK, begun=usage.begun + 5, cpu=usage.cpu + TICK * 0.5, mean_run=0.01)
        assert budget.check(usage) is None, "the evals themselves"


def test_an_order_that_does_not_begin() -> None:
    budget = IdleBudget(FIRST)
    waits = replace(FIRST, waiting=1)
    assert budget.check(waits) is None
    assert budget.check(replace(waits, at=HELD_SECONDS * 0.9)) is None
    assert budget.check(replace(waits, at=HELD_SECONDS * 1.1)) is causes.HELD


@pytest.mark.parametrize("change", [{"waiting": 2}, {"waiting": 0}, {"runs": True}])
def test_another_order_waits_anew(change: dict[str, Any]) -> None:
    budget = IdleBudget(FIRST)
    budget.check(replace(FIRST, waiting=1))
    budget.check(replace(FIRST, **({"waiting": 1, "at": 0.9} | change)))
    assert budget.check(replace(FIRST, waiting=1, at=1.1)) is None
