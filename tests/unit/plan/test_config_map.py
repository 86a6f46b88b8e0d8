"""What does not fit into a ConfigMap is refused by the pool's own field."""

from typing import Any

import pytest

from tests.unit.plan.plans import PLATFORM, pool
from tyrex_pool.model.config_maps import CONTENT_LIMIT, Files
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.manifest import Manifest
from tyrex_pool.model.names import CONFIG_FILE
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan.config_map import build
from tyrex_pool.plan.declared_pool import DeclaredPool

MODULE = {"mainModule": {"configMap": {"name": "src", "entrypoint": "main.ts"}}}
LINE = "let a = 1;\n"


def in_config_map(**files: str | bytes) -> DeclaredPool:
    maps: dict[str, Files] = {"src": {"main.ts": "", **files}}
    return DeclaredPool("p", "web", "1", PoolSpec.parse(MODULE), maps)


def inline(code: str) -> DeclaredPool:
    return pool(mainModule={"inline": code})


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(in_config_map(a="x" * 1_040_000), id="text"),
        pytest.param(in_config_map(a=b"\xff" * 780_000), id="bytes"),
        pytest.param(inline("x" * 524_288), id="inline, as long as may be"),
    ],
)
def test_what_fits(given: DeclaredPool) -> None:
    text = build(given, PLATFORM)["data"][CONFIG_FILE]
    assert len(text.encode()) <= CONTENT_LIMIT
    assert Manifest.load(text).spec.main_module == given.spec.main_module


HOSTS = {"net": [f"{index:0>500}.example" for index in range(256)]}
GRANTS: Any = {"allow": dict.fromkeys(("net", "read", "env", "run", "ffi", "sys", "import"), HOSTS["net"])}
GRANTS["deny"] = GRANTS["allow"]


@pytest.mark.parametrize(
    ("given", "path", "advice"),
    [
        pytest.param(in_config_map(a="x" * CONTENT_LIMIT), "spec.mainModule.configMap", "remove keys", id="text"),
        pytest.param(in_config_map(a=LINE * 80_000), "spec.mainModule.configMap", "as runtimes read it", id="indented"),
        pytest.param(in_config_map(a=b"\0" * 800_000), "spec.mainModule.configMap", "in base64", id="bytes"),
        pytest.param(
            in_config_map(**{f"f{index}": "x" * 70_000 for index in range(15)}),
            "spec.mainModule.configMap",
            "remove keys",
            id="many files",
        ),
        pytest.param(inline("😀" * 300_000), "spec.mainModule.inline", "shorten it", id="inline"),
        pytest.param(pool(permissions=GRANTS), "spec.permissions", "write fewer entries", id="permissions"),
    ],
)
def test_what_does_not(given: DeclaredPool, path: str, advice: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        build(given, PLATFORM)
    assert refused.value.path == path
    assert "a ConfigMap holds 1,048,576" in refused.value.problem
    assert advice in refused.value.problem
