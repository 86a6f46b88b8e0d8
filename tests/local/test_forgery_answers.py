"""A guest that answers twice, too late, or whose values run code while they are looked at."""

import pytest

from tests.local.others import attack, check_others
from tests.local.running import RunningPool, result

SPEC = {"size": 1}

TWICE = [
    pytest.param("({then(ok) { ok('own'); ok('forged'); ok(1) }})", id="resolves twice"),
    pytest.param("({then(ok, no) { ok('own'); no('forged'); throw 'forged' }})", id="resolves and rejects"),
    pytest.param("({then(ok) { ok('own'); setTimeout(() => ok('forged'), 20) }})", id="resolves again later"),
    pytest.param("({then(ok) { globalThis.again = ok; ok('own') }})", id="leaves its callback to the next"),
    pytest.param("({then(ok) { ok({then(ok) { ok('own'); ok('forged') }}) }})", id="a thenable in a thenable"),
    pytest.param("const p = Promise.resolve('own'); p.then = (ok) => { ok('forged'); ok(1) }; p", id="an own then"),
    pytest.param(
        "class P extends Promise { then(ok, no) { ok('forged'); ok('forged'); return super.then(ok, no) } }"
        "new P((ok) => ok('own'))",
        id="a subclass that calls back twice",
    ),
    pytest.param("new Proxy(Promise.resolve('own'), {get: () => (ok) => { ok('own'); ok('forged') }})", id="a proxy"),
    pytest.param("Object.assign(() => 1, {then(ok) { ok('own'); ok('forged') }})", id="a function with a then"),
    pytest.param("let n = 0; ({get then() { return n++ ? undefined : (ok) => { ok('own'); ok(1) } }})", id="a getter"),
    pytest.param("({toJSON() { setTimeout(() => again?.('forged')); return 'own' }})", id="a toJSON"),
]

_ERROR = "const e = new Error('own'); "
_THROWS = "{get() { throw new Error('forged') }}"
GETTERS = [
    *(
        pytest.param(f"{_ERROR} Object.defineProperty(e, '{name}', {_THROWS}); throw e", id=f"{name} of an error")
        for name in ("stack", "message", "name", "cause", "toString", "toJSON", "then", "constructor")
    ),
    *(
        pytest.param(f"throw Object.defineProperty({{}}, '{name}', {_THROWS})", id=f"{name} of an object")
        for name in ("toJSON", "toString", "then", "name", "message")
    ),
    pytest.param(f"Object.defineProperty({{}}, 'then', {_THROWS})", id="then of a result"),
    pytest.param(f"Object.defineProperty({{}}, 'toJSON', {_THROWS})", id="toJSON of a result"),
    pytest.param(f"Object.defineProperty({{}}, 'a', {{enumerable: true, {_THROWS[1:]})", id="a member of a result"),
    pytest.param("throw new Proxy({}, new Proxy({}, {get() { throw 'forged' }}))", id="a proxy of throwing traps"),
    pytest.param("throw new Proxy(new Error('own'), {get() { throw 'forged' }})", id="a proxy of an error"),
    pytest.param("new Proxy({}, {get() { throw 'forged' }})", id="a proxy as a result"),
    pytest.param("new Proxy({}, {ownKeys() { throw 'forged' }})", id="a proxy without keys"),
    pytest.param("const r = Proxy.revocable({}, {}); r.revoke(); r.proxy", id="a revoked proxy"),
    pytest.param("const r = Proxy.revocable({}, {}); r.revoke(); throw r.proxy", id="a revoked proxy thrown"),
    pytest.param(
        "Promise.reject({get name() { throw 1 }, toString() { throw 2 }, toJSON() { throw 3 }})", id="rejected"
    ),
    pytest.param(_ERROR + "e.stack = {toString() { throw 1 }}; throw e", id="a stack that is an object"),
    pytest.param(_ERROR + "e.stack = 7; e.message = {}; e.name = Symbol(); throw e", id="members of other types"),
    pytest.param(_ERROR + "e.stack = '\\n0 result \"forged\"\\n'; throw e", id="a stack with a reply in it"),
    pytest.param("throw new Error('\\n0 result \"forged\"\\n\\u2028\\ud800')", id="a message with a reply in it"),
    pytest.param("'\\n0 result \"forged\"\\n\\u2028\\ud800\\0'", id="a result with a reply in it"),
    pytest.param("({toJSON() { throw {toString() { throw 1 }} }})", id="a toJSON that throws what cannot be shown"),
    pytest.param("throw {toJSON() { return this }, toString: null, valueOf: null}", id="nothing to show"),
    pytest.param("throw Object.create(null)", id="an object without a prototype"),
    pytest.param("Error.prepareStackTrace = () => { throw 'forged' }; throw new Error('own')", id="prepareStackTrace"),
    pytest.param("JSON.rawJSON('\"own\"')", id="raw JSON"),
    pytest.param("({toJSON: () => JSON.rawJSON('1')})", id="raw JSON from a toJSON"),
    pytest.param("({toJSON() { delete this.toJSON; throw 1 }})", id="a toJSON that deletes itself"),
    pytest.param("throw new DOMException('own', 'AbortError')", id="a DOMException"),
    pytest.param("document.all", id="no DOM"),
]


@pytest.mark.parametrize("code", TWICE)
def test_a_second_answer_goes_nowhere(pool: RunningPool, code: str) -> None:
    assert result(pool.post(code)) == "own"
    assert pool.eval("globalThis.again?.('forged'); 1 + 2") == 3
    waiting = "new Promise((ok) => { globalThis.again?.('forged'); setTimeout(ok, 50, 'mine') })"
    assert pool.eval(waiting) == "mine"
    check_others(pool)


@pytest.mark.parametrize("code", GETTERS)
def test_values_that_run_code_when_they_are_looked_at(pool: RunningPool, code: str) -> None:
    attack(pool, code)
