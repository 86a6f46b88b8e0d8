"""`proxy --pool` with real agents, as processes of their own; only the API server is ours."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.local.api_server import NAMESPACE, ApiServer
from tests.local.commands import Command, command, refused
from tests.local.problems import problem
from tests.local.running import until
from tyrex_pool.model.kinds import CONFIG_MAP, ENDPOINT_SLICE, TYREX_POOL

MANIFEST = """\
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: hop}
spec:
  timeouts: {maxEval: 1000h}
  limits: {request: 1Mi}
  mainModule:
    inline: "globalThis.seen = [];"
"""
SLOW = "new Promise(ok => setTimeout(() => ok('done'), 1500))"
LAST = "class Last:\n    def __init__(self, options): ...\n    def select(self, runtimes, key): return runtimes[-1]\n"
CUSTOM = {"type": "Custom", "custom": {"configMap": {"name": "chooser", "key": "s.py"}, "class": "Last"}}
ANY = ("--port", "0", "--admin-port", "0")


class Web:
    """A pool in a cluster: what its operator and its kubelets would do, done by hand."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.api = ApiServer()
        stack.callback(self.api.close)
        self.manifest = folder / "pool.yaml"
        self.manifest.write_text(MANIFEST)
        self.agents: dict[str, Command] = {}
        self._kubeconfig = self.api.kubeconfig(folder)
        self._stack = stack

    def change(self, **spec: Any) -> int:
        """Another spec of the TyrexPool; its generation."""
        return self.api.put(TYREX_POOL, "hop", spec={"size": len(self.agents)} | spec)

    def start(self, name: str) -> Command:
        """Another runtime, which the cluster knows."""
        self.agents[name] = self._stack.enter_context(command("agent", str(self.manifest), "--name", name, *ANY))
        self.endpoint(name)
        return self.agents[name]

    def endpoint(self, name: str, **conditions: bool) -> None:
        address = urlsplit(self.agents[name].url)
        entry = {"addresses": [address.hostname], "conditions": conditions, "targetRef": {"kind": "Pod", "name": name}}
        labels = {"kubernetes.io/service-name": "hop-runtime"}
        ports = [{"name": "http", "port": address.port}]
        self.api.put(ENDPOINT_SLICE, f"of-{name}", labels, addressType="IPv4", ports=ports, endpoints=[entry])

    def proxy(self, *more: str) -> Command:
        words = ("proxy", "--pool", "hop", "--namespace", NAMESPACE, *ANY, *more)
        return self._stack.enter_context(command(*words, KUBECONFIG=str(self._kubeconfig)))


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with ExitStack() as stack:
        yield Web(tmp_path, stack)


@pytest.fixture
def two(web: Web) -> Web:
    """With two runtimes, and a pool of them."""
    for name in ("a", "b"):
        web.start(name)
    web.change()
    return web


def soon(probe: Callable[[], object]) -> None:
    """A change is seen within a second; this waits a little longer, for a machine that has much to do."""
    until(probe, seconds=3)


def who(proxy: Command, **members: Any) -> str:
    """The runtime that an eval reached."""
    answer = proxy.post("1", **members)
    assert answer.status_code == 200, answer.text
    runtime: str = answer.headers["tyrex-runtime"]
    return runtime


def readiness(proxy: Command) -> tuple[int, str | None]:
    answer = httpx.get(proxy.facts["admin"] + "/readyz", trust_env=False)
    return answer.status_code, answer.json()["reason"]


@contextmanager
def callers(*proxies: Command) -> Iterator[list[httpx.Response]]:
    """Asks the proxies one eval after another, for as long as the block lasts; all answers."""
    over = False
    answers: list[httpx.Response] = []

    def ask(proxy: Command) -> None:
        with httpx.Client(base_url=proxy.url, timeout=30, trust_env=False) as http:
            while not over:
                answers.append(http.post("/v1/eval", json={"code": "1 + 2", "key": "k"}))

    with ThreadPoolExecutor(len(proxies)) as threads:
        calling = [threads.submit(ask, proxy) for proxy in proxies]
        try:
            yield answers
        finally:
            over = True
            for one in calling:
                one.result()


def test_a_change_of_strategy_costs_no_eval_and_no_restart(two: Web) -> None:
    one, other = two.proxy(), two.proxy()
    for proxy in (one, other):
        until(lambda: proxy.status()["ready"])  # noqa: B023
    epochs = {runtime["name"]: runtime["epoch"] for runtime in one.status()["runtimes"]}
    with callers(one, other) as answers:
        assert [who(one) for _ in range(2)].count("a") <= 1
        for strategy in ({"type": "Hash"}, {"type": "LeastLoaded"}, {"type": "Random"}, {"type": "Hash"}):
            generation = two.change(strategy=strategy)
            for proxy in (one, other):
                soon(lambda: proxy.status()["generation"] == generation)  # noqa: B023
                assert proxy.status()["strategy"]["type"] == strategy["type"]
        keys = [f"user-{number}" for number in range(20)]
        assert [who(one, key=key) for key in keys] == [who(other, key=key) for key in keys]
        assert {who(one, key=key) for key in keys} == {"a", "b"}
    assert len(answers) > 10
    assert [answer.text for answer in answers if answer.status_code != 200] == []
    assert {runtime["name"]: runtime["epoch"] for runtime in one.status()["runtimes"]} == epochs


def test_a_custom_strategy_and_its_mistakes(two: Web) -> None:
    proxy = two.proxy()
    two.change(strategy=CUSTOM)
    soon(lambda: proxy.status()["strategy"]["error"])
    assert "there is no ConfigMap chooser" in problem(proxy.post("1"), "strategy_error")["detail"]
    two.api.put(CONFIG_MAP, "chooser", data={"s.py": LAST})
    soon(lambda: proxy.status()["strategy"]["error"] is None)
    assert [who(proxy) for _ in range(3)] == ["b"] * 3
    two.api.put(CONFIG_MAP, "chooser", data={"s.py": LAST.replace("[-1]", "[0]")})
    soon(lambda: who(proxy) == "a")
    two.api.put(CONFIG_MAP, "chooser", data={"s.py": LAST.replace("return", "retrun")})
    soon(lambda: proxy.post("1").status_code == 500)
    assert problem(proxy.post("1"), "strategy_error")["detail"].startswith("s.py:3: ")
    assert proxy.status()["ready"] is False
    assert readiness(proxy) == (200, None)
    two.change(strategy={"type": "RoundRobin"})
    soon(lambda: proxy.post("1").status_code == 200)


def test_the_right_to_read_a_strategy_may_come_after_it(two: Web) -> None:
    proxy = two.proxy()
    until(lambda: proxy.status()["ready"])
    two.api.put(CONFIG_MAP, "chooser", data={"s.py": LAST})
    two.api.forbidden.add(CONFIG_MAP)
    before = proxy.status()["generation"]
    generation = two.change(strategy=CUSTOM)
    assert proxy.post("1").status_code == 200
    assert proxy.status()["generation"] == before, "it does not claim to follow what it has not read"
    two.api.forbidden.clear()
    soon(lambda: proxy.status()["generation"] == generation)
    assert who(proxy) == "b"


def test_the_queue_follows(web: Web) -> None:
    agent = web.start("a")
    web.change(queue={"length": 0})
    proxy = web.proxy()
    until(lambda: proxy.status()["ready"])

    def busy(queued: int) -> bool:
        load = agent.status()
        return (load["inFlight"], load["queued"]) == (1, queued)

    with ThreadPoolExecutor(4) as threads:
        answers: list[Future[httpx.Response]] = [threads.submit(proxy.post, SLOW)]
        until(lambda: busy(0))
        problem(proxy.post("1"), "overloaded")
        generation = web.change(queue={"length": 2})
        soon(lambda: proxy.status()["generation"] == generation)
        answers += [threads.submit(proxy.post, "1"), threads.submit(proxy.post, "2")]
        until(lambda: busy(2))
        assert "full (2 evals each)" in problem(proxy.post("1"), "overloaded")["detail"]
        assert [answer.result().status_code for answer in answers] == [200, 200, 200]
    assert agent.status()["queue"] == {"length": 100}, "its own manifest's"


def test_timeouts_and_the_limit_of_a_request_follow(two: Web) -> None:
    proxy = two.proxy()
    until(lambda: proxy.status()["ready"])
    assert proxy.post("1", timeoutMs=60_000).status_code == 200
    large = "/*" + "x" * 900_000 + "*/ 1"
    assert proxy.post(large).status_code == 200
    two.change(timeouts={"eval": "100ms", "maxEval": "1s"}, limits={"request": "512Ki"})
    soon(lambda: proxy.post("1", timeoutMs=60_000).status_code == 400)
    problem(proxy.post("for(;;){}"), "timeout")
    problem(proxy.post(large), "payload_too_large")
    two.change()
    soon(lambda: proxy.post(large).status_code == 200)


def test_a_pool_that_is_not_there_yet(web: Web) -> None:
    proxy = web.proxy()
    soon(lambda: "there is no TyrexPool hop in namespace web" in problem(proxy.post("1"), "no_runtime")["detail"])
    assert readiness(proxy) == (503, "there is no TyrexPool hop in namespace web")
    web.change(size=-1)
    soon(lambda: "spec.size: write at least 0" in problem(proxy.post("1", timeoutMs=10**7), "no_runtime")["detail"])
    web.change(size=0)
    soon(lambda: readiness(proxy) == (200, None))
    assert problem(proxy.post("1"), "no_runtime")["detail"] == "the pool is parked: its size is 0"
    web.start("a")
    web.change()
    soon(lambda: proxy.post("1").status_code == 200)
    web.api.remove(TYREX_POOL, "hop")
    web.api.remove(ENDPOINT_SLICE, "of-a")
    soon(lambda: proxy.status()["runtimes"] == [])
    assert problem(proxy.post("1"), "no_runtime")["detail"] == "no runtime is ready: it has no runtimes yet"


def test_a_runtime_that_goes_loses_no_eval(two: Web) -> None:
    """As a rollout does it: a new one comes, an old one is terminating, then it is told to end."""
    proxy = two.proxy()
    until(lambda: proxy.status()["ready"])
    generation = two.change(strategy={"type": "LeastLoaded"}, timeouts={"drain": "20s"})
    soon(lambda: proxy.status()["generation"] == generation)
    leaving = two.agents["a"]
    with ThreadPoolExecutor(4) as threads, callers(proxy) as answers:
        slow = [threads.submit(proxy.post, SLOW) for _ in range(4)]
        until(lambda: leaving.status()["inFlight"] and leaving.status()["queued"])
        two.start("c")
        two.endpoint("a", ready=True, terminating=True)
        soon(lambda: "a" not in [runtime["name"] for runtime in proxy.status()["runtimes"]])
        leaving.process.send_signal(signal.SIGTERM)
        assert [answer.result().json() for answer in slow] == [{"result": "done"}] * 4
        leaving.http.close()
        assert leaving.process.wait(10) == 0
    assert [answer.text for answer in answers if answer.status_code != 200] == []
    assert {who(proxy) for _ in range(6)} == {"b", "c"}


def test_a_runtime_that_dies(two: Web) -> None:
    proxy = two.proxy()
    until(lambda: proxy.status()["ready"])
    two.agents["a"].process.kill()
    two.agents["a"].process.wait(10)
    until(lambda: [runtime["state"] for runtime in proxy.status()["runtimes"]] == ["Unreachable", "Ready"])
    assert [who(proxy) for _ in range(4)] == ["b"] * 4


def test_what_nobody_foresaw_costs_no_eval_and_is_followed_anew(two: Web) -> None:
    proxy = two.proxy()
    until(lambda: proxy.status()["ready"])
    with callers(proxy) as answers:
        two.api.spoil(TYREX_POOL)
        two.api.spoil(ENDPOINT_SLICE)
        generation = two.change(strategy={"type": "Hash"})
        until(lambda: proxy.status()["generation"] == generation)
        two.endpoint("b", terminating=True)
        until(lambda: len(proxy.status()["runtimes"]) == 1)
    assert [answer.text for answer in answers if answer.status_code != 200] == []


def test_an_api_server_that_is_gone_costs_nothing(two: Web) -> None:
    proxy = two.proxy()
    until(lambda: proxy.status()["ready"])
    two.api.close()
    assert [who(proxy) for _ in range(4)] in (["a", "b"] * 2, ["b", "a"] * 2)


@pytest.mark.parametrize(
    ("edit", "shortest", "longest"),
    [
        pytest.param(("maxEval: 1000h", "maxEval: 1000h, drain: 300ms"), 0.3, 1.4, id="another time"),
        pytest.param(("spec:", "sepc:"), 1.4, 10.0, id="what it was at the start, when the file is broken"),
    ],
)
def test_an_agent_reads_again_how_long_it_may_drain(
    web: Web, edit: tuple[str, str], shortest: float, longest: float
) -> None:
    agent = web.start("a")
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(agent.post, SLOW)
        until(lambda: agent.status()["inFlight"])
        web.manifest.write_text(MANIFEST.replace(*edit))
        began = monotonic()
        agent.process.send_signal(signal.SIGTERM)
        if shortest < 1:
            with pytest.raises(httpx.RemoteProtocolError):
                answer.result()
        else:
            assert answer.result().json() == {"result": "done"}
        agent.http.close()
        assert agent.process.wait(15) == 0
        assert shortest - 0.2 < monotonic() - began < longest


@pytest.mark.parametrize("raw", ["-1", "x", "1" * 9])
def test_a_queue_that_is_no_number(web: Web, raw: str) -> None:
    answer = web.start("a").http.post("/v1/eval", json={"code": "1"}, headers={"Tyrex-Queue": raw})
    assert "Tyrex-Queue: write a whole number" in problem(answer, "invalid_request")["detail"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param([], "pass --runtime URL, or --pool NAME and --namespace NS", id="nothing"),
        pytest.param(["--pool", "hop"], "pass --pool NAME and --namespace NS together", id="no namespace"),
        pytest.param(["--namespace", "web"], "pass --pool NAME and --namespace NS together", id="no pool"),
        pytest.param(
            ["--pool", "hop", "--namespace", "web", "--runtime", "http://a:1", "hop.yaml"],
            "leave out FILE and --runtime: with --pool all of that comes from the TyrexPool",
            id="a list, too",
        ),
        pytest.param(
            ["--pool", "hop", "--namespace", "web", "--strategy", "Hash"], "leave out --strategy", id="a strategy, too"
        ),
    ],
)
def test_a_mixture_is_refused(words: list[str], said: str) -> None:
    assert said in refused("proxy", *words)


def test_all_workers_of_a_proxy_follow(two: Web) -> None:
    proxy = two.proxy("--workers", "2")
    until(lambda: readiness(proxy) == (200, None))
    generation = two.change(strategy={"type": "Hash"})

    def seen() -> tuple[int, str]:
        """By the worker that a new connection meets."""
        status = httpx.get(proxy.url + "/v1/pool", trust_env=False).json()
        return status["generation"], status["strategy"]["type"]

    soon(lambda: [seen() for _ in range(20)] == [(generation, "Hash")] * 20)
    with proxy.http as one, httpx.Client(base_url=proxy.url, trust_env=False) as other:
        for key in map(str, range(20)):
            answers = [client.post("/v1/eval", json={"code": "1", "key": key}) for client in (one, other)]
            assert len({answer.headers["tyrex-runtime"] for answer in answers}) == 1
