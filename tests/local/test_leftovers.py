"""What an eval leaves behind may cost it the isolate, and never costs another eval its answer or its good name."""

import logging

import pytest

from tests.local.conftest import Start
from tests.local.others import check_others
from tests.local.problems import problem
from tests.local.running import RunningPool, replacements, result, until

SPEC = {"size": 1, "limits": {"heap": "64Mi"}}


HOLD = [
    pytest.param("setTimeout(() => { for (;;); }, 30); 1", id="a timer"),
    pytest.param("setTimeout(() => { for (;;); }); 1", id="a timer at once"),
    pytest.param("Promise.resolve().then(() => { for (;;); }); 1", id="a microtask"),
    pytest.param("queueMicrotask(() => { for (;;); }); 1", id="queueMicrotask"),
    pytest.param("setImmediate(() => { for (;;); }); 1", id="an immediate"),
    pytest.param("process.nextTick(() => { for (;;); }); 1", id="nextTick"),
    pytest.param("const again = () => Promise.resolve().then(again); again(); 1", id="microtasks without end"),
    pytest.param(
        "const c = new MessageChannel(); c.port1.onmessage = () => { for (;;); }; c.port2.postMessage(1); 1",
        id="a message",
    ),
    pytest.param("setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 10); 1", id="a wait"),
    pytest.param("setTimeout(() => { while (true) try { eval('for (;;);') } catch {} }, 10); 1", id="in an eval"),
    pytest.param(
        "setInterval(() => { const end = Date.now() + 60000; while (Date.now() < end); }, 5); 1", id="interval"
    ),
]


@pytest.mark.parametrize("code", HOLD)
def test_code_that_holds_the_isolate(pool: RunningPool, code: str) -> None:
    """The next eval never began there: it runs in a fresh isolate."""
    assert pool.eval(code) == 1
    threads = [pool.later("1 + 1", timeoutMs=5000) for _ in range(3)]
    assert [result(answer.result()) for answer in threads] == [2, 2, 2]


def test_who_is_over_the_deadline_before_that(pool: RunningPool) -> None:
    """It never began, so it is the platform's fault, and a retry is safe."""
    pool.eval("setTimeout(() => { for (;;); }, 20); 1")
    until(lambda: pool.post("1", timeoutMs=60).status_code == 503)
    check_others(pool)


@pytest.mark.parametrize("code", ["Deno.exit(0)", "process.abort()", "process.kill(process.pid, 'SIGKILL')"])
def test_code_that_ends_the_isolate_before_the_next_eval_begins(pool: RunningPool, code: str) -> None:
    pool.eval(
        f"setTimeout(() => {{ const end = Date.now() + 50; while (Date.now() < end); try {{ {code} }} catch {{}} }}); 1"
    )
    answers = [pool.later("6 * 7") for _ in range(4)]
    assert [result(answer.result()) for answer in answers] == [42] * 4


BUFFERS = "globalThis.keep = []; for (let i = 0; i < 20; i++) keep.push(new ArrayBuffer(16 << 20))"


KINDS = [
    pytest.param("new ArrayBuffer(16 << 20)", id="ArrayBuffer"),
    pytest.param("new Uint8Array(16 << 20)", id="Uint8Array"),
    pytest.param("new Float64Array(2 << 20)", id="Float64Array"),
    pytest.param("Buffer.alloc(16 << 20)", id="Buffer"),
    pytest.param("Buffer.allocUnsafe(16 << 20)", id="Buffer.allocUnsafe"),
    pytest.param("new ArrayBuffer(16 << 20, {maxByteLength: 17 << 20})", id="resizable"),
    pytest.param("structuredClone(new ArrayBuffer(16 << 20))", id="a clone"),
    pytest.param("new Uint8ClampedArray(16 << 20)", id="Uint8ClampedArray"),
    pytest.param("new DataView(new ArrayBuffer(16 << 20))", id="DataView"),
    pytest.param("new Uint8Array(16 << 20).fill(1)", id="touched"),
    pytest.param("new Float32Array(4 << 20).slice()", id="a copy"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_buffers_that_an_earlier_eval_left(pool: RunningPool, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    epochs = pool.epochs()
    take = BUFFERS.replace("new ArrayBuffer(16 << 20)", kind)
    with caplog.at_level(logging.WARNING, "tyrex_pool"):
        pool.eval(f"setTimeout(() => {{ {take} }}, 5); 1")
        until(lambda: pool.eval("1 + 1") == 2 and pool.epochs() != epochs)
    causes = ("earlier evals left behind", "more memory than limits.heap")
    assert any(cause in record.getMessage() for record in caplog.records for cause in causes)


def test_an_eval_that_takes_the_buffers_itself(pool: RunningPool) -> None:
    problem(pool.post(f"{BUFFERS}; 1"), "heap_limit_error")
    check_others(pool)


CPU = [
    pytest.param(
        "import('node:crypto').then((c) => { for (let i = 0; i < 64; i++)"
        " c.pbkdf2('x', 'y', 2**31 - 1, 64, 'sha512', () => {}); return 1 })",
        id="pbkdf2 in threads",
    ),
    pytest.param("new Worker('data:text/javascript,for(;;);', {type: 'module'}); 1", id="a worker"),
    pytest.param(
        "setInterval(() => { const end = Date.now() + 20; while (Date.now() < end); }, 1); 1", id="an interval"
    ),
    pytest.param(
        "import('node:crypto').then((c) => { c.generateKeyPair('rsa', {modulusLength: 16384}, () => {}); return 1 })",
        id="a key",
    ),
    pytest.param(
        "for (let i = 0; i < 2000; i++) (async () => { for (;;) await new Promise((ok) => setTimeout(ok)) })(); 1",
        id="timers without end",
    ),
    pytest.param("(function again() { setImmediate(again) })(); 1", id="immediates without end"),
    pytest.param(
        "import('node:worker_threads').then(({Worker}) => { new Worker('for (;;);', {eval: true}); return 1 })",
        id="a worker of node",
    ),
    pytest.param(
        "crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']).then((key) => {"
        " crypto.subtle.deriveBits({name: 'PBKDF2', salt: new Uint8Array(8), iterations: 2 ** 30,"
        " hash: 'SHA-512'}, key, 512); return 1 })",
        id="WebCrypto",
    ),
    pytest.param(
        "const {port1: a, port2: b} = new MessageChannel(); a.onmessage = () => a.postMessage(1);"
        " b.onmessage = () => b.postMessage(1); a.postMessage(1); 1",
        id="messages",
    ),
    pytest.param(
        "import('node:zlib').then((z) => { const b = Buffer.alloc(8 << 20, 'ab');"
        " const again = () => z.brotliCompress(b, again); again(); return 1 })",
        id="zlib",
    ),
]


@pytest.mark.parametrize("code", CPU)
def test_cpu_that_is_used_between_evals(fresh: RunningPool, code: str) -> None:
    """The isolate is replaced, with a cause of its own in the metric; the next eval is right."""
    assert fresh.eval(code) == 1
    until(lambda: sum(replacements(fresh).values()) > 0, 30)
    assert set(replacements(fresh)) <= {"cpu", "heap_limit", "threads"}
    check_others(fresh)


def test_an_eval_may_use_what_it_likes_while_it_runs(fresh: RunningPool) -> None:
    busy = "const end = Date.now() + 700; while (Date.now() < end); 1"
    assert fresh.eval(busy) == 1
    assert fresh.eval(f"new Promise((ok) => setTimeout(() => {{ {busy}; ok(1) }}, 5))") == 1
    check_others(fresh)
    assert replacements(fresh) == {}


PRINT = [
    pytest.param("new Worker('data:text/javascript,for(;;)console.log(1)', {type: 'module'}); 1", id="a worker"),
    pytest.param("setInterval(() => console.log('x'.repeat(8000)), 1); 1", id="an interval"),
    pytest.param("setInterval(() => Deno.stdout.writeSync(new Uint8Array(8000).fill(65)), 1); 1", id="standard output"),
    pytest.param("setInterval(() => Deno.stderr.writeSync(new Uint8Array(8000).fill(10)), 1); 1", id="newlines"),
    pytest.param("setInterval(() => console.error('\\0'.repeat(8000)), 1); 1", id="escapes"),
    pytest.param("(function again() { console.log('x'.repeat(500)); setImmediate(again) })(); 1", id="immediates"),
    pytest.param("setInterval(() => process.stdout.write('x'.repeat(8000)), 1); 1", id="node's standard output"),
    pytest.param("setInterval(() => process._rawDebug('x'.repeat(8000)), 1); 1", id="node's raw debug"),
    pytest.param("setInterval(() => { throw new Error('x'.repeat(8000)) }, 1); 1", id="throws"),
    pytest.param("setInterval(() => Promise.reject(new Error('x'.repeat(8000))), 1); 1", id="rejections"),
    pytest.param("setInterval(() => console.table(Array(50).fill({a: 'x'.repeat(99)})), 1); 1", id="tables"),
]


@pytest.mark.parametrize("code", PRINT)
def test_output_between_evals(fresh: RunningPool, code: str) -> None:
    assert fresh.eval(code) == 1
    until(lambda: {"log", "cpu"} & set(replacements(fresh)), 20)
    check_others(fresh)


THREADS = [
    pytest.param(
        """Promise.all(Array.from({length: 6}, () => new Promise((ok) => {
            const code = "const {pbkdf2} = process.getBuiltinModule('node:crypto');"
                + "for (let i = 0; i < 40; i++) pbkdf2('x', 'y', 2**31 - 1, 64, 'sha512', () => {}); postMessage(1)";
            new Worker('data:text/javascript,' + encodeURIComponent('import process from "node:process";' + code),
                {type: 'module'}).onmessage = ok;
        }))).then(() => new Promise((ok) => setTimeout(ok, 10000)))""",
        id="workers that compute",
    ),
    pytest.param(
        """import('node:worker_threads').then(({Worker}) => {
            for (let i = 0; i < 100; i++) new Worker('setInterval(() => {}, 1000)', {eval: true});
            return new Promise((ok) => setTimeout(ok, 10000)) })""",
        id="workers of node",
    ),
    pytest.param(
        """(() => { const code = 'data:text/javascript,' + encodeURIComponent(
            'for (let i = 0; i < 10; i++) new Worker("data:text/javascript,", {type: "module"})');
            for (let i = 0; i < 12; i++) new Worker(code, {type: 'module'});
            return new Promise((ok) => setTimeout(ok, 10000)) })()""",
        id="workers of workers",
    ),
    pytest.param(
        """(() => { for (let i = 0; i < 100; i++)
            new Worker(URL.createObjectURL(new Blob([''])), {type: 'module', name: String(i)});
            return new Promise((ok) => setTimeout(ok, 10000)) })()""",
        id="workers of blobs",
    ),
    pytest.param(
        """(() => { for (let i = 0; i < 100; i++) new Worker('data:text/javascript,', {type: 'module'});
            return new Promise((ok) => setTimeout(ok, 10000)) })()""",
        id="workers",
    ),
    pytest.param(
        """(() => { class Mine extends Worker {}
            for (let i = 0; i < 100; i++) new Mine('data:text/javascript,', {type: 'module'});
            return new Promise((ok) => setTimeout(ok, 10000)) })()""",
        id="workers of a class of its own",
    ),
    pytest.param(
        """import('node:worker_threads').then(({Worker}) => {
            for (let i = 0; i < 100; i++) new Worker(new URL('data:text/javascript,setInterval(() => {}, 1000)'));
            return new Promise((ok) => setTimeout(ok, 10000)) })""",
        id="workers of node from a URL",
    ),
    pytest.param(
        """(() => { const code = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)';
            for (let i = 0; i < 100; i++) new Worker('data:text/javascript,' + code, {type: 'module'});
            return new Promise((ok) => setTimeout(ok, 10000)) })()""",
        id="workers that wait",
    ),
    pytest.param(
        """(async () => { for (let i = 0; i < 100; i++) await new Promise((ok) => {
            new Worker('data:text/javascript,postMessage(1)', {type: 'module'}).onmessage = ok });
            await new Promise((ok) => setTimeout(ok, 10000)) })()""",
        id="workers one after another",
    ),
    pytest.param(
        """(() => { const code = "for (let i = 0; i < 2; i++) new Worker('data:text/javascript,' + "
                + "encodeURIComponent(self.name), {type: 'module', name: self.name})";
            new Worker('data:text/javascript,' + encodeURIComponent(code), {type: 'module', name: code});
            return new Promise((ok) => setTimeout(ok, 10000)) })()""",
        id="workers that make two of their kind",
    ),
]


@pytest.mark.parametrize("code", THREADS)
def test_threads(start: Start, code: str) -> None:
    pool = start(size=1, limits={"heap": "256Mi"}, timeouts={"eval": "20s"})
    answer = pool.post(code)
    assert answer.json()["name"] in {"dead_runtime_error", "heap_limit_error"}
    problem(answer, answer.json()["name"], "guest")
    until(lambda: {"threads", "heap_limit"} & set(replacements(pool)))
    check_others(pool)


ENDS = [
    pytest.param("Deno.exit(1)", id="exit"),
    pytest.param("process.exit(1)", id="exit of node"),
    pytest.param("process.reallyExit(1)", id="reallyExit"),
    pytest.param("process.abort()", id="abort"),
    pytest.param("(0, Deno.exit)(3)", id="exit without Deno"),
    pytest.param("const {exit} = Deno; exit()", id="a constant"),
]
LATER = [
    pytest.param("setTimeout(() => { %s }, 30); 1", id="in a timer"),
    pytest.param("(async () => { await new Promise((ok) => setTimeout(ok, 30)); %s })(); 1", id="after an await"),
    pytest.param("setTimeout(() => queueMicrotask(() => { %s }), 30); 1", id="in a microtask"),
    pytest.param("setTimeout(() => setImmediate(() => { %s }), 30); 1", id="in an immediate"),
]


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("code", ENDS)
def test_exits_that_come_while_another_eval_runs(pool: RunningPool, code: str, later: str) -> None:
    """The other one gets its answer; then the isolate is replaced."""
    epochs = pool.epochs()
    pool.eval(later % code)
    assert pool.eval("new Promise((ok) => setTimeout(ok, 120, 'whole'))") == "whole"
    assert pool.eval("1 + 1") == 2
    assert pool.epochs() != epochs


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize(
    "code",
    [
        "for (;;);",
        "const a = []; for (;;) a.push(new Array(1e5).fill(1.5));",
        "const again = () => Promise.resolve().then(again); again();",
        "(async () => { for (;;) await null; })();",
    ],
)
def test_who_is_held_up_while_it_runs_is_not_to_blame(pool: RunningPool, code: str, later: str) -> None:
    pool.eval(later.replace("30", "50") % code)
    answer = pool.post("new Promise((ok) => setTimeout(ok, 1000))", timeoutMs=400)
    assert answer.json()["name"] in {"dead_runtime_error", "heap_limit_error"}
    problem(answer, "dead_runtime_error", "platform")
    check_others(pool)


@pytest.mark.parametrize("code", ENDS)
def test_an_eval_may_end_its_own_isolate(pool: RunningPool, code: str) -> None:
    problem(pool.post(code), "dead_runtime_error", "guest")
    problem(pool.post(f"new Promise(() => setTimeout(() => {{ {code} }}, 5))"), "dead_runtime_error", "guest")
    check_others(pool)


def test_buffers_that_are_taken_while_another_eval_runs(pool: RunningPool) -> None:
    epochs = pool.epochs()
    pool.eval(f"setTimeout(() => {{ {BUFFERS} }}, 30); 1")
    assert pool.eval("new Promise((ok) => setTimeout(ok, 120, 'whole'))") == "whole"
    assert pool.eval("1 + 1") == 2
    assert pool.epochs() != epochs


def test_with_several_in_flight_nobody_is_named(start: Start) -> None:
    pool = start(size=1, concurrency=4)
    others = [pool.later("new Promise((ok) => setTimeout(ok, 20000))") for _ in range(2)]
    pool.wait_busy(2)
    problem(pool.post("Deno.exit(1)"), "dead_runtime_error", "platform")
    for other in others:
        problem(other.result(), "dead_runtime_error", "platform")
