"""Where a client's requests go: what its URL says, and what the environment says about proxies."""

import ipaddress
import ssl
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx

from tyrex_pool.cluster.no_proxy import bypasses_proxy
from tyrex_pool.model.errors import InvalidRequest, WrongType

_EXAMPLE: Final = "write a URL such as http://render.web.svc or unix:/run/render.sock"
_SOCKS: Final = ("socks5", "socks5h")


@dataclass(frozen=True, slots=True)
class Address:
    """The server at `url`, as messages name it. Requests get URLs below `base`, and go to the Unix socket `socket` if
    there is one, or else through `proxy`, a URL, if there is one."""

    url: str
    base: str
    socket: str | None = None
    proxy: str | None = None

    @property
    def way(self) -> str:
        """How messages name the server, and the proxy before it, without the proxy's password."""
        return self.url if self.proxy is None else f"{self.url} through the proxy {_without_password(self.proxy)}"

    def transport_options(self) -> dict[str, Any]:
        """The arguments of an httpx transport to this server; several transports may share them.

        A transport that is given to httpx keeps it from reading the environment once more.
        """
        if self.base.startswith("https:"):
            tls = httpx.create_ssl_context()
        else:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; httpx would load its certificates for each
        return {"verify": tls, "uds": self.socket, "proxy": self.proxy}


def parse_address(url: str, *, own_transport: bool = False) -> Address:
    """The address that `url` says; with `own_transport` the caller connects, in its own way.

    Raises InvalidRequest, also for a proxy in the environment that cannot be used.
    """
    if not isinstance(url, str):
        raise WrongType(f"url: write a str, not {type(url).__name__}")
    if url.startswith("unix:"):
        return _unix(url, own_transport)
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as exc:
        raise InvalidRequest(f"{_EXAMPLE}, not {url!r}: {exc}") from exc
    if parsed.scheme not in ("http", "https") or not _is_name(parsed.host):
        raise InvalidRequest(f"{_EXAMPLE}, not {url!r}")
    if parsed.port is not None and not 0 < parsed.port < 65_536:
        raise InvalidRequest(f"write a port from 1 to 65535 in the URL, not {url!r}")
    if "?" in url or "#" in url:
        raise InvalidRequest(f"write the URL without a query and a fragment, not {url!r}: paths are appended to it")
    return Address(url, url.rstrip("/"), proxy=None if own_transport else _proxy(parsed))


def _is_name(host: str) -> bool:
    """Whether it can be looked up; Python raises no OSError for what cannot."""
    labels = host.removesuffix(".").split(".")
    escaped = "%" in host and ":" not in host  # what has no place in a name; in IPv6 a zone follows it
    return all(0 < len(label) < 64 for label in labels) and not escaped


def _unix(url: str, own_transport: bool) -> Address:
    path = url.removeprefix("unix:")
    path = path.removeprefix("//") if path.startswith("///") else path
    if not path.startswith("/") or path.startswith("//") or "\0" in path:
        raise InvalidRequest(f"write unix:/PATH with the absolute path of a socket, not {url!r}")
    if own_transport:
        raise InvalidRequest(
            f"leave out `http`, or give it transport=httpx.HTTPTransport(uds={path!r}) and a http: URL"
        )
    return Address(url, "http://localhost", socket=path)


def _proxy(url: httpx.URL) -> str | None:
    """The proxy for `url` in the environment: none for this machine itself, whatever the variables say."""
    if _is_loopback(url.host):
        return None
    known = getproxies()
    proxy = known.get(url.scheme) or known.get("all")
    if not proxy or bypasses_proxy(str(url), known.get("no", "")):
        return None
    return _usable(proxy if "://" in proxy else f"http://{proxy}")


def _is_loopback(host: str) -> bool:
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _usable(proxy: str) -> str:
    """`proxy`. Raises InvalidRequest when httpx cannot use it."""
    named = f"the environment's proxy {_without_password(proxy)}"
    advice = "correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or add the pool's host to NO_PROXY"
    try:
        scheme, host = (parsed := httpx.URL(proxy)).scheme, parsed.host
    except httpx.InvalidURL as exc:
        raise InvalidRequest(f"{named} is no URL ({exc}): {advice}") from exc
    if scheme not in ("http", "https", *_SOCKS) or not host:
        raise InvalidRequest(f"{named} is of no kind that can be used, such as http://HOST:PORT: {advice}")
    if scheme in _SOCKS and find_spec("socksio") is None:
        raise InvalidRequest(f"{named} needs one more package (pip install 'httpx[socks]'): install it, or {advice}")
    return proxy


def _without_password(proxy: str) -> str:
    parts = urlsplit(proxy)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
