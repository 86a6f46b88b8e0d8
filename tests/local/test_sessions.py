"""`ifEpoch`: an eval of a session runs in the isolate that has its state, or certainly not at all."""

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.local.commands import agent_of, command
from tests.local.problems import problem
from tests.local.programs import run_module
from tests.local.running import RunningPool, result, until
from tyrex_pool import AsyncClient, Client, DeadRuntimeError, EpochChanged, LocalPool

SPEC = {"size": 1, "mainModule": {"inline": "globalThis.f = () => globalThis.ran = true;"}}
MANIFEST = "{apiVersion: tyrex.dev/v1alpha1, kind: TyrexPool, metadata: {name: hop}, spec: {size: 1}}"


def epoch_of(answer: httpx.Response) -> int:
    return int(answer.headers["tyrex-epoch"])


def changed(answer: httpx.Response) -> dict[str, Any]:
    """The problem of an eval whose session is gone."""
    return problem(answer, "epoch_changed")


def test_it_runs_in_the_same_isolate_only(pool: RunningPool) -> None:
    epoch = epoch_of(pool.post("globalThis.count = 1"))
    assert pool.eval("++count", ifEpoch=epoch) == 2
    assert pool.eval("++count", ifEpoch=None) == 3
    for other in (epoch - 1, epoch + 1, 0):
        told = changed(pool.post("globalThis.ran = true", ifEpoch=other))
        assert told["detail"] == f"runtime test-0 has epoch {epoch}, not {other}"
        changed(pool.call("f", ifEpoch=other))
    assert pool.eval("typeof ran", ifEpoch=epoch) == "undefined"
    assert result(pool.call("f", ifEpoch=epoch)) is True


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("Deno.exit(0)", id="exit"),
        pytest.param("for (;;) {}", id="a deadline"),
        pytest.param("const a = []; for (;;) a.push(new Array(1e5).fill(1))", id="memory"),
    ],
)
def test_after_a_replacement(fresh: RunningPool, end: str) -> None:
    epoch = epoch_of(fresh.post("globalThis.state = 1"))
    assert fresh.post(end, ifEpoch=epoch, timeoutMs=500).status_code != 200
    changed(fresh.post("globalThis.ran = true", ifEpoch=epoch))
    answer = fresh.post("[typeof state, typeof ran]")
    assert result(answer) == ["undefined", "undefined"]
    assert epoch_of(answer) > epoch
    assert fresh.eval("1", ifEpoch=epoch_of(answer)) == 1


def test_replaced_while_it_waits(fresh: RunningPool) -> None:
    epoch = epoch_of(fresh.post("globalThis.state = 1"))
    stuck = fresh.later("for (;;) {}", timeoutMs=400)
    fresh.wait_busy(1)
    waiting = [fresh.later("globalThis.ran = true", ifEpoch=epoch) for _ in range(5)]
    fresh.wait_busy(1, 5)
    problem(stuck.result(), "timeout")
    for one in waiting:
        changed(one.result())
    assert fresh.eval("typeof ran") == "undefined"


async def test_staged_behind_the_end_of_its_isolate() -> None:
    async with LocalPool(1) as local:
        for _ in range(10):
            for _ in range(30):
                await local.eval("globalThis.state = 1")  # fast ones, so that the next are staged
            (runtime,) = local.status()["runtimes"]
            session = [
                local.eval("state" if number else "setTimeout(() => Deno.exit(), 0); state", epoch=runtime["epoch"])
                for number in range(40)
            ]
            for told in await asyncio.gather(*session, return_exceptions=True):
                assert told == 1 or isinstance(told, EpochChanged | DeadRuntimeError), told
            while await local.eval("typeof state") != "undefined":
                pass
            with pytest.raises(EpochChanged):
                await local.eval("state", epoch=runtime["epoch"])


def test_no_two_isolates_have_the_same_epoch() -> None:
    async def epochs() -> list[int]:
        async with LocalPool(6) as local:
            return [runtime["epoch"] for runtime in local.status()["runtimes"]]

    found = asyncio.run(epochs())
    assert len(set(found)) == 6


def test_through_a_proxy(tmp_path: Path) -> None:
    with ExitStack() as stack:
        agent = stack.enter_context(agent_of(MANIFEST, tmp_path))
        words = ("--runtime", agent.url, "--port", "0", "--admin-port", "0")
        proxy = stack.enter_context(command("proxy", *words))
        until(lambda: proxy.status()["ready"])
        epoch = epoch_of(proxy.post("globalThis.state = inputs.n", inputs={"n": 7}))
        assert proxy.post("state", ifEpoch=epoch).json() == {"result": 7}
        changed(proxy.post("globalThis.ran = true", ifEpoch=epoch + 1))
        assert agent.post("Deno.exit(0)").status_code == 502, "the proxy does not see this"
        changed(proxy.post("globalThis.ran = true", ifEpoch=epoch))
        assert proxy.post("[typeof state, typeof ran]").json() == {"result": ["undefined", "undefined"]}


async def test_the_clients(fresh: RunningPool) -> None:
    url = f"http://127.0.0.1:{fresh.port}"
    with Client(url, retries=5) as client:
        answer = client.eval_response("globalThis.state = 1")
        assert client.eval("state + inputs.n", inputs={"n": 1}, epoch=answer.epoch) == 2
        assert client.call("Math.max", 1, 2, epoch=int(answer.epoch)) == 2
        async with AsyncClient(url, retries=5) as other:
            assert await other.eval("state", epoch=answer.epoch) == 1
            done = run_module("eval", "--url", url, "state", "--if-epoch", answer.epoch)
            assert json.loads(done.stdout) == 1
            fresh.post("Deno.exit(0)")
            with pytest.raises(EpochChanged) as gone:
                client.eval("state", epoch=answer.epoch)
            assert (gone.value.retryable, gone.value.status, gone.value.fault) == (True, 412, "caller")
            with pytest.raises(EpochChanged):
                await other.call("Math.max", 1, epoch=answer.epoch)
            refused = run_module("eval", "--url", url, "state", "--if-epoch", answer.epoch)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert "epoch_changed" in refused.stderr
    lines = [line for line in fresh.admin.get("/metrics").text.splitlines() if 'outcome="epoch_changed"' in line]
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["3.0"], "none of them was sent again"
