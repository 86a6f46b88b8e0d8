"""What no grant opens: the files that pools start from, the guest side's own, and /proc."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.local.problems import problem
from tests.local.running import RunningPool, running
from tyrex_pool.resources import guest_directory

MAIN = {
    "main.ts": """import { one } from './lib.ts';
import data from './data.json' with { type: 'json' };
const { two } = await import('./more.ts');
Object.assign(globalThis, {
  loaded: () => [one, two, data.three],
  own: (name) => Deno.readTextFileSync(`${import.meta.dirname}/${name}`),
  folder: () => import.meta.dirname,
});""",
    "lib.ts": "export const one: number = 1;",
    "more.ts": "export const two: number = 2;",
    "data.json": '{"three": 3}',
}
SPEC = {"size": 1, "mainModule": {"configMap": {"name": "main", "entrypoint": "main.ts"}}}
GRANTS: dict[str, dict[str, Any]] = {
    "read and write": {"allow": {"read": ["*"], "write": ["*"]}},
    "AllowAll": {"default": "AllowAll"},
    "AllowAll but an address": {"default": "AllowAll", "deny": {"net": ["10.0.0.0/8"]}},
    "the root": {"allow": {"read": ["/"], "write": ["/"]}},
    "the temporary folder": {"allow": {"read": ["TMP"], "write": ["TMP"]}},
    "the folder of pools": {"allow": {"read": ["POOLS"], "write": ["POOLS"]}},
    "the folder itself": {"allow": {"read": ["PRIVATE"], "write": ["PRIVATE"]}},
    "the file itself": {"allow": {"read": ["ENTRY"], "write": ["ENTRY"]}},
}


class World:
    """A pool with grants, and another pool of the same user. `names` are what the attempts are written with."""

    def __init__(self, grant: dict[str, Any], folder: Path, stack: ExitStack) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.pools = self.temporary / f"tyrex-pool-{os.geteuid()}"
        (folder / "link").symlink_to(folder)
        stack.enter_context(running(SPEC, {"main": MAIN}))
        self.other = self.only()
        names = {"TMP": self.temporary, "POOLS": self.pools, "PRIVATE": self.other, "ENTRY": self.other / "entry.js"}
        allow = {
            kind: [str(names.get(entry, entry)) for entry in entries]
            for kind, entries in grant.get("allow", {}).items()
        }
        permissions = {**grant, "allow": allow}
        self.pool: RunningPool = stack.enter_context(running({**SPEC, "permissions": permissions}, {"main": MAIN}))
        self.own = next(found for found in (self.pools / "private").iterdir() if found != self.other)

    def only(self) -> Path:
        (found,) = (self.pools / "private").iterdir()
        return found

    def state(self) -> dict[str, bytes]:
        """Every file that an isolate would start from."""
        files = [self.own / "entry.js", self.other / "entry.js", *(self.pools / "modules").rglob("*.*s*")]
        return {str(file): file.read_bytes() for file in files}


@pytest.fixture(scope="module", params=list(GRANTS))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world").resolve()
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(tempfile, "tempdir", str(folder / "tmp"))
        yield World(GRANTS[request.param], folder, stack)
    assert list((folder / "tmp").glob("tyrex-pool-*")) == []


READS = [
    "Deno.readTextFileSync('FILE')",
    "Deno.openSync('FILE').close()",
    "Deno.readTextFileSync('/proc/self/rootFILE')",
    "Deno.readTextFileSync('/proc/thread-self/rootFILE')",
    "Deno.readTextFileSync('/proc/self/cwd/../../../../../../..FILE')",
    "Deno.readTextFileSync(`/proc/${Deno.pid}/task/${Deno.pid}/rootFILE`)",
    "Deno.readTextFileSync('/proc/../FILE'.replace('..', 'self/root'))",
    "Deno.readTextFileSync('//FILE')",
    "Deno.readTextFileSync('/usr/..FILE')",
    "Deno.copyFileSync('FILE', 'TMP/copied')",
    "Deno.linkSync('FILE', 'TMP/linked')",
    "Deno.symlinkSync('FILE', 'TMP/to-file'), Deno.readTextFileSync('TMP/to-file')",
    "Deno.symlinkSync('/', 'TMP/to-root'), Deno.readTextFileSync('TMP/to-rootFILE')",
    "import('node:fs').then((fs) => fs.symlinkSync('/', 'TMP/by-node'))",
    "import('node:fs').then((fs) => fs.readFileSync('FILE', 'utf8'))",
    "import('node:fs').then((fs) => fs.promises.readFile('FILE', 'utf8'))",
    "import('node:fs').then((fs) => fs.cpSync('POOLS', 'TMP/copy', {recursive: true}))",
    "import('node:fs').then((fs) => fs.readdirSync('DIR'))",
    "[...Deno.readDirSync('DIR')].length",
    "Deno.statSync('FILE').size",
    "Deno.watchFs('DIR').close()",
    "Deno.chdir('DIR')",
    "fetch('file://FILE').then((answer) => answer.text())",
    "import('file://FILE?again').then(() => 1)",
    "import('file:///proc/self/rootFILE?again').then(() => 1)",
    "import('node:module').then((m) => m.createRequire('file:///x.js')('FILE') && 1)",
    "import('node:sqlite').then((sqlite) => new sqlite.DatabaseSync('FILE').exec('SELECT 1'))",
    """new Promise((ok, no) => {
         const worker = new Worker('data:text/javascript,postMessage(Deno.readTextFileSync("FILE"))', {type: 'module'});
         worker.onmessage = ok;
         worker.onerror = (event) => { event.preventDefault(); no(event.message) };
       })""",
]
WRITES = [
    "Deno.writeTextFileSync('FILE', 'throw 1')",
    "Deno.openSync('FILE', {append: true, write: true}).close()",
    "Deno.writeTextFileSync('/proc/self/rootFILE', 'throw 1')",
    "Deno.truncateSync('FILE')",
    "Deno.removeSync('FILE')",
    "Deno.removeSync('POOLS', {recursive: true})",
    "Deno.renameSync('POOLS', 'TMP/moved')",
    "Deno.renameSync('FILE', 'TMP/moved')",
    "Deno.writeTextFileSync('TMP/new', ''), Deno.renameSync('TMP/new', 'FILE')",
    "Deno.writeTextFileSync('TMP/new', ''), Deno.copyFileSync('TMP/new', 'FILE')",
    "Deno.chmodSync('FILE', 0)",
    "Deno.utimeSync('FILE', 1, 1)",
    "Deno.mkdirSync('DIR/new')",
    "Deno.makeTempFileSync({dir: 'DIR'})",
    "import('node:fs').then((fs) => fs.writeFileSync('FILE', 'throw 1'))",
    "import('node:fs').then((fs) => fs.rmSync('POOLS', {recursive: true, force: true}))",
    "import('node:fs').then((fs) => fs.appendFileSync('FILE', 'throw 1'))",
    "import('node:fs').then((fs) => new Promise((_, no) => fs.createWriteStream('FILE').on('error', no).end('x')))",
]


def refused(world: World, code: str, file: Path) -> None:
    names = {"FILE": file, "DIR": file.parent, "TMP": world.temporary, "POOLS": world.pools}
    for name, path in names.items():
        code = code.replace(name, str(path))
    before = world.state()
    answer = world.pool.post(code)
    assert answer.status_code == 422, f"{code}: {answer.text}"
    problem(answer, answer.json()["name"], "guest")
    assert world.state() == before, code


def test_the_files_that_pools_start_from_cannot_be_read(world: World) -> None:
    for file in (world.own / "entry.js", world.other / "entry.js"):
        for code in READS:
            refused(world, code, file)
    for code in READS[:6]:
        refused(world, code, guest_directory() / "isolate.js")
    for caches in world.own.glob("deno-*"):
        refused(world, "[...Deno.readDirSync('FILE')].length", caches)


def test_a_pool_reads_the_text_of_its_own_entry_file_only(world: World) -> None:
    """Deno lets code import again what the isolate has loaded, also as text. There is no secret in it."""
    as_text = "import('file://FILE', {with: {type: 'text'}}).then((m) => m.default)"
    refused(world, as_text, world.other / "entry.js")
    assert world.pool.eval(as_text.replace("FILE", str(world.own / "entry.js"))) == (world.own / "entry.js").read_text()


def test_nor_written_and_the_modules_neither(world: World) -> None:
    modules = sorted((world.pools / "modules").glob("*/main.ts"))
    assert len(modules) == 2
    for file in (world.own / "entry.js", world.other / "entry.js", *modules):
        for code in WRITES:
            refused(world, code, file)
    before = (guest_directory() / "isolate.js").read_bytes()
    refused(world, WRITES[1], guest_directory() / "isolate.js")
    assert (guest_directory() / "isolate.js").read_bytes() == before


def test_the_main_module_loads_all_the_same(world: World) -> None:
    assert world.pool.call("loaded").json() == {"result": [1, 2, 3]}


@pytest.mark.parametrize("world", ["read and write", "AllowAll", "the root", "the temporary folder"], indirect=True)
def test_it_reads_its_own_files_where_reading_is_granted(world: World) -> None:
    assert world.pool.call("own", "data.json").json() == {"result": '{"three": 3}'}
    assert world.pool.eval("import('file://' + folder() + '/more.ts').then((m) => m.two)") == 2


@pytest.mark.parametrize(
    "name", ["environ", "mem", "cmdline", "maps", "cwd", "fd", "root/etc/passwd", "task", "status"]
)
def test_the_server_is_not_read_through_proc(world: World, name: str) -> None:
    for process in (os.getpid(), "self", os.getppid()):
        path = f"/proc/{process}/{name}"
        for use in ("Deno.readTextFileSync('{}')", "Deno.readLinkSync('{}')", "[...Deno.readDirSync('{}')]",
                    "import('file://{}?now')", "import('node:fs').then((fs) => fs.readFileSync('{}'))",
                    "Deno.chdir('{}')", "Deno.writeTextFileSync('{}', '1')"):  # fmt: skip
            refused(world, use.format(path), world.own / "entry.js")


@pytest.mark.parametrize(
    "link", ["/dev/fd", "/dev/fd/0", "/dev/fd/2", "/dev/fd/10", "/dev/stdin", "/dev/stderr", "/etc/mtab"]
)
@pytest.mark.parametrize("world", ["read and write", "AllowAll", "the root"], indirect=True)
def test_nor_are_links_into_proc_that_every_system_has(world: World, link: str) -> None:
    for use in ("import('file://{}', {{with: {{type: 'text'}}}}).then((m) => m.default)", "Deno.readLinkSync('{}')",
                "import('node:fs').then((fs) => fs.realpathSync('{}'))", "Deno.readTextFileSync('{}')"):  # fmt: skip
        answer = world.pool.post(use.format(link))
        assert "NotCapable" in problem(answer, answer.json()["name"], "guest")["detail"] or (
            f'Requires read access to "{link}"' in answer.json()["detail"]
        )


ODD = ["a b", "line\nbreak", " ends with a space ", "equal='s\"", "%41", "#h?q", "back\\slash", "😀", "co:lon"]


@pytest.mark.parametrize("name", ODD)
def test_temporary_folders_with_odd_names_are_denied_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    with running({**SPEC, "permissions": {"default": "AllowAll"}}, {"main": MAIN}) as pool:
        (entry,) = (tmp_path / name).glob("tyrex-pool-*/private/*/entry.js")
        for code in (f"Deno.readTextFileSync({json.dumps(str(entry))})", f"Deno.removeSync({json.dumps(str(entry))})"):
            assert "access to" in problem(pool.post(code), "execution_error", "guest")["detail"]
        assert pool.call("loaded").json() == {"result": [1, 2, 3]}


COMMA = [
    pytest.param({"allow": {"read": ["/data"]}}, True, id="read"),
    pytest.param({"allow": {"write": ["/data"]}}, True, id="write"),
    pytest.param({"default": "AllowAll"}, True, id="AllowAll"),
    pytest.param({}, False, id="nothing"),
    pytest.param({"allow": {"net": ["*"]}}, False, id="net"),
    pytest.param({"default": "AllowAll", "deny": {"read": ["*"], "write": ["*"]}}, False, id="denied"),
]


@pytest.mark.parametrize(("permissions", "refused"), COMMA)
def test_a_temporary_folder_with_a_comma_is_refused_where_it_must_be_denied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, permissions: dict[str, Any], refused: bool
) -> None:
    """Deno cannot deny such a path."""
    folder = tmp_path / "a,b"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    if refused:
        with pytest.raises(OSError, match="set TMPDIR"), running({"size": 1, "permissions": permissions}):
            pass
    else:
        with running({"size": 1, "permissions": permissions}) as pool:
            assert pool.eval("1 + 1") == 2
    assert list(folder.iterdir()) == []
