"""Which requests a listener refuses for what their heads say: hosts, origins, and how the body is encoded. No I/O.

It keeps web pages out: one of another site has a foreign origin, and one whose name was made to point at this machine
has a foreign host. The public and the admin port have the same policy; docs/http.md has it as a table.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final

from tyrex_pool.model.errors import InvalidRequest
from tyrex_pool.server.http.messages import error_answer, plain_problem

Answer = tuple[bytes, bytes]
"""Head and body."""
Said = Mapping[str, bytes]
"""What a head says, by the names in `FIELDS`. The values of a header that came twice are joined by a comma."""

FIELDS: Final = {
    b"host": "host",
    b"origin": "origin",
    b"sec-fetch-site": "site",
    b"transfer-encoding": "transfer",
    b"content-encoding": "encoding",
}
"""The headers that a policy reads."""
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+;=%-]+)(?::\d{0,5})?", re.ASCII)
"""host[:port] of RFC 3986, without the comma: that is a second header."""
_NAME: Final = re.compile(r"\[[0-9A-Fa-f:.]+\]|[\w.-]+", re.ASCII)
_SNIPPET: Final = 100


class Policy:
    """`allowed`: names beside those of loopback that Host may have, in small letters; None: any name.

    Pages of an allowed name are not foreign, whatever their port.
    """

    def __init__(self, allowed: frozenset[str] | None = None) -> None:
        self._allowed = allowed

    @classmethod
    def of(cls, addresses: Iterable[str], hosts: Iterable[str]) -> "Policy":
        """For a listener on IP `addresses`. On loopback, or where `hosts` are given, other names are refused."""
        names = frozenset(map(_plain, hosts))
        return cls(names if names or all(map(is_loopback, addresses)) else None)

    def refuse(self, said: Said, version: str, authority: bytes | None = None) -> Answer | None:
        """The answer to a request whose head says that, or None for one that may be handled.

        `version` is that of HTTP; `authority` is that of a target in absolute form, which stands for Host.
        """
        if version not in ("1.0", "1.1"):
            return _invalid("the request is not valid HTTP/1.1: write that version in its first line")
        return self._refuse_host(said, version, authority) or _refuse_body(said, version)

    def _refuse_host(self, said: Said, version: str, authority: bytes | None) -> Answer | None:
        given = said.get("host")
        if given is None and version != "1.0":
            return _invalid("Host: send one, as HTTP/1.1 wants")
        host = "localhost" if given is None else _text(given).lower()  # no browser leaves it out
        found = _AUTHORITY.fullmatch(host)
        if found is None:
            return _invalid(f"Host: send one HOST or HOST:PORT, not {host[:_SNIPPET]!r}")
        if authority is not None:
            host = _text(authority).lower()
            found = _AUTHORITY.fullmatch(host)
            if found is None:
                return _invalid(f"the request's target: send http://HOST:PORT/PATH, not {host[:_SNIPPET]!r}")
        name = found[1]
        if self._allowed is not None and not (is_loopback(name) or _plain(name) in self._allowed):
            return plain_problem(421, "invalid_request", _misdirected(name[:_SNIPPET]))
        return self._refuse_origin(said, host)

    def _refuse_origin(self, said: Said, host: str) -> Answer | None:
        if said.get("site", b"").strip().lower() == b"cross-site":
            return _foreign("Sec-Fetch-Site: a page of another site may not send requests here")
        origin = said.get("origin")
        if origin is None:
            return None
        authority = _text(origin).lower().partition("://")[2]
        found = _AUTHORITY.fullmatch(authority)
        if found is not None and (authority == host or _plain(found[1]) in (self._allowed or ())):
            return None
        return _foreign(f"Origin: {_text(origin)[:_SNIPPET]!r} is not this server; a page's own server may ask here")


ANY_HOST: Final = Policy()


def _refuse_body(said: Said, version: str) -> Answer | None:
    transfer, encoding = said.get("transfer"), said.get("encoding")
    if transfer is not None:
        if transfer.strip().lower() != b"chunked":
            return plain_problem(501, "invalid_request", "Transfer-Encoding: send chunked or none")
        if version == "1.0":
            return _invalid("Transfer-Encoding: HTTP/1.0 has none; send Content-Length")
    if encoding is not None and encoding.strip().lower() not in (b"", b"identity"):
        return plain_problem(415, "invalid_request", "Content-Encoding: send the body as it is, not compressed")
    return None


def is_loopback(name: str) -> bool:
    """Whether a host name or an IP address (in brackets, of IPv6) is always this machine."""
    plain = _plain(name)
    if plain == "localhost" or plain.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(plain.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_host(name: str) -> bool:
    """Whether `name` is a host name or an IP address (in brackets, of IPv6), without a port."""
    return _NAME.fullmatch(name) is not None


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _text(value: bytes) -> str:
    return value.strip(b" \t").decode("latin-1")


def _misdirected(name: str) -> str:
    return (
        f"Host: this server answers to localhost, and to names that it was started with; got {name!r}: "
        f"start it with --allowed-host {name} if it has that name"
    )


def _foreign(detail: str) -> Answer:
    return plain_problem(403, "forbidden", detail)


def _invalid(detail: str) -> Answer:
    return error_answer(InvalidRequest(detail))
