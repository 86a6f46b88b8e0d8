"""What evals come to: completion values, state, languages, calls, keys and times, headers."""

from typing import Any

import httpx
import pytest

from tests.local.problems import problem
from tests.local.running import RunningPool, result, until

SPEC = {
    "size": 1,
    "timeouts": {"eval": "5s", "maxEval": "10s"},
    "mainModule": {
        "inline": """
            globalThis.add = (a: number, b: number) => a + b;
            globalThis.counter = { count: 0, next() { return ++this.count; }, deep: { f: (...all: unknown[]) => all } };
            globalThis.later = async (x: unknown) => { await null; return x; };
            globalThis.notAFunction = 7;
        """
    },
}

VALUES = [
    pytest.param("1 + 2", 3, id="a number"),
    pytest.param("'é😀'", "é😀", id="a string"),
    pytest.param("({a: [1, null, true], b: undefined})", {"a": [1, None, True]}, id="an object"),
    pytest.param("undefined", None, id="undefined"),
    pytest.param("null", None, id="null"),
    pytest.param("", None, id="empty code"),
    pytest.param("// nothing", None, id="a comment"),
    pytest.param("  \n\t ", None, id="white space"),
    pytest.param("const a = 1; a + 1", 2, id="the last statement"),
    pytest.param("if (true) { 7 } else { 8 }", 7, id="a completion value"),
    pytest.param("for (let i = 0; i < 3; i++) i", 2, id="of a loop"),
    pytest.param("'a'; function f() {}", "a", id="declarations have none"),
    pytest.param("{a: 1}", 1, id="a block, not an object"),
    pytest.param("'use strict'; (function () { return this === undefined })()", True, id="use strict"),
    pytest.param("this === globalThis", True, id="this"),
    pytest.param("NaN", None, id="NaN"),
    pytest.param("1e308 * 10", None, id="infinity"),
    pytest.param("9007199254740993", 9007199254740992, id="a large number"),
    pytest.param("-0", 0, id="negative zero"),
    pytest.param("0.1 + 0.2", 0.30000000000000004, id="a fraction"),
    pytest.param("new Date(0)", "1970-01-01T00:00:00.000Z", id="a date"),
    pytest.param("new Map([[1, 2]])", {}, id="a map"),
    pytest.param("new Uint8Array([1, 2])", {"0": 1, "1": 2}, id="bytes"),
    pytest.param("({toJSON: () => 7})", 7, id="toJSON"),
    pytest.param("'\\u2028\\u0000\\n'", "\u2028\0\n", id="control characters"),
    pytest.param("'\\ud83d'", "\ud83d", id="half a surrogate pair"),
    pytest.param("'\\ude00\\ud83d'", "\ude00\ud83d", id="a pair the wrong way round"),
    pytest.param("'😀'.length", 2, id="beyond the basic plane"),
    pytest.param("JSON.parse('{\"__proto__\": 1}')", {"__proto__": 1}, id="a member called __proto__"),
    pytest.param("Promise.resolve(3)", 3, id="a promise"),
    pytest.param("(async () => { await null; return [1] })()", [1], id="an async function"),
    pytest.param("new Promise((ok) => setTimeout(ok, 5, 'late'))", "late", id="a timer"),
    pytest.param("Promise.resolve(Promise.resolve(Promise.resolve(3)))", 3, id="nested promises"),
    pytest.param("Promise.resolve()", None, id="a promise of nothing"),
    pytest.param("({then(ok) { ok(3) }})", 3, id="a thenable"),
    pytest.param("({then: 3})", {"then": 3}, id="a member called then"),
    pytest.param("Promise.all([1, Promise.resolve(2)])", [1, 2], id="several promises"),
    pytest.param("[Promise.resolve(3)]", [{}], id="a promise inside is not awaited"),
]


@pytest.mark.parametrize(("code", "value"), VALUES)
def test_values(pool: RunningPool, code: str, value: Any) -> None:
    assert pool.eval(code) == value


@pytest.mark.parametrize(
    ("codes", "values"),
    [
        pytest.param(["const c1 = 1; c1", "typeof c1"], [1, "undefined"], id="const does not leak"),
        pytest.param(["let l1 = 1; l1", "typeof l1"], [1, "undefined"], id="let does not leak"),
        pytest.param(["class K1 {}; 1", "typeof K1"], [1, "undefined"], id="class does not leak"),
        pytest.param(["const again = 1; again", "const again = 2; again"], [1, 2], id="const may be repeated"),
        pytest.param(["let again = 1; again", "let again = 2; again"], [1, 2], id="let may be repeated"),
        pytest.param(["var v1 = 1; v1", "v1 + 1"], [1, 2], id="var persists"),
        pytest.param(["globalThis.g1 = 1", "g1 + 1"], [1, 2], id="globalThis persists"),
        pytest.param(["undeclared1 = 1", "undeclared1 + 1"], [1, 2], id="an undeclared name persists"),
        pytest.param(["function f1() { return 5 }", "f1()"], [None, 5], id="function persists"),
        pytest.param(
            ["(() => { var inner1 = 1; return inner1 })()", "typeof inner1"], [1, "undefined"], id="inner var"
        ),
    ],
)
def test_state(pool: RunningPool, codes: list[str], values: list[Any]) -> None:
    assert [pool.eval(code) for code in codes] == values


TYPED = [
    pytest.param("const x: number = 3; x", 3, id="an annotation"),
    pytest.param("enum A { B = 5, C } A.C", 6, id="an enum"),
    pytest.param("namespace N { export const x = 4 } N.x", 4, id="a namespace"),
    pytest.param("interface I { a: number } ({a: 1} satisfies I as I).a!", 1, id="types only"),
    pytest.param("class P { constructor(public x: number) {} } new P(7).x", 7, id="a parameter property"),
    pytest.param("const f = <T,>(x: T): T => x; f<string>('é😀')", "é😀", id="generics"),
    pytest.param("(async (): Promise<number> => 3)()", 3, id="a promise"),
    pytest.param("", None, id="nothing"),
]


@pytest.mark.parametrize(("code", "value"), TYPED)
def test_typescript(pool: RunningPool, code: str, value: Any) -> None:
    assert pool.eval(code, language="typescript") == value
    assert result(raw(pool, code, "application/typescript")) == value


def raw(pool: RunningPool, code: str | bytes, content_type: str, **headers: str) -> httpx.Response:
    body = code.encode() if isinstance(code, str) else code
    return pool.http.post("/v1/eval", content=body, headers={"Content-Type": content_type, **headers})


def test_typescript_is_not_javascript(pool: RunningPool) -> None:
    problem(pool.post("const x: number = 3; x"), "execution_error")
    detail = problem(pool.post("const x: = 3", language="typescript"), "execution_error")["detail"]
    assert "SyntaxError" in detail
    assert "\x1b" not in detail


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("text/javascript", id="plain"),
        pytest.param("text/javascript; charset=utf-8", id="charset"),
        pytest.param("Text/JavaScript", id="any case"),
    ],
)
def test_the_body_may_be_the_code(pool: RunningPool, content_type: str) -> None:
    assert result(raw(pool, "'é😀' + 1", content_type)) == "é😀1"


def test_a_content_type_that_is_none_of_ours(pool: RunningPool) -> None:
    assert "text/javascript" in problem(raw(pool, "1", "text/plain"), "invalid_request", status=415)["detail"]
    assert "UTF-8" in problem(raw(pool, b"'\xff'", "text/javascript"), "invalid_request")["detail"]


CALLS = [
    pytest.param("add", [1, 2], 3, id="a function"),
    pytest.param("add", ["é", "😀"], "é😀", id="strings"),
    pytest.param("later", [{"a": [None]}], {"a": [None]}, id="a promise"),
    pytest.param("later", [], None, id="no arguments"),
    pytest.param("counter.deep.f", [1, [2], {"a": 3}], [1, [2], {"a": 3}], id="a dotted name"),
    pytest.param("Math.max", [1, 3, 2], 3, id="a built-in"),
    pytest.param("globalThis.add", [1, 2], 3, id="through globalThis"),
    pytest.param("JSON.stringify", [{"__proto__": {"x": 1}}], '{"__proto__":{"x":1}}', id="__proto__ as data"),
    pytest.param("counter.deep.f", [9007199254740993], [9007199254740992], id="a large number"),
]


@pytest.mark.parametrize(("function", "args", "value"), CALLS)
def test_call(pool: RunningPool, function: str, args: list[Any], value: Any) -> None:
    assert result(pool.call(function, *args)) == value


def test_call_this(pool: RunningPool) -> None:
    first = result(pool.call("counter.next"))
    assert result(pool.call("counter.next")) == first + 1


@pytest.mark.parametrize(
    "function", ["nowhere", "counter.nothing", "nowhere.f", "notAFunction", "counter", "", "a..b", "add()"]
)
def test_call_of_nothing(pool: RunningPool, function: str) -> None:
    problem(pool.call(function), "unknown_function")


def test_data_is_no_code(pool: RunningPool) -> None:
    evil = '"); globalThis.evil = 1; ("'
    assert result(pool.call("later", evil)) == evil
    problem(pool.call(evil), "unknown_function")
    assert pool.eval("typeof evil") == "undefined"


LOOP = "for (;;) {}"


@pytest.mark.parametrize(
    ("members", "headers"),
    [
        pytest.param({"timeoutMs": 100}, {}, id="in the body"),
        pytest.param({}, {"Tyrex-Timeout-Ms": "100"}, id="in a header"),
        pytest.param({"timeoutMs": 9000}, {"Tyrex-Timeout-Ms": "100"}, id="the smaller one"),
    ],
)
def test_timeouts(pool: RunningPool, members: dict[str, Any], headers: dict[str, str]) -> None:
    answer = pool.http.post("/v1/eval", json={"code": LOOP, **members}, headers=headers)
    problem(answer, "timeout")
    assert answer.elapsed.total_seconds() < 0.1 + 0.25


def test_timeout_of_a_body_that_is_code(pool: RunningPool) -> None:
    problem(raw(pool, LOOP, "text/javascript", **{"Tyrex-Timeout-Ms": "100"}), "timeout")


def test_timeout_of_a_call(pool: RunningPool) -> None:
    pool.eval("globalThis.loop = () => { for (;;); }; 0")
    problem(pool.call("loop", timeoutMs=100), "timeout")


@pytest.mark.parametrize("timeout", [0, -1, 10_001, 1.5, "1", True])
def test_a_timeout_out_of_range(pool: RunningPool, timeout: Any) -> None:
    assert "timeoutMs" in problem(pool.post("1", timeoutMs=timeout), "invalid_request")["detail"]
    assert "timeoutMs" in problem(pool.call("add", timeoutMs=timeout), "invalid_request")["detail"]


def test_the_largest_timeout(pool: RunningPool) -> None:
    assert pool.eval("1", timeoutMs=10_000) == 1


def test_headers(pool: RunningPool) -> None:
    answers = [pool.post("1"), pool.post("new Promise((ok) => setTimeout(ok, 50))"), pool.post("throw 1")]
    assert {answer.headers["Tyrex-Runtime"] for answer in answers} == {"test-0"}
    assert {int(answer.headers["Tyrex-Epoch"]) for answer in answers} == set(pool.epochs().values())
    assert len({answer.headers["Tyrex-Eval"] for answer in answers}) == 3
    durations = [timing(answer) for answer in answers]
    assert all(queue >= 0 and run >= 0 for queue, run in durations)
    assert durations[1][1] >= 49
    assert durations[0][1] < 49


def timing(answer: httpx.Response) -> tuple[float, float]:
    """Milliseconds in the queue and running."""
    parts = [part.strip().split(";dur=") for part in answer.headers["Server-Timing"].split(",")]
    assert [name for name, _ in parts] == ["queue", "eval", "cpu"]
    return float(parts[0][1]), float(parts[1][1])


def test_time_in_the_queue(pool: RunningPool) -> None:
    first = pool.later("const end = Date.now() + 100; while (Date.now() < end); 1")
    pool.wait_busy()
    second = pool.post("2")
    assert result(first.result()) == 1
    assert timing(second)[0] > 20


def test_the_epoch_changes_with_the_isolate(pool: RunningPool) -> None:
    pool.eval("globalThis.mine = 1")
    before = pool.post("mine").headers["Tyrex-Epoch"]
    assert pool.post("mine").headers["Tyrex-Epoch"] == before
    died = pool.post("Deno.exit(0)")
    assert died.headers["Tyrex-Epoch"] == before
    after = pool.post("typeof mine")
    assert result(after) == "undefined"
    assert int(after.headers["Tyrex-Epoch"]) > int(before)


SIZES = [
    pytest.param(900_000, id="900 KB"),
    pytest.param(65_536, id="a pipe's worth"),
    pytest.param(262_144, id="a read's worth"),
]


@pytest.mark.parametrize("size", SIZES)
def test_large_code(pool: RunningPool, size: int) -> None:
    assert pool.eval(f"'{'x' * size}'.length") == size
    assert result(raw(pool, f"/*{'é' * (size // 2)}*/ 7", "text/javascript")) == 7
    assert result(pool.call("counter.deep.f", "x" * size)) == ["x" * size]


@pytest.mark.parametrize("size", [*SIZES, pytest.param(7_000_000, id="7 MB")])
def test_large_results(pool: RunningPool, size: int) -> None:
    intact = pool.eval(f"'x'.repeat({size})") == "x" * size
    assert intact
    assert pool.eval("1") == 1


def test_results_of_wide_characters_up_to_the_limit(pool: RunningPool) -> None:
    limit = 8 * 1024 * 1024
    assert len(pool.eval(f"'漢'.repeat({(limit - 2) // 3})")) == (limit - 2) // 3
    problem(pool.post(f"'漢'.repeat({limit // 3 + 1})"), "conversion_error")


def test_a_rejection_that_is_handled_late_does_no_harm(pool: RunningPool) -> None:
    epoch = pool.epochs()
    problem(pool.post("Promise.reject(new Error('no'))"), "promise_rejection")
    assert pool.eval("const p = Promise.reject(1); p.catch(() => 2)") == 2
    assert pool.epochs() == epoch


def test_timers_go_on(pool: RunningPool) -> None:
    pool.eval("globalThis.fired = 0; setTimeout(() => fired = 1, 20); 0")
    until(lambda: pool.eval("fired"))
