"""Each strategy with two proxies and three runtimes, and changes that restart nothing."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.caller import Caller
from tests.cluster.cluster import Cluster
from tests.cluster.load import load
from tests.cluster.pools import InstalledPool
from tyrex_pool.model import names

SIZE = 3
FOLLOWS = 5.0
"""Seconds in which proxies follow a change; the contract says about one."""
CODE = "6 * 7"

STRATEGY = """
class Last:
    def __init__(self, options):
        self.back = options["back"]

    def select(self, runtimes, key):
        return runtimes[-self.back]
"""


@pytest.fixture(scope="module")
def demo(module_pool: Callable[..., InstalledPool], cluster: Cluster, module_namespace: str) -> InstalledPool:
    write(cluster, module_namespace, STRATEGY)
    return module_pool("demo", {"size": SIZE, "proxy": {"replicas": 2}})


def write(cluster: Cluster, namespace: str, source: str) -> None:
    """The ConfigMap of the custom strategy."""
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own", "namespace": namespace}}
    cluster.apply(json.dumps(config | {"data": {"strategy.py": source}}))


def strategy(kind: str, back: int = 1) -> dict[str, Any]:
    custom = {"configMap": {"name": "own", "key": "strategy.py"}, "class": "Last", "options": {"back": back}}
    return {"type": kind, "custom": custom if kind == "Custom" else None}


def follow(pool: InstalledPool, caller: Caller, **wanted: Any) -> None:
    """Until every proxy says so; within FOLLOWS seconds."""
    caller.run(wait_for_proxies, pool.proxy_urls(), wanted, FOLLOWS)


def use(pool: InstalledPool, caller: Caller, kind: str, **more: Any) -> None:
    follow(pool, caller, generation=pool.patch({"strategy": strategy(kind, **more)}), strategy=kind)


@pytest.mark.parametrize("kind", ["RoundRobin", "Random", "LeastLoaded"])
def test_every_runtime_has_its_share(demo: InstalledPool, module_caller: Caller, kind: str) -> None:
    use(demo, module_caller, kind)
    answers = module_caller.evals(demo, CODE, times=60)
    assert {result for result, _ in answers} == {42}
    assert {runtime for _, runtime in answers} == demo.pod_names(names.COMPONENT_RUNTIME)


def test_round_robin_takes_turns_at_each_proxy(demo: InstalledPool, module_caller: Caller) -> None:
    use(demo, module_caller, "RoundRobin")
    for url in demo.proxy_urls():
        answers = module_caller.evals(url, CODE, times=4 * SIZE)
        assert set(Counter(runtime for _, runtime in answers).values()) == {4}


def test_hash_takes_the_same_runtime_for_a_key_at_both_proxies(demo: InstalledPool, module_caller: Caller) -> None:
    use(demo, module_caller, "Hash")
    proxies, keys = demo.proxy_urls(), [f"user-{number}" for number in range(20)]
    assert len(proxies) == 2
    met = module_caller.run(runtimes_of, demo.url, proxies, keys)
    assert {key: set(runtimes) for key, runtimes in met.items() if len(set(runtimes)) > 1} == {}
    assert {runtimes[0] for runtimes in met.values()} == demo.pod_names(names.COMPONENT_RUNTIME)


@pytest.mark.parametrize("back", [1, 3])
def test_custom_takes_whom_the_class_says(demo: InstalledPool, module_caller: Caller, back: int) -> None:
    use(demo, module_caller, "Custom", back=back)
    runtimes = sorted(demo.pod_names(names.COMPONENT_RUNTIME))
    assert set(module_caller.evals(demo, CODE, times=12)) == {(42, runtimes[-back])}


def test_proxies_follow_the_source_of_the_class(demo: InstalledPool, module_caller: Caller, cluster: Cluster) -> None:
    use(demo, module_caller, "Custom")
    first = min(demo.pod_names(names.COMPONENT_RUNTIME))
    write(cluster, demo.namespace, STRATEGY.replace("-self.back", "self.back - 1"))
    cluster.wait(lambda: set(module_caller.evals(demo, CODE, times=12)) == {(42, first)}, FOLLOWS, f"{first} alone")


def test_a_custom_strategy_that_does_not_load_says_so_and_heals(demo: InstalledPool, module_caller: Caller) -> None:
    demo.patch({"strategy": strategy("Custom") | {"custom": {"class": "Lost"}}})
    said = demo.wait_condition("Ready", "False", "InvalidStrategy")["message"]
    assert "Lost" in said
    answer = module_caller.post(demo, names.PATH_EVAL, {"code": "1"})
    assert (answer["status"], answer["body"]["name"]) == (500, "strategy_error")
    use(demo, module_caller, "RoundRobin")
    demo.wait_ready()
    assert module_caller.eval(demo, CODE) == 42


def test_a_change_of_strategy_restarts_nothing_and_drops_nothing(demo: InstalledPool, module_caller: Caller) -> None:
    use(demo, module_caller, "RoundRobin")
    before = demo.restarts()
    with load(module_caller, demo) as found:
        for kind in ("Hash", "Custom", "LeastLoaded", "Random", "RoundRobin"):
            use(demo, module_caller, kind)
    found.assert_flawless()
    assert demo.restarts() == before


def test_a_change_of_queue_and_timeouts_restarts_nothing_and_drops_nothing(
    demo: InstalledPool, module_caller: Caller
) -> None:
    before = demo.restarts()
    long = {"code": CODE, "timeoutMs": 70_000}
    with load(module_caller, demo) as found:
        assert module_caller.post(demo, names.PATH_EVAL, long)["body"]["name"] == "invalid_request"
        spec = {"queue": {"length": 50}, "timeouts": {"maxEval": "90s"}}
        follow(demo, module_caller, generation=demo.patch(spec), queue=50)
        assert module_caller.post(demo, names.PATH_EVAL, long)["body"] == {"result": 42}
    found.assert_flawless()
    assert demo.restarts() == before


@pytest.mark.parametrize(("length", "overloaded"), [(0, SIZE), (1, 0)])
def test_the_queue_is_as_long_as_the_pool_says_now(
    demo: InstalledPool, module_caller: Caller, length: int, overloaded: int
) -> None:
    generation = demo.patch({"queue": {"length": length}, "strategy": strategy("LeastLoaded")})
    follow(demo, module_caller, generation=generation, queue=length)
    (one, *_) = demo.proxy_urls()
    told = Counter(module_caller.run(at_once, one, 2 * SIZE))
    assert told == Counter(done=2 * SIZE - overloaded, overloaded=overloaded)
    demo.patch({"queue": {"length": 100}})


# What runs in the caller's pod --------------------------------------------------------------------------------


def wait_for_proxies(urls: list[str], wanted: dict[str, Any], deadline: float) -> float:
    """Ask each proxy, by its own address, until all say what is wanted of their pool; the seconds it took."""
    import time

    import httpx

    def said(url: str) -> dict[str, Any]:
        pool = httpx.get(f"{url}/v1/pool").json()
        return {
            "strategy": pool["strategy"]["type"],
            "queue": pool["queue"]["length"],
            "generation": pool["generation"],
        }

    began = time.monotonic()
    while not all(wanted.items() <= said(url).items() for url in urls):
        assert time.monotonic() - began < deadline, [said(url) for url in urls]
    return time.monotonic() - began


def runtimes_of(url: str, proxies: list[str], keys: list[str]) -> dict[str, list[str]]:
    """For each key the runtimes that each proxy names, and those that evaluate it, through either proxy."""
    import httpx

    from tyrex_pool import Client

    def named(proxy: str, key: str) -> str:
        runtime: str = httpx.get(f"{proxy}/v1/explain", params={"key": key}).json()["runtime"]
        return runtime

    # connections are not kept, so that evals meet both proxies
    with httpx.Client(limits=httpx.Limits(max_keepalive_connections=0)) as http:
        met = {key: [Client(url, http=http).eval_response("1", key=key).runtime for _ in range(4)] for key in keys}
    return {key: [*(named(proxy, key) for proxy in proxies), *runtimes] for key, runtimes in met.items()}


def at_once(url: str, evals: int) -> list[str]:
    """What so many evals that come at the same time are told; each runs for a second."""
    import asyncio

    from tyrex_pool import AsyncClient, TyrexError

    async def told(client: AsyncClient) -> str:
        try:
            return str(await client.eval("new Promise(done => setTimeout(done, 1000, 'done'))"))
        except TyrexError as error:
            return error.name

    async def all_told() -> list[str]:
        async with AsyncClient(url) as client:
            return await asyncio.gather(*(told(client) for _ in range(evals)))

    return asyncio.run(all_told())
