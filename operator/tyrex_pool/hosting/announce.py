"""What a server prints while it starts and stops, and the last step of its start: freezing the garbage collector."""

import gc
import json
import sys

from tyrex_pool.hosting.options import EVERYWHERE, LOOPBACK
from tyrex_pool.model import names
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.server.service import Address


def announce(pool: PoolView, listen: Address, port: int, admin_port: int) -> str:
    """Print the addresses of a server as text on a terminal, as one JSON line elsewhere; returns the public URL.

    `port` and `admin_port` are those that the server got.
    """
    host = _reachable(listen.host)
    url = f"unix:{listen.socket}" if listen.socket else f"http://{host}:{port}"
    admin = f"http://{host}:{admin_port}"
    if sys.stdout.isatty():
        show(f"{pool.name}: {pool.ready_runtimes} of {pool.size} runtimes ready, {pool.strategy.type}")
        show(f"  evals  {url}{names.PATH_EVAL}\n  admin  {admin}{names.PATH_METRICS}")
    else:
        facts = {"url": url, "admin": admin, "pool": pool.name, "ready": pool.ready, "size": pool.size}
        show(json.dumps(facts))
    return url


def _reachable(host: str) -> str:
    """An address by which a caller on this machine reaches a server that listens on `host`."""
    shown = {EVERYWHERE: LOOPBACK, "::": "::1"}.get(host, host)
    return f"[{shown}]" if ":" in shown else shown


def show(text: str) -> None:
    """Print `text` on stdout at once."""
    print(text, flush=True)


def show_error(text: str) -> None:
    """Print `text` on stderr at once."""
    print(text, file=sys.stderr, flush=True)


def progress(text: str) -> None:
    """Replace the progress line on stderr by `text`; an empty text removes it. Does nothing off a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)


def freeze_heap() -> None:
    """Exempt the objects of the start from garbage collection: they live until the end, and scans delay evals."""
    gc.collect()
    gc.freeze()
