"""The processes that a benchmark starts: their start, their CPU time and their end, by process id."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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


def can_pin() -> bool:
    """Whether a process can have a core for itself: the load and what it needs take the other."""
    return (os.cpu_count() or 1) > 1 and shutil.which("taskset") is not None


def pinned(command: Sequence[str], core: int | None) -> list[str]:
    """The command so that it runs on that core only; None: where it likes."""
    return [*command] if core is None or not can_pin() else ["taskset", "--cpu-list", str(core), *command]


@dataclass(slots=True)
class Times:
    """CPU time in µs."""

    user: float = 0.0
    kernel: float = 0.0


def _stat(pid: int) -> tuple[str, int, Times] | None:
    """Name, parent and CPU time of a process; None when it is gone, or where there is no /proc."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
    return name, int(rest[1]), Times(int(rest[11]) * TICK, int(rest[12]) * TICK)


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


def _kind(name: str) -> str:
    """Of a process that has no role, by its program's name: `python3.11`, and Deno's, which changes its own."""
    return next((kind for kind in ("deno", "python", "node") if name.lower().startswith(kind)), name)


def times(roots: Iterable[int] | Mapping[int, str]) -> dict[str, Times]:
    """CPU time so far of these processes and their descendants, by kind; a mapping says which kind a root is.

    The isolates below a root are of kind `deno` all the same.
    """
    roles = roots if isinstance(roots, Mapping) else {}
    total: dict[str, Times] = {}
    owners = {pid: root for root in roots for pid in tree(root)}
    for pid, root in owners.items():
        if stat := _stat(pid):
            kind = _kind(stat[0])
            spent = total.setdefault(kind if kind == "deno" else roles.get(root, kind), Times())
            spent.user += stat[2].user
            spent.kernel += stat[2].kernel
    return total


def cpu(roots: Iterable[int] | Mapping[int, str]) -> dict[str, float]:
    """CPU time (µs) so far, the kernel's part included, by kind."""
    return {kind: spent.user + spent.kernel for kind, spent in times(roots).items()}


def cpu_per_eval(before: Mapping[str, float], after: Mapping[str, float], evals: float) -> dict[str, float]:
    return {kind: (spent - before.get(kind, 0.0)) / max(evals, 1) for kind, spent in sorted(after.items())}


def _log(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")[-2000:]


def _serves(url: str, whole: bool) -> bool:
    """Whether the server evaluates, and as a `whole` pool has all its runtimes."""
    answer = httpx.post(f"{url}/v1/eval", json={"code": "1 + 2"}, timeout=5)
    if answer.status_code != 200 or answer.json() != {"result": 3}:
        return False
    return not whole or bool(httpx.get(f"{url}/v1/pool", timeout=5).json()["ready"])


def _await_answer(process: subprocess.Popen[bytes], url: str, whole: bool, output: IO[bytes]) -> None:
    """Returns when the server serves; RuntimeError with its output when it ends first, or never does."""
    deadline = time.monotonic() + STARTUP
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if _serves(url, whole):
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
def server(command: Sequence[str], url: str, core: int | None = None, whole: bool = False) -> Iterator[int]:
    """Runs a server while the block runs, on that core if any; gives its process id.

    The block begins when the server evaluates; a `whole` pool must have all its runtimes, too.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            pinned(command, core),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(),
            start_new_session=True,
        )
        try:
            _await_answer(process, url, whole, output)
            yield process.pid
        finally:
            _end(process)
