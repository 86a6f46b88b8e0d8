"""What `/v1/call` may call: exports of the main module before globals. What is not found says what there is."""

from pathlib import Path
from typing import Any

import pytest

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool, result
from tyrex_pool import LocalPool, UnknownFunction

MAIN = """
import { basename } from "node:path";
export function render(name: string) { return `<p>${name}</p>`; }
export const add = (a: number, b: number): number => a + b;
export async function later(value: unknown) { await null; return [value]; }
export async function fails() { await null; throw new TypeError("not today"); }
export function self() { return this === undefined; }
export const cart = { rate: 2, price(n: number) { return n * this.rate; }, deep: { tax: (n: number) => n / 2 } };
export class Cart { static rate = 3; static total(n: number) { return n * this.rate; } }
export class Sub extends Cart {}
export let live = () => 1;
export const relive = () => { live = () => 2; };
export const answer = 42, nothing = null;
export { basename as base };
export * as path from "node:path";
export default (a: number) => -a;
export function both() { return "export"; }
globalThis.both = () => "global";
globalThis.onlyGlobal = () => "global";
"""
SPEC = {"size": 1, "mainModule": {"inline": MAIN}}

CALLED = [
    pytest.param("render", ["Ann"], "<p>Ann</p>", id="a function"),
    pytest.param("add", [1, 2], 3, id="an arrow function"),
    pytest.param("later", [1], [1], id="an async function"),
    pytest.param("self", [], True, id="called as importers do"),
    pytest.param("cart.price", [4], 8, id="a method of an object, called on it"),
    pytest.param("cart.deep.tax", [4], 2, id="a dotted path"),
    pytest.param("Cart.total", [4], 12, id="a static method, called on its class"),
    pytest.param("Sub.total", [4], 12, id="an inherited static method"),
    pytest.param("base", ["/a/b"], "b", id="a re-export"),
    pytest.param("path.dirname", ["/a/b"], "/a", id="a re-exported namespace"),
    pytest.param("default", [5], -5, id="the default export"),
    pytest.param("both", [], "export", id="an export before a global"),
    pytest.param("globalThis.both", [], "global", id="the global all the same"),
    pytest.param("onlyGlobal", [], "global", id="a global"),
    pytest.param("Math.max", [1, 5, 3], 5, id="a built-in"),
]


@pytest.mark.parametrize(("function", "args", "value"), CALLED)
def test_exports_are_called(pool: RunningPool, function: str, args: list[Any], value: Any) -> None:
    assert result(pool.call(function, *args)) == value


def test_exports_are_live(start: Start) -> None:
    pool = start(**SPEC)
    assert result(pool.call("live")) == 1
    pool.call("relive")
    assert result(pool.call("live")) == 2


def test_what_an_export_throws(pool: RunningPool) -> None:
    assert problem(pool.call("fails"), "promise_rejection")["detail"] == "TypeError: not today"
    assert "without 'new'" in problem(pool.call("Cart"), "execution_error")["detail"]


def test_exports_are_no_globals(pool: RunningPool) -> None:
    assert pool.eval("[typeof render, typeof cart]") == ["undefined", "undefined"]


def test_evals_cannot_replace_an_export(start: Start) -> None:
    pool = start(**SPEC)
    pool.eval("globalThis.render = () => 'forged'; Object.prototype.add = () => 'forged'; 1")
    assert result(pool.call("render", "Ann")) == "<p>Ann</p>"
    assert result(pool.call("add", 1, 2)) == 3


MISSING = [
    pytest.param("nowhere", "nowhere is not a function: it is undefined; ", id="nothing"),
    pytest.param("answer", "answer is not a function: it is number; ", id="a number"),
    pytest.param("nothing", "nothing is not a function: it is null; ", id="null"),
    pytest.param("nothing.f", "nothing is null; ", id="a member of null"),
    pytest.param("cart", "cart is not a function: it is object; ", id="an object"),
    pytest.param("cart.rate", "cart.rate is not a function: it is number; ", id="a member that is none"),
    pytest.param("Render", "Render is not a function: it is undefined; ", id="another case"),
]


@pytest.mark.parametrize(("function", "said"), MISSING)
def test_an_unknown_function_says_what_can_be_called(pool: RunningPool, function: str, said: str) -> None:
    detail = problem(pool.call(function), "unknown_function")["detail"]
    assert detail.startswith(said)
    offered = detail.removeprefix(said).removeprefix("functions of the main module: ").split(", ")
    for name in ["render", "add", "later", "default", "cart.price", "Cart.total"]:
        assert name in offered
    assert not {"answer", "cart", "Cart", "cart.rate"} & set(offered), "these cannot be called"


OFFERED = [
    pytest.param("globalThis.f = () => 1", ["f"], id="a global"),
    pytest.param("globalThis.util = {f() {}, n: 1, deep: {g() {}}}", ["util.f"], id="members of a global"),
    pytest.param("var f = 1; function g() {}; class H {}", [], id="nothing of its own scope"),
    pytest.param("export default {render() {}}", ["default.render"], id="a default object"),
    pytest.param("export default class { static f() {} }", ["default.f"], id="a default class"),
    pytest.param("export {}", [], id="no export"),
    pytest.param("export const n = 1, s = 'x', o = null, u = undefined, l = [1]", [], id="values"),
    pytest.param(
        "globalThis.o = {get bad() { throw 1 }}; Object.defineProperty(globalThis, 'late',"
        " {get() { Deno.exit(3) }, enumerable: true})",
        ["late", "o.bad"],
        id="getters, which do not run",
    ),
    pytest.param(
        "const trap = new Proxy({}, {get() { Deno.exit(3) }, ownKeys() { Deno.exit(3) },"
        " getOwnPropertyDescriptor() { Deno.exit(3) }});\nexport const p = trap; export const f = () => 1",
        ["f"],
        id="a Proxy, which is not asked",
    ),
    pytest.param(
        "export const trap = new Proxy(() => 1, {getOwnPropertyDescriptor() { throw 1 }}), f = eval",
        ["f"],
        id="a Proxy of a function",
    ),
]


@pytest.mark.parametrize(("module", "names"), OFFERED)
def test_what_is_offered(start: Start, module: str, names: list[str]) -> None:
    pool = start(size=1, mainModule={"inline": module})
    detail = problem(pool.call("nowhere"), "unknown_function")["detail"]
    offered = "functions of the main module: " + ", ".join(names)
    assert detail.endswith(offered if names else "the main module exports no function, and adds none to globalThis")


def test_without_a_main_module(start: Start) -> None:
    detail = problem(start(size=1).call("nowhere"), "unknown_function")["detail"]
    assert detail.endswith("the pool has no main module, so there are global functions only")


def test_what_is_offered_is_bounded(start: Start) -> None:
    many = "for (let i = 0; i < 5000; i++) globalThis['f' + i] = () => i;\n"
    long = "globalThis['x'.repeat(1e6)] = () => 1;\n"
    pool = start(size=1, mainModule={"inline": long + many + "export const first = () => 1"})
    detail = problem(pool.call("nowhere"), "unknown_function")["detail"]
    assert "main module: first, f0, f1, " in detail
    assert detail.endswith(", …")
    assert len(detail) < 2_000
    assert result(pool.call("f4999")) == 4999


def test_names_are_those_of_the_main_module_only(start: Start) -> None:
    pool = start(size=1, mainModule={"inline": "export const f = () => 1"})
    pool.eval("globalThis.secretOfAnEval = () => 1; 1")
    assert problem(pool.call("nowhere"), "unknown_function")["detail"].endswith("main module: f")
    assert result(pool.call("secretOfAnEval")) == 1


COMMON_JS = [
    pytest.param("module.exports = {f: () => 42, n: 1}", "f", id="module.exports"),
    pytest.param("exports.f = () => 42", "f", id="exports"),
    pytest.param("module.exports['f' + ''] = () => 42", "f", id="a name that only running finds"),
    pytest.param("module.exports = {rate: 42, f() { return this.rate }}", "f", id="called on module.exports"),
    pytest.param("module.exports = () => 42", "default", id="a function as default"),
    pytest.param("module.exports = function () {}; module.exports.f = () => 42", "f", id="a member of a function"),
    pytest.param(
        "Object.defineProperty(exports, '__esModule', {value: true}); exports.default = () => 42",
        "default",
        id="a transpiled default",
    ),
    pytest.param("const it = {}; module.exports = it; it.f = () => 42", "f", id="set later"),
    pytest.param(
        "Object.defineProperty(module.exports, 'f', {get: () => () => 42, enumerable: true})", "f", id="a getter"
    ),
    pytest.param("module.exports = {a: {f: () => 42}}", "a.f", id="a dotted path"),
    pytest.param("module.exports = class { static f() { return 42 } }", "f", id="a static method"),
    pytest.param("globalThis.f = () => 42; module.exports = 7", "f", id="a global beside a number"),
]


@pytest.mark.parametrize(("source", "function"), COMMON_JS)
def test_a_main_module_in_common_js(start: Start, tmp_path: Path, source: str, function: str) -> None:
    (tmp_path / "main.cjs").write_text(source)
    pool = start(directory=tmp_path, size=1, mainModule={"path": "main.cjs"})
    assert result(pool.call(function)) == 42
    detail = problem(pool.call("nowhere"), "unknown_function")["detail"]
    assert "module.exports" not in detail


async def test_local_pool() -> None:
    async with LocalPool(size=1, inline="export const add = (a, b) => a + b") as pool:
        assert await pool.call("add", 1, 2) == 3
        with pytest.raises(UnknownFunction, match="functions of the main module: add"):
            await pool.call("nowhere")
