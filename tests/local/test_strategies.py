"""The five strategies, as callers see them through HTTP."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool, result, until

HOLD = "new Promise((ok) => globalThis.release = ok)"


def runtime(answer: httpx.Response) -> str:
    result(answer)
    return answer.headers["Tyrex-Runtime"]


def served(pool: RunningPool, count: int, **members: Any) -> list[str]:
    return [runtime(pool.post("1", **members)) for _ in range(count)]


def explained(pool: RunningPool, **parameters: str) -> dict[str, Any]:
    answer = pool.http.get("/v1/explain", params=parameters)
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def busy(pool: RunningPool, name: str) -> bool:
    return any(one["name"] == name and one["inFlight"] for one in pool.status()["runtimes"])


def test_round_robin(start: Start) -> None:
    pool = start(size=3)
    assert pool.status()["strategy"]["type"] == "RoundRobin"
    assert served(pool, 7) == [f"test-{number % 3}" for number in range(7)]
    told = explained(pool)["runtime"]
    assert served(pool, 1, key="any") == [told]


def test_round_robin_passes_a_busy_one_over(start: Start) -> None:
    pool = start(size=2, concurrency=1)
    held = pool.later(HOLD, timeoutMs=10_000)
    until(lambda: busy(pool, "test-0"))
    assert served(pool, 3) == ["test-1"] * 3
    told = explained(pool)
    assert told["runtime"] == "test-1"
    assert "saturated" in told["reason"]
    held.cancel()


KEYS = [f"user-{number}" for number in range(12)]


def test_hash_is_sticky(start: Start) -> None:
    pool = start(size=3, strategy={"type": "Hash"})
    owners = {key: explained(pool, key=key)["runtime"] for key in KEYS}
    assert set(owners.values()) == {"test-0", "test-1", "test-2"}
    for key, owner in owners.items():
        assert served(pool, 2, key=key) == [owner] * 2
        assert "not known" not in explained(pool, key=key)["reason"]
    assert explained(pool)["runtime"] is None, "without a key it is drawn"


def headers(key: str, content_type: str) -> list[tuple[bytes, bytes]]:
    return [(b"Tyrex-Key", key.encode()), (b"Content-Type", content_type.encode())]


SENDERS: dict[str, Callable[[RunningPool, str], httpx.Response]] = {
    "in the body": lambda pool, key: pool.post("1", key=key),
    "of a call": lambda pool, key: pool.call("Math.max", 1, key=key),
    "in a header": lambda pool, key: pool.http.post("/v1/eval", content="1", headers=headers(key, "text/javascript")),
    "in a header beside JSON": lambda pool, key: pool.http.post(
        "/v1/eval", content='{"code": "1"}', headers=headers(key, "application/json")
    ),
    "in both, the body's counts": lambda pool, key: pool.http.post(
        "/v1/eval", json={"code": "1", "key": key}, headers={"Tyrex-Key": "another"}
    ),
}


def test_hash_takes_the_key_from_anywhere(start: Start) -> None:
    pool = start(size=3, strategy={"type": "Hash"})
    for key in ["user-1", "user-2", "ü 😀", ""]:
        owner = explained(pool, key=key)["runtime"]
        seen = {how: runtime(send(pool, key)) for how, send in SENDERS.items() if key or "header" not in how}
        assert set(seen.values()) == {owner}, (key, seen)


def test_hash_waits_for_its_runtime(start: Start) -> None:
    pool = start(size=2, strategy={"type": "Hash"}, concurrency=1)
    owner = explained(pool, key="a")["runtime"]
    held = pool.later("const end = Date.now() + 200; while (Date.now() < end); 1", key="a")
    until(lambda: busy(pool, owner))
    assert explained(pool, key="a")["runtime"] == owner, "busy or not"
    waited = pool.post("2", key="a")
    assert held.done()
    assert runtime(waited) == owner
    other = next(key for key in KEYS if explained(pool, key=key)["runtime"] != owner)
    assert served(pool, 1, key=other) != [owner]


def test_hash_keeps_to_its_runtime_over_a_replacement(start: Start) -> None:
    pool = start(size=3, strategy={"type": "Hash"})
    owner = explained(pool, key="a")["runtime"]
    epoch = pool.post("1", key="a").headers["Tyrex-Epoch"]
    problem(pool.post("Deno.exit(0)", key="a"), "dead_runtime_error", "guest")
    after = pool.post("1", key="a")
    assert runtime(after) == owner
    assert after.headers["Tyrex-Epoch"] != epoch, "so the caller learns that its state is gone"


def test_least_loaded_avoids_the_busy_one(start: Start) -> None:
    pool = start(size=3, strategy={"type": "LeastLoaded"}, concurrency=2)
    held = pool.later(HOLD, timeoutMs=10_000)
    until(lambda: sum(busy(pool, f"test-{number}") for number in range(3)))
    (name,) = (f"test-{number}" for number in range(3) if busy(pool, f"test-{number}"))
    assert name not in served(pool, 6), "though it has room for another"
    assert explained(pool)["runtime"] != name
    held.cancel()


def test_random_reaches_all(start: Start) -> None:
    pool = start(size=3, strategy={"type": "Random"})
    assert explained(pool)["runtime"] is None
    counts: Counter[str] = Counter()
    for _ in range(300):  # all but certain: missing one has a chance of 3 * (2/3)**300
        counts[runtime(pool.post("1"))] += 1
        if len(counts) == 3:
            break
    assert len(counts) == 3


CUSTOM = """
from dataclasses import dataclass


@dataclass
class State:
    count: int = 0


class Alternate:
    def __init__(self, options):
        self.names = options["names"]
        self.state = State()

    def select(self, runtimes, key):
        if key == "raise":
            raise LookupError("nobody for " + key)
        if key == "nonsense":
            return "test-0"
        if key == "none":
            return None
        if key == "exit":
            raise SystemExit(1)
        name = self.names[self.state.count % len(self.names)]
        self.state.count += 1
        return next(runtime for runtime in runtimes if runtime.name == name)
"""


def test_custom(start: Start) -> None:
    reference = {"configMap": {"name": "mine", "key": "strategy.py"}, "class": "Alternate"}
    custom = {**reference, "options": {"names": ["test-2", "test-0", "test-2"]}}
    pool = start(config_maps={"mine": {"strategy.py": CUSTOM}}, size=3, strategy={"type": "Custom", "custom": custom})
    assert served(pool, 6) == ["test-2", "test-0", "test-2"] * 2
    raised = problem(pool.post("1", key="raise"), "strategy_error")["detail"]
    assert "LookupError: nobody for raise" in raised
    assert "strategy.py:17" in raised
    assert "test-0" in problem(pool.post("1", key="nonsense"), "strategy_error")["detail"]
    problem(pool.post("1", key="exit"), "strategy_error")
    problem(pool.post("1", key="none"), "no_runtime")
    assert served(pool, 3) == ["test-2", "test-0", "test-2"], "the pool goes on"
    assert explained(pool)["runtime"] is None
    assert pool.status()["strategy"]["custom"]["options"] == {"names": ["test-2", "test-0", "test-2"]}
