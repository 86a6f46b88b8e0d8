"""The servers that are measured: a bare Deno, a server with its isolates, a proxy before two agents."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import TYREX, deno, server

HERE = Path(__file__).parent
POOL = str(HERE / "pool.yaml")


@dataclass(frozen=True, slots=True)
class Running:
    """A target that evaluates."""

    url: str
    pids: tuple[int, ...]


def _port() -> int:
    """A free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@contextmanager
def bare() -> Iterator[Running]:
    """One Deno process."""
    port = _port()
    command = [deno(), "run", "--no-config", "--allow-net=127.0.0.1", str(HERE / "bare.ts"), str(port)]
    with server(command, _url(port)) as pid:
        yield Running(_url(port), (pid,))


@contextmanager
def serve() -> Iterator[Running]:
    """`tyrex-pool serve` with two runtimes."""
    port = _port()
    command = [*TYREX, "serve", POOL, "--port", str(port), "--admin-port", str(_port())]
    with server(command, _url(port)) as pid:
        yield Running(_url(port), (pid,))


@contextmanager
def two_hops() -> Iterator[Running]:
    """`tyrex-pool proxy` over two `tyrex-pool agent`s of one runtime each."""
    with ExitStack() as stack:
        agents = [_port(), _port()]
        pids = []
        for port in agents:
            command = [*TYREX, "agent", POOL, "--port", str(port), "--admin-port", str(_port())]
            pids.append(stack.enter_context(server(command, _url(port))))
        port = _port()
        runtimes = [argument for agent in agents for argument in ("--runtime", _url(agent))]
        command = [*TYREX, "proxy", POOL, *runtimes, "--port", str(port), "--admin-port", str(_port())]
        pids.append(stack.enter_context(server(command, _url(port))))
        yield Running(_url(port), tuple(pids))


TARGETS: dict[str, Callable[[], AbstractContextManager[Running]]] = {
    "bare": bare,
    "serve": serve,
    "two-hops": two_hops,
}
"""In the order in which a round measures them."""
