from typing import Any

import msgspec
import pytest

from tyrex_pool.model.components import Component, ProxyComponent
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.permissions import Permissions, Rules
from tyrex_pool.model.quantities import Bytes
from tyrex_pool.model.schema import convert
from tyrex_pool.model.spec import (
    Access,
    ConfigMapKey,
    ConfigMapModule,
    CustomStrategy,
    Limits,
    MainModule,
    PoolSpec,
    Queue,
    Recycle,
    StrategySpec,
    Timeouts,
)

CUSTOM: dict[str, Any] = {"configMap": {"name": "my-strategy", "key": "strategy.py"}, "class": "Weighted"}

FULL: dict[str, Any] = {
    "size": 4,
    "strategy": {"type": "Custom", "custom": {**CUSTOM, "options": {"weights": [1, None, {"a": None}]}}},
    "permissions": {
        "default": "None",
        "allow": {"net": ["api.example.com:443"], "read": ["/data"], "env": ["*"]},
        "deny": {"net": ["169.254.169.254"]},
    },
    "mainModule": {"configMap": {"name": "render-src", "entrypoint": "main.ts"}},
    "isolation": "PerEval",
    "concurrency": 8,
    "queue": {"length": 0},
    "timeouts": {"eval": "500ms", "maxEval": "1m30s", "startup": "1s", "drain": "0s"},
    "limits": {"heap": "64Mi", "request": 1024, "result": "1e6"},
    "recycle": {"maxEvals": 1000, "maxAge": "1h"},
    "access": {"from": "Cluster", "authentication": "ServiceAccount"},
    "runtime": {
        "image": "registry.example.com/runtime:1",
        "imagePullPolicy": "Always",
        "resources": {"limits": {"cpu": None}},
        "pod": {"nodeSelector": {"disk": "ssd"}},
    },
    "proxy": {"replicas": 3, "image": "registry.example.com/proxy:1", "pod": {"hostNetwork": False}},
}


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        pytest.param({"mainModule": {"inline": "'\ud83d'"}}, "spec.mainModule.inline", id="inline"),
        pytest.param({"mainModule": {"inline": "'\ud83d' + '\ude00'"}}, "spec.mainModule.inline", id="both-halves"),
        pytest.param({"permissions": {"allow": {"net": ["a", "\ude00"]}}}, "spec.permissions.allow.net[1]", id="net"),
        pytest.param({"strategy": {"type": "\ud83d"}}, "spec.strategy.type", id="strategy"),
        pytest.param({"\ud83d": 1}, r"spec.\ud83d", id="unknown-field"),
        pytest.param({"runtime": {"pod": {"a": {"b\ud83d": 1}}}}, r"spec.runtime.pod.a.b\ud83d", id="free-form-key"),
        pytest.param(
            {"strategy": {"type": "Custom", "custom": {**CUSTOM, "options": {"a": [{"b": "\ud83d"}]}}}},
            "spec.strategy.custom.options.a[0].b",
            id="options",
        ),
    ],
)
def test_refuses_lone_surrogates_with_their_path(raw: object, path: str) -> None:
    with pytest.raises(InvalidSpec, match="without lone surrogates") as refused:
        PoolSpec.parse(raw)
    assert refused.value.path == path


def test_a_number_of_more_digits_than_python_writes() -> None:
    with pytest.raises(InvalidSpec, match="write at most 1000, not a value of type int"):
        PoolSpec.parse({"size": 10**5000})


@pytest.mark.parametrize("raw", [pytest.param(None, id="absent"), pytest.param({}, id="empty")])
def test_an_empty_spec_is_a_working_pool(raw: object) -> None:
    assert PoolSpec.parse(raw) == PoolSpec(
        size=2,
        strategy=StrategySpec(type="RoundRobin", custom=None),
        permissions=Permissions(),
        main_module=None,
        isolation="Shared",
        concurrency=1,
        queue=Queue(length=100),
        timeouts=Timeouts(),
        limits=Limits(heap=Bytes(128 << 20), request=Bytes(1 << 20), result=Bytes(8 << 20)),
        recycle=Recycle(max_evals=0),
        access=Access(from_="Namespace", authentication="None"),
        runtime=Component(image=None, image_pull_policy=None, resources={}, pod={}),
        proxy=ProxyComponent(image=None, image_pull_policy=None, resources={}, pod={}, replicas=2),
    )


def test_default_times_are_seconds() -> None:
    assert PoolSpec().timeouts.cpu is None
    assert PoolSpec.parse({"timeouts": {"cpu": "1s500ms"}}).timeouts.cpu == 1.5
    timeouts = PoolSpec().timeouts
    assert (timeouts.eval, timeouts.max_eval, timeouts.startup, timeouts.drain) == (5.0, 60.0, 30.0, 30.0)
    assert PoolSpec().recycle.max_age == 0.0


def test_every_field_is_read() -> None:
    spec = convert(FULL, PoolSpec, "spec")
    assert spec.size == 4
    assert spec.strategy.custom == CustomStrategy(
        ConfigMapKey("my-strategy", "strategy.py"), "Weighted", {"weights": [1, None, {"a": None}]}
    )
    assert spec.permissions == Permissions(
        allow=Rules(net=("api.example.com:443",), read=("/data",), env=("*",)),
        deny=Rules(net=("169.254.169.254",)),
    )
    assert spec.main_module == MainModule(config_map=ConfigMapModule("render-src", "main.ts"))
    assert (spec.isolation, spec.concurrency, spec.queue.length) == ("PerEval", 8, 0)
    assert (spec.timeouts.eval, spec.timeouts.max_eval) == (0.5, 90.0)
    assert (spec.timeouts.startup, spec.timeouts.drain) == (1.0, 0.0)
    assert spec.limits == Limits(Bytes(64 << 20), Bytes(1024), Bytes(1_000_000))
    assert (spec.recycle.max_evals, spec.recycle.max_age) == (1000, 3600.0)
    assert spec.access == Access("Cluster", "ServiceAccount")
    assert (spec.runtime.image_pull_policy, spec.runtime.resources) == ("Always", {"limits": {"cpu": None}})
    assert (spec.proxy.replicas, spec.proxy.pod) == (3, {"hostNetwork": False})


@pytest.mark.parametrize(
    ("raw", "module"),
    [
        pytest.param({"path": "/app/main.ts"}, MainModule(path="/app/main.ts"), id="path"),
        pytest.param({"inline": "1\n"}, MainModule(inline="1\n"), id="inline"),
        pytest.param(
            {"configMap": {"name": "a.b", "entrypoint": "_x.ts"}},
            MainModule(config_map=ConfigMapModule("a.b", "_x.ts")),
            id="config-map",
        ),
    ],
)
def test_main_modules(raw: object, module: MainModule) -> None:
    assert PoolSpec.parse({"mainModule": raw}).main_module == module


@pytest.mark.parametrize("kind", ["RoundRobin", "Random", "Hash", "LeastLoaded"])
def test_built_in_strategies(kind: str) -> None:
    assert PoolSpec.parse({"strategy": {"type": kind}}).strategy.type == kind


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param({"size": 0}, id="parked"),
        pytest.param({"size": 1000, "concurrency": 1000, "queue": {"length": 100_000}}, id="largest"),
        pytest.param({"timeouts": {"eval": "60s"}}, id="eval-as-long-as-may-be"),
        pytest.param({"limits": {"heap": "32Mi", "request": 1, "result": 1}}, id="smallest-limits"),
        pytest.param({"proxy": {"replicas": 0}}, id="no-proxy"),
        pytest.param({"strategy": {}, "permissions": {}, "queue": {}, "timeouts": {}}, id="empty-parts"),
    ],
)
def test_accepts(raw: object) -> None:
    PoolSpec.parse(raw)


@pytest.mark.parametrize(
    ("raw", "path", "problem"),
    [
        pytest.param([], "spec", "write a mapping", id="a-list"),
        pytest.param("", "spec", "write a mapping", id="a-string"),
        pytest.param({"sise": 1}, "spec.sise", "did you mean size?", id="unknown"),
        pytest.param({"main_module": {}}, "spec.main_module", "did you mean mainModule?", id="snake-case"),
        pytest.param({"size": "2"}, "spec.size", "a whole number", id="size-string"),
        pytest.param({"size": True}, "spec.size", "a whole number", id="size-bool"),
        pytest.param({"size": None}, "spec.size", "not null", id="size-null"),
        pytest.param({"size": 2.0}, "spec.size", "a whole number", id="size-float"),
        pytest.param({"size": -1}, "spec.size", "at least 0", id="size-negative"),
        pytest.param({"size": 1001}, "spec.size", "at most 1000", id="size-large"),
        pytest.param({"concurrency": 0}, "spec.concurrency", "at least 1", id="concurrency-zero"),
        pytest.param({"concurrency": 1001}, "spec.concurrency", "at most 1000", id="concurrency-large"),
        pytest.param({"queue": {"length": -1}}, "spec.queue.length", "at least 0", id="queue-negative"),
        pytest.param({"queue": {"length": 10**6}}, "spec.queue.length", "at most 100000", id="queue-large"),
        pytest.param({"queue": 5}, "spec.queue", "a mapping", id="queue-number"),
        pytest.param({"isolation": "None"}, "spec.isolation", "PerEval, Shared", id="isolation"),
        pytest.param({"strategy": "Hash"}, "spec.strategy", "a mapping", id="strategy-string"),
        pytest.param({"strategy": {"type": "hash"}}, "spec.strategy.type", "mean Hash?", id="strategy-case"),
        pytest.param({"strategy": {"type": "Custom"}}, "spec.strategy.custom", "missing", id="no-custom"),
        pytest.param(
            {"strategy": {"type": "Hash", "custom": CUSTOM}}, "spec.strategy.custom", "leave", id="custom-too"
        ),
        pytest.param({"strategy": {"custom": CUSTOM}}, "spec.strategy.custom", "leave it out", id="no-type"),
        pytest.param(
            {"strategy": {"type": "Hash", "custom": None}},
            "spec.strategy.custom",
            "not null",
            id="custom-null",
        ),
        pytest.param(
            {"strategy": {"type": "Custom", "custom": {"class": "A"}}},
            "spec.strategy.custom.configMap",
            "is missing",
            id="custom-without-map",
        ),
        pytest.param(
            {"strategy": {"type": "Custom", "custom": CUSTOM | {"class": "a.B"}}},
            "spec.strategy.custom.class",
            "matches",
            id="custom-class",
        ),
        pytest.param(
            {"strategy": {"type": "Custom", "custom": CUSTOM | {"class": "A\n"}}},
            "spec.strategy.custom.class",
            "matches",
            id="custom-class-new-line",
        ),
        pytest.param(
            {"strategy": {"type": "Custom", "custom": CUSTOM | {"options": []}}},
            "spec.strategy.custom.options",
            "a mapping",
            id="custom-options",
        ),
        pytest.param({"mainModule": {}}, "spec.mainModule", "exactly one of", id="module-empty"),
        pytest.param({"mainModule": None}, "spec.mainModule", "not null", id="module-null"),
        pytest.param({"mainModule": {"path": ""}}, "spec.mainModule.path", "at least 1", id="path-empty"),
        pytest.param(
            {"mainModule": {"path": "a", "inline": "b"}},
            "spec.mainModule",
            "not path and inline",
            id="two-modules",
        ),
        pytest.param(
            {"mainModule": {"path": "a", "inline": None}},
            "spec.mainModule.inline",
            "not null",
            id="module-member-null",
        ),
        pytest.param(
            {"mainModule": {"configMap": {"name": "a", "entrypoint": "../a.ts"}}},
            "spec.mainModule.configMap.entrypoint",
            "matches",
            id="entrypoint-outside",
        ),
        pytest.param(
            {"mainModule": {"configMap": {"name": "A", "entrypoint": "a.ts"}}},
            "spec.mainModule.configMap.name",
            "matches",
            id="config-map-name",
        ),
        pytest.param({"timeouts": {"eval": 5}}, "spec.timeouts.eval", "such as 5s", id="time-number"),
        pytest.param({"timeouts": {"eval": "0s"}}, "spec.timeouts.eval", "more than 0s", id="no-eval"),
        pytest.param({"timeouts": {"maxEval": "0s"}}, "spec.timeouts.maxEval", "more than", id="no-max"),
        pytest.param({"timeouts": {"cpu": "0s"}}, "spec.timeouts.cpu", "more than 0s", id="no-cpu"),
        pytest.param(
            {"timeouts": {"cpu": "1s"}, "concurrency": 2}, "spec.timeouts.cpu", "concurrency: 1, not 2", id="cpu-of-two"
        ),
        pytest.param({"timeouts": {"startup": "0s"}}, "spec.timeouts.startup", "more than", id="no-startup"),
        pytest.param(
            {"timeouts": {"eval": "61s"}}, "spec.timeouts.maxEval", "timeouts.eval (1m1s)", id="eval-over-max"
        ),
        pytest.param({"limits": {"heap": "31Mi"}}, "spec.limits.heap", "at least 32Mi", id="heap-small"),
        pytest.param({"limits": {"heap": "64m"}}, "spec.limits.heap", "thousandth", id="heap-milli"),
        pytest.param({"limits": {"request": 0}}, "spec.limits.request", "more than 0", id="no-request"),
        pytest.param({"limits": {"result": "0"}}, "spec.limits.result", "more than 0", id="no-result"),
        pytest.param({"recycle": {"maxEvals": -1}}, "spec.recycle.maxEvals", "at least 0", id="recycle"),
        pytest.param({"recycle": {"maxAge": "1d"}}, "spec.recycle.maxAge", "such as 5s", id="max-age"),
        pytest.param({"access": {"from": "World"}}, "spec.access.from", "Cluster, Namespace", id="from"),
        pytest.param({"access": {"from_": "Cluster"}}, "spec.access.from_", "unknown", id="python-name"),
        pytest.param(
            {"access": {"authentication": "Basic"}}, "spec.access.authentication", "None", id="authentication"
        ),
        pytest.param({"runtime": {"replicas": 2}}, "spec.runtime.replicas", "unknown", id="replicas"),
        pytest.param({"runtime": {"image": None}}, "spec.runtime.image", "not null", id="image-null"),
        pytest.param({"runtime": {"pod": None}}, "spec.runtime.pod", "a mapping", id="pod-null"),
        pytest.param(
            {"runtime": {"imagePullPolicy": "always"}},
            "spec.runtime.imagePullPolicy",
            "mean Always?",
            id="pull-policy",
        ),
        pytest.param({"proxy": {"replicas": 101}}, "spec.proxy.replicas", "at most 100", id="proxies"),
        pytest.param(
            {"permissions": {"dney": {"net": ["*"]}}}, "spec.permissions.dney", "mean deny?", id="permissions"
        ),
    ],
)
def test_refuses_with_the_path(raw: object, path: str, problem: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        PoolSpec.parse(raw)
    assert refused.value.path == path
    assert problem in refused.value.problem


def test_the_path_begins_where_the_caller_says() -> None:
    with pytest.raises(InvalidSpec, match=r"^pool\.size: "):
        PoolSpec.parse({"size": "2"}, path="pool")


def test_a_copy_with_one_change() -> None:
    assert msgspec.structs.replace(PoolSpec(), size=3) == PoolSpec.parse({"size": 3})


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        pytest.param({"isolation": "PerEval"}, "spec.isolation", id="isolation"),
        pytest.param({"access": {"authentication": "ServiceAccount"}}, "spec.access.authentication", id="access"),
    ],
)
def test_what_is_not_built_yet_is_refused(raw: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        PoolSpec.parse(raw)
    assert refused.value.path == path


@pytest.mark.parametrize("raw", [{}, {"recycle": {"maxEvals": 1}}])
def test_all_else_is_not(raw: dict[str, Any]) -> None:
    PoolSpec.parse(raw)
