"""What an eval does to the process does not reach the evals after it: it is refused, or undone."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.conftest import Start
from tests.local.guest_logs import guest_logs
from tests.local.problems import problem
from tests.local.running import RunningPool, running

SPEC: dict[str, Any] = {
    "size": 1,
    "permissions": {"allow": {"env": ["HOME"], "read": ["/etc"], "sys": ["*"]}},
}
HOOKS = "{resolve() { throw new Error('hooked') }, load() { throw new Error('hooked') }}"
REFUSED = {
    "revoke": "Deno.permissions.revoke({name: 'env'})",
    "revokeSync": "Deno.permissions.revokeSync({name: 'env'})",
    "revoke an entry": "Deno.permissions.revoke({name: 'read', path: '/etc'})",
    "revoke by the prototype": "Deno.Permissions.prototype.revokeSync.call(Deno.permissions, {name: 'env'})",
    "revoke what is not granted": "Deno.permissions.revokeSync({name: 'net'})",
    "registerHooks by name": f"import('node:module').then((module) => module.registerHooks({HOOKS}))",
    "registerHooks of the default": f"import('node:module').then((module) => module.default.registerHooks({HOOKS}))",
    "registerHooks by require": f"process.getBuiltinModule('module').createRequire('file:///a')('node:module')"
    f".registerHooks({HOOKS})",
    "registerHooks of the class": f"process.getBuiltinModule('node:module').Module.registerHooks({HOOKS})",
    "registerHooks without any": "process.getBuiltinModule('node:module').registerHooks({})",
    "a flag by name": "import('node:v8').then((v8) => v8.setFlagsFromString('--stack-size=50'))",
    "a flag of the default": "import('node:v8').then((v8) => v8.default.setFlagsFromString('--stack-size=50'))",
    "a flag by require": "process.getBuiltinModule('v8').setFlagsFromString('--no-use-ic')",
    "Deno.stdin": "Deno.stdin.close()",
    "Deno.stdout": "Deno.stdout.close()",
    "Deno.stderr": "Deno.stderr.close()",
    "umask": "Deno.umask(0o77)",
    "umask of node": "process.umask(0)",
    "setuid": "process.setuid(65534)",
    "setgid": "process.setgid(65534)",
    "seteuid": "process.seteuid(65534)",
    "setegid": "process.setegid(65534)",
    "setPriority": "import('node:os').then((os) => os.setPriority(19))",
}
UNDONE = {
    "request": "Deno.permissions.request({name: 'net'}).then((status) => status.state)",
    "requestSync": "Deno.permissions.requestSync({name: 'net'}).state",
    "closeSync(0)": "import('node:fs').then((fs) => fs.closeSync(0))",
    "closeSync(1)": "import('node:fs').then((fs) => fs.closeSync(1))",
    "closeSync(2)": "import('node:fs').then((fs) => fs.closeSync(2))",
    "closeSync of all": "import('node:fs').then((fs) => {"
    " for (let i = 0; i < 99; i++) try { fs.closeSync(i) } catch {} })",
    "close(2)": "import('node:fs').then((fs) => new Promise((ok) => fs.close(2, ok)))",
    "a stream of node to 1": "import('node:fs').then((fs) => new Promise((ok) =>"
    " fs.createWriteStream(null, {fd: 1}).end('x', ok)))",
    "a stream of node to 2": "import('node:fs').then((fs) => new Promise((ok) =>"
    " fs.createWriteStream(null, {fd: 2}).on('close', ok).end('x')))",
    "a stream of node from 2": "import('node:fs').then((fs) => new Promise((ok) =>"
    " fs.createReadStream(null, {fd: 2}).on('error', ok).resume())).then(() => 1)",
    "a terminal at 2": "import('node:tty').then((tty) => new tty.WriteStream(2).destroy() && 1)",
    "writable.close": "Deno.stdout.writable.close()",
    "writable.abort": "Deno.stderr.writable.abort()",
    "pipeTo": "new Blob(['x']).stream().pipeTo(Deno.stderr.writable)",
    "readable.cancel": "Deno.stdin.readable.cancel()",
    "process.stdout.end": "process.stdout.end() && 1",
    "process.stdout.end(text)": "process.stdout.end('last words') && 1",
    "process.stderr.end": "new Promise((ok) => process.stderr.end('x', 'utf8', ok))",
    "process.stdout.destroy": "process.stdout.destroy() && 1",
    "process.stderr.destroy": "process.stderr.destroy(new Error('mine')) && 1",
    "process.stdout.destroySoon": "process.stdout.destroySoon() && 1",
    "process.stdout.cork": "process.stdout.cork(); process.stderr.cork()",
    "setDefaultEncoding": "process.stdout.setDefaultEncoding('hex'); process.stderr.setDefaultEncoding('hex'); 1",
    "await using": "process.stdout[Symbol.asyncDispose]().then(() => process.stderr[Symbol.asyncDispose]())",
    "process.stdin.destroy": "process.stdin.destroy() && 1",
    "pipeline": "import('node:stream/promises').then((s) => s.pipeline(['x'], process.stdout)).then(() => 1)",
    "exitCode": "process.exitCode = 7",
    "uncaughtException": "process.on('uncaughtException', () => {}); process.on('unhandledRejection', () => {}); 1",
    "the events of the end": "process.emit('beforeExit'), process.emit('exit'), process.emit('disconnect')",
    "removeAllListeners": "process.removeAllListeners() && 1",
    "a Worker that closes": """import('node:worker_threads').then(({ Worker }) => new Promise((ok) =>
        new Worker("for (let i = 0; i < 99; i++) try { require('node:fs').closeSync(i) } catch {}", {eval: true})
          .on('exit', ok)))""",
    "a Worker with hooks": f"""import('node:worker_threads').then(({{ Worker }}) => new Promise((ok) =>
        new Worker("require('node:module').registerHooks({HOOKS})", {{eval: true}}).on('exit', ok)))""",
}
THOSE_AFTER = """(async () => {
  const bytes = (text) => new TextEncoder().encode(text);
  console.log('MARK log');
  console.error('MARK error');
  Deno.stdout.writeSync(bytes('MARK stdout\\n'));
  await Deno.stdout.write(bytes('MARK write\\n'));
  Deno.stderr.writeSync(bytes('MARK stderr\\n'));
  process.stdout.write('MARK node\\n');
  process.stderr.write('MARK node error\\n');
  const { createRequire } = await import('node:module');
  const recurse = (n) => n === 0 ? 0 : 1 + recurse(n - 1);
  return [
    typeof Deno.env.get('HOME'), Deno.readTextFileSync('/etc/passwd').length > 0, recurse(3000),
    createRequire('file:///a.js')('node:path').sep, (await import('data:text/javascript,export default MARK')).default,
    Deno.permissions.querySync({name: 'net'}).state, await new Response(Deno.stdin.readable).text(),
  ];
})()"""
PRINTED = ("log", "error", "stdout", "write", "stderr", "node", "node error")


@pytest.fixture
def one() -> Iterator[RunningPool]:
    with running(SPEC) as pool:
        yield pool


def check_those_after(pool: RunningPool, mark: int) -> None:
    with guest_logs() as log:
        expected = ["string", True, 3000, "/", mark, "prompt", ""]
        assert pool.eval(THOSE_AFTER.replace("MARK", str(mark))) == expected
        for name in PRINTED:
            log.wait(f"{mark} {name}")


@pytest.mark.parametrize("attempt", list(REFUSED))
def test_it_is_refused(pool: RunningPool, attempt: str) -> None:
    epochs = pool.epochs()
    answer = pool.post(REFUSED[attempt])
    assert answer.status_code == 422, answer.text
    detail = problem(answer, answer.json()["name"], "guest")["detail"]
    assert detail.startswith("NotCapable: "), detail
    check_those_after(pool, 100 + list(REFUSED).index(attempt))
    assert pool.epochs() == epochs


@pytest.mark.parametrize("attempt", list(UNDONE))
def test_it_is_undone(one: RunningPool, attempt: str) -> None:
    epochs = one.epochs()
    one.eval(UNDONE[attempt])
    for mark in (1000, 2000):
        check_those_after(one, mark)
    assert one.epochs() == epochs


def test_a_flood_after_the_stream_is_closed_is_all_there(one: RunningPool) -> None:
    one.eval("import('node:fs').then((fs) => fs.closeSync(2))")
    with guest_logs() as log:
        one.eval("for (let i = 0; i < 3000; i++) console.log(`line ${i} ${'x'.repeat(100)}`)")
        log.wait("line 2999 ")
        assert [int(record.getMessage().split()[1]) for record in log.containing("line ")] == list(range(3000))


MAIN = """import * as module from 'node:module';
import * as v8 from 'node:v8';
v8.setFlagsFromString('--stack-size=900');
const hook = module.registerHooks({
  resolve(specifier, context, next) {
    return specifier === 'virtual:answer' ? {url: 'data:text/javascript,export default 42', shortCircuit: true}
      : next(specifier, context);
  },
});
Object.assign(globalThis, {
  imported: () => import('virtual:answer').then((m) => m.default),
  remove: () => hook.deregister(),
});
"""


def test_a_main_module_may(start: Start) -> None:
    pool = start(size=1, mainModule={"inline": MAIN})
    refused = REFUSED["registerHooks by name"]
    assert pool.call("imported").json() == {"result": 42}
    problem(pool.post(refused), "promise_rejection", "guest")
    assert pool.call("imported").json() == {"result": 42}
    assert pool.call("remove").json() == {"result": None}
    problem(pool.post(refused), "promise_rejection", "guest")
    assert pool.eval("import('node:path').then((path) => path.sep)") == "/"


HARD = """for (const value of [Array, Object, Function, Promise, Deno, Deno.permissions, process]) {
  Object.freeze(value);
  Object.freeze(value.prototype ?? Object.getPrototypeOf(value));
}
delete Array.prototype.push;
Object.create = Object.setPrototypeOf = Object.defineProperty = Reflect.apply = null;
Object.prototype.get = () => 1;
"""


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(HARD.split("delete")[0], id="freezes"),
        pytest.param("delete" + HARD.split("delete")[1], id="replaces"),
    ],
)
def test_they_hold_whatever_the_main_module_did(start: Start, source: str) -> None:
    pool = start(mainModule={"inline": f"// @ts-nocheck\n{source}"}, **SPEC)
    for attempt in ("revokeSync", "registerHooks of the default", "a flag by require", "Deno.stderr"):
        answer = pool.post(REFUSED[attempt])
        assert answer.status_code == 422, answer.text
        assert answer.json()["detail"].startswith("NotCapable: ")


def test_a_main_module_may_give_up_permissions(start: Start) -> None:
    pool = start(mainModule={"inline": "Deno.permissions.revokeSync({name: 'env', variable: 'HOME'})"}, **SPEC)
    assert "Requires env access" in pool.post("Deno.env.get('HOME')").json()["detail"]
    assert pool.eval("Deno.readTextFileSync('/etc/passwd').length > 0") is True


def test_guards_hold_against_a_guest_that_replaces_what_they_use(pool: RunningPool) -> None:
    pool.eval(
        "Object.defineProperty = Reflect.apply = Array.prototype.push = null;"
        "Object.prototype.get = () => 1; Object.prototype.value = 2;"
        "Uint8Array.prototype.subarray = () => { throw 1 }; Deno.errors.NotCapable = null; 1"
    )
    for attempt in ("revokeSync", "registerHooks of the default", "a flag by require", "Deno.stderr"):
        assert pool.post(REFUSED[attempt]).status_code == 422
    with guest_logs() as log:
        assert pool.eval("console.log('still here'); 1") == 1
        log.wait("still here")
    pool.post("Deno.exit()")


WATCHES = [
    "import('node:fs').then((fs) => fs.watch('PATH'))",
    "import('node:fs').then((fs) => fs.watch('PATH', () => {}))",
    "import('node:fs').then((fs) => fs.watch('PATH', {recursive: true}, () => {}))",
    "import('node:fs').then((fs) => fs.default.watch('PATH'))",
    "process.getBuiltinModule('fs').watch('PATH')",
    "import('node:fs').then((fs) => fs.promises.watch('PATH').next())",
    "import('node:fs/promises').then(async (fs) => { for await (const event of fs.watch('PATH')) return event })",
    "Deno.watchFs('PATH')",
    "Deno.lstatSync('PATH')",
    "import('node:fs').then((fs) => fs.lstatSync('PATH'))",
]


@pytest.mark.parametrize("code", WATCHES)
@pytest.mark.parametrize("path", ["/usr", "/nowhere"])
def test_watching_without_permission_throws(pool: RunningPool, code: str, path: str) -> None:
    epochs = pool.epochs()
    answer = pool.post(code.replace("PATH", path))
    assert answer.status_code == 422, answer.text
    assert f'Requires read access to "{path}"' in answer.json()["detail"]
    assert pool.eval("new Promise((ok) => setTimeout(ok, 30, 1))") == 1
    assert pool.epochs() == epochs


@pytest.mark.parametrize("path", ["/etc", "/etc/passwd"])
def test_watching_with_permission_works(pool: RunningPool, path: str) -> None:
    assert pool.eval(f"import('node:fs').then((fs) => {{ fs.watch('{path}').close(); return 1 }})") == 1
    code = (
        f"import('node:fs').then((fs) => {{ fs.watchFile('{path}', () => {{}}); fs.unwatchFile('{path}'); return 1 }})"
    )
    assert pool.eval(code) == 1


DENIED = {
    "fs": ["watchFile('/usr', () => {}); fs.unwatchFile('/usr')", "opendirSync('/usr')", "statfsSync('/usr')",
           "createReadStream('/usr/x').on('error', () => {})", "createReadStream('/usr/x')", "globSync('/usr/*')",
           "openSync('/dev/null')", "cpSync('/usr', '/tmp/x')"],
    "child_process": ["spawn('true')", "fork('/x.js')", "execFileSync('true')", "exec('true', () => {})"],
    "net": ["connect(1, '127.0.0.1').on('error', () => {})", "connect(1, '127.0.0.1')", "createServer().listen(0)",
            "connect('/tmp/none')"],
    "dgram": ["createSocket('udp4').on('error', () => {}).bind(0)", "createSocket('udp4').bind(0)"],
    "dns": ["lookup('localhost', () => {})", "resolve4('localhost', () => {})", "setServers(['1.1.1.1'])"],
    "http": ["createServer().listen(0)", "get('http://127.0.0.1:1/')"],
    "http2": ["connect('http://127.0.0.1:1')", "createServer().listen(0)"],
    "https": ["get('https://127.0.0.1:1/')"],
    "tls": ["connect(1, '127.0.0.1')"],
    "worker_threads": ["Worker('/x.js')"],
    "cluster": ["fork()"],
    "repl": ["start({})"],
    "tty": ["ReadStream(0)"],
    "inspector": ["open()", "url()", "close()"],
    "wasi": ["WASI({version: 'preview1'})"],
    "test": ["test('x', () => { throw 1 })"],
    "sqlite": ["DatabaseSync('/x.db')"],
    "os": ["setPriority(1)", "userInfo()"],
    "process": ["kill(1)", "chdir('/tmp')", "dlopen({}, '/x')", "setuid(0)", "loadEnvFile('/x')"],
    "v8": ["setHeapSnapshotNearHeapLimit(1)", "takeCoverage()"],
    "trace_events": ["createTracing({categories: ['v8']})"],
    "module": ["createRequire('/x.js')('./y')"],
    "diagnostics_channel": ["channel('x').subscribe(() => { throw 1 })"],
}  # fmt: skip
USES = [(module, use) for module, uses in DENIED.items() for use in uses]


@pytest.mark.parametrize(("module", "use"), USES, ids=[f"{module}.{use}" for module, use in USES])
def test_no_module_of_node_ends_the_isolate_for_want_of_a_permission(
    locked: RunningPool, module: str, use: str
) -> None:
    """It throws, or reports later what it was denied."""
    name = module.replace("/", "_")
    new = "new " if use[0].isupper() else ""
    epochs = locked.epochs()
    answer = locked.post(f"import('node:{module}').then(({name}) => {{ {new}{name}.{use}; return 'done' }})")
    assert answer.status_code in (200, 422), answer.text
    assert locked.eval("new Promise((ok) => setTimeout(ok, 20, 1))") == 1
    assert locked.epochs() == epochs


@pytest.fixture(scope="module")
def locked() -> Iterator[RunningPool]:
    with running({"size": 1}) as pool:
        yield pool


@pytest.mark.parametrize(
    "code", ["close()", "globalThis.close(); 1", "self.close(); new Promise(() => {})", "Deno.exit(0)"]
)
def test_the_end_is_in_the_eval_that_asked_for_it(start: Start, code: str) -> None:
    pool = start(size=1)
    for _ in range(3):
        answers = [pool.later(code), pool.later("1 + 1")]
        problem(answers[0].result(), "dead_runtime_error", "guest")
        assert answers[1].result().json() == {"result": 2}
