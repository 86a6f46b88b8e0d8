"""Arguments that several commands share, and what they are parsed into."""

import argparse
import ipaddress
import os

from tyrex_pool.hosting.options import EVERYWHERE, ServerOptions
from tyrex_pool.model import names
from tyrex_pool.server.http.policy import is_host
from tyrex_pool.server.service import Address


def add_file_argument(parser: argparse.ArgumentParser) -> None:
    """The argument for `read_manifest`."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a manifest with one TyrexPool, and the ConfigMaps it uses; - reads it from standard input",
    )


def add_server_arguments(parser: argparse.ArgumentParser, host: str) -> None:
    """The arguments that `server_options` reads; `host` is the default address."""
    parser.add_argument("--host", type=address, default=host, help=f"address to listen on (default {host})")
    parser.add_argument("--port", type=port, help=f"port of the HTTP interface (default {names.SERVE_PORT}, 0: any)")
    parser.add_argument("--admin-port", type=port, help=f"port of health and metrics (default {names.ADMIN_PORT})")
    parser.add_argument("--socket", metavar="PATH", help="listen on this Unix socket instead of a port")
    parser.add_argument(
        "--allowed-host",
        type=host_name,
        action="append",
        default=[],
        metavar="NAME",
        help="a name that requests may have as Host, beside localhost (default: any, but on loopback); repeatable",
    )
    parser.add_argument(
        "--access-log",
        action="store_true",
        default=os.environ.get(names.ACCESS_LOG_VARIABLE) == "1",
        help=f"write a line for each eval to stderr (also ${names.ACCESS_LOG_VARIABLE}=1)",
    )


def server_options(args: argparse.Namespace, command: str, *, flexible: bool = False) -> ServerOptions:
    """`flexible`: a default port that is in use is replaced by a free one; a port that the user passes never is."""
    listen = Address(
        args.host,
        names.SERVE_PORT if args.port is None else args.port,
        names.ADMIN_PORT if args.admin_port is None else args.admin_port,
        flexible and args.port is None,
        flexible and args.admin_port is None,
        args.socket,
        allowed_hosts=tuple(args.allowed_host),
    )
    return ServerOptions(command, listen, args.access_log)


def address(text: str) -> str:
    """An argument's type: an address to listen on; an empty text is every one, as sockets have it."""
    if not _is_address(text):
        raise argparse.ArgumentTypeError(
            f"write an address such as 127.0.0.1, ::1 or {EVERYWHERE} (all), without scheme and port, not {text!r}"
        )
    return text or EVERYWHERE


def _is_address(text: str) -> bool:
    if ":" not in text:
        return not any(char == "/" or char.isspace() for char in text)
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def host_name(text: str) -> str:
    """An argument's type: the host of a URL, alone."""
    if not is_host(text):
        raise argparse.ArgumentTypeError(f"write a host name without scheme, port and path, not {text!r}")
    return text


def port(text: str) -> int:
    """An argument's type: 0 to 65535."""
    if not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"write a port from 0 to 65535, not {text!r}")
    return int(text)
