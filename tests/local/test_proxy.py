"""Two hops with the real commands: `proxy` over `agent`s, each a process of its own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.local.commands import Command, command, refused
from tests.local.problems import problem
from tests.local.running import until

MANIFEST = """\
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: hop}
spec:
  queue: {length: 1}
  mainModule:
    inline: |
      globalThis.seen = [];
"""


Two = tuple[list[Command], Callable[..., Command]]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Two agents, and what starts a proxy over them, ready."""
    manifest = tmp_path / "hop.yaml"
    manifest.write_text(MANIFEST)
    with ExitStack() as stack:
        agents = [
            stack.enter_context(command("agent", str(manifest), "--name", name, "--port", "0", "--admin-port", "0"))
            for name in ("a", "b")
        ]

        def proxy(*words: str) -> Command:
            urls = [word for agent in agents for word in ("--runtime", agent.url)]
            started = stack.enter_context(command("proxy", *urls, *words, "--port", "0", "--admin-port", "0"))
            until(lambda: started.status()["ready"])
            return started

        yield agents, proxy


def runtimes(proxy: Command) -> set[str]:
    """The runtimes that the proxy uses now."""
    return {runtime["name"] for runtime in proxy.status()["runtimes"] if runtime["state"] == "Ready"}


def test_evals_and_their_errors_come_through(two: Two) -> None:
    _, start = two
    proxy = start()
    answer = proxy.post("1 + 2")
    assert (answer.status_code, answer.json()) == (200, {"result": 3})
    assert answer.headers["tyrex-runtime"] in runtimes(proxy)
    assert int(answer.headers["tyrex-epoch"]) > 0
    assert "eval;dur=" in answer.headers["server-timing"]
    assert problem(proxy.post("throw {a: 1}"), "execution_error")["value"] == {"a": 1}
    problem(proxy.post("Deno.exit(0)"), "dead_runtime_error", "guest")
    problem(proxy.http.post("/v1/call", json={"function": "nowhere"}), "unknown_function")
    problem(proxy.http.post("/v1/eval", json={"cod": "1"}), "invalid_request")
    problem(proxy.post("x" * (1 << 20)), "payload_too_large")
    assert proxy.post("'x'.repeat(7e6).length").json() == {"result": 7_000_000}
    assert len(proxy.post("'x'.repeat(7e6)").json()["result"]) == 7_000_000


def test_round_robin_reaches_both(two: Two) -> None:
    _, start = two
    proxy = start()
    assert [proxy.post("1").headers["tyrex-runtime"] for _ in range(4)] == [*runtimes_in_turn(proxy)] * 2


def runtimes_in_turn(proxy: Command) -> list[str]:
    return [runtime["name"] for runtime in proxy.status()["runtimes"]]


def test_the_same_key_reaches_the_same_runtime_from_every_proxy(two: Two) -> None:
    _, start = two
    one, other = start("--strategy", "Hash"), start("--strategy", "Hash")
    for number in range(20):
        key = f"user-{number}"
        first, second = one.post("1", key=key), other.post("1", key=key)
        assert first.headers["tyrex-runtime"] == second.headers["tyrex-runtime"]
        assert one.http.get("/v1/explain", params={"key": key}).json()["runtime"] == first.headers["tyrex-runtime"]


def test_the_deadline_travels(two: Two) -> None:
    _, start = two
    proxy = start()
    began = monotonic()
    problem(proxy.post("for(;;){}", timeoutMs=300), "timeout")
    assert monotonic() - began <= 0.3 + 0.25
    assert proxy.post("1").json() == {"result": 1}


def test_a_full_agent_is_overloaded_and_a_waiting_caller_times_out(two: Two) -> None:
    agents, start = two
    proxy = start("--strategy", "Hash")
    with ThreadPoolExecutor(8) as threads:
        busy = [threads.submit(proxy.post, "new Promise(ok => setTimeout(ok, 1500))", key="k")]
        until(lambda: any(agent.status()["inFlight"] for agent in agents))
        waiting = threads.submit(proxy.post, "seen.push('late')", key="k", timeoutMs=500)
        until(lambda: any(agent.status()["queued"] for agent in agents))
        refused = proxy.post("1", key="k")
        problem(refused, "overloaded")
        assert refused.headers["retry-after"] == "1"
        problem(waiting.result(), "queue_timeout")
        assert busy[0].result().status_code == 200
    assert proxy.post("seen", key="k").json() == {"result": []}, "what timed out in the queue never ran"


def test_a_full_agent_is_passed_over(two: Two) -> None:
    """Its queue is filled by others, so that the proxy does not know."""
    agents, start = two
    proxy = start("--strategy", "RoundRobin")
    with ThreadPoolExecutor(2) as threads:
        slow = "new Promise(ok => setTimeout(ok, 700))"
        others = [threads.submit(agents[0].post, slow), threads.submit(agents[0].post, slow)]
        until(lambda: (load := agents[0].status())["inFlight"] + load["queued"] == 2)
        problem(agents[0].post("1"), "overloaded")
        answers = [proxy.post("1 + 2") for _ in range(4)]
        assert [answer.json() for answer in answers] == [{"result": 3}] * 4
        assert [answer.status_code for answer in (other.result() for other in others)] == [200, 200]


def test_a_body_that_only_the_agent_refuses_costs_no_other_eval(tmp_path: Path) -> None:
    """The proxy's own limit is larger."""
    (tmp_path / "hop.yaml").write_text(MANIFEST.replace("length: 1}", "length: 100}\n  limits: {request: 4Ki}"))
    with ExitStack() as stack:
        agent = stack.enter_context(command("agent", str(tmp_path / "hop.yaml"), "--port", "0", "--admin-port", "0"))
        proxy = stack.enter_context(command("proxy", "--runtime", agent.url, "--port", "0", "--admin-port", "0"))
        until(lambda: proxy.status()["ready"])
        threads = stack.enter_context(ThreadPoolExecutor(4))
        large = "/*" + "x" * 8_000 + "*/"
        answers = list(threads.map(proxy.post, [large, "1 + 2"] * 100))
    assert [answer.json() for answer in answers[1::2]] == [{"result": 3}] * 100
    for answer in answers[::2]:
        problem(answer, "payload_too_large")


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        pytest.param("access: {authentication: ServiceAccount}", "spec.access.authentication", id="authentication"),
        pytest.param("isolation: PerEval", "spec.isolation", id="isolation"),
    ],
)
def test_a_promise_that_is_not_kept_yet_is_refused(tmp_path: Path, spec: str, path: str) -> None:
    file = tmp_path / "hop.yaml"
    file.write_text(MANIFEST + f"  {spec}\n")
    for words in (["proxy", str(file), "--runtime", "http://127.0.0.1:9"], ["agent", str(file)]):
        assert refused(*words).startswith(f"error: {path}: ")


@pytest.mark.parametrize(
    "name",
    [pytest.param("x\r\ny: z", id="a header of its own"), pytest.param('a"b', id="a quote"), pytest.param("ü", id="ü")],
)
def test_a_name_that_no_header_can_carry_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "hop.yaml").write_text(MANIFEST)
    assert "name" in refused("agent", str(tmp_path / "hop.yaml"), "--name", name)


def test_least_loaded_knows_the_load_of_another_proxy(two: Two) -> None:
    agents, start = two
    one, other = start("--strategy", "LeastLoaded"), start("--strategy", "LeastLoaded")
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(one.post, "new Promise(ok => setTimeout(ok, 2500))")
        until(lambda: any(agent.status()["inFlight"] for agent in agents))
        until(lambda: other.status()["inFlight"] == 1)
        loaded = next(runtime["name"] for runtime in other.status()["runtimes"] if runtime["inFlight"])
        assert all(other.post("1").headers["tyrex-runtime"] != loaded for _ in range(5))
        assert busy.result().headers["tyrex-runtime"] == loaded


def test_an_agent_that_dies_costs_only_what_it_ran(two: Two) -> None:
    agents, start = two
    proxy = start()
    with ThreadPoolExecutor(2) as threads:
        doomed = [threads.submit(proxy.post, "new Promise(() => {})", timeoutMs=2000) for _ in range(2)]
        until(lambda: all(agent.status()["inFlight"] for agent in agents))
        agents[0].process.kill()
        agents[0].process.wait(10)
        until(lambda: any(answer.done() for answer in doomed))
        lost = next(answer.result() for answer in doomed if answer.done())
        problem(lost, "dead_runtime_error")
        problem(proxy.post("1", timeoutMs=200), "queue_timeout")
        problem(next(answer.result() for answer in doomed if answer.result() is not lost), "timeout")
    until(lambda: len(runtimes(proxy)) == 1)
    assert [proxy.post("1").json() for _ in range(10)] == [{"result": 1}] * 10


def test_a_client_that_leaves_takes_its_waiting_eval_along(two: Two) -> None:
    agents, start = two
    proxy = start("--strategy", "Hash")
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(proxy.post, "new Promise(ok => setTimeout(ok, 800))", key="k")
        until(lambda: any(agent.status()["inFlight"] for agent in agents))
        with httpx.Client(base_url=proxy.url, timeout=0.2, trust_env=False) as hasty, pytest.raises(httpx.ReadTimeout):
            hasty.post("/v1/eval", json={"code": "seen.push('left')", "key": "k"})
        until(lambda: not any(agent.status()["queued"] for agent in agents))
        assert busy.result().status_code == 200
    assert proxy.post("seen", key="k").json() == {"result": []}


def test_without_any_agent_there_is_no_runtime() -> None:
    with command("proxy", "--runtime", "http://127.0.0.1:9", "--port", "0", "--admin-port", "0") as proxy:
        until(lambda: proxy.status()["runtimes"][0]["reason"])
        problem(proxy.post("1"), "no_runtime")
        admin = httpx.get(proxy.facts["admin"] + "/readyz", trust_env=False)
        assert (admin.status_code, admin.json()["ready"]) == (503, False)
        assert "127.0.0.1:9" in admin.json()["reason"]


def test_unix_sockets(tmp_path: Path) -> None:
    (tmp_path / "hop.yaml").write_text(MANIFEST)
    path = tmp_path / "agent.sock"
    with ExitStack() as stack:
        agent = stack.enter_context(
            command("agent", str(tmp_path / "hop.yaml"), "--socket", str(path), "--admin-port", "0")
        )
        proxy = stack.enter_context(command("proxy", "--runtime", agent.url, "--port", "0", "--admin-port", "0"))
        until(lambda: proxy.status()["ready"])
        assert proxy.post("1 + 2").json() == {"result": 3}
    assert not path.exists()
