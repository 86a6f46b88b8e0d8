"""What `serve`, `agent` and `proxy` share: the event loop, signals, logs, and telling people how the start goes."""

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model import names
from tyrex_pool.model.manifest import Manifest
from tyrex_pool.model.text import printable
from tyrex_pool.runtime.sources import Sources
from tyrex_pool.server.service import Address, Service

_LEVELS = {"tyrex_pool": logging.INFO, "opentelemetry": logging.WARNING}
log = logging.getLogger("tyrex_pool")


EVERYWHERE = "0.0.0.0"  # noqa: S104 - agents and proxies stand in pods, which are reached from outside
LOOPBACK = "127.0.0.1"


def add_address(parser: argparse.ArgumentParser, host: str) -> None:
    """The options that say where to listen."""
    parser.add_argument("--host", default=host, help=f"address to listen on (default {host})")
    parser.add_argument("--port", type=_port, help=f"port of the HTTP interface (default {names.SERVE_PORT}, 0: any)")
    parser.add_argument("--admin-port", type=_port, help=f"port of health and metrics (default {names.ADMIN_PORT})")
    parser.add_argument("--socket", metavar="PATH", help="listen on this Unix socket instead of a port")


def address(args: argparse.Namespace, flexible: bool) -> Address:
    """`flexible`: a default port that is in use is replaced by a free one; one that was asked for never is."""
    return Address(
        args.host,
        names.SERVE_PORT if args.port is None else args.port,
        names.ADMIN_PORT if args.admin_port is None else args.admin_port,
        flexible and args.port is None,
        flexible and args.admin_port is None,
        args.socket,
    )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"write a port from 0 to 65535, not {text!r}")
    return int(text)


def read_manifest(file: str) -> tuple[Manifest, Sources]:
    """The manifest, and where its references lead. Raises BadInput and InvalidSpec."""
    try:
        manifest = Manifest.load(Path(file).read_text())
    except UnicodeDecodeError as exc:
        raise BadInput(f"{file}: write UTF-8") from exc
    configure_logs()
    for other in manifest.ignored:
        log.info("not used here: %s", other)
    return manifest, Sources(Path(file).resolve().parent, manifest.config_maps)


Main = Callable[[asyncio.Event], Coroutine[Any, Any, int]]
"""Serves until the event is set; returns the exit code."""


def run(main: Main) -> int:
    """Run `main(stop)` on uvloop where there is one; SIGINT and SIGTERM set `stop`, a second one ends at once."""
    configure_logs()
    _allow_connections()
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_with_signals(main))
    return uvloop.run(_with_signals(main))


def _allow_connections() -> None:
    """Each connection is a descriptor, and the usual soft limit is 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    stop = asyncio.Event()
    task = asyncio.ensure_future(main(stop))

    def stopped() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped)
    try:
        return await task
    except asyncio.CancelledError:
        return 130


def configure_logs() -> None:
    """JSON lines on stderr, or text when a person looks at it."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Readable() if sys.stderr.isatty() else _Json())
    for name, level in _LEVELS.items():
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for extra in ("runtime", "eval", "trace_id", "span_id"):
            if hasattr(record, extra):
                fields[extra] = getattr(record, extra)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


class _Readable(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        who = getattr(record, "eval", None) or getattr(record, "runtime", None) or ""
        text = printable(record.getMessage()).replace("\n", "\n  ")
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return f"{time} {record.levelname.lower():7} {who + ' ' if who else ''}{text}"


def announce(pool: Mapping[str, Any], args: argparse.Namespace, service: Service) -> str:
    """Tell where `service` serves the pool, which it does from now on; returns the URL."""
    settle()
    return show_start(pool, args, service.public.port, service.private.port)


def settle() -> None:
    """What there is now stays: the collector need not look at it again, while evals wait."""
    gc.collect()
    gc.freeze()


def show_start(pool: Mapping[str, Any], args: argparse.Namespace, port: int, admin_port: int) -> str:
    """Tell where the pool (as `GET /v1/pool` shows it) is served: text for people, one JSON line for programs."""
    url = f"unix:{args.socket}" if args.socket else f"http://{_reachable(args.host)}:{port}"
    admin = f"http://{_reachable(args.host)}:{admin_port}"
    if sys.stdout.isatty():
        kind = pool["strategy"]["type"]
        print(f"{pool['name']}: {pool['readyRuntimes']} of {pool['size']} runtimes ready, {kind}")
        print(f"  evals  {url}{names.PATH_EVAL}\n  admin  {admin}{names.PATH_METRICS}", flush=True)
    else:
        facts = {"url": url, "admin": admin, "pool": pool["name"], "ready": pool["ready"], "size": pool["size"]}
        print(json.dumps(facts), flush=True)
    return url


def _reachable(host: str) -> str:
    """An address that a caller on this machine can use for a server that listens on `host`."""
    shown = {EVERYWHERE: LOOPBACK, "::": "::1"}.get(host, host)
    return f"[{shown}]" if ":" in shown else shown


def progress(text: str) -> None:
    """Show `text` as the line in progress on a terminal; nothing elsewhere. An empty text removes the line."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)
