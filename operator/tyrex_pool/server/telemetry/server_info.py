"""What all spans of one server have in common."""

from collections.abc import Callable
from typing import NamedTuple


class ServerInfo(NamedTuple):
    """`server` is the command (serve, agent, proxy), `pool` the pool's name; `strategy()` names the present one."""

    server: str
    pool: str
    strategy: Callable[[], str]
