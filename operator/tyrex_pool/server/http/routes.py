"""Which handler answers which request, and the answers where there is none."""

from collections.abc import Callable, Mapping
from typing import Protocol

from tyrex_pool.server.http.messages import Head, Request, plain_problem


class Responder(Protocol):
    """Sends the answer to one request: a connection."""

    def respond(self, start: bytes, body: bytes) -> None:
        """`start` is the status line and whole header lines; the length of `body` and the end of the head are added."""
        ...


class Pending(Protocol):
    """An answer that comes later."""

    def abandon(self) -> None:
        """The client has left: nobody reads the answer."""
        ...


Handler = Callable[[Responder, Request], Pending | None]
"""Calls `respond` at once (and returns None) or later (and returns what can be abandoned). May raise TyrexError."""
Routes = Mapping[bytes, Mapping[bytes, Handler]]
"""Path → method → handler."""


def head_handler(routes: Routes, head: Head) -> Handler | None:
    """The handler of a HEAD request: that of GET. Whoever sends the answer leaves its body out."""
    return routes.get(head.path, {}).get(b"GET") if head.method == b"HEAD" else None


def no_route(routes: Routes, head: Head) -> tuple[bytes, bytes]:
    """Head and body of the answer to a request whose path (404) or method (405) has no handler."""
    methods = routes.get(head.path)
    if methods is None:
        paths = ", ".join(sorted(path.decode() for path in routes))
        return plain_problem(404, "not_found", f"there is nothing here; there is {paths}")
    allowed = b", ".join((*methods, b"HEAD") if b"GET" in methods else methods)
    start, body = plain_problem(405, "method_not_allowed", f"use {allowed.decode()}")
    return start + b"Allow: %b\r\n" % allowed, body
