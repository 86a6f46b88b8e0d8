"""What an eval leaves undone is logged with the eval it came from: it ends no isolate and touches no other eval."""

import logging
from collections.abc import Iterator

import pytest

from tests.local.conftest import Start
from tests.local.guest_logs import Log, guest_logs
from tests.local.problems import problem
from tests.local.running import RunningPool, result, until

SPEC = {"size": 1, "concurrency": 4}
ANOTHER = "import(\"data:text/javascript,throw new Error('left')\"); 1"


@pytest.fixture
def log() -> Iterator[Log]:
    with guest_logs() as log:
        yield log


THROW = "throw new Error('left')"
WORKER = f"""
    const code = "data:text/javascript," + encodeURIComponent({THROW!r});
    new Worker(code, {{type: 'module'}}); 1
"""
LEFT = [
    pytest.param("Promise.reject(new Error('left')); 1", id="a rejection"),
    pytest.param(f"(async () => {{ {THROW} }})(); 1", id="an async function"),
    pytest.param(f"(async () => {{ await null; {THROW} }})(); 1", id="an async function, later"),
    pytest.param(f"(async () => {{ await new Promise((ok) => setTimeout(ok, 20)); {THROW} }})(); 1", id="much later"),
    pytest.param(f"Promise.resolve().then(() => {{ {THROW} }}); 1", id="then"),
    pytest.param(f"Promise.resolve().finally(() => {{ {THROW} }}); 1", id="finally"),
    pytest.param("Promise.all([Promise.reject(new Error('left'))]); 1", id="Promise.all"),
    pytest.param("Promise.reject(new Error('left')).catch((e) => { throw e }); 1", id="rethrown"),
    pytest.param("const {reject} = Promise.withResolvers(); reject(new Error('left')); 1", id="withResolvers"),
    pytest.param("class P extends Promise {}; P.reject(new Error('left')); 1", id="a subclass"),
    pytest.param(ANOTHER, id="an import"),
    pytest.param(f"(async function* () {{ {THROW} }})().next(); 1", id="an async generator"),
    pytest.param(f"setTimeout(() => {{ {THROW} }}); 1", id="a timer"),
    pytest.param(f"setTimeout(() => {{ {THROW} }}, 30); 1", id="a timer, later"),
    pytest.param(f"const i = setInterval(() => {{ clearInterval(i); {THROW} }}, 5); 1", id="an interval"),
    pytest.param(f"setImmediate(() => {{ {THROW} }}); 1", id="an immediate"),
    pytest.param(f"process.getBuiltinModule('timers').setTimeout(() => {{ {THROW} }}, 5); 1", id="a timer of node"),
    pytest.param(
        f"process.getBuiltinModule('timers').setInterval(function () {{ this.close(); {THROW} }}); 1",
        id="an interval of node",
    ),
    pytest.param(f"process.getBuiltinModule('timers').setImmediate(() => {{ {THROW} }}); 1", id="an immediate of node"),
    pytest.param(
        f"import('node:timers').then(({{setTimeout}}) => {{ setTimeout(() => {{ {THROW} }}) }}); 1",
        id="of node, imported",
    ),
    pytest.param(f"setTimeout(() => setTimeout(() => {{ {THROW} }}, 5), 5); 1", id="a timer of a timer"),
    pytest.param("setTimeout(() => Promise.reject(new Error('left')), 5); 1", id="a rejection in a timer"),
    pytest.param(f"queueMicrotask(() => {{ {THROW} }}); 1", id="a microtask"),
    pytest.param(f"setTimeout(() => queueMicrotask(() => {{ {THROW} }}), 5); 1", id="a microtask of a timer"),
    pytest.param(f"process.nextTick(() => {{ {THROW} }}); 1", id="nextTick"),
    pytest.param("reportError(new Error('left')); 1", id="reportError"),
    pytest.param("setTimeout(() => reportError(new Error('left')), 5); 1", id="reportError in a timer"),
    pytest.param(
        f"const t = new EventTarget(); t.onx = 1; t.addEventListener('x', () => {{ {THROW} }});"
        " t.dispatchEvent(new Event('x')); 1",
        id="a listener",
    ),
    pytest.param(
        f"const c = new AbortController(); c.signal.onabort = () => {{ {THROW} }}; c.abort(); 1", id="of abort"
    ),
    pytest.param(
        f"const c = new MessageChannel(); c.port1.onmessage = () => {{ c.port1.close(); {THROW} }};"
        " c.port2.postMessage(1); 1",
        id="a message port",
    ),
    pytest.param("dispatchEvent(new ErrorEvent('error', {error: new Error('left')})); 1", id="an event error"),
    pytest.param(
        f"const {{EventEmitter}} = process.getBuiltinModule('events'); const e = new EventEmitter();"
        f" e.on('x', () => {{ {THROW} }}); setTimeout(() => e.emit('x')); 1",
        id="an emitter",
    ),
    pytest.param(
        "const {EventEmitter} = process.getBuiltinModule('events');"
        " setTimeout(() => new EventEmitter().emit('error', new Error('left'))); 1",
        id="an emitter's error",
    ),
    pytest.param(
        f"const {{Readable}} = process.getBuiltinModule('stream'); new Readable({{read() {{ {THROW} }}}}).resume(); 1",
        id="a stream of node",
    ),
    pytest.param(f"new ReadableStream({{pull() {{ {THROW} }}}}).getReader().read(); 1", id="a stream"),
    pytest.param(
        f"const {{promisify}} = process.getBuiltinModule('util'); promisify(setTimeout)(5)"
        f".then(() => {{ {THROW} }}); 1",
        id="a promisified timer",
    ),
]


def left(pool: RunningPool, log: Log, code: str) -> tuple[logging.LogRecord, str]:
    """Run `code` and others beside and after it: the one record about it, and its eval's id."""
    epochs = pool.epochs()
    pool.eval("globalThis.kept = 1")
    beside = pool.later("new Promise((ok) => { globalThis.release = ok })")
    pool.wait_busy()
    answer = pool.post(code)
    assert result(answer) == 1
    after = [pool.post("'after'") for _ in range(3)]
    assert [result(other) for other in after] == ["after"] * 3
    record = log.wait("left")
    pool.eval("release('innocent'); 1")
    assert result(beside.result()) == "innocent"
    assert pool.eval("typeof kept") == "number"
    assert pool.epochs() == epochs
    assert pool.status()["lastError"] is None
    return record, answer.headers["Tyrex-Eval"]


@pytest.mark.parametrize("code", LEFT)
def test_what_an_eval_leaves(pool: RunningPool, log: Log, code: str) -> None:
    record, eval_id = left(pool, log, code)
    assert (record.levelno, record.__dict__["eval"]) == (logging.ERROR, eval_id)
    assert record.getMessage().startswith("Uncaught ")
    assert "guest/" not in record.getMessage(), "frames of ours"
    assert len(log.containing("left")) == 1


def test_a_worker_that_throws(pool: RunningPool, log: Log) -> None:
    epochs = pool.epochs()
    assert pool.eval(WORKER) == 1
    until(lambda: [record for record in log.containing("left") if record.levelno == logging.ERROR])
    assert pool.eval("'after'") == "after"
    assert pool.epochs() == epochs


TEXTS = [
    pytest.param("'left ' + '😀'[0]", "Uncaught (in promise) left \ufffd", id="half a pair"),
    pytest.param(
        "new Error('left ' + '😀'[0])", "Uncaught (in promise) Error: left \ufffd\n", id="half a pair in an error"
    ),
    pytest.param("'left' + '😀'.repeat(9000)", "Uncaught (in promise) left😀", id="long"),
    pytest.param("{left: 1}", 'Uncaught (in promise) {"left":1}', id="an object"),
    pytest.param("Symbol('left')", "Uncaught (in promise) Symbol(left)", id="a symbol"),
    pytest.param("new Error('left', {cause: new Error('why')})", "Uncaught (in promise) Error: left\n", id="a cause"),
    pytest.param("null", "Uncaught (in promise) null", id="null"),
    pytest.param("undefined", "Uncaught (in promise) undefined", id="undefined"),
    pytest.param("1n", "Uncaught (in promise) 1", id="a BigInt"),
    pytest.param("{get message() { throw 1 }, toString() { throw 2 }, toJSON() { throw 3 }}", "Uncaught", id="getters"),
    pytest.param(
        "new Proxy({}, {get() { throw 1 }, ownKeys() { throw 2 }, getPrototypeOf() { throw 3 }})",
        "Uncaught",
        id="a Proxy",
    ),
    pytest.param(
        "Object.defineProperty(new Error('x'), 'stack', {get() { throw 1 }})", "Uncaught", id="a stack that throws"
    ),
    pytest.param(
        "Object.defineProperty(new Error('x'), 'message', {get() { throw 1 }})", "Uncaught", id="a message that throws"
    ),
    pytest.param("(() => { const e = new Error('x'); e.cause = e; return e })()", "Uncaught", id="a circle"),
]
HOW = [
    pytest.param("Promise.reject({0}); 1", id="rejected"),
    pytest.param("setTimeout((thrown) => {{ throw thrown }}, 5, {0}); 1", id="thrown in a timer"),
    pytest.param("const thrown = {0}; queueMicrotask(() => {{ throw thrown }}); 1", id="thrown in a microtask"),
    pytest.param("const thrown = {0}; process.nextTick(() => {{ throw thrown }}); 1", id="thrown in nextTick"),
    pytest.param("reportError({0}); 1", id="reported"),
]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("thrown", "message"), TEXTS)
def test_whatever_is_thrown(pool: RunningPool, log: Log, thrown: str, message: str, how: str) -> None:
    epochs = pool.epochs()
    answer = pool.post(how.format(thrown))
    assert result(answer) == 1
    if "reject" not in how:
        message = message.replace(" (in promise)", "")
    assert log.wait(message).__dict__["eval"] == answer.headers["Tyrex-Eval"]
    assert pool.eval("1") == 1
    assert pool.epochs() == epochs


def test_a_rejection_that_is_handled_late(pool: RunningPool) -> None:
    code = """(async () => {
        const slow = new Promise(r => setTimeout(r, 100));
        const b = (async () => { throw new Error('b') })();
        await slow;
        try { await b } catch (e) { return e.message }
    })()"""
    epochs = pool.epochs()
    assert pool.eval(code) == "b"
    assert pool.epochs() == epochs


def test_a_rejection_that_is_handled_at_once_is_not_logged(pool: RunningPool, log: Log) -> None:
    assert pool.eval("Promise.reject(new Error('left')).catch(() => 7)") == 7
    problem(pool.post("Promise.reject(new Error('left'))"), "promise_rejection")
    assert pool.eval("console.log('all'); 1") == 1
    log.wait("all")
    assert not log.containing("left")


def test_a_throw_of_one_eval_while_another_runs(pool: RunningPool, log: Log) -> None:
    first = pool.post("setTimeout(() => { throw new Error('secret of A') }, 100); 1")
    assert result(first) == 1
    second = pool.post("new Promise(ok => setTimeout(ok, 300, 1))")
    assert result(second) == 1
    assert log.wait("secret of A").__dict__["eval"] == first.headers["Tyrex-Eval"]
    assert "secret" not in second.text
    assert "secret" not in pool.http.get("/v1/pool").text


def test_evals_at_the_same_time_are_told_apart(pool: RunningPool, log: Log) -> None:
    code = "setTimeout(() => {{ throw 'left by {0}.' }}, 20); new Promise((ok) => setTimeout(ok, 40, {0}))"
    answers = {number: pool.later(code.format(number)) for number in range(12)}
    ids = {f"Uncaught left by {number}.": answer.result().headers["Tyrex-Eval"] for number, answer in answers.items()}
    until(lambda: len(log.containing("left by")) == 12)
    assert {record.getMessage(): record.__dict__["eval"] for record in log.containing("left by")} == ids


HIDING = [
    pytest.param("addEventListener('{0}', (e) => e.stopImmediatePropagation(), {{capture: true}}); 1", id="a listener"),
    pytest.param("addEventListener('{0}', () => {{ throw new Error('again') }}); 1", id="a listener that throws"),
    pytest.param("globalThis.on{0} = () => {{ throw new Error('again') }}; 1", id="a handler"),
    pytest.param("EventTarget.prototype.dispatchEvent = () => {{ throw 1 }}; 1", id="dispatchEvent of all"),
    pytest.param("try {{ globalThis.dispatchEvent = () => true }} catch {{}}; 1", id="dispatchEvent"),
    pytest.param("Object.defineProperty(globalThis, 'dispatchEvent', {{value: () => true}}); 1", id="defined"),
    pytest.param("Event.prototype.preventDefault = () => {{ throw 1 }}; 1", id="preventDefault"),
    pytest.param("process.on('unhandledRejection', () => Deno.exit(3)); 1", id="unhandledRejection of node"),
    pytest.param("process.on('uncaughtException', () => Deno.exit(3)); 1", id="uncaughtException of node"),
    pytest.param(
        "for (const name of ['ErrorEvent', 'Event', 'PromiseRejectionEvent', 'reportError'])"
        " globalThis[name] = () => {{ throw 1 }}; 1",
        id="classes",
    ),
    pytest.param(
        "JSON.stringify = String = Object.keys = () => {{ throw 1 }}; console.error = () => {{}}; 1", id="what we use"
    ),
    pytest.param(
        "for (const s of Object.getOwnPropertySymbols(globalThis)) try {{ delete globalThis[s] }} catch {{}}; 1",
        id="symbols",
    ),
    pytest.param("Error.prepareStackTrace = () => {{ throw 1 }}; 1", id="prepareStackTrace"),
    pytest.param(
        "Function.prototype.call = Function.prototype.apply = Reflect.apply = () => {{ throw 1 }}; 1", id="calls"
    ),
    pytest.param("Object.defineProperty(Object.prototype, 'thrown', {{set() {{ throw 1 }}}}); 1", id="a setter"),
    pytest.param("Array.prototype[Symbol.iterator] = () => {{ throw 1 }}; 1", id="iteration"),
]


@pytest.mark.parametrize("code", HIDING)
def test_nobody_hides_or_sees_what_others_leave(start: Start, log: Log, code: str) -> None:
    pool = start(size=1)
    epochs = pool.epochs()
    for name in ("error", "unhandledrejection"):
        pool.post(code.format(name))
    leaves = [
        "Promise.reject('left 0'); 1",
        "setTimeout(() => { throw 'left 1' }, 5); 1",
        "queueMicrotask(() => { throw 'left 2' }); 1",
        "const c = new AbortController(); c.signal.onabort = () => { throw 'left 3' }; c.abort(); 1",
    ]
    if "prototype.dispatchEvent" in code:
        leaves.pop()  # its abort is the guest's own
    for number, leave in enumerate(leaves):
        answer = pool.post(leave)
        assert result(answer) == 1
        assert log.wait(f"left {number}").__dict__["eval"] == answer.headers["Tyrex-Eval"]
    assert pool.eval("1") == 1
    assert pool.epochs() == epochs
    assert not log.containing("again")


LISTENING = """
    globalThis.seen = [];
    for (const name of ['error', 'unhandledrejection']) addEventListener(name, (e) => seen.push(name));
    for (const name of ['unhandledRejection', 'uncaughtException']) process.on(name, () => seen.push(name));
    1
"""


def test_listeners_of_one_eval_see_nothing_of_another(start: Start, log: Log) -> None:
    pool = start(size=1)
    pool.eval(LISTENING)
    pool.eval("Promise.reject('left 1'); setTimeout(() => { throw 'left 2' }); reportError('left 3'); 1")
    for number in (1, 2, 3):
        log.wait(f"left {number}")
    assert pool.eval("seen") == []


TIMERS = [
    pytest.param("new Promise((ok) => setTimeout(ok, 1, 'a'))", "a", id="arguments"),
    pytest.param("new Promise((ok) => setTimeout((...all) => ok(all), 1, 1, 2, 3))", [1, 2, 3], id="many arguments"),
    pytest.param(
        "[setTimeout.name, setInterval.name, setImmediate.name]",
        ["setTimeout", "setInterval", "setImmediate"],
        id="names",
    ),
    pytest.param("const t = setTimeout(() => {}, 1); clearTimeout(t); 1", 1, id="clearTimeout"),
    pytest.param(
        "let n = 0; new Promise((ok) => {"
        " const i = setInterval(() => { if (++n === 3) { clearInterval(i); ok(n) } else throw 1 }, 1) })",
        3,
        id="an interval that throws",
    ),
    pytest.param("process.getBuiltinModule('util').promisify(setTimeout)(1, 'v')", "v", id="promisify"),
    pytest.param("process.getBuiltinModule('timers/promises').setTimeout(1, 'v')", "v", id="of promises"),
    pytest.param("try { setTimeout() } catch (e) { e.name }", "TypeError", id="without a function"),
    pytest.param("try { setTimeout('1 + 1') } catch (e) { e.name }", "TypeError", id="a string"),
    pytest.param("new Promise((ok) => setTimeout(function () { ok(typeof this) }))", "object", id="this"),
    pytest.param("setTimeout.length", None, id="length"),
]


@pytest.mark.parametrize(("code", "expected"), TIMERS)
def test_timers_work_as_before(pool: RunningPool, code: str, expected: object) -> None:
    value = pool.eval(code)
    assert expected is None or value == expected


MODULES = [
    pytest.param("Promise.reject(new Error('left')); globalThis.ok = 1", id="a rejection"),
    pytest.param("setTimeout(() => { throw new Error('left') }); globalThis.ok = 1", id="a timer"),
    pytest.param("queueMicrotask(() => { throw new Error('left') }); globalThis.ok = 1", id="a microtask"),
    pytest.param("setTimeout(() => { throw new Error('left') }, 50); await 1; globalThis.ok = 1", id="later"),
]


@pytest.mark.parametrize("module", MODULES)
def test_what_a_main_module_leaves(start: Start, log: Log, module: str) -> None:
    pool = start(size=1, mainModule={"inline": module})
    assert pool.eval("ok") == 1
    record = log.wait("left")
    assert (record.levelno, record.__dict__["eval"]) == (logging.ERROR, None)
    assert pool.eval("ok") == 1


def test_a_guest_that_closed_the_log(start: Start, log: Log) -> None:
    pool = start(size=1)
    epochs = pool.epochs()
    assert pool.eval("import('node:fs').then((fs) => { fs.closeSync(2); return 1 })") == 1
    assert pool.eval("Promise.reject('first'); setTimeout(() => { throw 'second' }); reportError('third'); 1") == 1
    assert pool.eval("new Promise((ok) => setTimeout(ok, 30, 1))") == 1
    for text in ("first", "second", "third"):
        assert log.wait(text).levelno == logging.ERROR
    assert pool.epochs() == epochs


def test_an_eval_that_waits_for_what_never_comes_has_its_deadline(pool: RunningPool, log: Log) -> None:
    problem(pool.post("Promise.reject('left'); new Promise(() => {})", timeoutMs=200), "timeout")
    assert log.wait("left").levelno == logging.ERROR
