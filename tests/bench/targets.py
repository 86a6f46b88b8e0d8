"""Our servers, the fake runtimes and the bare Deno: each a process that evaluates while a block runs."""

import json
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import TYREX, deno, server

HERE = Path(__file__).parent

PROXY, AGENT, SERVE, DENO, FAKE = "proxy", "agent", "serve", "deno", "fake runtimes"
"""Kinds of process, as the columns of CPU time call them; isolates are Deno wherever they run."""


@dataclass(frozen=True, slots=True)
class Running:
    """A target that evaluates. `roles` says what to call the CPU time of its processes, and of all that serve it."""

    url: str
    roles: dict[int, str]


Start = Callable[[], AbstractContextManager[Running]]


def ports(number: int) -> list[int]:
    """Free ports of the loopback interface."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@contextmanager
def manifest(**spec: object) -> Iterator[str]:
    """The file of a pool with this spec; besides, its queue holds every caller."""
    whole = {"queue": {"length": 4096}} | spec
    document = {"apiVersion": "tyrex.dev/v1alpha1", "kind": "TyrexPool", "metadata": {"name": "bench"}, "spec": whole}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(document, file)
        file.flush()
        yield file.name


@contextmanager
def _tyrex(role: str, arguments: Sequence[str], core: int | None = None) -> Iterator[Running]:
    port, admin = ports(2)
    command = [*TYREX, *arguments, "--port", str(port), "--admin-port", str(admin)]
    with server(command, url(port), core, whole=True) as pid:
        yield Running(url(port), {pid: role})


@contextmanager
def serve(**spec: object) -> Iterator[Running]:
    """`tyrex-pool serve` with so many runtimes as the spec says."""
    with manifest(**spec) as file, _tyrex(SERVE, ["serve", file]) as running:
        yield running


@contextmanager
def agent(**spec: object) -> Iterator[Running]:
    """`tyrex-pool agent`: one runtime."""
    with manifest(**spec) as file, _tyrex(AGENT, ["agent", file]) as running:
        yield running


@contextmanager
def proxy(runtimes: Sequence[str], *arguments: str, core: int | None = None) -> Iterator[Running]:
    """`tyrex-pool proxy` before the runtimes at these URLs; RoundRobin unless the arguments say otherwise."""
    each = [argument for runtime in runtimes for argument in ("--runtime", runtime)]
    with manifest() as file, _tyrex(PROXY, ["proxy", file, *each, *arguments], core) as running:
        yield running


@contextmanager
def fakes(number: int, core: int | None = None) -> Iterator[tuple[list[str], dict[int, str]]]:
    """So many fake runtimes in one process: their URLs, and its role."""
    chosen = ports(number)
    command = [sys.executable, "-m", "tests.bench.fakes", *map(str, chosen)]
    with server(command, url(chosen[-1]), core) as pid:
        yield [url(port) for port in chosen], {pid: FAKE}


@contextmanager
def beside(start: Start, roles: dict[int, str]) -> Iterator[Running]:
    """The target together with the processes that serve it."""
    with start() as running:
        yield Running(running.url, running.roles | roles)


@contextmanager
def bare() -> Iterator[Running]:
    """One Deno process that evaluates what it is sent, and does nothing else."""
    (port,) = ports(1)
    command = [deno(), "run", "--no-config", "--allow-net=127.0.0.1", str(HERE / "bare.ts"), str(port)]
    with server(command, url(port)) as pid:
        yield Running(url(port), {pid: DENO})
