"""No file grows without the permission `write`, whichever function of Deno would write to it."""

import tempfile
from collections.abc import Iterator

import pytest

from tests.local.conftest import Start
from tests.local.disk import Disk, settled
from tests.local.problems import problem
from tests.local.running import RunningPool, running

TYPESCRIPT = (
    "'data:application/typescript,' + encodeURIComponent(`export const a: string = '${i}${'x'.repeat(100_000)}'`)"
)
SQLITE = "import('node:sqlite').then(({ DatabaseSync }) => { const db = new DatabaseSync(':memory:'); SQL })"
FILL = "for (let i = 0; i < 20; i++) db.prepare('INSERT INTO t VALUES (?)').run('y'.repeat(1_000_000));"
TEMPORARY = "db.exec(`PRAGMA temp_store_directory = 'FOLDER'; PRAGMA temp_store = 1; CREATE TEMP TABLE t (x)`);"


def sql(code: str) -> str:
    return SQLITE.replace("SQL", code)


WRITING = {
    "TypeScript in data:": f"(async () => {{ for (let i = 0; i < 20; i++) await import({TYPESCRIPT}) }})()",
    "JavaScript in data:": "(async () => { for (let i = 0; i < 20; i++)"
    " await import('data:text/javascript,' + encodeURIComponent(`export const a = '${i}${'x'.repeat(100_000)}'`)) })()",
    "a blob:": "(async () => { for (let i = 0; i < 20; i++) await import(URL.createObjectURL("
    "new Blob([`export const a: string = '${i}${'x'.repeat(100_000)}'`], {type: 'application/typescript'}))) })()",
    "a Worker in TypeScript": "new Promise((ok) => { const worker = new Worker('data:application/typescript,"
    "const text: string = `${\"x\".repeat(100_000)}`; postMessage(1)', {type: 'module'}); worker.onmessage = ok })",
    "a Worker of node": "import('node:worker_threads').then(({ Worker }) => new Promise((ok) =>"
    " new Worker(`/* ${'x'.repeat(100_000)} */`, {eval: true}).on('exit', ok)))",
    "sqlite's temporary tables": sql(TEMPORARY + FILL),
    "sqlite's temporary index": sql(
        TEMPORARY + "db.exec('PRAGMA cache_size = 10; CREATE TABLE n (x)');"
        + FILL.replace(" t ", " n ") + "db.exec('CREATE INDEX i ON n (x)');"
        + "db.prepare('SELECT x FROM n ORDER BY x || 1').all()"
    ),
    "a database that is attached": sql("db.exec(\"ATTACH 'FOLDER/attached.db' AS a; CREATE TABLE a.t (x)\")"),
    "VACUUM INTO": sql("db.exec(\"CREATE TABLE t (x); VACUUM INTO 'FOLDER/vacuum.db'\")"),
    "a database in a file": "import('node:sqlite').then((sqlite) => new sqlite.DatabaseSync('FOLDER/file.db'))",
    "a backup": "import('node:sqlite').then((sqlite) => sqlite.backup(new sqlite.DatabaseSync(':memory:'),"
    " 'FOLDER/b'))",
    "a heap snapshot": "import('node:v8').then((v8) => v8.writeHeapSnapshot('FOLDER/heap'))",
    "a report": "process.report.writeReport('FOLDER/report')",
    "a temporary file": "Deno.makeTempFileSync()",
    "a temporary file there": "Deno.makeTempFileSync({dir: 'FOLDER'})",
    "a temporary folder of node": "import('node:fs').then((fs) => fs.mkdtempSync('FOLDER/'))",
    "localStorage": "localStorage.setItem('a', 'x'.repeat(1_000_000))",
    "caches": "caches.open('a').then((c) => c.put('http://a/', new Response('x'.repeat(1_000_000))))",
    "WebAssembly": "WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) && 1",
    "cached code of node:vm": "import('node:vm').then((vm) => new vm.Script(`'${'x'.repeat(100_000)}'`,"
    " {produceCachedData: true}).cachedData.length)",
    "an npm package": "import('npm:is-number@7.0.0')",
    "node:repl": "import('node:repl').then((repl) => { repl.start({})"
    ".setupHistory('FOLDER/history', () => {}); return 1 })",
    "node:trace_events": "import('node:trace_events').then((t) => t.createTracing({categories: ['v8']}).enable())",
    "a copy": "Deno.copyFileSync('/etc/passwd', 'FOLDER/passwd')",
    "a stream of node": "import('node:fs').then((fs) => new Promise((_, no) => fs.createWriteStream('FOLDER/s')"
    ".on('error', no).end('x')))",
}  # fmt: skip
GRANTS = [
    pytest.param({}, id="nothing"),
    pytest.param({"allow": {"read": ["*"], "net": ["*"], "env": ["*"], "sys": ["*"]}}, id="all that writes nothing"),
    pytest.param({"default": "AllowAll", "deny": {kind: ["*"] for kind in ("write", "run", "ffi", "import")}},
                 id="all but"),
]  # fmt: skip


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    disk = Disk(tmp_path_factory.mktemp("disk").resolve())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(disk.temporary))
        patch.setenv("TMPDIR", str(disk.temporary))
        yield disk


@pytest.fixture(scope="module", params=GRANTS)
def without(request: pytest.FixtureRequest, disk: Disk) -> Iterator[RunningPool]:
    """A pool without `write`, whose spare is ready too: its start writes files."""
    with running({"size": 1, "limits": {"heap": "256Mi"}, "permissions": request.param}, directory=disk.folder) as pool:
        settled(2)
        yield pool


@pytest.mark.parametrize("attempt", list(WRITING))
def test_no_file_grows_without_write(without: RunningPool, disk: Disk, attempt: str) -> None:
    before = disk.sizes()
    epochs = without.epochs()
    answer = without.post(WRITING[attempt].replace("FOLDER", str(disk.folder)), timeoutMs=20_000)
    if answer.status_code != 200:
        problem(answer, answer.json()["name"], "guest")
    assert disk.sizes() == before
    assert without.epochs() == epochs
    assert without.eval("1 + 1") == 2


@pytest.mark.parametrize("attempt", ["sqlite's temporary tables", "sqlite's temporary index"])
def test_sqlite_has_no_temporary_files(without: RunningPool, disk: Disk, attempt: str) -> None:
    """They have no name while they are open: only the error shows that they do not grow."""
    answer = without.post(WRITING[attempt].replace("FOLDER", str(disk.folder)), timeoutMs=20_000)
    assert "disk I/O error" in problem(answer, "promise_rejection", "guest")["detail"]


def test_sqlite_works_in_memory(without: RunningPool) -> None:
    code = "db.exec('PRAGMA temp_store = MEMORY; CREATE TEMP TABLE t (x)');" + FILL
    assert without.eval(sql(code + "return db.prepare('SELECT count(*) AS n FROM t').get().n"), timeoutMs=20_000) == 20


@pytest.mark.parametrize("attempt", ["TypeScript in data:", "JavaScript in data:", "a blob:", "a Worker in TypeScript"])
def test_what_needs_no_file_works_without(without: RunningPool, attempt: str) -> None:
    assert without.post(WRITING[attempt], timeoutMs=20_000).status_code == 200


def test_a_grant_of_write_writes(start: Start, disk: Disk) -> None:
    pool = start(size=1, permissions={"allow": {"write": [str(disk.folder)], "read": [str(disk.folder)]}})
    file = disk.folder / "written"
    assert pool.eval(f"Deno.writeTextFileSync('{file}', 'x'.repeat(100_000)); 1") == 1
    assert file.stat().st_size == 100_000
    database = f"new (process.getBuiltinModule('node:sqlite').DatabaseSync)('{disk.folder}/file.db')"
    assert pool.eval(f"(() => {{ const db = {database}; db.exec('CREATE TABLE t (x)'); db.close(); return 1 }})()") == 1
    assert (disk.folder / "file.db").stat().st_size > 0


def test_a_program_that_was_started_writes(start: Start, disk: Disk) -> None:
    pool = start(size=1, permissions={"allow": {"run": ["sh"]}})
    code = f"new Deno.Command('sh', {{args: ['-c', 'echo text > {disk.folder}/by-sh']}}).outputSync().code"
    assert pool.eval(code) == 0
    assert (disk.folder / "by-sh").read_text() == "text\n"
