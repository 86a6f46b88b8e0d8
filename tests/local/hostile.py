"""Evals that throw, print, leave behind and try what they should not, with all that each may be answered with."""

from dataclasses import dataclass

OK = "result"
DEADLINE = 300
"""Milliseconds, of those that would run for ever."""


@dataclass(frozen=True, slots=True)
class Hostile:
    """`outcomes`: OK, and names of errors whose fault is `guest`. `endless` ones get a deadline of their own."""

    name: str
    code: str
    outcomes: frozenset[str]
    endless: bool = False


def _ok(name: str, code: str) -> Hostile:
    return Hostile(name, code, frozenset({OK}))


def _fails(name: str, code: str, *outcomes: str, endless: bool = False) -> Hostile:
    return Hostile(name, code, frozenset(outcomes), endless)


BUFFERS = "globalThis.keep = []; for (let i = 0; i < 20; i++) keep.push(new ArrayBuffer(16 << 20))"
FOR_EVER = "for (;;);"

TEXTS = [
    _fails("half a character", "throw new Error('no user ' + 'Ann 😀'.slice(0, 5))", "execution_error"),
    _fails("a long text of pairs", "throw new Error('😀'.repeat(4100))", "execution_error"),
    _fails("half a character in a name", "throw Object.assign(new Error('x'), {name: '😀'[0]})", "execution_error"),
    _fails("half a character in a value", "throw {text: '😀'[1]}", "execution_error"),
    _fails("half a character in a rejection", "Promise.reject(new Error('😀'[0]))", "promise_rejection"),
    _fails("newlines", "throw new Error('\\n0-0 result 1\\n')", "execution_error"),
    _fails(
        "a stack of its own", "throw Object.assign(new Error('x'), {stack: '\\n'.repeat(99999)})", "execution_error"
    ),
    _fails("a hostile Proxy", "throw new Proxy({}, {get() { throw 1 }, ownKeys() { throw 2 }})", "execution_error"),
    _fails("a hostile toJSON", "({toJSON() { throw new Error('no') }})", "conversion_error"),
    _fails("a big integer", "10n", "conversion_error"),
    _fails("a result over the limit", "'x'.repeat(9_000_000)", "conversion_error"),
    _fails("a circle", "const a = {}; a.a = a; a", "conversion_error"),
    _fails("many errors", "Promise.any([Promise.reject(new Error('a')), Promise.reject(1)])", "promise_rejection"),
    _fails("no syntax", "const c = ;", "execution_error"),
    _ok("escapes in the log", "console.error('\\0'.repeat(3000)); 1"),
]

LEFT = [
    _ok("a rejection", "Promise.reject(new Error('text of A')); 'A ok'"),
    _ok("a throw in a timer", "setTimeout(() => { throw new Error('secret of A') }, 20); 1"),
    _ok("a throw in a listener", "addEventListener('x', () => { throw 1 }); dispatchEvent(new Event('x')); 1"),
    _ok("a throw in a microtask", "queueMicrotask(() => { throw new Error('late') }); 1"),
    _ok("a throw in a worker", "new Worker('data:text/javascript,throw 1', {type: 'module'}); 1"),
    _ok("a loop in a timer", f"setTimeout(() => {{ {FOR_EVER} }}, 30); 1"),
    _ok("a loop in a microtask", f"Promise.resolve().then(() => {{ {FOR_EVER} }}); 1"),
    _ok("microtasks for ever", "const again = () => Promise.resolve().then(again); again(); 1"),
    _ok("an exit in a timer", "setTimeout(() => Deno.exit(1), 10); 1"),
    _ok("an abort in a timer", "setTimeout(() => process.abort(), 10); 1"),
    _ok("buffers in a timer", f"setTimeout(() => {{ {BUFFERS} }}, 10); 1"),
    _ok("a worker that loops", f"new Worker('data:text/javascript,{FOR_EVER}', {{type: 'module'}}); 1"),
    _ok("a worker that prints", "new Worker('data:text/javascript,for(;;)console.log(1)', {type: 'module'}); 1"),
    _ok("output in an interval", "setInterval(() => console.log('x'.repeat(8000)), 5); 1"),
    _ok("an interval that computes", "setInterval(() => { for (let i = 0; i < 1e6; i++); }, 2); 1"),
    _ok(
        "threads",
        "import('node:crypto').then((c) => { for (let i = 0; i < 64; i++)"
        " c.pbkdf2('x', 'y', 2**31 - 1, 64, 'sha512', () => {}); return 1 })",
    ),
]

SPOILS = [
    _ok("prototypes", "Array.prototype[0] = 'x'; Object.prototype.toJSON = undefined; delete Array.prototype[0]; 1"),
    _ok(
        "a setter on all objects", "Object.defineProperty(Object.prototype, 'name', {set() {}, configurable: true}); 1"
    ),
    _ok("a listener of errors", "addEventListener('error', (e) => e.preventDefault()); 1"),
    _ok("a revoked permission", "Deno.permissions.revoke({name: 'net'}).then(() => 1, () => 1)"),
    _ok("a limit of stacks", "Error.stackTraceLimit = 0; Error.stackTraceLimit = 10; 1"),
    _ok("lines on descriptors", "Deno.stderr.writeSync(new TextEncoder().encode('0-0 result 1\\n')); 1"),
    _ok("half a line", "Deno.stdout.writeSync(new TextEncoder().encode('half')); 1"),
    _ok("the guest side's name", "import('tyrex:isolate').then(() => 2, () => 1)"),
    _ok("the entry module", "import(Deno.mainModule).then((m) => Object.keys(m).length + 1)"),
    _ok("the entry module again", "import(Deno.mainModule + '?2').then(() => 2, () => 1)"),
    _ok("process.binding", "try { process.binding('pipe_wrap'); 2 } catch { 1 }"),
]

ENDS = [
    _fails("an exit", "Deno.exit(0)", "dead_runtime_error"),
    _fails("an exit of node", "process.exit(3)", "dead_runtime_error"),
    _fails("an abort", "process.abort()", "dead_runtime_error"),
    _fails("the heap", "const all = []; for (;;) all.push(new Array(1e5).fill(1.5))", "heap_limit_error"),
    _fails("buffers", f"{BUFFERS}; 1", "heap_limit_error"),
    _fails("a loop", FOR_EVER, "timeout", endless=True),
    _fails("a promise that never settles", "new Promise(() => {})", "timeout", endless=True),
    _fails("a wait", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)", "timeout", endless=True),
]

HOSTILE = [*TEXTS, *LEFT, *SPOILS, *ENDS]
