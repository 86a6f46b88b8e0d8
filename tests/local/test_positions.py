"""Positions in errors are those of the code that was sent, and stacks have the guest's frames only."""

import pytest

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool

SPEC = {"size": 1, "permissions": {"allow": {"net": ["127.0.0.1"]}}}

JAVASCRIPT = [
    pytest.param("const a = 1;\nconst b = 2;\nconst c = ;", "Unexpected token ';'", "3:11", id="line 3"),
    pytest.param("1 +", "Unexpected end of input", "1:4", id="the end"),
    pytest.param("a b", "Unexpected identifier 'b'", "1:3", id="an identifier"),
    pytest.param("\ta b", "Unexpected identifier 'b'", "1:4", id="behind a tab"),
    pytest.param("a\t\tb", "Unexpected identifier 'b'", "1:4", id="behind two tabs"),
    pytest.param("'😀'; a b", "Unexpected identifier 'b'", "1:9", id="behind a pair"),
    pytest.param("'漢é'; a b", "Unexpected identifier 'b'", "1:9", id="behind wide characters"),
    pytest.param("a\r\n\r\nb c", "Unexpected identifier 'c'", "3:3", id="carriage returns"),
    pytest.param("if (", "Unexpected end of input", "1:5", id="a bracket"),
    pytest.param("function f() {\n  return }}", "Unexpected token '}'", "2:11", id="a brace"),
    pytest.param("foo(\n  1,\n  2 3)", "missing ) after argument list", "3:5", id="arguments"),
    pytest.param("/[/", "Invalid regular expression: missing /", "1:1", id="a regular expression"),
    pytest.param("`${", "Unexpected end of input", "1:4", id="a template"),
    pytest.param("const x = 'abc", "Invalid or unexpected token", "1:11", id="a string"),
    pytest.param("/* a\n b */ a 😀", "Invalid or unexpected token", "2:9", id="no token"),
    pytest.param("var a = 010; with (x) {} delete b; c d", "Unexpected identifier 'd'", "1:38", id="sloppy code"),
    pytest.param("let 1a", "Invalid or unexpected token", "1:5", id="a number"),
]


@pytest.mark.parametrize(("code", "message", "position"), JAVASCRIPT)
def test_a_syntax_error_of_javascript(pool: RunningPool, code: str, message: str, position: str) -> None:
    document = problem(pool.post(code), "execution_error")
    assert document["detail"] == f"SyntaxError: {message}"
    assert document["stack"] == f"SyntaxError: {message}\n    at <anonymous>:{position}"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        pytest.param("let a; let a", "Identifier 'a' has already been declared", id="declared twice"),
        pytest.param("const a", "Missing initializer in const declaration", id="no initializer"),
        pytest.param("let x: number = 1; c d", "Unexpected token ':'", id="a type, and more that is wrong"),
        pytest.param("type X = 1; b c", "Unexpected identifier 'X'", id="a type alias"),
        pytest.param("a as b; c d", "Unexpected identifier 'as'", id="as"),
        pytest.param("f!(1); b c", "Unexpected token '!'", id="a not-null assertion"),
        pytest.param("declare var x; b c", "Unexpected token 'var'", id="declare"),
        pytest.param("yield = 1; b c", "Unexpected identifier 'c'", id="a name that strict code has not"),
        pytest.param("implements = 1; b c", "Unexpected identifier 'c'", id="another"),
        pytest.param("return; b c", "Illegal return statement", id="return"),
        pytest.param("break; b c", "Illegal break statement", id="break"),
        pytest.param("let a; let a; b c d", "Identifier 'a' has already been declared", id="twice, and more"),
        pytest.param("import x from 'y'; b c", "Cannot use import statement outside a module", id="import"),
        pytest.param("export const a = 1; b c", "Unexpected token 'export'", id="export"),
    ],
)
def test_what_only_the_engine_refuses_has_no_position_rather_than_a_wrong_one(
    pool: RunningPool, code: str, message: str
) -> None:
    document = problem(pool.post(code), "execution_error")
    assert document["detail"] == document["stack"] == f"SyntaxError: {message}"


TYPESCRIPT = [
    pytest.param("const a: number = ;", "Expression expected", "1:19", id="an expression"),
    pytest.param("const x = 'abc", "Unterminated string constant", "1:11", id="a string"),
    pytest.param("let a: string = '';\n\n\tlet b: number c", "Expected a semicolon", "3:16", id="behind a tab"),
    pytest.param("'😀' as string; a b", "Expected ';', '}' or <eof>", "1:19", id="behind a pair"),
    pytest.param("enum A { B };\na b", "Expected ';', '}' or <eof>", "2:3", id="behind an enum"),
]


@pytest.mark.parametrize(("code", "message", "position"), TYPESCRIPT)
def test_a_syntax_error_of_typescript(pool: RunningPool, code: str, message: str, position: str) -> None:
    document = problem(pool.post(code, language="typescript"), "execution_error")
    assert document["detail"] == f"SyntaxError: {message} ({position})"
    assert document["stack"].startswith(f"SyntaxError: {message}\n")
    assert document["stack"].endswith(f"~\n    at <anonymous>:{position}")
    assert document["stack"].count("    at ") == 1
    assert "file:" not in document["stack"] + document["detail"]


THROWN = [
    pytest.param(
        "interface A {\n  a: number\n}\n\nfunction f(a: A): never {\n  throw new Error('x')\n}\nf({a: 1})",
        ["at f (<anonymous>:6:9)", "at eval (<anonymous>:8:1)"],
        id="an interface",
    ),
    pytest.param("type A =\n  | 1\n  | 2\nthrow new Error('x')", ["at eval (<anonymous>:4:7)"], id="a type"),
    pytest.param("const a = (b: number, c?: string) => { throw new Error('x') }; a(1)",
                 ["at a (<anonymous>:1:46)", "at eval (<anonymous>:1:64)"], id="columns"),
    pytest.param("let a = 1 as\n  number;\nthrow new Error('x')", ["at eval (<anonymous>:3:7)"], id="an as"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "frames"), THROWN)
def test_a_throw_in_typescript(pool: RunningPool, code: str, frames: list[str]) -> None:
    stack = problem(pool.post(code, language="typescript"), "execution_error")["stack"]
    assert stack.split("\n    ")[1 : 1 + len(frames)] == frames


OTHERS = [
    pytest.param("JSON.parse('{')", "at eval (<anonymous>:1:6)", id="JSON.parse"),
    pytest.param("eval('a b')", "at eval (<anonymous>:1:1)", id="eval"),
    pytest.param("\nnew Function('a b')", "at eval (<anonymous>:2:1)", id="Function"),
    pytest.param("throw new SyntaxError('x')", "at eval (<anonymous>:1:7)", id="thrown"),
]


@pytest.mark.parametrize(("code", "frame"), OTHERS)
def test_a_syntax_error_of_what_the_code_runs_has_its_own_place(pool: RunningPool, code: str, frame: str) -> None:
    assert frame in problem(pool.post(code), "execution_error")["stack"]


FAR = [
    pytest.param("fetch('http://127.0.0.1:1/')", "promise_rejection", id="fetch"),
    pytest.param("fetch('http://203.0.113.1/')", "promise_rejection", id="fetch, denied"),
    pytest.param("Deno.readTextFile('/nope')", "promise_rejection", id="a file"),
    pytest.param("Deno.readTextFileSync('/nope')", "execution_error", id="a file, at once"),
    pytest.param("new Promise((_, no) => setTimeout(() => no(new Error('t'))))", "promise_rejection", id="a timer"),
    pytest.param("structuredClone(() => 1)", "execution_error", id="structuredClone"),
    pytest.param("new Worker('data:,')", "execution_error", id="a worker"),
    pytest.param("process.getBuiltinModule('fs').readFileSync('/nope')", "execution_error", id="node:fs"),
    pytest.param("process.getBuiltinModule('assert').equal(1, 2)", "execution_error", id="node:assert"),
    pytest.param("AbortSignal.abort().throwIfAborted()", "execution_error", id="an AbortSignal"),
    pytest.param("import('file:///nope.js')", "promise_rejection", id="an import"),
    pytest.param("new URL('')", "execution_error", id="a URL"),
]


@pytest.mark.parametrize(("code", "name"), FAR)
def test_a_stack_through_deno(pool: RunningPool, code: str, name: str) -> None:
    stack = problem(pool.post(code), name)["stack"]
    for line in stack.splitlines():
        assert not line.startswith("    at ") or not any(
            mark in line for mark in ("ext:", "node:", "guest/", "entry.js")
        )


OBJECTS = [
    pytest.param("{ok: 1, n: 2}", True, id="an object"),
    pytest.param("  {ok: 1,\n n: 2};\n", True, id="spaces and a semicolon"),
    pytest.param("{a: {b: 1}, 'c': 2}", True, id="nested"),
    pytest.param("{'a': 1}", True, id="a key in quotes"),
    pytest.param("{a: 1, ...{b: 1}}", True, id="a spread"),
    pytest.param("{...Math}", True, id="a spread alone"),
    pytest.param("{a: 1, b() {}}", True, id="a method"),
    pytest.param("{get a() { return 1 }}", True, id="a getter"),
    pytest.param("{async f() {}, g: 1}", True, id="an async method"),
    pytest.param("{a: 1,}", True, id="a comma at the end"),
    pytest.param("{['a' + 1]: 1}", True, id="a computed key"),
    pytest.param("{1: 2, 3: 4}", True, id="numbers"),
    pytest.param("{a, b: 1}", True, id="a short member"),
    pytest.param("/* c */ {a: 1, b: 2}", True, id="behind a comment"),
    pytest.param("// {\n// c\n{a: 1, b: 2} // d", True, id="behind lines of comments"),
    pytest.param("{a: 1, b: 2}.a", True, id="a member of one"),
    pytest.param("x: y: z:: 1", False, id="labels"),
    pytest.param("function () {}", False, id="a function without a name"),
    pytest.param("/* {a: 1, b: 2}", False, id="in a comment without an end"),
    pytest.param("{a: 1, b c}", False, id="a broken object"),
    pytest.param("[1, 2", False, id="a list"),
    pytest.param("{a: 1, b: 2", False, id="no end"),
    pytest.param("a ? b", False, id="another error"),
    pytest.param("if (1) {a: 1, b: 2}", False, id="a block"),
]


@pytest.mark.parametrize(("code", "hinted"), OBJECTS)
def test_an_object_without_parentheses(pool: RunningPool, code: str, hinted: bool) -> None:
    detail = problem(pool.post(code), "execution_error")["detail"]
    assert ("(to write an object, put it in parentheses: ({…}))" in detail) == hinted


@pytest.mark.parametrize(
    ("code", "hinted"),
    [
        pytest.param("{ok: 1, n: 2}", True, id="an object"),
        pytest.param("{a: 1, b: 2} as const", True, id="as const"),
        pytest.param("{a: 1, b: 2 as number};", True, id="with a type"),
        pytest.param("{a: 1, b c}", False, id="a broken object"),
        pytest.param("const a: number = ;", False, id="another error"),
    ],
)
def test_an_object_without_parentheses_in_typescript(pool: RunningPool, code: str, hinted: bool) -> None:
    detail = problem(pool.post(code, language="typescript"), "execution_error")["detail"]
    assert ("(to write an object, put it in parentheses: ({…}))" in detail) == hinted


def test_a_decorator(pool: RunningPool, start: Start) -> None:
    source = "function log(f: unknown, c: unknown) { return () => 42 }\nclass A { @log m() {} }\n"
    detail = problem(pool.post(source, language="typescript"), "execution_error")["detail"]
    assert detail == "SyntaxError: Invalid or unexpected token (decorators work in a main module only)"
    module = start(size=1, mainModule={"inline": source + "Object.assign(globalThis, {f: () => new A().m()})"})
    assert module.call("f").json() == {"result": 42}


def test_code_that_pretends_to_be_a_syntax_error(pool: RunningPool) -> None:
    """The position of nothing: it is the guest's text, and no more."""
    stack = "'SyntaxError: x\\n    at eval (<anonymous>)\\n    at start (file:///guest/evals.ts:1:1)'"
    document = problem(pool.post(f"throw Object.assign(new SyntaxError('x'), {{stack: {stack}}})"), "execution_error")
    assert document["detail"] == "SyntaxError: x"
    for message in ("'x\\n    at file:///stripTypeScriptTypes.ts:7'", "'file:///stripTypeScriptTypes.ts:9e99:9e99'"):
        for language in ("javascript", "typescript"):
            problem(pool.post(f"throw new Error({message})", language=language, timeoutMs=2000), "execution_error")


def test_a_main_module_shows_its_own_frames(start: Start) -> None:
    pool = start(size=1, mainModule={"inline": "const c = ;"})
    reason = pool.status()["runtimes"][0]["reason"]
    assert "main.ts:1:11" in reason
    assert "entry.js" not in reason
