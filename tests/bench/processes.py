"""The processes that a benchmark starts: their start, their CPU time and their end, by process id."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
from deno import find_deno_bin

TICK = 1e6 / os.sysconf("SC_CLK_TCK")
"""Microseconds per unit of /proc/PID/stat."""

TYREX = (sys.executable, "-m", "tyrex_pool")
STARTUP = 60.0
"""Seconds that a server may take until it answers."""


def deno() -> str:
    """The Deno of this virtual environment."""
    return str(find_deno_bin())


def environment() -> dict[str, str]:
    """This process's, with the virtual environment's programs first: denobox looks for `deno` on the PATH."""
    path = os.pathsep.join([str(Path(deno()).parent), os.environ.get("PATH", "")])
    return os.environ | {"PATH": path, "DENO_NO_UPDATE_CHECK": "1"}


def _stat(pid: int) -> tuple[str, int, float] | None:
    """Name, parent and CPU time (µs) of a process; None when it is gone, or where there is no /proc."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
    return name, int(rest[1]), (int(rest[11]) + int(rest[12])) * TICK


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        if stat := _stat(int(entry.name)):
            parents.setdefault(stat[1], []).append(int(entry.name))
    found = [pid]
    for known in found:
        found.extend(parents.get(known, ()))
    return found


def cpu(pids: Sequence[int]) -> dict[str, float]:
    """CPU time (µs) so far of these processes and their descendants, by kind: `deno` and `python`."""
    total: dict[str, float] = {}
    for pid in {each for root in pids for each in tree(root)}:
        if stat := _stat(pid):
            kind = "deno" if stat[0].startswith("deno") else "python"
            total[kind] = total.get(kind, 0.0) + stat[2]
    return total


def cpu_per_eval(before: dict[str, float], after: dict[str, float], evals: float) -> dict[str, float]:
    return {kind: (spent - before.get(kind, 0.0)) / max(evals, 1) for kind, spent in sorted(after.items())}


def _log(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")[-2000:]


def _await_answer(process: subprocess.Popen[bytes], url: str, output: IO[bytes]) -> None:
    """Returns when the server evaluates; RuntimeError with its output when it ends first, or never does."""
    deadline = time.monotonic() + STARTUP
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            answer = httpx.post(f"{url}/v1/eval", json={"code": "1 + 2"}, timeout=5)
            if answer.status_code == 200 and answer.json() == {"result": 3}:
                return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise RuntimeError(f"{' '.join(map(str, process.args))} does not evaluate:\n{_log(output)}")  # type: ignore[arg-type]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process; says so when it left a child behind, and ends that too."""
    family = [(pid, stat[0]) for pid in tree(process.pid)[1:] if (stat := _stat(pid))]
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid, name in family:
        stat = _stat(pid)
        if stat and stat[0] == name:
            print(f"  {process.args!r} left process {pid} behind ({name})", file=sys.stderr)
            with suppress(ProcessLookupError):
                os.kill(pid, 9)


@contextmanager
def server(command: Sequence[str], url: str) -> Iterator[int]:
    """Runs a server while the block runs, once it evaluates; gives its process id."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(),
            start_new_session=True,
        )
        try:
            _await_answer(process, url, output)
            yield process.pid
        finally:
            _end(process)
