"""What a guest replaces in the realm that it shares with the guest side, or finds on its stack, tells it nothing."""

import pytest

from tests.local.others import check_others
from tests.local.running import RunningPool

_GETTERS = """globalThis.seen = [];
for (const [owner, ...names] of [
    [Object.getPrototypeOf(Uint8Array.prototype), 'length', 'buffer', 'byteLength', 'byteOffset'],
    [Uint8Array.prototype, 'length', 'buffer', 'byteLength', 'byteOffset', 'constructor'],
    [ArrayBuffer.prototype, 'byteLength'],
]) for (const name of names) {
    const {get, value} = Object.getOwnPropertyDescriptor(owner, name)
        ?? Object.getOwnPropertyDescriptor(Object.getPrototypeOf(owner), name);
    Object.defineProperty(owner, name, {configurable: true, get() {
        seen.push(name);
        return get === undefined ? value : Reflect.apply(get, this, []);
    }});
}
1"""
_METHODS = """globalThis.seen = [];
const replace = (owner) => { for (const name of Reflect.ownKeys(owner)) {
    const {value, configurable} = Object.getOwnPropertyDescriptor(owner, name);
    if (typeof value === 'function' && configurable && name !== 'constructor')
        Object.defineProperty(owner, name, {value(...given) {
            seen.push(name); return Reflect.apply(value, this, given) }});
} };
"""
_HANDLE = (
    _METHODS
    + """const socket = new (process.getBuiltinModule('node:net').Socket)().on('error', () => {});
try { socket.connect({path: '/nowhere'}) } catch {}
for (let owner = socket._handle; owner && owner !== Object.prototype; owner = Object.getPrototypeOf(owner))
    replace(owner);
1"""
)
_STREAMS = _METHODS + "replace(Object.getPrototypeOf(Uint8Array.prototype)); replace(Uint8Array.prototype); 1"
REPLACED = [
    pytest.param(_GETTERS, id="getters of bytes"),
    pytest.param(_HANDLE, id="methods of handles"),
    pytest.param(_STREAMS, id="methods of bytes"),
]
LONG = f"/*{'x' * 200_000}*/ 1"


@pytest.mark.parametrize("code", REPLACED)
@pytest.mark.parametrize("closed", [False, True], ids=["streams open", "streams closed"])
def test_what_is_replaced_sees_nothing_of_others(fresh: RunningPool, code: str, closed: bool) -> None:
    """No byte of the guest side's: the token of the log is in them, and orders."""
    epochs = fresh.epochs()
    if closed:
        fresh.eval("import('node:fs').then((fs) => { fs.closeSync(1); fs.closeSync(2); return 1 })")
    fresh.eval(code)
    assert fresh.eval(LONG) == 1
    assert fresh.eval("console.log('line'); 1") == 1
    assert fresh.eval("'x'.repeat(100000).length") == 100_000
    fresh.post("throw new Error('x', {cause: 1})")
    assert fresh.eval("seen") == []
    assert fresh.epochs() == epochs
    check_others(fresh)


_START = """function start(ok) {
    const found = [];
    try { for (let f = start.caller; f; f = f.caller) if (f.name !== 'eval') found.push(f.name) } catch {}
    if (typeof ok === 'function') ok(found);
    return found;
}"""
CALLERS = [
    pytest.param(f"({_START})()", id="an eval"),
    pytest.param(f"({{toJSON: {_START}}})", id="a toJSON"),
    pytest.param(f"({{then: {_START}}})", id="a then"),
    pytest.param(f"new Promise((ok) => setTimeout({_START}, 0, ok))", id="a timer"),
    pytest.param(f"new Promise((ok) => setImmediate({_START}, ok))", id="an immediate"),
    pytest.param(
        f"let found; const t = new EventTarget(), f = {_START}; t.addEventListener('x', {{get handleEvent() {{"
        " found = f(); return () => {} }}); t.dispatchEvent(new Event('x'));"
        " found.filter((name) => name !== 'get handleEvent')",
        id="a listener",
    ),
    pytest.param(
        f"let found; const f = {_START}; console.log({{[Symbol.for('nodejs.util.inspect.custom')]: function g() {{"
        " found = f(); return '' }}); found.filter((name) => name !== 'g')",
        id="the log",
    ),
]


@pytest.mark.parametrize("code", CALLERS)
def test_no_function_of_ours_is_a_caller(fresh: RunningPool, code: str) -> None:
    assert fresh.eval(code) == []


def test_the_orders_behind_an_eval_are_not_reached(fresh: RunningPool) -> None:
    attack = (
        "(function f() { const order = f.caller?.arguments[0]; if (order?.next) order.next.code = \"'forged'\" })()"
    )
    answers = [fresh.later(attack if number % 5 == 0 else f"{number}") for number in range(100)]
    assert "forged" not in {answer.result().json().get("result") for answer in answers}


HOOKS = [
    pytest.param("createHook({init() { throw new Error('late') }}).enable()", id="init"),
    pytest.param("createHook({before() { throw new Error('late') }}).enable()", id="before"),
    pytest.param("createHook({after() { throw new Error('late') }}).enable()", id="after"),
    pytest.param("createHook({promiseResolve() { throw new Error('late') }}).enable()", id="promiseResolve"),
    pytest.param("createHook({init(id, type, by, it) { globalThis.seen = it; }}).enable()", id="resources"),
    pytest.param(
        "Object.getPrototypeOf(createHook({})).enable.call(createHook({init() { throw 1 }}))", id="the method"
    ),
    pytest.param("new (createHook({}).constructor)({init() { throw 1 }}).enable()", id="the class"),
    pytest.param("(h => h.enable.apply(h))(createHook({init() { throw 1 }}))", id="apply"),
]


@pytest.mark.parametrize("how", ["process.getBuiltinModule('node:async_hooks')", "await import('node:async_hooks')"])
@pytest.mark.parametrize("code", HOOKS)
def test_async_hooks_would_run_in_all_evals(fresh: RunningPool, code: str, how: str) -> None:
    refused = f"(async () => {{ const {{createHook}} = {how}; try {{ {code} }} catch (e) {{ return e.name }} }})()"
    assert fresh.eval(refused) == "NotCapable"
    assert fresh.eval("(async () => { await 1; return typeof seen })()") == "undefined"
    check_others(fresh)


@pytest.mark.parametrize("name", ["sourceMap", "sourceUrl", "mode", "get", "set", "value", "signal", "stream"])
@pytest.mark.parametrize("value", ["'x'", "() => 1", "{}"])
def test_options_that_all_objects_inherit(fresh: RunningPool, name: str, value: str) -> None:
    fresh.eval(f"Object.prototype.{name} = {value}; 1")
    check_others(fresh)
    assert fresh.eval("enum A { B = 3 } A.B", language="typescript") == 3
