"""Listeners of an eval that is over: neither what they throw nor their calls of exit cost another eval its isolate."""

import pytest

from tests.local.conftest import Start
from tests.local.others import check_others
from tests.local.running import RunningPool

SPEC = {"size": 1, "limits": {"heap": "128Mi"}}

_TARGET = "globalThis.t = new EventTarget(); const fire = () => t.dispatchEvent(new Event('x'));"
_WORKER = (
    "globalThis.w = new Worker('data:text/javascript,postMessage(1);setTimeout(()=>%s,60)', {type: 'module'});"
    " let started; const promise = new Promise((ok) => { started = ok });"
)
"""It does something when the eval is over, which waits until it has started."""
WHERE = [
    pytest.param(
        "const c = new MessageChannel(); c.port1.onmessage = () => { BODY };"
        " setTimeout(() => c.port2.postMessage(1), 30); 1",
        id="a message",
    ),
    pytest.param(
        "const [a, b] = globalThis.kept = [new BroadcastChannel('x'), new BroadcastChannel('x')];"
        " a.onmessage = () => { BODY }; setTimeout(() => b.postMessage(1), 30); 1",
        id="a broadcast",
    ),
    pytest.param(
        f"{_WORKER % 'postMessage(2)'}"
        " w.onmessage = (e) => { if (e.data === 1) started(1); else { BODY } }; promise",
        id="a worker",
    ),
    pytest.param(
        f"{_WORKER % '{throw 1}'} w.onmessage = () => started(1);"
        " w.onerror = (e) => { e.preventDefault(); BODY }; promise",
        id="an error of a worker",
    ),
    pytest.param("(globalThis.s = AbortSignal.timeout(40)).onabort = () => { BODY }; 1", id="a signal"),
    pytest.param(
        "globalThis.s = AbortSignal.any([AbortSignal.timeout(40)]); s.addEventListener('abort', () => { BODY }); 1",
        id="one of several signals",
    ),
    pytest.param(
        f"{_TARGET} t.addEventListener('x', () => {{ BODY }}, {{once: true}}); setTimeout(fire, 30); 1", id="once"
    ),
    pytest.param(
        f"{_TARGET} t.addEventListener('x', {{handleEvent() {{ BODY }}}}); setTimeout(fire, 30); 1", id="an object"
    ),
    pytest.param(
        f"{_TARGET} t.addEventListener('x', {{get handleEvent() {{ BODY }}}}); setTimeout(fire, 30); 1", id="a getter"
    ),
    pytest.param(
        f"{_TARGET} t.addEventListener('x', new Proxy(() => {{}}, {{apply() {{ BODY }}}})); setTimeout(fire, 30); 1",
        id="a proxy",
    ),
    pytest.param(
        "addEventListener('x', () => { BODY }); setTimeout(() => dispatchEvent(new Event('x')), 30); 1", id="a global"
    ),
    pytest.param(
        "globalThis.r = new FinalizationRegistry(() => { BODY });"
        " (() => { for (let i = 0; i < 50; i++) r.register({}, 1) })();"
        " for (let k = 1; k < 30; k++) setTimeout(() => { new Array(1e6).fill({}) }, 4 * k); 1",
        id="a finalizer",
    ),
]
_TRAPS = "new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }, ownKeys() { throw 3 }})"
THROWS = [
    pytest.param(f"throw new Proxy(function () {{}}, {_TRAPS})", id="a proxy of traps"),
    pytest.param(f"throw {_TRAPS}", id="a proxy"),
    pytest.param(
        "throw {get name() { throw 1 }, get stack() { throw 1 }, toString() { throw 1 }, toJSON() { throw 1 }}",
        id="getters",
    ),
    pytest.param(
        "throw {toJSON() { const t = new EventTarget(); t.onx = 1; t.addEventListener('y', () => { throw 2 });"
        " t.dispatchEvent(new Event('y')); throw 3 }}",
        id="another listener that throws",
    ),
    pytest.param("const r = Proxy.revocable({}, {}); r.revoke(); throw r.proxy", id="a revoked proxy"),
    pytest.param("Object.defineProperty(this ?? {}, 'x', {}); throw undefined", id="undefined"),
]


@pytest.mark.parametrize("code", THROWS)
@pytest.mark.parametrize("where", WHERE)
def test_what_they_throw(pool: RunningPool, where: str, code: str) -> None:
    epochs = pool.epochs()
    assert pool.eval(f"{{ {where.replace('BODY', code)} }}") == 1
    assert pool.eval("new Promise((ok) => setTimeout(ok, 100, 'whole'))") == "whole"
    assert pool.epochs() == epochs


@pytest.mark.parametrize("code", ["Deno.exit(1)", "process.exit(1)", "process.abort()"])
@pytest.mark.parametrize("where", WHERE)
def test_their_exits(pool: RunningPool, where: str, code: str) -> None:
    epochs = pool.epochs()
    assert pool.eval(f"{{ {where.replace('BODY', code)} }}") == 1
    assert pool.eval("new Promise((ok) => setTimeout(ok, 150, 'whole'))") == "whole"
    assert pool.eval("1 + 1") == 2
    assert pool.epochs() != epochs


WORK = [
    pytest.param("let n = 0; const f = () => n++; on(f); on(f); fire(); n", 1, id="added twice, called once"),
    pytest.param("let n = 0; const f = () => n++; on(f); off(f); fire(); n", 0, id="removed"),
    pytest.param("let n = 0; const f = {handleEvent() { n++ }}; on(f); off(f); fire(); n", 0, id="an object removed"),
    pytest.param("let n = 0; const f = () => n++; on(f, true); off(f); fire(); n", 1, id="another phase"),
    pytest.param("let n = 0; on(() => n++, {once: true}); fire(); fire(); n", 1, id="once"),
    pytest.param("let s; const f = {handleEvent() { s = this === f }}; on(f); fire(); s", True, id="this of an object"),
    pytest.param("let s; on(function () { s = this === t }); fire(); s", True, id="this of a function"),
    pytest.param("let s; on((e) => { s = e.type }); fire(); s", "x", id="the event"),
    pytest.param(
        "const c = new AbortController(); let n = 0; on(() => n++, {signal: c.signal}); c.abort(); fire(); n",
        0,
        id="a signal",
    ),
    pytest.param("on(null); on(undefined); fire(); 1", 1, id="no listener"),
    pytest.param("try { t.addEventListener('x') } catch (e) { e.name }", "TypeError", id="one argument"),
    pytest.param("let n = 0; on(() => { throw 1 }); on(() => n++); fire(); n", 1, id="one that throws before"),
    pytest.param("t.addEventListener.name", "addEventListener", id="a name"),
    pytest.param(
        "const p = new AbortController().signal; const f = () => {}; p.onabort = f; p.onabort === f",
        True,
        id="a handler",
    ),
    pytest.param(
        "let n = 0; const c = new AbortController(), s = c.signal; s.onabort = () => n++; s.onabort = 0; c.abort(); n",
        0,
        id="a handler removed",
    ),
    pytest.param(
        "try { t.addEventListener.call({}, 'x', () => {}) } catch (e) { e.name }", "TypeError", id="no target"
    ),
]


@pytest.mark.parametrize(("code", "expected"), WORK)
def test_listeners_work_as_before(pool: RunningPool, code: str, expected: object) -> None:
    prelude = (
        "const t = new EventTarget(), on = (...a) => t.addEventListener('x', ...a),"
        " off = (...a) => t.removeEventListener('x', ...a), fire = () => t.dispatchEvent(new Event('x'));"
    )
    assert pool.eval(f"{{ {prelude} {code} }}") == expected
    check_others(pool)


_LONGEST = "'x'.repeat(2 ** 29 - 24)"  # a longer text cannot be made
LONG = [
    pytest.param(f"throw {_LONGEST}", id="thrown"),
    pytest.param(f"Promise.reject({_LONGEST})", id="rejected"),
    pytest.param(f"queueMicrotask(() => {{ throw {_LONGEST} }})", id="in a microtask"),
    pytest.param(f"process.nextTick(() => {{ throw {_LONGEST} }})", id="in a tick"),
    pytest.param(f"Promise.reject({{toString: () => {_LONGEST}, toJSON: () => undefined}})", id="as a text"),
    pytest.param(f"reportError({_LONGEST})", id="reported"),
]


@pytest.mark.parametrize("code", LONG)
def test_the_longest_texts(start: Start, code: str) -> None:
    """They are cut before anything is added to them."""
    pool = start(size=1, limits={"heap": "3Gi"})
    epochs = pool.epochs()
    assert pool.eval(f"setTimeout(() => {{ {code} }}, 20); 1") == 1
    assert pool.eval("new Promise((ok) => setTimeout(ok, 100, 'whole'))", timeoutMs=20_000) == "whole"
    assert pool.epochs() == epochs
