"""`await` at the top level of code: what it comes to, what stays, and where its errors are."""

import asyncio
from typing import Any

import pytest

from tests.local.conftest import Start
from tests.local.guest_logs import guest_logs
from tests.local.problems import problem
from tests.local.running import RunningPool
from tyrex_pool import LocalPool

SPEC = {
    "size": 1,
    "mainModule": {
        "inline": """
            globalThis.later = (x) => new Promise((ok) => setTimeout(ok, 2, x));
            globalThis.many = async function* (n) { for (let i = 0; i < n; i++) yield i; };
            globalThis.fails = async () => { throw new Error("no") };
        """
    },
}

VALUES = [
    pytest.param("await 1", 1, id="a number"),
    pytest.param("const f = async () => ({x: 3}); const r = await f(); r.x", 3, id="the last expression"),
    pytest.param("await later(1);", 1, id="a semicolon"),
    pytest.param("await later(1) // 2; 3", 1, id="a comment behind it"),
    pytest.param("/* ; */ await later(1) /* ; 2 */", 1, id="comments around it"),
    pytest.param("await later(1)\n// the end", 1, id="a comment as the last line"),
    pytest.param("await later(1);;;", 1, id="empty statements"),
    pytest.param("await later(1)\n\n", 1, id="empty lines"),
    pytest.param("const a = await later({b: 1})\n;({c: a.b})", {"c": 1}, id="an object literal"),
    pytest.param("await later(1); {a: 2}", 2, id="a block with a label"),
    pytest.param("await later(1), 2", 2, id="a sequence"),
    pytest.param("await null; 1, 2;", 2, id="a sequence with a semicolon"),
    pytest.param("let x = 1; x = await later(2)", 2, id="an assignment"),
    pytest.param("const x = await later(4)\nx\n/2/1", 2, id="a division over lines"),
    pytest.param("const x = await later('ab'); /b/.test(x)", True, id="a regular expression"),
    pytest.param("const x = await later(1)\n;[x, 2]", [1, 2], id="a list"),
    pytest.param("`${await later('a')}${`${await later('b')}`}`", "ab", id="templates"),
    pytest.param("`await ${1}; ${await later(2)}` + '; await'", "await 1; 2; await", id="await in texts"),
    pytest.param("const a = await later(1)\nconst b = 2\na + b", 3, id="no semicolons"),
    pytest.param("let i = await later(1)\ni\n++i", 2, id="an increment on its own line"),
    pytest.param("[await later(1), await later(2)]", [1, 2], id="in a list"),
    pytest.param("({a: await later(1)})", {"a": 1}, id="in an object"),
    pytest.param("Math.max(await later(1), 2)", 2, id="in a call"),
    pytest.param("await Promise.all([later(1), later(2)])", [1, 2], id="several"),
    pytest.param("(await later({a: {b: 2}})).a.b", 2, id="in parentheses"),
    pytest.param("(await later({a: null}))?.a?.b ?? 'none'", "none", id="a chain"),
    pytest.param("await await later(later(1))", 1, id="twice"),
    pytest.param("!await later(1)", False, id="behind an operator"),
    pytest.param("await later(1) ? await later('yes') : await later('no')", "yes", id="a condition"),
    pytest.param("if (await later(1)) 'yes'; else 'no'", "yes", id="if"),
    pytest.param("if (await later(0)) 'yes'", None, id="if, and it is not"),
    pytest.param("let n = 0; for (const x of [1, 2, 3]) n += await later(x)", 6, id="for of"),
    pytest.param("for await (const x of many(3)) x * 2", 4, id="for await"),
    pytest.param("let s = ''; for await (const x of many(3)) { s += x } s", "012", id="behind for await"),
    pytest.param("let i = 0; while (await later(i < 3)) { i++; }", 2, id="while"),
    pytest.param("let i = 0; do { i++ } while (await later(i < 3)); i", 3, id="do"),
    pytest.param("try { await fails() } catch (e) { e.message }", "no", id="try"),
    pytest.param("try { await later(1) } finally { await later(2) }", 1, id="finally has no value"),
    pytest.param("switch (await later(2)) { case 1: 'a'; break; case 2: 'b'; case 3: 'c'; break; }", "c", id="switch"),
    pytest.param("out: for (;;) { for (;;) { await later(1); break out } }", 1, id="a label"),
    pytest.param("await later(1); function g() { return 5 }", 1, id="a function behind it"),
    pytest.param("await later(1); class A {}", 1, id="a class behind it"),
    pytest.param("await later(1); var v = 2", 1, id="a declaration behind it"),
    pytest.param("const v = await later(2)", None, id="a declaration alone"),
    pytest.param("class A { static async m() { return await later(7) } }\nawait A.m()", 7, id="await in a method too"),
    pytest.param(
        "const f = async (a = 1) => { const await_ = await later(a); return await_ }\nawait f()", 1, id="names"
    ),
    pytest.param("await using x = {n: 1, async [Symbol.asyncDispose]() {}}; x.n", 1, id="await using"),
    pytest.param("'use strict'; await later(1); (function () { return this === undefined })()", True, id="use strict"),
    pytest.param("await null; this === globalThis", True, id="this"),
    pytest.param("await null; typeof arguments", "undefined", id="no arguments"),
    pytest.param("#!/usr/bin/env deno\nawait later(1)", 1, id="a hashbang"),
    pytest.param("await later(1)\r\nawait later(2)\r\n", 2, id="line ends of Windows"),
    pytest.param("const a = await later('\u2028')\u2028a", "\u2028", id="JavaScript's own line ends"),
    pytest.param("const é = await later('é'), 𠮷 = '😀'; é + 𠮷", "é😀", id="other letters"),
    pytest.param("const $value = await later(1); const $value_ = 2; $value + $value_", 3, id="names of ours"),
    pytest.param("await (later(1))", 1, id="await with parentheses"),
    pytest.param("await (async () => 1)()", 1, id="an async function at once"),
    pytest.param("const r = await (later(1)); r", 1, id="a declaration with parentheses"),
    pytest.param("(await (later({a: 1}))).a", 1, id="parentheses around parentheses"),
    pytest.param("await [later(1)].length", 1, id="await with a list"),
    pytest.param("await `a`", "a", id="await with a template"),
    pytest.param("await -1", -1, id="await with a number below 0"),
    pytest.param("await\nlater(1)", 1, id="await at the end of a line"),
    pytest.param("await new Promise((ok) => setTimeout(ok, 1, 'late'))", "late", id="a promise"),
    pytest.param("await {then(ok) { ok(3) }}", 3, id="a thenable"),
    pytest.param("await null; later(7)", 7, id="a promise as the result"),
    pytest.param("await null; undefined", None, id="undefined"),
]


@pytest.mark.parametrize(("code", "value"), VALUES)
def test_values(pool: RunningPool, code: str, value: Any) -> None:
    assert pool.eval(code) == value
    assert pool.eval(code, inputs={"a": 1}) == value
    assert pool.eval(code, language="typescript") == value


SCRIPTS = """
1; if (false) 2
1; if (true) {}
1; if (true) { 2; var x }
1; {}
1; { 2 }
1; { 2; {} }
1; ;
1; var y = 2
1; let z = 2
1; for (;false;) 2
1; for (let i = 0; i < 3; i++) i
1; for (let i = 0; i < 3; i++) { if (i === 2) break; i }
1; for (let i = 0; i < 3; i++) { i; if (i === 1) break; }
1; for (let i = 0; i < 3; i++) { i; if (i > 0) continue; 'x' }
1; for (let i = 0; i < 3; i++) { if (i > 0) continue; 'x' }
1; for (let i = 0; i < 3; i++) { 5; for (;;) break; }
1; for (let i = 0; i < 3; i++) { 5; { } }
1; for (const k in {a: 1, b: 2}) k
1; for (const k in {}) k
1; for (let i = 0; i < 3; i++) if (i === 1) i
1; for (let i = 0; i < 3; i++) { if (i === 1) i }
1; for (let i = 0; i < 3; i++) { if (i === 1) { i } else if (i === 0) { 'zero' } }
1; for (let i = 0; i < 3; i++) for (; i < 2; i++) i
1; for (let i = 0; i < 3; i++) a: for (;;) { if (i) break a; i; break }
1; for (let i = 0; i < 3; i++) try { if (i === 2) throw i; i } catch { }
1; for (let i = 0; i < 3; i++) switch (i) { case 1: i }
1; for (let i = 0; i < 3; i++) { switch (i) { case 1: if (i) 'one' } }
1; for (let i = 0; i < 3; i++) { 'x'; a: for (;;) break a; }
1; for (let i = 0; i < 3; i++) if (i) i, 'b'
1; for (let i = 0; i < 3; i++) { var j = i; { j } }
1; for (let i = 0; i < 3; i++) while (true) { if (i) { i } break }
1; for (const x of [1, 2, 3]) { if (x === 2) continue; else x; }
1; a: if (true) { 2; break a; }
1; a: b: { 2; break a; }
1; a: { break a; 2 }
1; a: b: { if (true) break a; 2 }
1; a: if (true) { break a; }
1; if (true) a: { 2; break a }
1; a: { for (let i = 0; i < 2; i++)if(i){'x'}'y'; break a }
1; a: { for (let i = 0; i < 2; i++)if(i){'x'}if (false) 'y'; break a }
1; do { 2; break; 3 } while (true)
1; do { } while (false)
1; while (false) 2
1; a: { 2; break a; 3 }
1; a: { break a; }
1; a: 2
1; a: for (;;) { 2; for (;;) { 3; break a } }
1; switch (1) { case 1: 2 }
1; switch (1) { case 1: 2; break; case 2: 3 }
1; switch (3) { case 1: 2; default: 4 }
1; switch (1) { case 1: }
1; switch (1) { case 1: 2; case 2: var q = 3 }
1; switch (1) { case 1: { 2; break } }
1; try { 2 } catch { 3 }
1; try { throw 2 } catch (e) { e }
1; try { 2; throw 3 } catch { }
1; try { 2 } finally { 3 }
1; try { } finally { 3 }
1; with ({a: 2}) a
1; with ({a: 2}) { }
1; function f() { return 2 }
1; class A {}
1; debugger
'a'; 'b'
1; if (true) if (false) 2
1; if (false) 2; else if (true) 3; else 4
1; if (true) for (;false;);
1; if (true) { 1; for (;false;); }
var a = 1, b = a + 1; a + b
var {a, b: [c]} = {a: 1, b: [2]}; a + c
var [a = 5, ...rest] = [undefined, 2, 3]; [a, rest]
for (var i = 0, n = 3; i < n; i++) i; i
for (var k of [1, 2]) k; k
for (var [a, {b}] of [[1, {b: 2}]]) a + b
for (var k in {x: 1}); k
if (true) var t = 1; t
if (true) { var t = 2 } else var u = 3; [t, u]
var v; v
var v = 1; var v; v
var f = function () {}; f.name
function g() { return 1 } var g = 2; g
var async = 1; async
for (var let of [1]) ; typeof let
try { throw 1 } catch (e) { var e = 2 } typeof e
label: var w = 1; w
""".strip().splitlines()


@pytest.mark.parametrize("code", SCRIPTS)
def test_the_value_is_that_of_the_same_script(pool: RunningPool, code: str) -> None:
    """A declaration has no value: what follows it comes to what it comes to without it."""
    expected = pool.eval(code)
    assert pool.eval(f"const awaited = await null; {code}") == expected
    assert pool.eval(f"const awaited = await null\n{code}\n") == expected


@pytest.mark.parametrize(
    ("code", "after", "value"),
    [
        pytest.param("const c = await later(1); c", "typeof c", "undefined", id="const does not leak"),
        pytest.param("let l = await later(1); l", "typeof l", "undefined", id="let does not leak"),
        pytest.param("class K {} await later(1)", "typeof K", "undefined", id="class does not leak"),
        pytest.param("var v = await later(1); v", "v", 1, id="var persists"),
        pytest.param("var {p, q: [r]} = await later({p: 1, q: [2]})", "[p, r]", [1, 2], id="var with patterns"),
        pytest.param("for (var i of [await later(5)]);", "i", 5, id="var of a loop"),
        pytest.param("function f() { return n } const n = await later(3)", "f()", 3, id="a function persists"),
        pytest.param("globalThis.g = await later(4)", "g", 4, id="globalThis persists"),
        pytest.param("'use strict'; var s = await later(1); function sf() {}", "[typeof s, typeof sf]",
                     ["undefined", "undefined"], id="in strict code neither does"),
        pytest.param("const f = () => { var inner = 1 }; f(); await later(1)", "typeof inner", "undefined",
                     id="var of a function stays there"),
    ],
)  # fmt: skip
def test_what_stays(fresh: RunningPool, code: str, after: str, value: Any) -> None:
    fresh.eval("globalThis.later = (x) => new Promise((ok) => setTimeout(ok, 2, x)); 1")
    for _ in range(2):
        fresh.post(code)
        assert fresh.eval(after) == value


SEVEN = "const a = 1;\nvar b = await later(2);\n\nawait null;\n`\n`;\n"
AT = [
    pytest.param(SEVEN + "null.x", "7:6", id="the last line"),
    pytest.param(SEVEN + "  null.x; 2", "7:8", id="before the last expression"),
    pytest.param(SEVEN + "  1; null.x", "7:11", id="behind another one"),
    pytest.param(SEVEN + "if (a) { b; null.x }", "7:18", id="in a block"),
    pytest.param(SEVEN + "var {c} = null, d = null.x", "7:6", id="in a declaration"),
    pytest.param(SEVEN + "var {c} = {}, d = null.x", "7:24", id="in the second of a declaration"),
    pytest.param(SEVEN + "const f = () => { null.x }; f()", "7:24", id="in a function"),
    pytest.param(SEVEN + "await (async () => { await null; null.x })()", "7:39", id="in an async function"),
    pytest.param("await null; null.x", "1:18", id="the first line"),
    pytest.param("null.x; await null", "1:6", id="before the first await"),
    pytest.param("1, null.x, await null", "1:9", id="in a sequence"),
    pytest.param("const r = await later(1); const é = '😀'; null.x", "1:48", id="behind other letters"),
    pytest.param("\t\tawait null;\r\n\tnull.x", "2:7", id="tabs"),
    pytest.param("await null;\u2028\u2029null.x", "3:6", id="JavaScript's own line ends"),
    pytest.param("function f() { null.x } await null; f()", "1:21", id="in a function of the first line"),
    pytest.param("#!deno\nawait null; null.x", "2:18", id="a hashbang"),
]


@pytest.mark.parametrize(("code", "at"), AT)
def test_an_error_is_at_the_place_in_the_code(pool: RunningPool, code: str, at: str) -> None:
    for members in ({}, {"inputs": {"a": 1}}, {"language": "typescript"}):
        stack = problem(pool.post(code, **members), "promise_rejection")["stack"].splitlines()
        assert stack[0].startswith("TypeError: Cannot ")
        assert f"<anonymous>:{at})" in stack[1]
        assert "tyrex" not in "\n".join(stack)
        assert "isolate" not in "\n".join(stack)


def test_in_typescript_types_move_nothing(pool: RunningPool) -> None:
    code = "interface A { b: number }\nconst a: A = await later({b: 1} as A);\n  a!.b satisfies number; (null as any).x"
    told = problem(pool.post(code, language="typescript"), "promise_rejection")
    assert "<anonymous>:3:40)" in told["stack"]


def test_the_log_has_these_places_too(start: Start) -> None:
    pool = start(size=1)
    with guest_logs() as log:
        answer = pool.post("await null;\nconsole.log(new Error('seen'))")
        record = log.wait("seen")
    assert record.__dict__["eval"] == answer.headers["Tyrex-Eval"], "also the first one, which loads the parser"
    assert "<anonymous>:2:13)" in record.getMessage()
    assert "tyrex:isolate:await" not in record.getMessage()


@pytest.mark.parametrize(
    ("code", "detail", "at"),
    [
        pytest.param("await later(1);\nlet x = ;", "SyntaxError: Unexpected token ';'", "2:9", id="a missing value"),
        pytest.param("await later(1);\n\n  }", "SyntaxError: Unexpected token '}'", "3:3", id="a brace too many"),
        pytest.param("await later(1);\nreturn 1", "SyntaxError: Illegal return statement", "2:1", id="return"),
        pytest.param("await later(1); })(); globalThis.pwned = 1; (async () => {", "SyntaxError: Unexpected token",
                     "1:17", id="the end of what is around it"),
        pytest.param("let a = await later(1);\nlet a = 2", "SyntaxError: Identifier 'a' has already been declared",
                     "2:5", id="a name twice"),
        pytest.param("await later(1); /(/", "SyntaxError: Invalid regular expression: /(/", "1:18", id="a pattern"),
        pytest.param("function f() { await later(1) }",
                     "SyntaxError: await is only valid in async functions", None, id="in a function that is not async"),
        pytest.param("await 1; b c", "SyntaxError: Unexpected identifier 'c'", "1:12", id="two names"),
        pytest.param("await = 1; b c", "SyntaxError: Unexpected token '='", "1:7", id="await as a name"),
        pytest.param("await", "ReferenceError: await is not defined", "1:1", id="alone"),
    ],
)  # fmt: skip
def test_what_cannot_be_parsed(pool: RunningPool, code: str, detail: str, at: str | None) -> None:
    told = problem(pool.post(code), "execution_error")
    assert told["detail"].startswith(detail)
    if at is not None:
        assert f"<anonymous>:{at}" in told["stack"]
    assert pool.eval("typeof pwned") == "undefined"


def test_a_script_that_only_looks_like_it_runs_once(fresh: RunningPool) -> None:
    code = "globalThis.count = (globalThis.count ?? 0) + 1; await (1)"
    assert problem(fresh.post(code), "execution_error")["detail"].startswith("ReferenceError: await is not defined")
    assert fresh.eval("count") == 1
    assert fresh.eval("globalThis.await = (x) => x + 1; await (1)") == 2, "a function of that name is one"


def test_rejections_are_those_of_an_async_function(pool: RunningPool) -> None:
    assert problem(pool.post("await fails()"), "promise_rejection")["detail"] == "Error: no"
    assert problem(pool.post("await null; throw {code: 7}"), "promise_rejection")["value"] == {"code": 7}


@pytest.mark.parametrize(
    "permissions",
    [
        pytest.param({}, id="none"),
        pytest.param({"default": "AllowAll"}, id="all"),
        pytest.param({"allow": {"read": ["*"], "write": ["*"]}}, id="files"),
        pytest.param({"allow": {"read": ["*"]}, "deny": {"read": ["/tmp"]}}, id="files, but for some"),
        pytest.param({"default": "AllowAll", "deny": {"import": ["*"]}}, id="all but imports"),
    ],
)
@pytest.mark.parametrize("concurrency", [1, 4])
async def test_the_first_one_of_an_isolate(permissions: Any, concurrency: int) -> None:
    """The isolate loads what it needs for it, whatever guests may do, while others wait or run."""
    async with LocalPool(1, permissions=permissions, concurrency=concurrency) as local:
        code = "globalThis.order = (globalThis.order ?? '') + inputs.n; const r = await null; inputs.n"
        evals = [local.eval(code, inputs={"n": number}) for number in range(4)]
        plain = [local.eval("1 + 2") for _ in range(4)]
        assert await asyncio.gather(*evals, *plain) == [0, 1, 2, 3, 3, 3, 3, 3]
        assert sorted(await local.eval("order")) == list("0123")


def test_the_same_code_again_and_other_code(pool: RunningPool) -> None:
    for turn in range(3):
        for number in range(70):
            assert pool.eval(f"await later({number}) + inputs.a", inputs={"a": turn}) == number + turn
    long = f"const text = '{'x' * 20_000}'; await later(text.length)"
    assert [pool.eval(long), pool.eval(long)] == [20_000, 20_000]


async def test_side_by_side() -> None:
    async with LocalPool(1, concurrency=8) as local:
        code = "let n = inputs.n; await new Promise((ok) => setTimeout(ok, 5)); n += inputs.n; n"
        evals = [local.eval(code, inputs={"n": number}) for number in range(8)]
        assert await asyncio.gather(*evals) == [2 * number for number in range(8)]


@pytest.mark.parametrize(
    "change",
    [
        "String.prototype.slice = () => 'evil'",
        "Array.prototype[Symbol.iterator] = () => ({next: () => ({done: true})})",
        "Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(Function.prototype)",
        "RegExp.prototype.exec = () => null",
        "Array.prototype.push = () => { throw 'evil' }",
        "Object.defineProperty(Object.prototype, 'loc', {get() { return 'evil' }})",
    ],
)
def test_what_guests_change_breaks_no_other_eval(fresh: RunningPool, change: str) -> None:
    fresh.eval(f"{change}; 1")
    told = fresh.post("await 1").json()
    assert told.get("result") == 1 or told["fault"] == "guest"
    assert fresh.eval("1 + 2") == 3
    assert fresh.eval("(async () => await 4)()") == 4
