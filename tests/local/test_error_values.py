"""What an Error carries reaches the caller: its own members, `cause` and `errors`, member by member."""

from typing import Any

import pytest

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool

SPEC = {"size": 1}
NOTHING: Any = object()


def error(message: str, name: str = "Error", **members: Any) -> dict[str, Any]:
    return {"name": name, "message": message, **members}


CARRIED = [
    pytest.param(
        "new Error('cannot save', {cause: new Error('disk full')})", {"cause": error("disk full")}, id="cause"
    ),
    pytest.param(
        "new AggregateError([new Error('a'), new TypeError('b')], 'm')",
        {"errors": [error("a"), error("b", "TypeError")]},
        id="errors",
    ),
    pytest.param(
        "(() => { const r = {}; r.r = r; return Object.assign(new Error('x'), {status: 502, response: r}) })()",
        {"status": 502},
        id="a circular response",
    ),
    pytest.param(
        "Object.assign(new Error('x'), {a: 1, f() {}, s: Symbol('s'), big: 1n, u: undefined, n: NaN, deep: {big: 1n}})",
        {"a": 1, "n": None},
        id="members that are no JSON",
    ),
    pytest.param("Object.assign(new Error('x'), {f() {}})", NOTHING, id="no member that is JSON"),
    pytest.param(
        "Object.defineProperties(new Error('x'), {"
        "bad: {enumerable: true, get() { throw 1 }},"
        " good: {enumerable: true, get() { return 2 }}, hidden: {value: 3}})",
        {"good": 2},
        id="getters",
    ),
    pytest.param(
        "new SuppressedError(new Error('a'), new TypeError('b', {cause: 7}), 'm')",
        {"error": error("a"), "suppressed": error("b", "TypeError", cause=7)},
        id="what a SuppressedError has",
    ),
    pytest.param("Object.assign(new Error('x'), {error: 1, suppressed: 2})", {"error": 1, "suppressed": 2}, id="those"),
    pytest.param(
        "new (class Many extends AggregateError { more = 1 })([new Error('a')], 'm')",
        {"more": 1, "errors": [error("a")]},
        id="a class of errors",
    ),
    pytest.param("new Error('x', {cause: [new Error('a'), 1]})", {"cause": [error("a"), 1]}, id="Errors in a list"),
    pytest.param(
        "new Error('x', {cause: {why: new TypeError('a')}})",
        {"cause": {"why": error("a", "TypeError")}},
        id="in an object",
    ),
    pytest.param(
        "Object.assign(new Error('x'), {details: [Object.assign(new Error('a'), {code: 7})]})",
        {"details": [error("a", code=7)]},
        id="with members",
    ),
    pytest.param("new AggregateError([[new Error('a')]])", {"errors": [[error("a")]]}, id="in a list of a list"),
    pytest.param(
        "(() => { const e = new Error('a'); e.self = e; return Object.assign(new Error('x'), {list: [e], ok: 1}) })()",
        {"ok": 1},
        id="in a circle, in a list",
    ),
    pytest.param(
        "Object.assign(new Error('x'),"
        " {list: [Object.defineProperty(new Error('a'), 'message', {get() { throw 1 }})]})",
        {"list": [error("")]},
        id="a message that throws, in a list",
    ),
    pytest.param(
        "Object.assign(new Error('x'), {list: [Object.assign(new Error('a'), {toJSON: () => 'mine'})]})",
        {"list": ["mine"]},
        id="a toJSON, in a list",
    ),
    pytest.param("[new Error('a')]", [error("a")], id="a list that is thrown"),
    pytest.param(
        "({message: 'm', cause: new Error('a')})", {"message": "m", "cause": error("a")}, id="an object that is thrown"
    ),
    pytest.param("new Error('x', {cause: 'disk full'})", {"cause": "disk full"}, id="a text as cause"),
    pytest.param("new Error('x', {cause: null})", {"cause": None}, id="null as cause"),
    pytest.param("new Error('x', {cause: undefined})", NOTHING, id="undefined as cause"),
    pytest.param(
        "new Error('x', {cause: {code: 7, at: new Date(0)}})",
        {"cause": {"code": 7, "at": "1970-01-01T00:00:00.000Z"}},
        id="an object as cause",
    ),
    pytest.param("new Error('x', {cause: () => 1})", NOTHING, id="a function as cause"),
    pytest.param(
        "new Error('a', {cause: new Error('b', {cause: new RangeError('c', {cause: 7})})})",
        {"cause": error("b", cause=error("c", "RangeError", cause=7))},
        id="causes of causes",
    ),
    pytest.param(
        "new Error('x', {cause: Object.assign(new Error('y'), {code: 'E', retry: true, fail() {}})})",
        {"cause": error("y", code="E", retry=True)},
        id="members of a cause",
    ),
    pytest.param(
        "new Error('x', {cause: Object.assign(new Error('y'), {name: 'Mine'})})",
        {"cause": error("y", "Mine")},
        id="a name of a cause, once",
    ),
    pytest.param(
        "new (class extends Error { name = 'Mine'; code = 7;"
        " constructor() { super('x', {cause: new Error('y')}) } })()",
        {"name": "Mine", "code": 7, "cause": error("y")},
        id="a class",
    ),
    pytest.param(
        "new AggregateError([1, 'b', null, undefined, () => 1, {a: 1}, new Error('e', {cause: new Error('c')})], 'm')",
        {"errors": [1, "b", None, {"a": 1}, error("e", cause=error("c"))]},
        id="errors of all kinds",
    ),
    pytest.param(
        "new AggregateError([new AggregateError([new Error('a')], 'b')], 'c')",
        {"errors": [error("b", "AggregateError", errors=[error("a")])]},
        id="errors of errors",
    ),
    pytest.param(
        "Object.assign(new Error('x'), {errors: {a: ['no']}})", {"errors": {"a": ["no"]}}, id="errors that are no list"
    ),
    pytest.param("Object.assign(new Error('x'), {errors: []})", {"errors": []}, id="no errors"),
    pytest.param(
        "Object.assign(new Error('x'), {inner: new Error('y')})", {"inner": error("y")}, id="an Error as member"
    ),
    pytest.param(
        "new Error('x', {cause: new DOMException('y', 'AbortError')})",
        {"cause": error("y", "AbortError")},
        id="a DOMException",
    ),
    pytest.param("(() => { const e = new Error('x'); e.cause = e; return e })()", NOTHING, id="its own cause"),
    pytest.param(
        "(() => { const a = new Error('a'), b = new Error('b', {cause: a}); a.cause = b; return a })()",
        {"cause": error("b")},
        id="causes in a circle",
    ),
    pytest.param(
        "(() => { const e = new AggregateError([], 'x'); e.errors.push(e, new Error('y')); return e })()",
        {"errors": [error("y")]},
        id="among its own errors",
    ),
    pytest.param("Object.assign(new Error('x'), {toJSON() { throw 1 }, a: 1})", {"a": 1}, id="a toJSON that throws"),
    pytest.param(
        "Object.assign(new Error('x'), {a: {toJSON: () => 7}, b: {toJSON() { throw 1 }}})",
        {"a": 7},
        id="members' toJSON",
    ),
    pytest.param(
        "Object.assign(new Error('x'), {a: 1, p: new Proxy({}, {ownKeys() { throw 1 }, get() { throw 2 }})})",
        {"a": 1},
        id="a Proxy that throws",
    ),
    pytest.param(
        "new Error('x', {cause: Object.defineProperty(new Error('y'), 'message', {get() { throw 1 }})})",
        {"cause": error("")},
        id="a message that throws",
    ),
    pytest.param(
        "new Error('x', {cause: Object.assign(new Error('y'), {name: 7})})",
        {"cause": error("y", "")},
        id="a name that is no text",
    ),
    pytest.param(
        "Object.assign(new Error('x'), {['__proto__']: {a: 1}, b: 2})",
        {"__proto__": {"a": 1}, "b": 2},
        id="a member named as a prototype's",
    ),
    pytest.param(
        "Object.assign(new Error('x', {cause: Object.assign(new Error('😀'[0]), {'😀': '😀'[1]})}), {['😀'[0]]: 1})",
        {"\ufffd": 1, "cause": error("\ufffd", **{"😀": "\ufffd"})},
        id="halves of pairs",
    ),
    pytest.param(
        "Object.assign(new Error('x'), {a: 1, huge: 'x'.repeat(70000), b: 2})", {"a": 1, "b": 2}, id="a huge member"
    ),
    pytest.param(
        "new Error('x', {cause: Object.assign(new Error('y'), {huge: 'x'.repeat(70000), b: 2})})",
        {"cause": error("y", b=2)},
        id="a huge member of a cause",
    ),
]


@pytest.mark.parametrize(
    ("how", "name"), [("throw {0}", "execution_error"), ("Promise.reject({0})", "promise_rejection")]
)
@pytest.mark.parametrize(("thrown", "value"), CARRIED)
def test_what_an_error_carries(pool: RunningPool, thrown: str, value: Any, how: str, name: str) -> None:
    document = problem(pool.post(how.format(thrown)), name)
    assert document.get("value", NOTHING) == value


def test_promise_any(pool: RunningPool) -> None:
    code = "Promise.any([Promise.reject(new Error('a')), Promise.reject(new Error('b'))])"
    document = problem(pool.post(code), "promise_rejection")
    assert document["detail"] == "AggregateError: All promises were rejected"
    assert document["value"] == {"errors": [error("a"), error("b")]}


def test_causes_are_cut_at_a_depth(pool: RunningPool) -> None:
    code = "let e = new Error('0'); for (let i = 1; i < 50; i++) e = new Error(String(i), {cause: e}); throw e"
    value = problem(pool.post(code), "execution_error")["value"]
    depth = 0
    while "cause" in value:
        depth, value = depth + 1, value["cause"]
    assert depth == 7


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("throw new AggregateError(Array.from({length: 1e5}, () => new Error('e')), 'm')", id="many"),
        pytest.param("throw new AggregateError(Array(1e6), 'm')", id="a sparse list"),
        pytest.param(
            "throw Object.assign(new Error('m'), {"
            "errors: new Proxy([], {get: (_, n) => n === 'length' ? 2 ** 32 : 1})})",
            id="a Proxy without an end",
        ),
        pytest.param(
            "let e = [new Error('x')]; for (let i = 0; i < 30; i++)"
            " e = [new AggregateError(e), new AggregateError(e)]; throw e[0]",
            id="a tree that doubles",
        ),
        pytest.param(
            "throw Object.assign(new Error('m'), "
            "Object.fromEntries(Array.from({length: 1e5}, (_, i) => ['k' + i, i])))",
            id="many members",
        ),
    ],
)
def test_a_value_is_bounded(pool: RunningPool, code: str) -> None:
    answer = pool.post(code, timeoutMs=5000)
    problem(answer, "execution_error")
    assert len(answer.content) < 100_000


def test_what_guests_replace_is_not_used(pool: RunningPool, start: Start) -> None:
    spoiled = start(size=1)
    spoiled.eval(
        "for (const name of ['map', 'push', 'join', Symbol.iterator, 'forEach'])"
        " Array.prototype[name] = () => { throw 1 };"
        "Object.keys = JSON.stringify = Array.isArray = Object.hasOwn = () => { throw 1 };"
        "Object.defineProperty(Array.prototype, 0, {set() { throw 1 }});"
        " String.prototype.toWellFormed = () => 'forged';"
        "Object.prototype.cause = 'forged'; Error.prototype.errors = ['forged'];"
        "Object.defineProperty(Object.prototype, 'parent', {set() { throw 1 }}); 1"
    )
    code = "throw Object.assign(new Error('a', {cause: new Error('b', {cause: 7})}), {code: 7})"
    expected = {"code": 7, "cause": error("b", cause=7)}
    assert problem(pool.post(code), "execution_error")["value"] == expected
    assert problem(spoiled.post(code), "execution_error")["value"] == expected


MODULES = [
    pytest.param(
        "throw new Error('load', {cause: new Error('disk full')})",
        ["Error: load", "caused by: Error: disk full"],
        id="a cause",
    ),
    pytest.param(
        "throw new Error('load', {cause: new Error('b', {cause: 'why'})})",
        ["caused by: Error: b", 'caused by: "why"'],
        id="two",
    ),
    pytest.param(
        "await Promise.reject(new Error('load', {cause: {code: 7}}))",
        ["Error: load", 'caused by: {"code":7}'],
        id="an object",
    ),
    pytest.param(
        "throw new AggregateError([new Error('a'), new TypeError('b')], 'load')",
        ["caused by: Error: a", "caused by: TypeError: b"],
        id="errors",
    ),
    pytest.param("const e = new Error('load'); e.cause = e; throw e", ["Error: load"], id="a circle"),
]


@pytest.mark.parametrize(("module", "texts"), MODULES)
def test_a_main_module_that_fails_with_a_cause(start: Start, module: str, texts: list[str]) -> None:
    pool = start(size=1, mainModule={"inline": module})
    reason = pool.status()["runtimes"][0]["reason"]
    assert all(text in reason for text in texts)
