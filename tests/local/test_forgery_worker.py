"""A Worker that an eval left behind writes into the pipe while a large reply to somebody else is half out, or reads.

The victim gets its own answer or an honest error, and nobody ever a forged one. TYREX_ROUNDS sets how often: `make
hostile` runs 200.
"""

import os
import random

import pytest

from tests.local.others import check_others
from tests.local.problems import problem
from tests.local.running import RunningPool, replacements, until
from tests.local.worker_attacks import leave_reader, leave_writer

SPEC = {"size": 1, "limits": {"heap": "256Mi", "result": "16Mi"}}
ROUNDS = int(os.environ.get("TYREX_ROUNDS", "16"))
TEXTS = [
    'FORGED"\n', "FORGED", '"\n', "\n", "x" * 70_000, '"\n1-1 result 1\n', "1-1:result:9\n", '"\n1-1\n', '"}\n',
]  # fmt: skip
SMALLEST, LARGEST = 100_000, 7_000_000


def _size(number: int) -> int:
    """Bytes: from the smallest to the largest, evenly in powers."""
    return int(SMALLEST * (LARGEST / SMALLEST) ** (number / max(1, ROUNDS - 1)))


@pytest.mark.slow
def test_nobody_can_write_into_a_reply(pool: RunningPool) -> None:
    numbers = list(range(ROUNDS))
    random.Random(8).shuffle(numbers)
    outcomes = {"whole": 0, "dead": 0}
    for number in numbers:
        pool.post("Deno.exit(0)")
        size = _size(number)
        assert pool.eval(leave_writer(TEXTS[number % len(TEXTS)], size // 2)) > 0, "no descriptor to attack"
        answer = pool.post(f"'a'.repeat({size})")
        if answer.status_code == 200:
            assert answer.json()["result"] == "a" * size
            outcomes["whole"] += 1
        else:
            error = problem(answer, "dead_runtime_error", "platform")
            assert "broke the protocol" in error["detail"]
            outcomes["dead"] += 1
    assert outcomes["dead"] > ROUNDS // 10, f"the attack hits nothing: {outcomes}"


BUSY = "setInterval(() => { const end = Date.now() + 20; while (Date.now() < end); }, 100); 1"
"""Leaves the main thread so busy that others read first, now and then, and too little for the budget of a while."""


@pytest.mark.parametrize("code", ["6 * 7", "new Promise((ok) => setTimeout(ok, 20, 42))", "(() => 42)()"])
def test_orders_that_others_read(fresh: RunningPool, code: str) -> None:
    """Who reads an order takes it from its eval, which never begins then: it goes to a fresh isolate."""
    epochs = {"test-0": 0}

    def stolen() -> bool:
        if fresh.epochs() != epochs:
            epochs.update(fresh.epochs())
            assert fresh.eval(leave_reader()) > 0
            fresh.eval(BUSY)
        assert fresh.eval(code) == 42
        return bool({"held", "protocol"} & set(replacements(fresh)))

    until(stolen, 30)
    check_others(fresh)


def test_an_order_that_is_read_in_part(fresh: RunningPool) -> None:
    """A long order is read by two: what is left of it is no order."""
    assert fresh.eval(leave_reader()) > 0
    for _ in range(3):
        answer = fresh.post(f"/* {'x' * 600_000} */ 42", timeoutMs=5000)
        if answer.status_code != 200:
            problem(answer, answer.json()["name"], "platform")
        else:
            assert answer.json() == {"result": 42}
    check_others(fresh)


def test_an_order_read_by_others_is_over_its_deadline(fresh: RunningPool) -> None:
    assert fresh.eval(leave_reader()) > 0
    answers = [fresh.post("globalThis.ran = (globalThis.ran ?? 0) + 1", timeoutMs=150) for _ in range(4)]
    for answer in answers:
        if answer.status_code != 200:
            error = problem(answer, "queue_timeout", "platform")
            assert error["retryable"] is True
    check_others(fresh)
