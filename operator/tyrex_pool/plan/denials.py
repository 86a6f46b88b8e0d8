"""Makes `deny` win over `allow`. Deno lets the narrower rule win: with `--allow-read=/a/f --deny-read=/a`, and even
with `--deny-read` alone, /a/f can be read (measured, 2.9.8). So what a denial covers is not granted in the first place.
"""

import ipaddress
import posixpath
from collections.abc import Callable
from typing import Final

from tyrex_pool.model.permissions import ALL


def granted(kind: str, allow: tuple[str, ...], deny: tuple[str, ...], directory: str = "/") -> tuple[str, ...]:
    """The entries of `allow` that no entry of `deny` covers. `directory` is what relative paths are relative to.

    An entry of which only a part is denied stays: there Deno's rule and ours are the same.
    """
    if deny == ALL:
        return ()
    covers = _COVERS.get(kind, _same)
    return tuple(entry for entry in allow if not any(covers(denied, entry, directory) for denied in deny))


def refused(kind: str, allow: tuple[str, ...], deny: tuple[str, ...]) -> tuple[str, ...]:
    """The entries of `deny`, and each denied host also with every port that `allow` names: `admin.example.com` alone
    would lose to `*.example.com:443`."""
    if kind not in _HOSTS or deny == ALL:
        return deny
    ports = sorted({port for port in (_split(entry)[1] for entry in allow) if port})
    bare = [entry for entry in deny if not _split(entry)[1] and "/" not in entry]
    return (*deny, *(f"{_with_brackets(entry)}:{port}" for entry in bare for port in ports))


def every_loopback(kind: str, deny: tuple[str, ...]) -> tuple[str, ...]:
    """The entries of `deny`, and where one of them is an address of this machine, all others of it with the same port:
    Deno compares addresses as they are written, and 0.0.0.0 leads to 127.0.0.1 (measured, 2.9.8)."""
    if kind not in _HOSTS:
        return deny
    ports = dict.fromkeys(port for host, port in map(_split, deny) if _is_loopback(host))
    added = (f"{host}:{port}" if port else host for port in ports for host in (_LOOPBACK[bool(port)]))
    return tuple(dict.fromkeys((*deny, *added)))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        network = ipaddress.ip_network(host, strict=False)
    except ValueError:
        return False
    return network.is_loopback or host in ("0.0.0.0", "::")  # noqa: S104 - compared, not listened on


def _with_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _same(denied: str, entry: str, directory: str) -> bool:
    return denied == entry


def _path(denied: str, entry: str, directory: str) -> bool:
    """A folder covers all that is in it."""
    above, below = (posixpath.normpath(posixpath.join(directory, path)) for path in (denied, entry))
    return below == above or below.startswith(above.rstrip("/") + "/")


def _program(denied: str, entry: str, directory: str) -> bool:
    """A name covers every path to a program of that name; which path it stands for is not known here."""
    return posixpath.basename(denied) == posixpath.basename(entry)


def _variable(denied: str, entry: str, directory: str) -> bool:
    """`AWS_*` covers every name that begins so."""
    return entry.startswith(denied[:-1]) if denied.endswith("*") else entry == denied


def covers_host(rule: str, entry: str) -> bool:
    """A host covers its ports, `*.example.com` the hosts below it, a subnet the addresses in it."""
    (rule_host, rule_port), (host, port) = _split(rule), _split(entry)
    if rule_port and rule_port != port:
        return False
    if rule_host.startswith("*."):
        return host.removeprefix("*").endswith(rule_host[1:]) or host == rule_host
    return host == rule_host or _in_subnet(host, rule_host)


def _network(denied: str, entry: str, directory: str) -> bool:
    return covers_host(denied, entry)


def _split(entry: str) -> tuple[str, str]:
    """Host and port, which may be empty, of `host`, `host:port`, `[v6]:port` and a bare IPv6 address."""
    if entry.startswith("["):
        host, _, port = entry[1:].partition("]")
        return host.lower(), port.lstrip(":")
    if entry.count(":") > 1:
        return entry.lower(), ""
    host, _, port = entry.partition(":")
    return host.lower().rstrip("."), port


def _in_subnet(host: str, subnet: str) -> bool:
    try:
        inner, outer = ipaddress.ip_network(host, strict=False), ipaddress.ip_network(subnet, strict=False)
    except ValueError:
        return False
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


_HOSTS: Final = ("net", "import")
_LOOPBACK: Final = (
    ("127.0.0.0/8", "localhost", "[::1]", "0.0.0.0", "[::]"),  # noqa: S104
    ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]"),  # noqa: S104 - a subnet takes no port
)
"""What leads to this machine: without a port, and with one."""
_COVERS: Final[dict[str, Callable[[str, str, str], bool]]] = {
    "net": _network, "import": _network, "read": _path, "write": _path, "ffi": _path, "env": _variable, "run": _program,
}  # fmt: skip
