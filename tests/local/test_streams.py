"""Proxies and agents that end, die and hang while evals are on their way: the real commands, with signals."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.local.commands import Command, command
from tests.local.problems import problem
from tests.local.running import until

MANIFEST = """\
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: hop}
spec:
  mainModule:
    inline: |
      globalThis.seen = [];
"""
SLOW = "new Promise(ok => setTimeout(ok, 700))"

Hop = tuple[list[Command], Command]


@pytest.fixture
def hop(tmp_path: Path) -> Iterator[Hop]:
    """Two agents and a proxy over them, ready."""
    manifest = tmp_path / "hop.yaml"
    manifest.write_text(MANIFEST)
    with ExitStack() as stack:

        def start(*words: str) -> Command:
            return stack.enter_context(command(*words, "--port", "0", "--admin-port", "0"))

        agents = [start("agent", str(manifest), "--name", name) for name in ("a", "b")]
        proxy = start("proxy", str(manifest), *(word for agent in agents for word in ("--runtime", agent.url)))
        until(lambda: proxy.status()["readyRuntimes"] == 2)
        yield agents, proxy


def busy(agents: list[Command], count: int = 1) -> None:
    """Wait until each of `agents` has so many evals."""
    until(lambda: all((told := agent.status())["inFlight"] + told["queued"] == count for agent in agents))


def test_an_agent_that_ends_costs_no_eval(hop: Hop) -> None:
    agents, proxy = hop
    with ThreadPoolExecutor(8) as threads:
        slow = [threads.submit(proxy.post, SLOW) for _ in range(2)]
        busy(agents)
        fast = [threads.submit(proxy.post, "1") for _ in range(300)]
        agents[0].process.send_signal(signal.SIGTERM)
        assert agents[0].process.wait(15) == 0, "it does not wait for all of timeouts.drain"
        assert [answer.result().status_code for answer in (*slow, *fast)] == [200] * 302
    until(lambda: proxy.status()["readyRuntimes"] == 1)
    assert proxy.post("1").headers["tyrex-runtime"] in agents[1].url


def test_a_proxy_that_dies_leaves_no_eval_behind(hop: Hop) -> None:
    agents, proxy = hop
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(proxy.post, f"seen.push(1), {SLOW}") for _ in range(4)]
        busy(agents, 2)
        proxy.process.kill()
        for answer in asked:
            assert answer.exception() is not None
    busy(agents, 0)
    for agent in agents:
        assert agent.post("seen.length").json() == {"result": 0}, "what ran ended with its isolate, no other one began"


def test_an_agent_that_hangs(hop: Hop) -> None:
    agents, proxy = hop
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(proxy.post, f"{SLOW}.then(() => 1)", timeoutMs=1500) for _ in range(2)]
        busy(agents)
        agents[0].process.send_signal(signal.SIGSTOP)
        try:
            answers = sorted((answer.result() for answer in asked), key=lambda answer: answer.status_code)
            assert answers[0].json() == {"result": 1}
            assert "did not answer by the deadline" in problem(answers[1], "dead_runtime_error")["detail"]
            until(lambda: proxy.status()["readyRuntimes"] == 1)
            assert [proxy.post("1").json() for _ in range(4)] == [{"result": 1}] * 4
        finally:
            agents[0].process.send_signal(signal.SIGCONT)
    until(lambda: proxy.status()["readyRuntimes"] == 2)
    assert len({proxy.post("1").headers["tyrex-runtime"] for _ in range(4)}) == 2
    busy(agents, 0)
