"""A guest that overwrites what the code that answers for it uses: the answers of others stay their own."""

import pytest

from tests.local.others import check_others
from tests.local.problems import problem
from tests.local.running import RunningPool, result

FORGED = "forged"
_FAKE = f"() => '{FORGED}'"
OVERWRITTEN = [
    pytest.param(f"JSON.stringify = {_FAKE}", id="JSON.stringify"),
    pytest.param(f"JSON.parse = {_FAKE}", id="JSON.parse"),
    pytest.param(f"globalThis.JSON = {{stringify: {_FAKE}, parse: {_FAKE}}}", id="JSON"),
    pytest.param("globalThis.eval = () => 'forged'", id="eval"),
    pytest.param("Function.prototype.call = () => 'forged'", id="Function.prototype.call"),
    pytest.param("Function.prototype.apply = () => 'forged'", id="Function.prototype.apply"),
    pytest.param("Function.prototype.bind = () => () => 'forged'", id="Function.prototype.bind"),
    pytest.param("Reflect.apply = () => 'forged'", id="Reflect.apply"),
    pytest.param("globalThis.Reflect = {}", id="Reflect"),
    pytest.param("performance.now = () => 1e300; Performance.prototype.now = () => 1e300", id="performance.now"),
    pytest.param("globalThis.performance = {now: () => 1e300}; Date.now = () => 0", id="performance"),
    pytest.param("Object.keys = () => ['forged']; Object.defineProperty = () => {}", id="Object's functions"),
    pytest.param("globalThis.Object = globalThis.Array = globalThis.String = () => 'forged'", id="constructors"),
    pytest.param("globalThis.Promise = class { then(ok) { ok('forged') } }", id="Promise"),
    pytest.param("globalThis.Deno = undefined; globalThis.process = undefined", id="Deno and process"),
    pytest.param("globalThis.console = null", id="console"),
    pytest.param("globalThis.gc = () => 'forged'", id="gc"),
    pytest.param("globalThis.setTimeout = globalThis.queueMicrotask = () => {}", id="timers"),
    pytest.param(
        "Symbol.iterator = 1; Array.prototype[Symbol.iterator] = function* () { yield 'forged' }", id="iteration"
    ),
    pytest.param("Error.prepareStackTrace = () => { throw 'forged' }; Error.stackTraceLimit = 0", id="stack traces"),
    pytest.param(
        "for (const name of Object.getOwnPropertyNames(String.prototype))"
        " if (name !== 'length') String.prototype[name] = () => 'forged'",
        id="all of String.prototype",
    ),
    pytest.param(
        "for (const name of Object.getOwnPropertyNames(Array.prototype))"
        " if (name !== 'length') Array.prototype[name] = () => 'forged'",
        id="all of Array.prototype",
    ),
    pytest.param(
        "const views = Object.getPrototypeOf(Uint8Array.prototype);"
        "for (const name of Object.getOwnPropertyNames(views))"
        " Object.defineProperty(views, name, {value: () => 'forged'})",
        id="all of TypedArray.prototype",
    ),
    pytest.param(
        "TextDecoder.prototype.decode = () => 'forged'; TextEncoder.prototype.encode = () => new Uint8Array(9);"
        "globalThis.TextDecoder = globalThis.TextEncoder = null",
        id="text coders",
    ),
    pytest.param(
        "for (const name of ['stringify', 'parse'])"
        " Object.defineProperty(JSON, name, {get() { throw 'forged' }, configurable: false})",
        id="getters in JSON",
    ),
    pytest.param(
        "for (const name of ['get', 'set', 'has', 'delete', 'clear'])"
        " Map.prototype[name] = Set.prototype[name] = WeakMap.prototype[name] = () => 'forged'",
        id="collections",
    ),
    pytest.param("RegExp.prototype.exec = () => ['forged']; RegExp.prototype.test = () => true", id="RegExp.prototype"),
    pytest.param(
        "Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(Promise.prototype)",
        id="frozen prototypes",
    ),
]

PROMISES = [
    pytest.param("Promise.prototype.then = function (ok) { ok('forged') }", id="then that lies"),
    pytest.param("Promise.prototype.then = () => { throw 'forged' }", id="then that throws"),
    pytest.param("Promise.prototype.catch = Promise.prototype.finally = () => { throw 'forged' }", id="catch"),
    pytest.param("Promise.resolve = Promise.reject = () => ({then(ok) { ok('forged') }})", id="Promise.resolve"),
    pytest.param(
        "Object.defineProperty(Promise.prototype, 'constructor', {get() { throw 'forged' }})",
        id="constructor that throws",
    ),
    pytest.param(
        "Promise.prototype.constructor = class { static get [Symbol.species]() { throw 'forged' } }", id="constructor"
    ),
    pytest.param(
        "Object.defineProperty(Promise, Symbol.species, {get() { return function (f) { f(() => {}, () => {}) } }})",
        id="species",
    ),
    pytest.param(
        "Object.defineProperty(Promise, Symbol.species, {get() { throw 'forged' }})", id="species that throws"
    ),
    pytest.param(
        "Promise.prototype.constructor = function (run) { run(() => {}, () => {}) };"
        "Promise.prototype.constructor[Symbol.species] = Promise.prototype.constructor",
        id="a species that keeps silent",
    ),
]

SETTERS = [
    "0", "1", "2", "oncomplete", "onread", "next", "then", "value", "get", "set", "order", "done",
    "resolve", "handle", "buffer", "req", "error", "name", "detail", "stack", "callable", "owner", "writable",
    "configurable", "enumerable", "__proto__x", "mode", "toJSON",
]  # fmt: skip


@pytest.mark.parametrize("code", OVERWRITTEN)
def test_overwritten(fresh: RunningPool, code: str) -> None:
    answer = fresh.post(f"{code}; 'own'", timeoutMs=2000)
    assert result(answer) == "own"
    check_others(fresh)


@pytest.mark.parametrize("code", PROMISES)
def test_overwritten_promises(fresh: RunningPool, code: str) -> None:
    """Some of it cannot be overwritten: that is the guest's own error."""
    answer = fresh.post(f"{code}; 'own'")
    if answer.status_code == 200:
        assert result(answer) == "own"
    else:
        assert "Cannot redefine property" in problem(answer, "execution_error")["detail"]
    check_others(fresh)


@pytest.mark.parametrize("prototype", ["Object", "Array"])
def test_setters_see_nothing(fresh: RunningPool, prototype: str) -> None:
    code = f"""
        globalThis.seen = [];
        const define = Object.defineProperty;
        for (const name of {SETTERS}) define({prototype}.prototype, name, {{
            __proto__: null,
            configurable: true,
            set(value) {{ define(seen, seen.length, {{__proto__: null, enumerable: true, value: name}}) }},
            get() {{ return undefined }},
        }});
        'own'
    """
    assert result(fresh.post(code)) == "own"
    check_others(fresh)
    assert fresh.eval("seen") == []
