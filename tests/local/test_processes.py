"""The server's process and those of its isolates: what programs of guests may read, and who gets the CPU."""

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.conftest import Start
from tests.local.disk import isolates
from tests.local.problems import problem
from tests.local.running import result, until
from tests.local.serving import HELLO, Serving
from tyrex_pool.runtime.process import NICE

_PR_CAPBSET_DROP = 24
ALLOW_ALL = HELLO + "spec: {size: 1, permissions: {default: AllowAll}}\n"


def become_as_in_a_pod() -> None:
    """Root gives up all capabilities, with which it may read other processes; another user has none."""
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("serving"), ALLOW_ALL)
    serving.environment = serving.environment | {"SECRET": "of the server"}
    serving.in_child = become_as_in_a_pod
    try:
        serving.start()
        yield serving
    finally:
        serving.close()


def run(serving: Serving, *words: str) -> tuple[int, str]:
    """The exit code and the output of a program that a guest starts."""
    code = f"""(() => {{
        const {{ code, stdout }} = new Deno.Command('{words[0]}', {{args: {list(words[1:])}}}).outputSync();
        return [code, new TextDecoder().decode(stdout)];
    }})()"""
    code, output = result(serving.post(code))
    return code, output


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
@pytest.mark.parametrize(
    "name", ["environ", "maps", "auxv", "io", "fd/1", "cwd/.", "root/.", "task/PID/environ", "map_files"]
)
def test_programs_of_guests_read_nothing_of_the_server(serving: Serving, name: str) -> None:
    pid = str(serving.process.pid)
    code, output = run(
        serving,
        "ls" if name in ("cwd/.", "root/.", "map_files") else "cat",
        f"/proc/{pid}/{name}".replace("PID", pid),
    )
    assert (code != 0, output) == (True, "")


def test_nor_its_memory_and_its_threads(serving: Serving) -> None:
    pid = serving.process.pid
    for code in (
        f"open('/proc/{pid}/mem', 'rb')",
        f"os.readlink('/proc/{pid}/exe')",
        f"os.readlink('/proc/{pid}/fd/1')",
    ):
        status, output = run(serving, sys.executable, "-c", f"import os; print({code})")
        assert (status, output) == (1, "")


def test_they_read_what_is_theirs(serving: Serving) -> None:
    code, output = run(serving, "cat", "/proc/self/environ")
    assert code == 0
    assert "SECRET=of the server" in output, "the environment is granted by AllowAll"


def test_the_server_reads_what_it_needs(serving: Serving) -> None:
    assert result(serving.post("1 + 1")) == 2
    limited = serving.post(
        "globalThis.kept = []; for (;;) kept.push(new Uint8Array(1 << 24).fill(1))",
        timeoutMs=20_000,
    )
    assert problem(limited, "heap_limit_error")["fault"] == "guest", "it measures the memory of isolates"


def test_isolates_leave_the_cpu_to_the_server(start: Start) -> None:
    pool = start(size=2, permissions={"allow": {"sys": ["*"]}})
    assert pool.eval("1") == 1
    own = os.getpriority(os.PRIO_PROCESS, 0)
    until(lambda: len(isolates()) == 3)
    for pid in isolates():
        for thread in Path(f"/proc/{pid}/task").iterdir():
            assert os.getpriority(os.PRIO_PROCESS, int(thread.name)) == min(own + NICE, 19)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel weighs no sessions")
def test_also_where_the_kernel_weighs_sessions(start: Start) -> None:
    start(size=1, queue={"length": 1})
    if os.geteuid() == 0:  # others may set one in a tenth of a second
        until(lambda: len(isolates()) == 2 and all(group(pid).endswith(f"nice {NICE}\n") for pid in isolates()))
    else:
        until(lambda: any(group(pid).endswith(f"nice {NICE}\n") for pid in isolates()))


def group(pid: int) -> str:
    return Path(f"/proc/{pid}/autogroup").read_text()


@pytest.mark.parametrize(
    "permissions",
    [{"allow": {"sys": ["*"]}}, {"allow": {"sys": ["setPriority"]}}, {"default": "AllowAll"}],
    ids=["all of sys", "by name", "AllowAll"],
)
@pytest.mark.parametrize(
    "code",
    [
        "import('node:os').then((os) => os.setPriority(-5))",
        "import('node:os').then((os) => os.setPriority(0, 19))",
        "import('node:os').then((os) => os.setPriority(1, 0))",
    ],
)
def test_no_guest_changes_its_priority(start: Start, permissions: dict[str, object], code: str) -> None:
    answer = start(size=1, permissions=permissions).post(code)
    assert "setPriority" in problem(answer, "promise_rejection", "guest")["detail"]
    for pid in isolates():
        assert os.getpriority(os.PRIO_PROCESS, pid) == NICE + os.getpriority(os.PRIO_PROCESS, 0)
