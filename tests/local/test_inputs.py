"""Data for evals: it arrives equal, it is never code, and each eval sees its own."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.local.problems import problem
from tests.local.programs import run_module
from tests.local.running import RunningPool
from tyrex_pool import AsyncClient, BlockingLocalPool, Client, LocalPool

SPEC = {"size": 1, "concurrency": 8, "limits": {"request": "8Mi"}}

TRACE = "globalThis.pwned = true"
DEEP: Any = 0
for _ in range(200):
    DEEP = [DEEP, {"a": 1}]

HOSTILE: dict[str, Any] = {
    "a member __proto__": {"__proto__": {"polluted": True}},
    "a deep member __proto__": {"a": [{"__proto__": {"b": {"__proto__": None}}}]},
    "a member constructor": {"constructor": {"prototype": {"polluted": True}}},
    "a member toJSON": {"toJSON": TRACE},
    "a member then": {"then": TRACE},
    "a member toString": {"toString": 1, "valueOf": 2},
    "a member hasOwnProperty": {"hasOwnProperty": False},
    "a member __defineGetter__": {"__defineGetter__": 1, "__lookupSetter__": 2},
    "an empty name": {"": {"": ""}},
    "numbers as names": {"1": "a", "0": "b", "-1": "c", "4294967295": "d"},
    "a name with NUL": {"a\u0000b": "\u0000"},
    "a name of half a surrogate pair": {"\ud83d": "\ude00"},
    "half a surrogate pair": "\ud800",
    "a pair the wrong way round": "\udc00\ud800",
    "JavaScript's own line ends": "\u2028\u2029'\u2028 " + TRACE,
    "line ends": "\n\r\n\r" + TRACE + "\n",
    "the end of a script": "</script><script>" + TRACE + "</script>",
    "the end of a string": '"; ' + TRACE + '; "',
    "the end of another string": "'; " + TRACE + "; '",
    "a template": "${" + TRACE + "}",
    "the end of a template": "`; " + TRACE + "; `${" + TRACE + "}",
    "the end of a comment": "*/ " + TRACE + " /*",
    "the end of a block": "}}); " + TRACE + "; (({{",
    "the wrapper's own": "}catch(inputs){" + TRACE,
    "backslashes": "\\\\\\",
    "escapes": "\\u0022;\\x22 " + TRACE + ' \\"',
    "a byte order mark": "\ufeff\ufeff",
    "text that is half of a line of the pipe": '"]\n["' + TRACE,
    "the largest numbers": [9007199254740991, -9007199254740991, 1.7976931348623157e308, -5e-324],
    "fractions": [0.1, 1e21, 1e-7, 123456789.123456789],
    "no values": [None, True, False, 0, "", [], {}],
    "a deep value": DEEP,
    "a long text": 'é😀\u2028"' * 100_000,
    "many members": {f"m{number}": number for number in range(10_000)},
    "code": TRACE,
    "a name of ours": {"__tyrex__": 1, "inputs": 2, "eval": 3},
}

Ask = Callable[[str, Any], Any]


@pytest.fixture(scope="module", params=["HTTP", "Client", "LocalPool"])
def ask(request: pytest.FixtureRequest, pool: RunningPool) -> Iterator[Ask]:
    """Evaluates code with inputs, in one of the ways that there are."""
    match request.param:
        case "HTTP":

            def post(code: str, inputs: Any) -> Any:
                body = json.dumps({"code": code, "inputs": inputs})
                answer = pool.http.post("/v1/eval", content=body, headers={"Content-Type": "application/json"})
                return json.loads(answer.content)["result"]

            yield post
        case "Client":
            with Client(f"http://127.0.0.1:{pool.port}") as client:
                yield lambda code, inputs: client.eval(code, inputs=inputs)
        case _:
            with BlockingLocalPool(1, limits={"request": "8Mi"}) as local:
                yield lambda code, inputs: local.eval(code, inputs=inputs)


@pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in HOSTILE.items()])
def test_hostile_values_arrive_equal_and_never_run(ask: Ask, value: Any) -> None:
    assert ask("[inputs.v]", {"v": value}) == [value]
    members = value if isinstance(value, dict) else {"v": value}
    assert ask("Object.fromEntries(Object.entries(inputs).map(([k, v]) => ['=' + k, v]))", members) == {
        f"={name}": member for name, member in members.items()
    }
    assert ask("[typeof pwned, {}.polluted, Object.getPrototypeOf(inputs) === Object.prototype]", members) == [
        "undefined", None, True,
    ]  # fmt: skip


CHANGES = [
    pytest.param("inputs = 5; 5", 5, id="assigned"),
    pytest.param("var inputs = 6; inputs", 6, id="declared with var"),
    pytest.param("const inputs = 7; inputs", 7, id="declared with const"),
    pytest.param("globalThis.inputs = 8", 8, id="a global of that name"),
    pytest.param("Object.defineProperty(globalThis, 'inputs', {value: 9, configurable: true}); 9", 9, id="defined"),
    pytest.param(
        "Object.defineProperty(globalThis, 'inputs', {get() { return 'evil' }, set() {}}); inputs.who",
        "me",
        id="a getter",
    ),
    pytest.param("inputs.who = 10; delete inputs.b; inputs", {"who": 10}, id="its members"),
    pytest.param("Object.freeze(Object.getPrototypeOf(inputs)); 1", 1, id="its prototype frozen"),
    pytest.param("globalThis.eval = () => 'evil'; inputs.who", "me", id="eval replaced"),
    pytest.param("JSON.parse = () => 'evil'; inputs.who", "me", id="JSON.parse replaced"),
    pytest.param("Array.prototype[7] = {who: 'evil'}; inputs.who", "me", id="an element of all arrays"),
    pytest.param("try { Object.defineProperty(globalThis, '__tyrex__', {value: 1}) } catch { 'no' }", "no", id="ours"),
    pytest.param("globalThis.__tyrex__ = 1; delete globalThis.__tyrex__; 2", 2, id="ours, assigned and deleted"),
    pytest.param(
        "import('node:vm').then((vm) => vm.runInThisContext('let __tyrex__')).catch(() => 'no')", "no", id="vm"
    ),
]


@pytest.mark.parametrize(("code", "value"), CHANGES)
def test_a_change_touches_no_other_eval(fresh: RunningPool, code: str, value: Any) -> None:
    mine = {"who": "me", "b": 1}
    assert fresh.eval(code, inputs=mine) == value
    assert fresh.eval("inputs", inputs=mine) == mine
    assert fresh.eval("[typeof inputs === 'object' && inputs.b, 1]", inputs={"b": 2}) == [2, 1]


def test_without_inputs_there_is_no_such_variable(pool: RunningPool) -> None:
    assert pool.eval("inputs.a", inputs={"a": 1}) == 1
    assert pool.eval("typeof inputs") == "undefined"
    assert problem(pool.post("inputs"), "execution_error")["detail"] == "ReferenceError: inputs is not defined"
    assert pool.eval("inputs", inputs={}) == {}
    assert pool.eval("typeof inputs", inputs=None) == "undefined"


def test_a_global_of_that_name_is_left_alone(fresh: RunningPool) -> None:
    fresh.eval("globalThis.inputs = 'global'")
    assert fresh.eval("[inputs.a, globalThis.inputs]", inputs={"a": 1}) == [1, "global"]
    assert fresh.eval("inputs") == "global"


SAME = [
    pytest.param("var v1 = inputs.a; v1", 1, "v1", 1, id="var persists"),
    pytest.param("function f1() { return inputs.a } f1()", 1, "f1()", 1, id="a function persists, with its inputs"),
    pytest.param("const c1 = inputs.a; c1", 1, "typeof c1", "undefined", id="const does not leak"),
    pytest.param("globalThis.g1 = () => inputs.a; g1()", 1, "g1()", 1, id="a closure keeps its inputs"),
    pytest.param("if (inputs.a) { 7 } else { 8 }", 7, "1", 1, id="a completion value"),
    pytest.param("'a'; function f() {}", "a", "1", 1, id="declarations have none"),
    pytest.param("", None, "1", 1, id="empty code"),
    pytest.param("inputs.a // end", 1, "1", 1, id="a comment at the end"),
    pytest.param("'use strict'; var s1 = inputs.a; (function () { return this === undefined })()", True,
                 "typeof s1", "undefined", id="use strict"),
    pytest.param("this === globalThis", True, "1", 1, id="this"),
    pytest.param("eval('inputs.a')", 1, "1", 1, id="eval sees them"),
    pytest.param("(0, eval)('typeof inputs')", "undefined", "1", 1, id="an indirect eval is another script"),
    pytest.param("typeof arguments", "undefined", "1", 1, id="no arguments"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "value", "after", "then"), SAME)
def test_all_else_is_as_in_any_script(fresh: RunningPool, code: str, value: Any, after: str, then: Any) -> None:
    assert fresh.eval(code, inputs={"a": 1}) == value
    assert fresh.eval(after) == then


def test_in_typescript(pool: RunningPool) -> None:
    code = "const n: number = inputs.a;\nenum E { B = 2 }\nn + E.B"
    assert pool.eval(code, inputs={"a": 40}, language="typescript") == 42


@pytest.mark.parametrize(
    ("code", "name", "detail", "at"),
    [
        pytest.param("1;\n  throw new Error('x' + inputs.a)", "execution_error", "Error: x1", "2:9", id="a throw"),
        pytest.param(
            "\nfunction f() { null.x }\nf()", "execution_error", "TypeError: Cannot read", "2:21", id="in a function"
        ),
        pytest.param("1;\n let y = ;", "execution_error", "SyntaxError: Unexpected token", "2:10", id="syntax"),
        pytest.param("}", "execution_error", "SyntaxError: Unexpected token '}'", "1:1", id="the end of the wrapper"),
        pytest.param("\n(async () => { throw new Error('y') })()", "promise_rejection", "Error: y", "2:22", id="later"),
    ],
)
def test_positions_are_those_of_the_code(pool: RunningPool, code: str, name: str, detail: str, at: str) -> None:
    told = problem(pool.post(code, inputs={"a": 1}), name)
    assert told["detail"].startswith(detail)
    assert f"<anonymous>:{at}" in told["stack"].splitlines()[1]
    assert problem(pool.post(code.replace("inputs.a", "1")), name)["stack"] == told["stack"], "as without inputs"


LATER = {
    "after an await": "(async () => { await null; await new Promise((ok) => setTimeout(ok, 20)); return inputs.n })()",
    "in a timer": "new Promise((ok) => setTimeout(() => ok(inputs.n), 20))",
    "in a microtask": "new Promise((ok) => queueMicrotask(() => ok(inputs.n)))",
    "in a callback that another eval calls": """
        new Promise((ok) => {
            const before = globalThis.callback;
            globalThis.callback = () => { before?.(); ok(inputs.n) };
            setTimeout(() => globalThis.callback(), 30);
        })""",
    "in a listener that another eval calls": """
        new Promise((ok) => {
            globalThis.target ??= new EventTarget();
            target.addEventListener('x', () => ok(inputs.n), {once: true});
            setTimeout(() => target.dispatchEvent(new Event('x')), 30);
        })""",
}


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in LATER.items()])
async def test_side_by_side_each_sees_its_own(code: str) -> None:
    async with LocalPool(1, concurrency=8) as local:
        evals = [local.eval(code, inputs={"n": number}) for number in range(8)]
        assert await asyncio.gather(*evals) == list(range(8))
        assert local.status()["runtimes"][0]["inFlight"] == 0


async def test_every_client_takes_inputs(pool: RunningPool) -> None:
    url = f"http://127.0.0.1:{pool.port}"
    async with AsyncClient(url) as client, LocalPool(1) as local:
        assert await client.eval("inputs.a + 1", inputs={"a": 1}) == 2
        assert (await client.eval_response("inputs.a + 1", inputs={"a": 2})).result == 3
        assert await local.eval("inputs.a + 1", inputs={"a": 3}) == 4
    words = ("--url", url, "inputs.a + inputs.b", "--input", "a=1", "--input", 'b="é"')
    assert json.loads(run_module("eval", *words).stdout) == "1é"


@pytest.mark.parametrize(
    ("inputs", "detail"),
    [
        pytest.param([1], "body.inputs: write a mapping", id="a list"),
        pytest.param("x", "body.inputs: write a mapping", id="a text"),
        pytest.param({"a": 10**400}, "body.inputs.a: a whole number that JavaScript reads as Infinity", id="too large"),
    ],
)
def test_what_is_refused(pool: RunningPool, inputs: Any, detail: str) -> None:
    assert detail in problem(pool.post("1", inputs=inputs), "invalid_request")["detail"]
    assert pool.eval("1") == 1


def test_over_the_limit(pool: RunningPool) -> None:
    problem(pool.post("1", inputs={"a": "x" * (8 << 20)}), "payload_too_large")
