"""The CPU time of an eval: in the header, the log, and the metrics; waiting is none."""

import json
import re
from pathlib import Path

import httpx

from tests.local.commands import agent_of, logging_to
from tests.local.conftest import Start
from tests.local.running import RunningPool, until

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


def test_through_a_proxy(tmp_path: Path) -> None:
    with agent_of(MANIFEST, tmp_path) as agent, (tmp_path / "log").open("w+") as log:
        words = ("proxy", "--runtime", agent.url, "--port", "0", "--admin-port", "0", "--access-log")
        with logging_to(log, *words) as proxy:
            until(lambda: proxy.status()["ready"])
            answer = proxy.post(SPIN)
            lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if '"run_ms"' in line]
            assert [line["cpu_ms"] for line in lines] == [times(answer)["cpu"]]
            admin = httpx.get(f"{proxy.facts['admin']}/metrics").text
            assert "tyrex_eval_cpu_seconds_count 1.0" in admin
