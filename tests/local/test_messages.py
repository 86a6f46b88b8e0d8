"""Messages name the field of the manifest, or what to do: never only a flag, a command or a file of Deno's."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.conftest import Start
from tests.local.guest_logs import Log, guest_logs
from tests.local.problems import problem
from tests.local.running import RunningPool
from tyrex_pool import LocalPool, NoRuntime

SPEC: dict[str, Any] = {"size": 1}
OF_DENO = re.compile(r"(?<![\w-])--\w|run again|deno (add|install)|deno\.json|package\.json|unstable-")
"""What users of a pool can do nothing with."""


def said_first(text: str) -> str:
    """`text` without what is quoted of Deno, which must be there."""
    ours, bracket, _ = text.partition(" (Deno: ")
    assert bracket, text
    assert not OF_DENO.search(ours), text
    return ours


def grants(kind: str, entry: str) -> str:
    return f"spec.permissions.allow.{kind}: [{entry}]"


BUNDLE = "bundle it with the program (docs/programs.md)"
PERMISSIONS = [
    pytest.param("Deno.env.get('X')", "env", '"X"', id="env"),
    pytest.param("process.env.X", "env", '"X"', id="process.env"),
    pytest.param("Deno.env.set('X', '1')", "env", '"X"', id="env, set"),
    pytest.param("Deno.env.toObject()", "env", '"*"', id="env, all"),
    pytest.param("import('node:os').then((os) => os.tmpdir())", "env", '"TMPDIR"', id="env of node:os"),
    pytest.param("import('node:child_process').then((c) => c.execSync('ls'))", "env", '"*"', id="env of a child"),
    pytest.param("fetch('http://example.com/')", "net", '"example.com:80"', id="fetch"),
    pytest.param("fetch('https://example.com:8443/a?b')", "net", '"example.com:8443"', id="fetch, a port"),
    pytest.param("fetch('http://[::1]:90/')", "net", '"[::1]:90"', id="fetch, IPv6"),
    pytest.param("Deno.connect({hostname: '10.1.2.3', port: 5432})", "net", '"10.1.2.3:5432"', id="connect"),
    pytest.param("Deno.connectTls({hostname: 'db', port: 1})", "net", '"db:1"', id="connectTls"),
    pytest.param("Deno.listen({port: 8080})", "net", '"0.0.0.0:8080"', id="listen"),
    pytest.param("Deno.serve({port: 8080}, () => new Response())", "net", '"0.0.0.0:8080"', id="serve"),
    pytest.param("new WebSocket('ws://example.com/')", "net", '"example.com:80"', id="WebSocket"),
    pytest.param(
        "import('node:net').then((n) => new Promise((_, no) => n.connect(80, 'example.com').on('error', no)))",
        "net",
        '"example.com"',
        id="node:net",
    ),
    pytest.param("import('node:dns').then((n) => n.promises.lookup('a.b'))", "net", '"a.b"', id="node:dns"),
    pytest.param("Deno.readTextFileSync('/etc/passwd')", "read", '"/etc/passwd"', id="read"),
    pytest.param("Deno.readFile('/etc/passwd')", "read", '"/etc/passwd"', id="read, a promise"),
    pytest.param("Deno.statSync('a')", "read", '"a"', id="read, a relative path"),
    pytest.param("fetch('file:///etc/passwd')", "read", '"/etc/passwd"', id="fetch of a file"),
    pytest.param("import('node:fs').then((f) => f.readFileSync('/etc/passwd'))", "read", '"/etc/passwd"', id="fs"),
    pytest.param("import('node:fs').then((f) => f.promises.readdir('/etc'))", "read", '"/etc"', id="fs.promises"),
    pytest.param("import('node:sqlite').then((s) => new s.DatabaseSync('/x.db'))", "read", '"/x.db"', id="sqlite"),
    pytest.param("import('file:///etc/hostname')", "read", '"/etc/hostname"', id="import of a file"),
    pytest.param("Deno.readTextFileSync('/a\\nb \"c\" d')", "read", '"/a\nb "c" d"', id="read, a strange path"),
    pytest.param("Deno.writeTextFileSync('/x', 'a')", "write", '"/x"', id="write"),
    pytest.param("Deno.makeTempDirSync()", "write", '"/tmp"', id="write, a temporary folder"),
    pytest.param("import('node:fs').then((f) => f.writeFileSync('/x', ''))", "write", '"/x"', id="fs, write"),
    pytest.param("new Deno.Command('ls').outputSync()", "run", '"ls"', id="run"),
    pytest.param("new Deno.Command('/bin/ls').output()", "run", '"/bin/ls"', id="run, a promise"),
    pytest.param("Deno.kill(1)", "run", '"*"', id="kill"),
    pytest.param("Deno.dlopen('libc.so.6', {})", "ffi", '"libc.so.6"', id="ffi"),
    pytest.param("process.dlopen({}, '/x.node')", "ffi", '"/x.node"', id="an addon"),
    pytest.param("Deno.UnsafePointer.create(1n)", "ffi", '"*"', id="a pointer"),
    pytest.param("Deno.hostname()", "sys", '"hostname"', id="sys"),
    pytest.param("import('node:os').then((os) => os.cpus())", "sys", '"cpus"', id="node:os"),
    pytest.param("process.getuid()", "sys", '"uid"', id="process"),
    pytest.param("import('https://example.com/x.js')", "import", '"example.com:443"', id="import"),
    pytest.param("import('http://example.com:8080/x.js')", "import", '"example.com:8080"', id="import, a port"),
    pytest.param("import('jsr:@std/assert')", "import", '"jsr.io:443"', id="jsr"),
    pytest.param("import('npm:lodash')", "import", '"*"', id="npm"),
]


@pytest.mark.parametrize(("code", "kind", "entry"), PERMISSIONS)
def test_a_denied_call_names_the_field(pool: RunningPool, code: str, kind: str, entry: str) -> None:
    document = pool.post(code).json()
    assert document["name"] in ("execution_error", "promise_rejection")
    assert grants(kind, entry) in said_first(document["detail"])
    assert document["stack"].startswith(document["detail"])


FIELDS = [
    pytest.param("Deno.env.get('A')", {"env": ["A"]}, id="env"),
    pytest.param("Deno.statSync('/etc').isDirectory", {"read": ["/etc"]}, id="read"),
    pytest.param("Deno.removeSync(Deno.makeTempDirSync())", {"write": ["/tmp"]}, id="a temporary folder"),
    pytest.param("new Deno.Command('true').outputSync().code", {"run": ["true"]}, id="run"),
    pytest.param("Deno.hostname()", {"sys": ["hostname"]}, id="sys"),
]


@pytest.mark.parametrize(("code", "allow"), FIELDS)
def test_what_the_message_says_helps(
    pool: RunningPool, start: Start, monkeypatch: pytest.MonkeyPatch, code: str, allow: dict[str, list[str]]
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    ((kind, (entry,)),) = allow.items()
    assert grants(kind, f'"{entry}"') in said_first(pool.post(code).json()["detail"])
    assert start(size=1, permissions={"allow": allow}).post(code).status_code == 200


MODULES = [
    pytest.param("import('npm:lodash@4')", f"An npm package cannot be imported at run time: {BUNDLE}", id="npm"),
    pytest.param("import('jsr:@std/assert')", 'The package "jsr:@std/assert" is not in Deno\'s cache', id="jsr"),
    pytest.param("import('https://example.com/x.js')", f'No import access to "example.com:443": {BUNDLE}', id="https"),
    pytest.param("import('handlebars')", BUNDLE, id="bare"),
    pytest.param("import('lodash/fp')", BUNDLE, id="bare, a path"),
    pytest.param("import('@scope/x')", BUNDLE, id="bare, a scope"),
    pytest.param("import('fs')", 'write "node:fs"', id="bare, of Node"),
    pytest.param("import('fs/promises')", 'write "node:fs/promises"', id="bare, of Node, a path"),
    pytest.param("import('data:text/javascript,import \"lodash\"')", BUNDLE, id="in a module"),
    pytest.param("import('./x.js')", "Evals have no folder", id="relative"),
    pytest.param("require('lodash')", 'write import("node:fs") for what Node has, and bundle packages', id="require"),
    pytest.param("require('fs')", 'write import("node:fs") for what Node has', id="require of Node's"),
    pytest.param("module.exports = 1", "in CommonJS (a .cjs file) only: write export", id="module"),
    pytest.param("exports.a = 1", "in CommonJS (a .cjs file) only: write export", id="exports"),
    pytest.param("__dirname", "write import.meta.dirname", id="__dirname"),
    pytest.param("__filename", "write import.meta.dirname or import.meta.filename", id="__filename"),
    pytest.param(
        "import('node:module').then((m) => m.createRequire('file:///a/b.js')('lodash'))", BUNDLE, id="createRequire"
    ),
    pytest.param("Deno.openKv()", "Deno.openKv is an unstable feature of Deno", id="KV"),
    pytest.param("Deno.cron('a', '* * * * *', () => {})", "Deno.cron is an unstable feature", id="cron"),
    pytest.param("Deno.listenDatagram({port: 1})", "Deno.listenDatagram is an unstable feature", id="datagrams"),
    pytest.param("Deno.bundle({})", "Deno.bundle is an unstable feature", id="bundle"),
    pytest.param("Deno.jupyter", "A pool has no Deno.jupyter", id="jupyter"),
    pytest.param("Deno.lint.runPlugin({}, 'a', 'b')", "A pool has no Deno.lint", id="lint"),
    pytest.param(
        "Deno.symlinkSync('/a', '/b')", 'spec.permissions.allow.read: ["*"] and allow.write: ["*"]', id="link"
    ),
    pytest.param(
        "import('node:inspector').then((i) => i.open())", "No pool gives access to the inspector", id="inspector"
    ),
]


@pytest.mark.parametrize(("code", "said"), MODULES)
def test_an_eval_that_needs_something_else(pool: RunningPool, code: str, said: str) -> None:
    document = pool.post(code).json()
    assert said in said_first(document["detail"])
    assert said in said_first(document["stack"])


def test_with_other_permissions(start: Start) -> None:
    pool = start(
        size=1,
        permissions={"default": "AllowAll", "deny": {"env": ["HOME"], "import": ["a.example"], "run": ["ls"]}},
    )
    for code, said in [
        ("Deno.env.get('HOME')", "unless deny.env covers it"),
        ("import('npm:lodash')", "leave deny.import empty"),
        ("import('https://a.example/x.js')", "unless deny.import covers it"),
        ("Deno.readTextFileSync('/proc/self/environ')", 'No pool gives access to "/proc/self/environ"'),
        (
            "new Deno.Command('true', {env: {LD_PRELOAD: 'x', LD_X: 'y'}}).outputSync()",
            'To start a program with LD_PRELOAD, LD_X environment variables, spec.permissions.allow.run must be ["*"]',
        ),
        ("new Deno.Command('true', {env: {LD_PRELOAD: 'x'}}).outputSync()", "with the LD_PRELOAD"),
    ]:
        document = pool.post(code).json()
        assert said.replace("the LD", "LD") in said_first(document["detail"])


def test_the_code_itself_sees_what_deno_says(pool: RunningPool) -> None:
    original = 'Requires env access to "X", run again with the --allow-env flag'
    code = "try { Deno.env.get('X') } catch (e) { [e.name, e.message, String(e), e.stack.split('\\n')[0]] }"
    said = f"NotCapable: {original}"
    assert pool.eval(code) == ["NotCapable", original, said, said]


ORIGINAL = 'Requires env access to "X", run again with the --allow-env flag'
OURS = f'No env access to "X": {grants("env", chr(34) + "X" + chr(34))} would grant it, unless deny.env covers it'
GET = "Deno.env.get('X')"
PLACES = [
    pytest.param(f"try {{ {GET} }} catch (e) {{ throw new Error('no config', {{cause: e}}) }}", "cause", id="a cause"),
    pytest.param(
        f"try {{ {GET} }} catch (e) {{ throw new Error('a', {{cause: new Error('b', {{cause: e}})}}) }}", "cause.cause",
        id="a cause of a cause",
    ),
    pytest.param(f"Promise.any([new Promise(() => {GET})])", "errors.0", id="errors"),
    pytest.param(
        f"try {{ {GET} }} catch (e) {{ throw Object.assign(new Error('a'), {{why: e}}) }}", "why", id="a member",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("code", "path"), PLACES)
def test_in_what_an_error_carries(pool: RunningPool, code: str, path: str) -> None:
    value = pool.post(code).json()["value"]
    for name in path.split("."):
        value = value[int(name) if name.isdigit() else name]
    assert value["message"] == f"{OURS} (Deno: {ORIGINAL})"


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        pytest.param(f"try {{ {GET} }} catch (e) {{ throw 'failed: ' + e.message + '!' }}", "failed: ", "!", id="text"),
        pytest.param(
            f"try {{ {GET} }} catch (e) {{ throw new Error(`loading: ${{e.message}}; sorry`) }}",
            "Error: loading: ",
            "; sorry",
            id="a message around it",
        ),
        pytest.param(f"({{toJSON() {{ {GET} }}}})", "the result cannot be JSON: NotCapable: ", "", id="in toJSON"),
    ],
)
def test_as_a_part_of_other_text(pool: RunningPool, code: str, before: str, after: str) -> None:
    assert pool.post(code).json()["detail"] == f"{before}{OURS} (Deno: {ORIGINAL}){after}"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("throw new Error('Requires env access to')", id="the beginning"),
        pytest.param("throw new Error('the --allow-env flag')", id="the end"),
        pytest.param("throw new Error('myrequire is not defined')", id="another name"),
        pytest.param("throw new Error('Requires care access, run again with the --allow-care flag')", id="a kind"),
        pytest.param("a.require", id="another sentence"),
        pytest.param("throw new Error('not a dependency')", id="a part"),
    ],
)
def test_other_text_stays_as_it_is(pool: RunningPool, code: str) -> None:
    assert "Deno" not in problem(pool.post(code), "execution_error")["detail"]


def test_text_is_explained_in_bounded_time_and_length(pool: RunningPool) -> None:
    many = "throw new Error('Requires env access, run again with the --allow-env flag. '.repeat(1e5))"
    assert len(problem(pool.post(many), "execution_error")["detail"]) < 20_000
    halves = "throw new Error('Requires env access '.repeat(1e6) + 'Import \"'.repeat(1e6))"
    problem(pool.post(halves, timeoutMs=5000), "execution_error")


def test_it_is_not_found_by_what_guests_replace_nor_kept_for_them(start: Start) -> None:
    pool = start(size=1)
    pool.eval(
        "String.prototype.indexOf = String.prototype.slice = String.prototype.replace = () => 'forged';"
        "RegExp.prototype.exec = () => { throw 1 }; Object.prototype.parts = ['forged'];"
        "Array.prototype[Symbol.iterator] = () => { throw 1 }; 1"
    )
    assert problem(pool.post(GET), "execution_error")["detail"] == f"NotCapable: {OURS} (Deno: {ORIGINAL})"
    assert "env" not in pool.eval("RegExp['$_']")


@pytest.fixture
def log() -> Iterator[Log]:
    with guest_logs() as log:
        yield log


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(f"setTimeout(() => {GET}); 1", id="a timer"),
        pytest.param(f"Promise.resolve().then(() => {GET}); 1", id="a rejection"),
        pytest.param(f"(async () => {{ try {{ {GET} }} catch (e) {{ throw e.message }} }})(); 1", id="text"),
        pytest.param(f'new Worker("data:text/javascript,{GET}", {{type: "module"}}); 1', id="a Worker"),
    ],
)
def test_in_the_log(pool: RunningPool, log: Log, code: str) -> None:
    pool.eval(code)
    assert f"{OURS} (Deno: {ORIGINAL})" in log.wait(OURS).getMessage()


REQUIRE = "import { createRequire } from 'node:module'; createRequire(import.meta.url)"
IN_ONE_FILE = "bundle the program into one file (docs/programs.md)"
CAUSE = f"(() => {{ try {{ {GET} }} catch (e) {{ return e }} }})()"
NOT_CACHED = f'"handlebars" is not in Deno\'s cache, and nothing is downloaded: {BUNDLE}'
MAIN = [
    pytest.param("import 'npm:handlebars@4'", NOT_CACHED, id="npm"),
    pytest.param("import a from 'handlebars'", BUNDLE, id="bare"),
    pytest.param("import a from 'lodash/fp'", BUNDLE, id="bare, a path"),
    pytest.param("import a from '@scope/x'", BUNDLE, id="bare, a scope"),
    pytest.param("import 'fs'", 'write "node:fs"', id="bare, of Node"),
    pytest.param("import 'jsr:@std/assert'", grants("import", '"jsr.io:443"'), id="jsr"),
    pytest.param("import 'https://example.com/x.js'", grants("import", '"example.com:443"'), id="https"),
    pytest.param("await import('npm:lodash')", BUNDLE, id="npm, dynamic"),
    pytest.param("const n = 'npm:lodash'; await import(n)", BUNDLE, id="npm, at run time"),
    pytest.param("await import('lodash')", BUNDLE, id="bare, dynamic"),
    pytest.param("const n = './x.ts'; await import(n)", "import them statically", id="a file, at run time"),
    pytest.param("const _ = require('lodash')", "bundle packages with the program (docs/programs.md)", id="require"),
    pytest.param("module.exports = {}", "(a .cjs file) only: write export", id="module.exports"),
    pytest.param("Deno.env.get('X')", OURS, id="env"),
    pytest.param("process.env.X", OURS, id="process.env"),
    pytest.param(f"throw new Error('a', {{cause: {CAUSE}}})", OURS, id="a cause"),
    pytest.param("Deno.openKv()", "unstable feature of Deno", id="KV"),
    pytest.param(f"{REQUIRE}('lodash')", IN_ONE_FILE, id="createRequire"),
    pytest.param(f"{REQUIRE}('./a.cjs')", IN_ONE_FILE, id="createRequire, a sibling"),
    pytest.param("import './a.txt' with {type: 'bytes'}", 'Imports with type "bytes" do not work', id="bytes"),
]


@pytest.mark.parametrize(("source", "said"), MAIN)
def test_a_main_module_that_does_not_load(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    monkeypatch.setenv("DENO_DIR", str(tmp_path / "empty"))
    reason = start(size=1, mainModule={"inline": source}).status()["runtimes"][0]["reason"]
    assert reason.startswith("the main module failed: ")
    assert said in said_first(reason)


FILES = [
    pytest.param("main.js", "const a = require('./sibling.cjs')", "docs/programs.md", id="require in main.js"),
    pytest.param("main.js", "exports.a = 1", "a .cjs file", id="exports in main.js"),
    pytest.param("main.js", "import './lib.js'", "docs/programs.md", id="require in an imported file"),
    pytest.param("main.cjs", "exports.a = require('./sibling.cjs')", 'allow.read: ["FOLDER"]', id="a sibling"),
    pytest.param("main.cjs", "exports.a = require('./data.json')", 'allow.read: ["FOLDER"]', id="a JSON sibling"),
    pytest.param("main.cjs", "exports.a = require('lodash')", BUNDLE, id="a package"),
    pytest.param("main.cjs", "exports.a = require('npm:lodash')", BUNDLE, id="a package with its scheme"),
    pytest.param("main.cjs", "exports.a = process.env.X", OURS, id="process.env"),
    pytest.param("main.cjs", "require('fs').readFileSync('/etc/passwd')", 'allow.read: ["/etc/passwd"]', id="a file"),
    pytest.param("main.mjs", "import a from './sibling.cjs'", 'allow.read: ["FOLDER"]', id="imported CommonJS"),
]


@pytest.mark.parametrize(("name", "source", "said"), FILES)
def test_a_main_module_beside_other_files(start: Start, tmp_path: Path, name: str, source: str, said: str) -> None:
    (tmp_path / "sibling.cjs").write_text("module.exports = require('./data.json')")
    (tmp_path / "data.json").write_text("{}")
    (tmp_path / "lib.js").write_text("require('x')")
    (tmp_path / name).write_text(source)
    reason = start(directory=tmp_path, size=1, mainModule={"path": name}).status()["runtimes"][0]["reason"]
    assert said.replace("FOLDER", str(tmp_path)) in said_first(reason)


def test_that_a_sibling_can_be_required_then(start: Start, tmp_path: Path) -> None:
    (tmp_path / "sibling.cjs").write_text("module.exports = () => 42")
    (tmp_path / "main.cjs").write_text("exports.f = require('./sibling.cjs')")
    main = {"path": "main.cjs"}
    pool = start(directory=tmp_path, size=1, mainModule=main, permissions={"allow": {"read": [str(tmp_path)]}})
    assert pool.call("f").json() == {"result": 42}


def test_files_of_a_config_map_that_are_required(start: Start) -> None:
    files = {"main.cjs": "exports.a = require('./b.cjs')", "b.cjs": ""}
    main = {"configMap": {"name": "src", "entrypoint": "main.cjs"}}
    reason = start(config_maps={"src": files}, size=1, mainModule=main).status()["runtimes"][0]["reason"]
    assert IN_ONE_FILE in said_first(reason)


def test_what_deno_prints_when_it_ends(start: Start) -> None:
    pool = start(size=1)
    code = "new Worker('data:,', {type: 'module', deno: {permissions: 'inherit'}})"
    detail = problem(pool.post(code), "dead_runtime_error", "guest")["detail"]
    assert "Worker.deno.permissions is an unstable feature of Deno" in said_first(detail)


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param({"net": ["exa mple"]}, id="a space"),
        pytest.param({"net": ["http://x"]}, id="a URL"),
        pytest.param({"net": ["a:99999"]}, id="a port"),
        pytest.param({"net": ["unix:x"]}, id="a socket"),
        pytest.param({"env": ["A=B"]}, id="a variable"),
        pytest.param({"sys": ["bogus"]}, id="sys"),
        pytest.param({"import": ["https://x/y"]}, id="import"),
    ],
)
async def test_permissions_that_deno_does_not_take(rules: dict[str, list[str]]) -> None:
    with pytest.raises(NoRuntime) as caught:
        async with LocalPool(size=1, permissions={"allow": rules}):
            pass
    assert "error: Deno does not take an entry of spec.permissions: " in str(caught.value)
    assert "backtrace" not in str(caught.value)
