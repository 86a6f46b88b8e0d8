"""What guest code may do, of each of the eight kinds, granted and denied, through real Deno."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.local.conftest import Start
from tests.local.modules import web_server
from tests.local.running import RunningPool, result, running
from tyrex_pool.cli.main import main


class World(NamedTuple):
    """What the attempts reach for: a web server, and a folder with `file` and `other`."""

    host: str
    folder: Path


class Attempt(NamedTuple):
    """`code` uses a permission that `entry` grants; both are formatted with `host` and `folder`."""

    code: str
    entry: str
    granted: Any


ATTEMPTS = {
    "net": Attempt("fetch('http://{host}/').then((r) => r.status, (e) => {{ throw e.cause ?? e }})", "{host}", 200),
    "read": Attempt("Deno.readTextFileSync('{folder}/file')", "{folder}/file", "text"),
    "write": Attempt("Deno.writeTextFileSync('{folder}/file', 'text')", "{folder}/file", None),
    "env": Attempt("Deno.env.get('TYREX_TEST')", "TYREX_TEST", "set"),
    "run": Attempt("new Deno.Command('true').outputSync().code", "true", 0),
    "ffi": Attempt("try {{ Deno.dlopen('{folder}/file', {{}}) }} catch (e) {{ if (e.name != 'Error') throw e }}",
                   "{folder}/file", None),
    "sys": Attempt("typeof Deno.hostname()", "hostname", "string"),
    "import": Attempt("import('http://{host}/module.js').then((m) => m.default)", "{host}", "served"),
}  # fmt: skip
KINDS = list(ATTEMPTS)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    (folder / "file").write_text("text")
    (folder / "other").write_text("text")
    with pytest.MonkeyPatch.context() as patch, web_server() as host:
        patch.setenv("DENO_DIR", str(tmp_path_factory.mktemp("deno")))
        patch.setenv("TYREX_TEST", "set")
        yield World(host, folder)


def entry(kind: str, world: World) -> list[str]:
    return [ATTEMPTS[kind].entry.format(**world._asdict())]


def attempt(pool: RunningPool, kind: str, world: World) -> httpx.Response:
    return pool.post(ATTEMPTS[kind].code.format(**world._asdict()))


def is_granted(pool: RunningPool, kind: str, world: World) -> bool:
    """Whether the attempt comes to what it should; otherwise it must be refused for want of the permission."""
    answer = attempt(pool, kind, world)
    if answer.status_code == 200:
        assert result(answer) == ATTEMPTS[kind].granted
        return True
    assert answer.status_code == 422, answer.text
    detail = answer.json()["detail"]
    assert "NotCapable" in detail or "Requires" in detail or "remote specifier" in detail, detail
    return False


def granted(pool: RunningPool, world: World) -> list[str]:
    return [kind for kind in KINDS if is_granted(pool, kind, world)]


@pytest.mark.parametrize(
    "permissions",
    [
        pytest.param({}, id="nothing said"),
        pytest.param({"default": "None"}, id="None"),
        pytest.param({"allow": {kind: [] for kind in KINDS}}, id="empty lists"),
        pytest.param({"deny": {kind: ["*"] for kind in KINDS}}, id="all denied"),
        pytest.param({"default": "AllowAll", "deny": {kind: ["*"] for kind in KINDS}}, id="denied over AllowAll"),
        pytest.param(
            {"allow": {kind: ["*"] for kind in KINDS}, "deny": {kind: ["*"] for kind in KINDS}}, id="denied over allow"
        ),
    ],
)
def test_nothing(start: Start, world: World, permissions: dict[str, Any]) -> None:
    assert granted(start(size=1, permissions=permissions), world) == []


@pytest.mark.parametrize(
    "permissions",
    [
        pytest.param({"default": "AllowAll"}, id="AllowAll"),
        pytest.param({"default": "AllowAll", "deny": {kind: [] for kind in KINDS}}, id="empty deny lists"),
        pytest.param({"allow": {kind: ["*"] for kind in KINDS}}, id="all of each kind"),
    ],
)
def test_everything(start: Start, world: World, permissions: dict[str, Any]) -> None:
    assert granted(start(size=1, permissions=permissions), world) == KINDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wide", [pytest.param(False, id="an entry"), pytest.param(True, id="all of it")])
def test_a_grant_is_for_its_kind_only(start: Start, world: World, kind: str, wide: bool) -> None:
    pool = start(size=1, permissions={"allow": {kind: ["*"] if wide else entry(kind, world)}})
    assert granted(pool, world) == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_denied_over_allow_all(start: Start, world: World, kind: str) -> None:
    pool = start(size=1, permissions={"default": "AllowAll", "deny": {kind: entry(kind, world)}})
    assert granted(pool, world) == [other for other in KINDS if other != kind]


def test_entries_denied_over_entries_allowed(start: Start, world: World) -> None:
    rules = {kind: entry(kind, world) for kind in KINDS}
    assert granted(start(size=1, permissions={"allow": rules, "deny": rules}), world) == []


def test_entries_denied_over_all_of_their_kind(start: Start, world: World) -> None:
    deny = {kind: entry(kind, world) for kind in KINDS}
    assert granted(start(size=1, permissions={"allow": {kind: ["*"] for kind in KINDS}, "deny": deny}), world) == []


WIDER = {"net": "127.0.0.1", "read": "{folder}", "write": "{folder}", "env": "TYREX_*", "ffi": "{folder}",
         "import": "127.0.0.1"}  # fmt: skip


def wider(world: World) -> dict[str, list[str]]:
    """Rules that cover the entries of the attempts, of the kinds that have such."""
    return {kind: [rule.format(**world._asdict())] for kind, rule in WIDER.items()}


def test_wider_entries_denied_over_entries_allowed(start: Start, world: World) -> None:
    allow = {kind: entry(kind, world) for kind in WIDER}
    assert granted(start(size=1, permissions={"allow": allow, "deny": wider(world)}), world) == []


def test_entries_denied_over_wider_entries_allowed(start: Start, world: World) -> None:
    deny = {kind: entry(kind, world) for kind in WIDER}
    assert granted(start(size=1, permissions={"allow": wider(world), "deny": deny}), world) == []


@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        pytest.param("true", "true", id="a name"),
        pytest.param("/bin/true", "true", id="a name over a path"),
        pytest.param("true", "{path}", id="a path over a name"),
        pytest.param("{path}", "{path}", id="a path"),
    ],
)
def test_a_program_denied_over_one_allowed(start: Start, allow: str, deny: str) -> None:
    path = shutil.which("true")
    rules = {"allow": {"run": [allow.format(path=path), "sh"]}, "deny": {"run": [deny.format(path=path)]}}
    pool = start(size=1, permissions=rules)
    for program in ("true", path, "/bin/true"):
        answer = pool.post(f"new Deno.Command('{program}').outputSync().code")
        assert answer.status_code == 422, f"{program} ran"
    assert pool.eval("new Deno.Command('sh', {args: ['-c', 'exit 3']}).outputSync().code") == 3


OTHERS = [
    pytest.param("fetch('http://localhost:{port}/')", id="another name of the host"),
    pytest.param("fetch('http://127.0.0.1:4567/')", id="another port"),
    pytest.param("Deno.connect({{hostname: '127.0.0.1', port: 1}})", id="another port by TCP"),
    pytest.param("import('node:net').then((n) => new Promise((_, no) => n.connect(1, '127.0.0.1').on('error', no)))",
                 id="another port by node:net"),
    pytest.param("Deno.readTextFileSync('{folder}/other')", id="another file"),
    pytest.param("Deno.readTextFileSync('{folder}/file/../other')", id="another file by a detour"),
    pytest.param("import('node:fs').then((fs) => fs.readFileSync('{folder}/other'))", id="another file by node:fs"),
    pytest.param("import('file://{folder}/other')", id="another file by import"),
    pytest.param("Deno.symlinkSync('{folder}/other', '{folder}/link')", id="a symbolic link"),
    pytest.param("Deno.writeTextFileSync('{folder}/other', '')", id="writing another file"),
    pytest.param("Deno.removeSync('{folder}/other')", id="removing another file"),
    pytest.param("Deno.env.get('HOME')", id="another variable"),
    pytest.param("Deno.env.toObject()", id="all variables"),
    pytest.param("Deno.env.set('HOME', '/')", id="setting another variable"),
    pytest.param("new Deno.Command('sh').outputSync()", id="another program"),
    pytest.param("import('node:child_process').then((c) => c.execFileSync('sh'))", id="another program by node"),
    pytest.param("Deno.dlopen('{folder}/other', {{}})", id="another library"),
    pytest.param("Deno.osRelease()", id="other facts of the system"),
    pytest.param("Deno.kill(1, 'SIGCONT')", id="a signal to another process"),
]  # fmt: skip


@pytest.fixture(scope="module")
def narrow(world: World) -> Iterator[RunningPool]:
    """A pool that grants one entry of each kind."""
    with running({"size": 1, "permissions": {"allow": {kind: entry(kind, world) for kind in KINDS}}}) as pool:
        yield pool


@pytest.mark.parametrize("code", OTHERS)
def test_beside_what_is_granted(narrow: RunningPool, world: World, code: str) -> None:
    answer = narrow.post(code.format(port=world.host.split(":")[1], **world._asdict()))
    assert answer.status_code == 422, answer.text
    assert "NotCapable" in answer.json()["detail"] or "Requires" in answer.json()["detail"]


IMPORTS = [
    pytest.param("import('npm:is-number@7.0.0')", id="npm"),
    pytest.param("import('jsr:@std/assert@1')", id="jsr"),
    pytest.param("import('https://deno.land/std/version.ts')", id="https"),
    pytest.param("import('http://{host}/module.js')", id="http"),
    pytest.param("import('file://{folder}/file')", id="a file"),
    pytest.param("import('./file')", id="a relative path"),
    pytest.param("import('is-number')", id="a bare name"),
    pytest.param("import('node:module').then((m) => m.createRequire('file://{folder}/x.js')('./file'))", id="require"),
    pytest.param("new Function('return import(\"http://{host}/module.js\")')()", id="from a function"),
    pytest.param("new Promise((ok, no) => new Worker('http://{host}/module.js', {{type: 'module'}}).onerror ="
                 " (e) => {{ e.preventDefault(); no(e.message) }})", id="a worker's module"),
]  # fmt: skip


@pytest.fixture(scope="module")
def locked(world: World) -> Iterator[RunningPool]:
    """A pool that grants nothing."""
    with running({"size": 1}) as pool:
        yield pool


@pytest.mark.parametrize("code", IMPORTS)
def test_a_dynamic_import_without_permission(locked: RunningPool, world: World, code: str) -> None:
    answer = locked.post(code.format(**world._asdict()))
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("import('node:path').then((m) => m.join('a', 'b'))", "a/b", id="node:path"),
        pytest.param("import('node:crypto').then((m) => typeof m.randomUUID())", "string", id="node:crypto"),
        pytest.param("import('data:text/javascript,export default 7').then((m) => m.default)", 7, id="data"),
        pytest.param("import('data:application/typescript,export default 7 as number').then((m) => m.default)", 7,
                     id="TypeScript data"),
    ],
)  # fmt: skip
def test_what_needs_no_permission(locked: RunningPool, code: str, expected: object) -> None:
    assert locked.eval(code) == expected


def test_the_main_module_and_its_static_imports_need_none(start: Start, world: World, tmp_path: Path) -> None:
    (tmp_path / "main.ts").write_text("import { add } from './lib/add.ts';\nObject.assign(globalThis, { add });\n")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "add.ts").write_text("export const add = (a: number, b: number): number => a + b;\n")
    (tmp_path / "lib" / "secret.ts").write_text("export default 'secret';\n")
    pool = start(directory=tmp_path, size=1, mainModule={"path": "main.ts"})
    assert result(pool.call("add", 1, 2)) == 3
    assert granted(pool, world) == []
    assert "Requires read access" in pool.post(f"import('file://{tmp_path}/lib/secret.ts')").json()["detail"]


def test_nothing_is_kept_on_disk_without_permission(start: Start, world: World) -> None:
    """Deno's web storages write files, guarded by no permission, that outlive the isolate. Workers have them too."""
    pool = start(size=1)
    worker = """new Promise((ok) => {
        const code = "const done = (said) => postMessage(String(said)); CODE.then(done, done)";
        const worker = new Worker("data:text/javascript," + encodeURIComponent(code), {type: "module"});
        worker.onmessage = ({data}) => { worker.terminate(); ok(data) };
    })"""
    put = worker.replace("CODE", "caches.open('x').then((c) => c.put('http://x/', new Response('kept')))")
    assert "Failed to create cache storage" in pool.eval(put)
    pool.post("Deno.exit()")
    assert "Failed to create cache storage" in pool.eval(
        worker.replace("CODE", "caches.open('x').then((c) => c.keys())")
    )


MALFORMED = [
    pytest.param("dney: {net: ['*']}", "spec.permissions.dney", id="a misspelled deny"),
    pytest.param("deny: {nte: ['*']}", "spec.permissions.deny.nte", id="a misspelled kind"),
    pytest.param("allow: {all: ['*']}", "spec.permissions.allow.all", id="an unknown kind"),
    pytest.param("allow: {hrtime: ['*']}", "spec.permissions.allow.hrtime", id="a former kind"),
    pytest.param("default: All", "spec.permissions.default", id="an unknown default"),
    pytest.param("default: true", "spec.permissions.default", id="a default that is no string"),
    pytest.param("deny: ['net']", "spec.permissions.deny", id="a list of kinds"),
    pytest.param("deny: '*'", "spec.permissions.deny", id="a star for all kinds"),
    pytest.param("deny: {net: '*'}", "spec.permissions.deny.net", id="a string for a list"),
    pytest.param("deny: {net: true}", "spec.permissions.deny.net", id="true for a list"),
    pytest.param("deny: {net: [8080]}", "spec.permissions.deny.net[0]", id="a number for an entry"),
    pytest.param("deny: {net: ['']}", "spec.permissions.deny.net[0]", id="an empty entry"),
    pytest.param("deny: {read: [null]}", "spec.permissions.deny.read[0]", id="null for an entry"),
    pytest.param("deny: {net: ['a', '*']}", "spec.permissions.deny.net[1]", id="a star beside others"),
    pytest.param("allow: {net: ['*', '*']}", "spec.permissions.allow.net[0]", id="two stars"),
    pytest.param("allow: {read: ['/a,/b']}", "spec.permissions.allow.read[0]", id="a comma"),
    pytest.param("allow: {read: [' /a']}", "spec.permissions.allow.read[0]", id="white space"),
    pytest.param('allow: {read: ["/a\\n"]}', "spec.permissions.allow.read[0]", id="a newline"),
]


@pytest.mark.parametrize(("rules", "path"), MALFORMED)
def test_serve_refuses_what_is_malformed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rules: str, path: str
) -> None:
    manifest = tmp_path / "pool.yaml"
    manifest.write_text(
        "apiVersion: tyrex.dev/v1alpha1\nkind: TyrexPool\nmetadata: {name: bad}\n"
        f"spec:\n  permissions:\n    {rules}\n"
    )
    assert main(["serve", str(manifest), "--port", "0", "--admin-port", "0"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error: {path}: ")
    assert printed.out == ""
