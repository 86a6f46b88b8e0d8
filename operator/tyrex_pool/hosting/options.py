"""The options of `serve` and `agent`, and of every server."""

from dataclasses import dataclass
from typing import Final

from tyrex_pool.server.service import Address

EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - agents and proxies run in pods, and their callers outside
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Options of every server. `command` is the one that runs it: `serve`, `agent` or `proxy`."""

    command: str
    listen: Address
    access_log: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """Code to evaluate once after the start; `program` is the command line's name in the commands that are shown."""

    code: str
    program: str


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """`file` is the path of a manifest."""

    server: ServerOptions
    file: str
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """`file` is the path of a manifest.

    `runtime_name` None: the pool's name and `-0`. `revision` is the spec hash that the manifest must have; None: any.
    """

    server: ServerOptions
    file: str
    runtime_name: str | None = None
    revision: str | None = None
