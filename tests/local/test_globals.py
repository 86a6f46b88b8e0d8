"""What libraries look at when they load: NODE_ENV, and whether the storages of browsers are there."""

from pathlib import Path
from typing import Any

import pytest

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool, result
from tyrex_pool import LocalPool

SPEC = {"size": 1}

READS = [
    pytest.param("process.env.NODE_ENV", id="process.env"),
    pytest.param("Deno.env.get('NODE_ENV')", id="Deno.env"),
    pytest.param("globalThis.process.env['NODE_ENV']", id="by its name"),
    pytest.param("const {env: {NODE_ENV}} = process; NODE_ENV", id="destructured"),
    pytest.param("import('node:process').then((p) => p.env.NODE_ENV)", id="node:process"),
    pytest.param("import('node:process').then((p) => p.default.env.NODE_ENV)", id="its default"),
    pytest.param("process.getBuiltinModule('process').env.NODE_ENV", id="getBuiltinModule"),
    pytest.param(
        "import('data:text/javascript,export default process.env.NODE_ENV').then((m) => m.default)", id="data"
    ),
    pytest.param("'NODE_ENV' in process.env && process.env.NODE_ENV", id="in"),
    pytest.param("process?.env?.NODE_ENV ?? 'development'", id="with a default"),
]
DENIED = [
    pytest.param("process.env.HOME", 'spec.permissions.allow.env: ["HOME"]', id="process.env"),
    pytest.param("Deno.env.get('NODE_PATH')", 'spec.permissions.allow.env: ["NODE_PATH"]', id="a neighbour"),
    pytest.param("process.env.node_env", 'spec.permissions.allow.env: ["node_env"]', id="another case"),
    pytest.param("process.env.NODE_ENV_2", 'spec.permissions.allow.env: ["NODE_ENV_2"]', id="a longer name"),
    pytest.param("Object.keys(process.env)", 'spec.permissions.allow.env: ["*"]', id="all names"),
    pytest.param("({...process.env})", 'spec.permissions.allow.env: ["*"]', id="all of it"),
    pytest.param("Deno.env.toObject()", 'spec.permissions.allow.env: ["*"]', id="toObject"),
    pytest.param("process.env.X = '1'", 'spec.permissions.allow.env: ["X"]', id="writing another"),
]


@pytest.fixture(autouse=True)
def no_node_env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODE_ENV", raising=False)


@pytest.mark.parametrize("code", READS)
def test_node_env_needs_no_permission(start: Start, code: str) -> None:
    assert start(size=1).eval(code) == "production"


@pytest.mark.parametrize(("code", "said"), DENIED)
def test_everything_else_does(pool: RunningPool, code: str, said: str) -> None:
    detail = problem(pool.post(code), "execution_error")["detail"]
    assert detail.startswith("NotCapable: ")
    assert said in detail


@pytest.mark.parametrize(
    ("permissions", "value"),
    [
        pytest.param({"allow": {"env": ["LANG"]}}, "test", id="another is allowed"),
        pytest.param({"allow": {"env": ["*"]}}, "test", id="all are allowed"),
        pytest.param({"default": "AllowAll"}, "test", id="AllowAll"),
        pytest.param({"deny": {"env": ["HOME"]}}, "test", id="another is denied"),
        pytest.param({"deny": {"env": ["NODE_ENV"]}}, None, id="denied"),
        pytest.param({"deny": {"env": ["*"]}}, None, id="all are denied"),
        pytest.param({"default": "AllowAll", "deny": {"env": ["NODE_*"]}}, None, id="AllowAll, denied"),
    ],
)
def test_the_environment_of_the_runtime_wins_and_a_denial_too(
    start: Start, monkeypatch: pytest.MonkeyPatch, permissions: dict[str, Any], value: str | None
) -> None:
    monkeypatch.setenv("NODE_ENV", "test")
    pool = start(size=1, permissions=permissions)
    if value is None:
        assert "NotCapable" in problem(pool.post("process.env.NODE_ENV"), "execution_error")["detail"]
    else:
        assert pool.eval("process.env.NODE_ENV") == value


@pytest.mark.parametrize(
    ("name", "source"),
    [
        pytest.param("main.ts", "const mode = process.env.NODE_ENV; export const f = () => mode", id="a module"),
        pytest.param(
            "main.js",
            "import { env } from 'node:process'; const m = env.NODE_ENV; export const f = () => m",
            id="an import",
        ),
        pytest.param("main.cjs", "const mode = process.env.NODE_ENV; exports.f = () => mode", id="CommonJS"),
        pytest.param("main.cjs", "const m = require('process').env.NODE_ENV; exports.f = () => m", id="required"),
        pytest.param(
            "main.cjs",
            "if (process.env.NODE_ENV === 'production') exports.f = () => 'production'; else throw new Error('dev')",
            id="as React's entry",
        ),
    ],
)
def test_node_env_in_main_modules(start: Start, tmp_path: Path, name: str, source: str) -> None:
    (tmp_path / name).write_text(source)
    assert result(start(directory=tmp_path, size=1, mainModule={"path": name}).call("f")) == "production"


async def test_node_env_in_a_local_pool() -> None:
    async with LocalPool(size=1) as pool:
        assert await pool.eval("process.env.NODE_ENV") == "production"


DETECTIONS = [
    pytest.param("typeof NAME === 'undefined'", id="typeof"),
    pytest.param("!('NAME' in globalThis)", id="in globalThis"),
    pytest.param("globalThis.NAME === undefined", id="a member"),
    pytest.param("!globalThis?.['NAME']", id="optional chaining"),
    pytest.param("!Object.hasOwn(globalThis, 'NAME')", id="hasOwn"),
    pytest.param("!Reflect.has(self, 'NAME')", id="Reflect.has"),
    pytest.param("!Object.getOwnPropertyNames(globalThis).includes('NAME')", id="own names"),
    pytest.param("Object.getOwnPropertyDescriptor(globalThis, 'NAME') === undefined", id="a descriptor"),
    pytest.param("(() => { try { NAME; return false } catch (e) { return e instanceof ReferenceError } })()", id="try"),
    pytest.param("new Function('return typeof NAME')() === 'undefined'", id="Function"),
    pytest.param("typeof (typeof window !== 'undefined' ? window : globalThis).NAME === 'undefined'", id="window"),
    pytest.param(
        "import('data:text/javascript,export default typeof NAME').then((m) => m.default === 'undefined')",
        id="a module",
    ),
    pytest.param("import('node:vm').then((vm) => vm.runInThisContext('typeof NAME') === 'undefined')", id="node:vm"),
    pytest.param("!globalThis.hasOwnProperty('NAME')", id="hasOwnProperty"),
]


@pytest.mark.parametrize("name", ["localStorage", "caches", "Cache", "CacheStorage"])
@pytest.mark.parametrize("code", DETECTIONS)
def test_what_cannot_work_is_not_there(pool: RunningPool, code: str, name: str) -> None:
    assert pool.eval(code.replace("NAME", name)) is True


@pytest.mark.parametrize("permissions", [{}, {"default": "AllowAll"}, {"allow": {"read": ["*"], "write": ["*"]}}])
def test_no_permission_brings_it_back(start: Start, permissions: dict[str, Any]) -> None:
    pool = start(size=1, permissions=permissions)
    assert pool.eval("[typeof localStorage, typeof caches]") == ["undefined", "undefined"]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("main.ts", "const seen = [typeof localStorage, typeof caches]; export const f = () => seen"),
        ("main.cjs", "const seen = [typeof localStorage, typeof globalThis.caches]; exports.f = () => seen"),
    ],
)
def test_in_main_modules(start: Start, tmp_path: Path, name: str, source: str) -> None:
    (tmp_path / name).write_text(source)
    pool = start(directory=tmp_path, size=1, mainModule={"path": name})
    assert result(pool.call("f")) == ["undefined", "undefined"]


def test_a_polyfill_may_take_its_place(start: Start) -> None:
    pool = start(size=1)
    assert pool.eval("globalThis.localStorage ??= {getItem: () => 'kept'}; localStorage.getItem('x')") == "kept"


def test_session_storage_works_and_ends_with_the_isolate(start: Start) -> None:
    pool = start(size=1)
    assert pool.eval("sessionStorage.setItem('a', 'b'); [sessionStorage instanceof Storage, sessionStorage.a]") == [
        True,
        "b",
    ]
    pool.post("Deno.exit()")
    assert pool.eval("sessionStorage.getItem('a')") is None
