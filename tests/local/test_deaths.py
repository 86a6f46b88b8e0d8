"""A guest that ends its isolate, or takes too much memory: a typed error for itself, nothing for anybody else."""

import sys
from pathlib import Path

import pytest

from tests.local.conftest import Start
from tests.local.guest_logs import guest_logs
from tests.local.problems import problem
from tests.local.running import RunningPool, until

SPEC = {"size": 3, "limits": {"heap": "64Mi"}}

SUICIDES = [
    pytest.param("Deno.exit(0)", "exited with status 0", id="exit"),
    pytest.param("Deno.exit(7)", "exited with status 7", id="exit with a status"),
    pytest.param("process.exit(3)", "exited with status 3", id="exit through node"),
    pytest.param("process.reallyExit(3)", "exited with status 3", id="exit through node's inside"),
    pytest.param("Deno.kill(Deno.pid, 'SIGKILL'); for(;;){}", "SIGKILL", id="SIGKILL"),
    pytest.param("process.kill(process.pid, 'SIGKILL'); for(;;){}", "SIGKILL", id="SIGKILL through node"),
    pytest.param("Deno.kill(Deno.pid, 'SIGTERM'); new Promise(() => {})", "SIGTERM", id="SIGTERM"),
    pytest.param("process.abort()", "SIGABRT", id="abort"),
]

_KEEP = "globalThis.keep = []; "
HOGS = [
    pytest.param(_KEEP + "for(;;) keep.push({a: [1, 2, 3]})", id="objects"),
    pytest.param(_KEEP + "for(;;) keep.push(new Array(1e6).fill(1.5))", id="arrays"),
    pytest.param(_KEEP + "for(let i = 0;; i++) keep.push(String(i).repeat(9).split(''))", id="strings"),
    pytest.param("let s = 'x'; const m = new Map(); for(let i = 0;; i++) m.set(i, s += i)", id="a map"),
    pytest.param(_KEEP + "for(let i = 0; i < 16; i++) keep.push(new ArrayBuffer(64 << 20)); 1", id="untouched buffers"),
    pytest.param(
        _KEEP + "for(let i = 0; i < 16; i++) keep.push(new Uint8Array(64 << 20).fill(7)); 1", id="filled buffers"
    ),
    pytest.param(
        _KEEP + "for(let i = 0; i < 16; i++) keep.push(new Uint8Array(new SharedArrayBuffer(64 << 20)).fill(7)); 1",
        id="filled shared buffers",
    ),
    pytest.param(
        "globalThis.keep = new Uint8Array(new WebAssembly.Memory({initial: 16384}).buffer).fill(7); 1",
        id="filled WebAssembly memory",
    ),
    pytest.param(
        _KEEP + "setInterval(() => keep.push(new Uint8Array(8 << 20).fill(7)), 1); new Promise(() => {})",
        id="buffers bit by bit while it waits",
    ),
    pytest.param(
        _KEEP + "(async () => { for(;;) { keep.push(await new Blob(['x'.repeat(1e6)]).arrayBuffer()) } })()",
        id="blobs",
    ),
]


def check_only_the_victim_was_replaced(pool: RunningPool, victim: str, before: dict[str, int]) -> None:
    until(lambda: pool.epochs()[victim] != before[victim])
    changed = {name for name, epoch in pool.epochs().items() if epoch != before[name]}
    assert changed == {victim}
    assert pool.epochs()[victim] > before[victim]
    assert [pool.eval("1 + 2") for _ in before] == [3, 3, 3]


@pytest.mark.parametrize(("code", "detail"), SUICIDES)
def test_a_guest_that_ends_its_isolate(pool: RunningPool, code: str, detail: str) -> None:
    before = pool.epochs()
    answer = pool.post(code, timeoutMs=5000)
    assert detail in problem(answer, "dead_runtime_error", fault="guest")["detail"]
    check_only_the_victim_was_replaced(pool, answer.headers["tyrex-runtime"], before)


@pytest.mark.parametrize("code", HOGS)
def test_a_guest_over_the_heap_limit(pool: RunningPool, code: str) -> None:
    before = pool.epochs()
    answer = pool.post(code, timeoutMs=20_000)
    problem(answer, "heap_limit_error")
    check_only_the_victim_was_replaced(pool, answer.headers["tyrex-runtime"], before)


SAYS = "Deno.std{0}.writeSync(new TextEncoder().encode('\\n# Fatal JavaScript out of memory: Reached heap limit\\n'))"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(f"{SAYS.format('out')}; Deno.exit(0)", id="exit"),
        pytest.param(f"{SAYS.format('err')}; Deno.exit(1)", id="exit with a status"),
        pytest.param("console.error('JavaScript heap out of memory'); Deno.exit(0)", id="console"),
    ],
)
def test_a_guest_that_only_says_it_is_out_of_memory(pool: RunningPool, code: str) -> None:
    before = pool.epochs()
    answer = pool.post(code)
    problem(answer, "dead_runtime_error", fault="guest")
    check_only_the_victim_was_replaced(pool, answer.headers["tyrex-runtime"], before)


ENDS = [
    pytest.param("Deno.exit(0)", "dead_runtime_error", "guest", id="exit"),
    pytest.param("Deno.kill(Deno.pid, 'SIGKILL'); for (;;) {}", "dead_runtime_error", "guest", id="kill"),
    pytest.param("for (;;) {}", "timeout", None, id="deadline"),
]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
@pytest.mark.parametrize(("code", "name", "fault"), ENDS)
def test_what_a_guest_started_goes_with_its_isolate(start: Start, code: str, name: str, fault: str | None) -> None:
    pool = start(size=1, permissions={"allow": {"run": ["*"]}})
    pid = pool.eval("new Deno.Command('sleep', {args: ['60']}).spawn().pid")
    assert lives(pid)
    problem(pool.post(code, timeoutMs=500), name, fault)
    until(lambda: not lives(pid))
    assert pool.eval("1 + 2") == 3


def lives(pid: int) -> bool:
    """Whether it runs; one that has ended may stay in the list until somebody asks for its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def test_untouched_webassembly_memory_costs_nothing_until_it_is_filled(pool: RunningPool) -> None:
    code = """
        const memory = new Uint8Array(new WebAssembly.Memory({initial: 16384}).buffer);
        new Promise((ok) => setTimeout(() => ok(memory.fill(7).length), 100))
    """
    problem(pool.post(code), "heap_limit_error")


def test_memory_within_the_limit_is_the_guests(pool: RunningPool) -> None:
    before = pool.epochs()
    assert (
        pool.eval("const a = []; for (let i = 0; i < 40; i++) a.push(new Uint8Array(1 << 20).fill(1)); a.length") == 40
    )
    assert pool.eval("new Array(3e6).fill(1.5).length") == 3_000_000
    assert pool.epochs() == before


def test_garbage_does_not_count(pool: RunningPool) -> None:
    before = pool.epochs()
    code = "for (let i = 0; i < 300; i++) new Uint8Array(1 << 20); 'done'"
    assert [pool.eval(code) for _ in range(6)] == ["done"] * 6
    assert pool.epochs() == before


def test_an_isolate_that_dies_between_evals_is_replaced(pool: RunningPool) -> None:
    before = pool.epochs()
    answer = pool.post("setTimeout(() => Deno.exit(0)); 1")
    check_only_the_victim_was_replaced(pool, answer.headers["tyrex-runtime"], before)


def test_the_pool_tells_of_its_last_error(pool: RunningPool) -> None:
    pool.post("Deno.exit(5)")
    error = pool.status()["lastError"]
    assert error["name"] == "dead_runtime_error"
    assert "status 5" in error["detail"]


PRINTED = [
    pytest.param("Deno.stderr.writeSync(new TextEncoder().encode('error: secret of A\\n'))", id="Deno.stderr"),
    pytest.param("Deno.stdout.writeSync(new TextEncoder().encode('error: secret of A\\n'))", id="Deno.stdout"),
    pytest.param("process.stderr.write('error: secret of A\\n') && 1", id="process.stderr"),
    pytest.param("console.error('error: secret of A')", id="console"),
    pytest.param(
        "new Worker('data:text/javascript,throw new Error(`secret of A`)', {type: 'module'}).onerror = () => {}; 1",
        id="a Worker",
    ),
]


@pytest.mark.parametrize("printing", PRINTED)
@pytest.mark.parametrize(
    "ending", ["Deno.exit(3)", "process.abort()", "Deno.connect({transport: 'vsock', cid: 1, port: 1})"]
)
def test_what_an_earlier_eval_printed_is_not_in_the_error(fresh: RunningPool, printing: str, ending: str) -> None:
    with guest_logs() as log:
        fresh.eval(printing)
        log.wait("secret of A")
    document = problem(fresh.post(ending), "dead_runtime_error", "guest")
    assert "secret" not in document["detail"]
    assert "secret" not in str(fresh.status())
    assert ("Deno.connect is an unstable feature" in document["detail"]) == ("vsock" in ending)
