"""Every row of the error table that one request can produce: through real HTTP, by real Deno."""

from typing import Any

import httpx
import pytest

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool
from tyrex_pool.model.errors import InvalidStrategy

SPEC = {"size": 1, "limits": {"request": "4Ki", "result": "1Ki"}, "timeouts": {"maxEval": "30s"}}
NOTHING: Any = object()

THROWN = [
    pytest.param("throw new TypeError('no')", "TypeError: no", NOTHING, id="an error"),
    pytest.param("throw Object.assign(new Error('no'), {code: 7})", "Error: no", {"code": 7}, id="error with members"),
    pytest.param("throw {a: [1, 'ü']}", '{"a":[1,"ü"]}', {"a": [1, "ü"]}, id="an object"),
    pytest.param("throw 'no'", "no", "no", id="a string"),
    pytest.param("throw null", "null", None, id="null"),
    pytest.param("throw undefined", "undefined", NOTHING, id="undefined"),
    pytest.param("throw Symbol('s')", "Symbol(s)", NOTHING, id="a symbol"),
    pytest.param("throw 10n", "10", NOTHING, id="a BigInt"),
    pytest.param("throw () => 1", "() => 1", NOTHING, id="a function"),
    pytest.param("const a = {}; a.a = a; throw a", "a thrown value that cannot be shown", NOTHING, id="a cycle"),
    pytest.param("1 +", "SyntaxError: Unexpected end of input", NOTHING, id="a syntax error"),
    pytest.param("nowhere", "ReferenceError: nowhere is not defined", NOTHING, id="an unknown name"),
    pytest.param(
        "(function f() { f() })()", "RangeError: Maximum call stack size exceeded", NOTHING, id="deep recursion"
    ),
]

REJECTED = [
    pytest.param("Promise.reject(new TypeError('no'))", "TypeError: no", NOTHING, id="an error"),
    pytest.param("(async () => { await null; throw {a: 1} })()", '{"a":1}', {"a": 1}, id="an async function"),
    pytest.param("Promise.reject(null)", "null", None, id="null"),
    pytest.param("Promise.reject()", "undefined", NOTHING, id="undefined"),
    pytest.param("({then(ok, no) { no('no') }})", "no", "no", id="a thenable"),
    pytest.param("({then() { throw new Error('no') }})", "Error: no", NOTHING, id="a thenable that throws"),
    pytest.param("({get then() { throw new Error('no') }})", "Error: no", NOTHING, id="a then that throws"),
    pytest.param("new Promise((_, no) => setTimeout(no, 5, 'late'))", "late", "late", id="later"),
]

UNCONVERTIBLE = [
    pytest.param("() => 1", id="a function"),
    pytest.param("Symbol('s')", id="a symbol"),
    pytest.param("10n", id="a BigInt"),
    pytest.param("({a: [10n]})", id="a BigInt inside"),
    pytest.param("const a = {}; a.a = a; a", id="a cycle"),
    pytest.param("Promise.resolve(() => 1)", id="a promise of a function"),
    pytest.param("({toJSON() { throw new Error('no') }})", id="a toJSON that throws"),
    pytest.param("'x'.repeat(1023)", id="over the limit with its quotes"),
    pytest.param("'ü'.repeat(512)", id="over the limit in bytes"),
    pytest.param("Promise.resolve('x'.repeat(100_000))", id="far over the limit"),
]

BAD_EVALS = [
    pytest.param(b"", "not JSON", id="no body"),
    pytest.param(b"{", "not JSON", id="half an object"),
    pytest.param(b"[" * 3000, "not JSON", id="deep nesting"),
    pytest.param(b'{"code": "\xff"}', "not JSON", id="not UTF-8"),
    pytest.param(b"[]", "body", id="a list"),
    pytest.param(b"{}", "code", id="no code"),
    pytest.param(b'{"code": 1}', "body.code", id="code that is a number"),
    pytest.param(b'{"code": null}', "body.code", id="code that is null"),
    pytest.param(b'{"code": "1", "kye": "a"}', "body.kye", id="an unknown member"),
    pytest.param(b'{"code": "1", "key": 7}', "body.key", id="a key that is a number"),
    pytest.param(b'{"code": "1", "language": "python"}', "body.language", id="an unknown language"),
    pytest.param(b'{"code": "1", "timeoutMs": 0}', "body.timeoutMs", id="no time"),
    pytest.param(b'{"code": "1", "timeoutMs": -1}', "body.timeoutMs", id="negative time"),
    pytest.param(b'{"code": "1", "timeoutMs": 1.5}', "body.timeoutMs", id="time that is no whole number"),
    pytest.param(b'{"code": "1", "timeoutMs": "1"}', "body.timeoutMs", id="time as a string"),
    pytest.param(b'{"code": "1", "timeoutMs": 30001}', "timeoutMs: write at most 30000", id="over maxEval"),
    pytest.param(b'{"code": "1", "timeoutMs": 1e300}', "timeoutMs", id="far over maxEval"),
    pytest.param(b'{"code": "1", "timeoutMs": 1' + b"0" * 400 + b"}", "timeoutMs", id="time of 400 digits"),
]

BAD_HEADERS = [
    pytest.param({"Tyrex-Timeout-Ms": "soon"}, "Tyrex-Timeout-Ms", id="time that is no number"),
    pytest.param({"Tyrex-Timeout-Ms": "0"}, "Tyrex-Timeout-Ms", id="no time"),
    pytest.param({"Tyrex-Timeout-Ms": "-5"}, "Tyrex-Timeout-Ms", id="negative time"),
    pytest.param({"Tyrex-Timeout-Ms": "30001"}, "30000", id="over maxEval"),
    pytest.param({"Tyrex-Timeout-Ms": "1" + "0" * 400}, "Tyrex-Timeout-Ms", id="time of 400 digits"),
]

UNCALLABLE = [
    pytest.param("nowhere", "nowhere", id="unknown"),
    pytest.param("Math.nowhere", "Math.nowhere", id="unknown member"),
    pytest.param("nowhere.at.all", "nowhere", id="unknown owner"),
    pytest.param("Math.PI", "Math.PI", id="a number"),
    pytest.param("", "", id="nothing"),
    pytest.param("Math.", "Math.", id="half a path"),
    pytest.param("Math.max()", "Math.max()", id="code"),
]


@pytest.mark.parametrize(("code", "detail", "value"), THROWN)
def test_a_throw(pool: RunningPool, code: str, detail: str, value: Any) -> None:
    document = problem(pool.post(code), "execution_error")
    assert document["detail"] == detail
    assert document.get("value", NOTHING) == value
    assert ("stack" in document) == (detail.split(":")[0].endswith("Error"))


@pytest.mark.parametrize(("code", "detail", "value"), REJECTED)
def test_a_rejection(pool: RunningPool, code: str, detail: str, value: Any) -> None:
    document = problem(pool.post(code), "promise_rejection")
    assert document["detail"] == detail
    assert document.get("value", NOTHING) == value
    assert ("stack" in document) == (detail.split(":")[0].endswith("Error"))


UNREADABLE = [
    pytest.param("let a = []; for (let i = 0; i < 2000; i++) a = [a]; {0} a", id="nested deeply"),
    pytest.param("const a = {{x: JSON.rawJSON('1e999')}}; {0} a", id="a number out of range"),
    pytest.param("const a = {{x: JSON.rawJSON('1'.repeat(5000))}}; {0} a", id="a number of 5,000 digits"),
]


@pytest.mark.parametrize("code", UNREADABLE)
def test_a_thrown_value_that_only_javascript_reads(pool: RunningPool, code: str) -> None:
    """It is JSON, and yet Python has nothing to read it into."""
    epochs = pool.epochs()
    problem(pool.post(code.format("throw")), "execution_error")
    problem(pool.post(f"(async () => {{ {code.format('throw')} }})()"), "promise_rejection")
    assert pool.eval("1 + 2") == 3
    assert pool.epochs() == epochs


def test_a_stack_shows_the_guests_lines_and_none_of_ours(pool: RunningPool) -> None:
    code = "function inner() {\n  throw new Error('no')\n}\ninner()"
    stack = problem(pool.post(code), "execution_error")["stack"]
    assert stack.startswith("Error: no\n    at inner (<anonymous>:2:9)\n")
    assert "isolate.ts" not in stack
    assert "file://" not in stack


@pytest.mark.parametrize("code", UNCONVERTIBLE)
def test_a_result_that_cannot_be_json(pool: RunningPool, code: str) -> None:
    document = problem(pool.post(code), "conversion_error")
    assert "value" not in document


def test_a_result_of_just_the_limit(pool: RunningPool) -> None:
    assert pool.eval("'x'.repeat(1022)") == "x" * 1022
    assert pool.eval("'ü'.repeat(511)") == "ü" * 511


@pytest.mark.parametrize(("body", "detail"), BAD_EVALS)
def test_an_invalid_eval(pool: RunningPool, body: bytes, detail: str) -> None:
    answer = pool.http.post("/v1/eval", content=body, headers={"Content-Type": "application/json"})
    assert detail in problem(answer, "invalid_request")["detail"]


@pytest.mark.parametrize(("headers", "detail"), BAD_HEADERS)
def test_an_invalid_header(pool: RunningPool, headers: dict[str, str], detail: str) -> None:
    answer = pool.http.post("/v1/eval", content=b"1", headers={"Content-Type": "text/javascript"} | headers)
    assert detail in problem(answer, "invalid_request")["detail"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param({}, "function", id="no function"),
        pytest.param({"function": 1}, "body.function", id="a function that is a number"),
        pytest.param({"function": "f", "args": {}}, "body.args", id="args that are no list"),
        pytest.param({"function": "f", "code": "1"}, "body.code", id="an unknown member"),
    ],
)
def test_an_invalid_call(pool: RunningPool, body: dict[str, Any], detail: str) -> None:
    assert detail in problem(pool.http.post("/v1/call", json=body), "invalid_request")["detail"]


@pytest.mark.parametrize(("function", "detail"), UNCALLABLE)
def test_an_unknown_function(pool: RunningPool, function: str, detail: str) -> None:
    assert detail in problem(pool.call(function), "unknown_function")["detail"]


def test_a_function_that_throws(pool: RunningPool) -> None:
    pool.eval("globalThis.fail = (value) => { throw value }; 0")
    assert problem(pool.call("fail", {"a": 1}), "execution_error")["value"] == {"a": 1}


def test_a_body_over_the_limit(pool: RunningPool) -> None:
    assert pool.eval("1 + 2" + " " * 4000) == 3
    assert "4096" in problem(pool.post(" " * 4097), "payload_too_large")["detail"]


def test_a_chunked_body_over_the_limit(pool: RunningPool) -> None:
    answer = pool.http.post("/v1/eval", content=iter([b" " * 1000] * 5))
    problem(answer, "payload_too_large")
    assert pool.eval("1 + 2") == 3


def test_a_parked_pool(start: Start) -> None:
    pool = start(size=0)
    problem(pool.post("1"), "no_runtime")
    assert pool.status()["runtimes"] == []


def test_a_main_module_that_fails(start: Start) -> None:
    pool = start(size=1, mainModule={"inline": "throw new Error('not today')"})
    problem(pool.post("1"), "no_runtime")
    assert "not today" in pool.status()["runtimes"][0]["reason"]


def strategy(body: str) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """A spec's `strategy`, and the ConfigMap with it, for a class whose `select` has this body."""
    source = (
        f"class Mine:\n    def __init__(self, options): ...\n    def select(self, runtimes, key):\n        {body}\n"
    )
    custom = {"configMap": {"name": "mine", "key": "mine.py"}, "class": "Mine"}
    return {"type": "Custom", "custom": custom}, {"mine": {"mine.py": source}}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param("raise KeyError('gone')", "mine.py:4: KeyError: 'gone'", id="raises"),
        pytest.param("raise SystemExit", "SystemExit", id="exits"),
        pytest.param("return 7", "returned 7", id="returns nonsense"),
        pytest.param("return list(runtimes)", "returned [", id="returns all"),
    ],
)
def test_a_custom_strategy_that_fails(start: Start, body: str, detail: str) -> None:
    spec, config_maps = strategy(f"if key == 'bad': {body}\n        return runtimes[0]")
    pool = start(config_maps, size=1, strategy=spec)
    assert detail in problem(pool.post("globalThis.ran = true", key="bad"), "strategy_error")["detail"]
    assert pool.eval("typeof ran") == "undefined"


def test_a_custom_strategy_that_does_not_load(start: Start) -> None:
    spec, _ = strategy("return runtimes[0]")
    with pytest.raises(InvalidStrategy, match=r"mine.py:1: SyntaxError"):
        start({"mine": {"mine.py": "class Mine"}}, size=1, strategy=spec)


def test_an_answer_to_a_failed_eval_tells_who_ran_it(pool: RunningPool) -> None:
    answer: httpx.Response = pool.post("throw 1")
    assert answer.headers["tyrex-runtime"] == "test-0"
    assert int(answer.headers["tyrex-epoch"]) == pool.epochs()["test-0"]
    assert answer.headers["server-timing"].startswith("queue;dur=")
