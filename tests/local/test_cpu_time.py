"""The CPU time of an eval: in the header, the log, and the metrics; waiting is none."""

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.local.commands import agent_of, logging_to
from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool, replacements, result, until
from tyrex_pool import CpuLimitError, LocalPool

SPEC = {"size": 1}
SPIN = "const end = performance.now() + 200; let turns = 0; while (performance.now() < end) turns++; turns"
SLEEP = "new Promise((ok) => setTimeout(ok, 300))"
MANIFEST = "{apiVersion: tyrex.dev/v1alpha1, kind: TyrexPool, metadata: {name: hop}, spec: {size: 1}}"


def times(answer: httpx.Response) -> dict[str, float]:
    """Milliseconds by name."""
    return {name: float(ms) for name, ms in re.findall(r"(\w+);dur=([\d.]+)", answer.headers["server-timing"])}


def test_computing_is_and_waiting_is_not(pool: RunningPool) -> None:
    slept = times(pool.post(SLEEP))
    assert slept["cpu"] < slept["eval"] / 3
    spun, short = times(pool.post(SPIN)), times(pool.post("1"))
    assert 0 < spun["cpu"] <= spun["eval"] + 50
    assert spun["cpu"] > slept["cpu"]
    assert short["cpu"] <= short["eval"] + 0.001 or short["cpu"] < spun["cpu"]


def test_also_of_errors_and_deadlines(fresh: RunningPool) -> None:
    assert times(fresh.post("throw 1"))["cpu"] >= 0
    late = times(fresh.post("for (;;) {}", timeoutMs=300))
    assert 0 < late["cpu"] <= late["eval"] + 50


def test_what_earlier_code_does_meanwhile_is_not_charged(fresh: RunningPool) -> None:
    fresh.post(f"setTimeout(() => {{ {SPIN}; globalThis.spun = true }}, 0); 1")
    until(lambda: fresh.eval("globalThis.spun"))
    assert times(fresh.post(SLEEP))["cpu"] < 100


def test_where_several_run_at_a_time_nobody_knows(start: Start) -> None:
    pool = start(size=1, concurrency=2)
    assert set(times(pool.post("1"))) == {"queue", "eval"}
    assert "tyrex_eval_cpu_seconds_count 0.0" in pool.admin.get("/metrics").text


def test_a_histogram(fresh: RunningPool) -> None:
    for code in ("1", SPIN, "throw 1"):
        fresh.post(code)
    text = fresh.admin.get("/metrics").text
    assert "tyrex_eval_cpu_seconds_count 3.0" in text
    assert float(re.findall(r"tyrex_eval_cpu_seconds_sum (\S+)", text)[0]) > 0


LIMITED = {"size": 1, "timeouts": {"cpu": "150ms", "eval": "20s"}}
DETAIL = "the code used more CPU time than timeouts.cpu (0.15 s) allows"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("for (;;) {}", id="a loop"),
        pytest.param(
            "globalThis.n = 0; const go = () => { n += 1; queueMicrotask(go) }; go(); new Promise(() => {})",
            id="microtasks",
        ),
        pytest.param("(async () => { for (;;) await null })()", id="awaits"),
        pytest.param("for (;;) await null", id="awaits at the top level"),
        pytest.param("new Promise(() => setInterval(() => { for (let i = 0; i < 1e7; i++); }, 1))", id="timers"),
        pytest.param("/^(a+)+$/.test('a'.repeat(40) + 'b')", id="a regular expression"),
    ],
)
def test_over_the_limit(start: Start, code: str) -> None:
    pool = start(**LIMITED)
    epoch = pool.epochs()["test-0"]
    answer = pool.post(code)
    told = problem(answer, "cpu_limit_error")
    assert told["detail"] == DETAIL
    assert times(answer)["cpu"] >= 150
    assert pool.eval("1 + 2") == 3
    assert pool.epochs()["test-0"] > epoch
    assert replacements(pool) == {"cpu_limit": 1}


def test_waiting_is_not_limited(start: Start) -> None:
    pool = start(**LIMITED)
    epochs = pool.epochs()
    assert pool.eval("new Promise((ok) => setTimeout(ok, 1000, 'waited'))") == "waited"
    for _ in range(300):
        pool.eval("let n = 0; for (let i = 0; i < 100_000; i++) n += i; 1")
    assert pool.epochs() == epochs, "what several use together is not one eval's"


def test_those_behind_it_run_in_the_next_isolate(start: Start) -> None:
    pool = start(**LIMITED)
    over = pool.later("for (;;) {}")
    pool.wait_busy(1)
    behind = [pool.later(f"{number}") for number in range(10)]
    problem(over.result(), "cpu_limit_error")
    assert [result(one.result()) for one in behind] == list(range(10))


async def test_in_a_local_pool() -> None:
    async with LocalPool(1, timeouts={"cpu": "100ms"}) as local:
        with pytest.raises(CpuLimitError, match=r"timeouts\.cpu \(0\.1 s\)"):
            await local.eval("for (;;) {}")
        assert await local.eval("1") == 1


def test_through_a_proxy(tmp_path: Path) -> None:
    with agent_of(MANIFEST, tmp_path) as agent, (tmp_path / "log").open("w+") as log:
        words = ("proxy", "--runtime", agent.url, "--port", "0", "--admin-port", "0", "--access-log")
        with logging_to(log, *words) as proxy:
            until(lambda: proxy.status()["ready"])
            answer = proxy.post(SPIN)
            written = until(lambda: [line for line in Path(log.name).read_text().splitlines() if '"run_ms"' in line])
            assert [json.loads(line)["cpu_ms"] for line in written] == [times(answer)["cpu"]]
            admin = httpx.get(f"{proxy.facts['admin']}/metrics").text
            assert "tyrex_eval_cpu_seconds_count 1.0" in admin
