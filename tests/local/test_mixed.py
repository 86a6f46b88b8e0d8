"""Many evals of four callers, one in ten of them hostile: the others all get their own answer, each exactly once.

TYREX_EVALS sets how many: `make hostile` runs 20,000.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.local.hostile import DEADLINE, HOSTILE, OK, Hostile
from tests.local.problems import problem
from tests.local.running import RunningPool

SPEC = {"size": 2, "limits": {"heap": "64Mi"}, "timeouts": {"eval": "20s"}}
EVALS = int(os.environ.get("TYREX_EVALS", "2000"))
CALLERS = 4
ONE_IN = 10

Innocent = Callable[[int], tuple[dict[str, Any], Any]]
"""By a number: the members of a request, and its result."""

INNOCENT: list[Innocent] = [
    lambda n: ({"code": f"{n} * 7 + 1"}, n * 7 + 1),
    lambda n: ({"code": f"(async () => {{ await null; return {n} }})()"}, n),
    lambda n: ({"code": f"const x: number = {n}; x + 1", "language": "typescript"}, n + 1),
    lambda n: (
        {"code": f"({{n: {n}, text: 'ünï 🐈', list: [1, null]}})"},
        {"n": n, "text": "ünï 🐈", "list": [1, None]},
    ),
    lambda n: ({"code": f"'{n} ' + 'x'.repeat(100_000)"}, f"{n} " + "x" * 100_000),
    lambda n: ({"code": f"'{n} ' + 'é'.repeat(20_000)"}, f"{n} " + "é" * 20_000),
    lambda n: ({"code": f"[...Array({n % 90}).keys()].map((i) => i + {n})"}, [i + n for i in range(n % 90)]),
    lambda n: ({"code": f"JSON.stringify({{a: {n}}})"}, f'{{"a":{n}}}'),
    lambda n: ({"code": f"try {{ throw new Error('{n}') }} catch (e) {{ e.message }}"}, f"{n}"),
    lambda n: ({"code": f"new Date({n}).getTime()"}, n),
]
"""None waits for a timer: an isolate that is held up loses what runs in it."""


def ask_innocent(pool: RunningPool, client: httpx.Client, number: int) -> str:
    members, expected = INNOCENT[number % len(INNOCENT)](number)
    answer = client.post("/v1/eval", json=members)
    assert (answer.status_code, answer.json().get("result")) == (200, expected), f"{members}: {answer.text[:300]}"
    return str(answer.headers["Tyrex-Eval"])


def ask_hostile(client: httpx.Client, hostile: Hostile) -> str:
    members = {"timeoutMs": DEADLINE} if hostile.endless else {}
    answer = client.post("/v1/eval", json={"code": hostile.code, **members})
    if answer.status_code == 200:
        outcome = OK
    else:
        outcome = str(answer.json()["name"])
        if hostile.endless and (outcome == "queue_timeout" or "earlier evals left behind" in answer.json()["detail"]):
            return outcome  # its own deadline is short, and what others of them left can hold it up too
        problem(answer, outcome, "guest")
    assert outcome in hostile.outcomes, f"{hostile.name}: {answer.text[:300]}"
    return outcome


@pytest.mark.slow
def test_the_innocent_get_their_own_answers(pool: RunningPool) -> None:
    outcomes: Counter[str] = Counter()
    ids: list[str] = []

    def call(caller: int) -> None:
        choose = random.Random(caller)
        with httpx.Client(base_url=pool.http.base_url, timeout=60, trust_env=False) as client:
            for turn in range(EVALS // CALLERS):
                if choose.randrange(ONE_IN) == 0:
                    outcomes[ask_hostile(client, choose.choice(HOSTILE))] += 1
                else:
                    ids.append(ask_innocent(pool, client, caller * EVALS + turn))

    with ThreadPoolExecutor(CALLERS) as callers:
        for done in [callers.submit(call, caller) for caller in range(CALLERS)]:
            done.result()
    assert len(ids) == len(set(ids)), "an eval was answered twice"
    assert len(ids) + outcomes.total() == EVALS // CALLERS * CALLERS
    assert pool.status()["inFlight"] == pool.status()["queued"] == 0
    assert {OK, "timeout", "heap_limit_error", "dead_runtime_error", "execution_error"} <= set(outcomes)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_each_of_the_hostile(pool: RunningPool, hostile: Hostile) -> None:
    """Alone, and with the innocent after it."""
    ask_hostile(pool.http, hostile)
    for number in range(2 * len(INNOCENT)):
        ask_innocent(pool, pool.http, number)
