"""What an agent reads is what the pool says; and which changes of a pool start runtimes anew."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plan.plans import NAMES, PLATFORM, golden_pool, pool
from tyrex_pool.model import names
from tyrex_pool.model.durations import LONGEST
from tyrex_pool.model.manifest import Manifest
from tyrex_pool.model.schema import convert
from tyrex_pool.model.spec import MainModule, PoolSpec
from tyrex_pool.plan.agent_manifest import agent_manifest, spec_hash
from tyrex_pool.plan.declared_pool import DeclaredPool, Platform
from tyrex_pool.plan.runtime_deployment import build

MODULE = {"mainModule": {"configMap": {"name": "src", "entrypoint": "main.ts"}}}
FILES = {"src": {"main.ts": "1", "other.ts": "2"}}
SOURCE = st.text(st.characters(exclude_categories=["Cs"]))


def for_an_agent(spec: PoolSpec) -> PoolSpec:
    """What of a spec must reach it."""
    timeouts = msgspec.structs.replace(spec.timeouts, max_eval=LONGEST)
    usual = PoolSpec()
    return msgspec.structs.replace(
        spec,
        timeouts=timeouts,
        size=usual.size,
        strategy=usual.strategy,
        access=usual.access,
        runtime=usual.runtime,
        proxy=usual.proxy,
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_agent_reads_its_pool(name: str) -> None:
    given_pool = golden_pool(name)
    read = Manifest.load(agent_manifest(given_pool, PLATFORM))
    assert (read.name, read.namespace, read.ignored) == (given_pool.name, given_pool.namespace, ())
    assert read.spec == for_an_agent(given_pool.spec)
    assert read.config_maps == ({"prices-source": given_pool.config_maps["prices-source"]} if read.config_maps else {})
    assert bool(read.config_maps) == (name == "main-module")


@given(SOURCE.filter(bool), st.dictionaries(st.from_regex(r"[-_a-z][-._a-z]{0,9}", fullmatch=True), SOURCE))
def test_sources_travel_unchanged(inline: str, files: dict[str, str]) -> None:
    spec = msgspec.structs.replace(PoolSpec(), main_module=MainModule(inline=inline))
    assert (
        Manifest.load(agent_manifest(DeclaredPool("p", "web", None, spec), PLATFORM)).spec.main_module
        == spec.main_module
    )
    files = {**files, "main.ts": inline}
    read = Manifest.load(
        agent_manifest(DeclaredPool("p", "web", None, PoolSpec.parse(MODULE), {"src": files}), PLATFORM)
    )
    assert read.config_maps == {"src": files}


def test_a_path_stays_a_path() -> None:
    read = Manifest.load(agent_manifest(pool(mainModule={"path": "/app/main.ts"}), PLATFORM))
    assert read.spec.main_module == MainModule(path="/app/main.ts")


def test_the_longest_times_can_be_written() -> None:
    timeouts = {"eval": "99999h99999h", "maxEval": "99999h99999h99999h"}
    read = Manifest.load(agent_manifest(pool(timeouts=timeouts), PLATFORM)).spec.timeouts
    assert (read.eval, read.max_eval) == (LONGEST, LONGEST)


def hashed(platform: Platform = PLATFORM, files: dict[str, dict[str, str]] = FILES, **spec: Any) -> str:
    parsed = convert({**MODULE, **spec}, PoolSpec, "spec")  # also what the CRD allows and this version cannot do
    return spec_hash(DeclaredPool("p", "web", "1", parsed, files), platform)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"timeouts": {"cpu": "1s"}}, id="timeouts.cpu"),
        pytest.param({"mainModule": {"inline": "1"}}, id="main module"),
        pytest.param({"mainModule": {"configMap": {"name": "src", "entrypoint": "other.ts"}}}, id="entrypoint"),
        pytest.param({"permissions": {"deny": {"net": ["a"]}}}, id="permissions"),
        pytest.param({"limits": {"heap": "64Mi"}}, id="limits"),
        pytest.param({"isolation": "PerEval"}, id="isolation"),
        pytest.param({"concurrency": 2}, id="concurrency"),
        pytest.param({"recycle": {"maxEvals": 1}}, id="recycle"),
        pytest.param({"runtime": {"image": "mine:1"}}, id="image"),
        pytest.param({"runtime": {"pod": {"nodeSelector": {"a": "b"}}}}, id="pod"),
        pytest.param({"files": {"src": {"main.ts": "1", "other.ts": "3"}}}, id="a file"),
        pytest.param({"platform": Platform("newer:2", "b")}, id="the platform's image"),
    ],
)
def test_starts_runtimes_anew(spec: dict[str, Any]) -> None:
    assert hashed(**spec) != hashed()


CUSTOM = {"type": "Custom", "custom": {"configMap": {"name": "s", "key": "k"}, "class": "C"}}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"size": 5}, id="size"),
        pytest.param({"strategy": {"type": "Hash"}}, id="strategy"),
        pytest.param({"strategy": CUSTOM}, id="custom strategy"),
        pytest.param({"queue": {"length": 1}}, id="queue"),
        pytest.param({"timeouts": {"eval": "1s", "maxEval": "2s", "drain": "1s", "startup": "9s"}}, id="timeouts"),
        pytest.param({"access": {"from": "Cluster"}}, id="access"),
        pytest.param({"proxy": {"replicas": 1, "image": "mine:1"}}, id="proxy"),
        pytest.param({"limits": {"heap": 134_217_728}}, id="the same, written otherwise"),
        pytest.param({"permissions": {"default": "None", "allow": {"net": []}}}, id="the default, written out"),
        pytest.param({"files": {"src": {"other.ts": "2", "main.ts": "1"}, "x": {}}}, id="order, and files of others"),
        pytest.param({"platform": Platform(PLATFORM.runtime_image, "newer:2", "Always")}, id="the proxies' image"),
    ],
)
def test_starts_nothing_anew(spec: dict[str, Any]) -> None:
    assert hashed(**spec) == hashed()
    if "platform" not in spec and "files" not in spec:
        templates = [build(pool(**one), PLATFORM)["spec"]["template"] for one in (spec, {})]
        assert templates[0] == templates[1]


def test_it_bears_the_hash_by_which_an_agent_knows_it() -> None:
    given = pool(limits={"heap": "64Mi"})
    wanted = spec_hash(given, PLATFORM)
    assert Manifest.load(agent_manifest(given, PLATFORM)).annotations == {names.ANNOTATION_SPEC_HASH: wanted}
