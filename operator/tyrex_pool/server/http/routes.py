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


class Exchange(Protocol):
    """What a handler makes of a request whose body comes in parts. It answers through its Duplex."""

    @property
    def held(self) -> int:
        """Bytes of the body that it got and did not begin to work on."""
        ...

    @property
    def waiting(self) -> int:
        """The same, but 0 if it needs more of the body to go on: the body is read while little waits."""
        ...

    @property
    def idle(self) -> bool:
        """Whether it only waits for more of the body."""
        ...

    def received(self, data: bytes) -> None: ...
    def ended(self) -> None:
        """The body is whole."""
        ...

    def stop(self, document: bytes) -> None:
        """The rest of the body does not come: finish what has begun, tell the problem, and end unfinished."""
        ...

    def resume(self) -> None:
        """The client has read what was sent: the duplex is `writable` again."""
        ...

    def abandon(self) -> None:
        """The client has left: nobody reads the answer."""
        ...


class Duplex(Protocol):
    """A request whose body comes in parts, and the answer to it, which goes out in parts."""

    @property
    def request(self) -> Request:
        """Without its body."""
        ...

    @property
    def limit(self) -> int:
        """Bytes of one message; it may change."""
        ...

    @property
    def writable(self) -> bool:
        """Whether the client has read all that was sent; begin nothing new while it has not."""
        ...

    def start(self, start: bytes) -> None:
        """Send the head of the answer: the status line and whole header lines."""
        ...

    def send(self, data: bytes) -> None:
        """Send a part of the answer, which is not empty."""
        ...

    def end(self, whole: bool) -> None:
        """The answer ends; if it is not `whole`, its client sees that it broke off."""
        ...

    def pace(self) -> None:
        """`held` or `waiting` has changed: read more of the body, or less."""
        ...


class InParts:
    """A handler of requests whose bodies come in parts: `begin` may raise TyrexError; else it has started the answer.

    As a Handler it stands in a table of routes beside those of whole requests, and is never called as such.
    """

    def __init__(self, begin: Callable[[Duplex], Exchange]) -> None:
        self.begin = begin

    def __call__(self, responder: Responder, request: Request) -> None:
        raise AssertionError("the parser gives the bodies of these requests in parts")


Handler = Callable[[Responder, Request], Pending | None]
"""Calls `respond` at once (and returns None) or later (and returns what can be abandoned). May raise TyrexError."""
Routes = Mapping[bytes, Mapping[bytes, Handler]]
"""Path → method → handler."""


def in_parts(routes: Routes) -> frozenset[tuple[bytes, bytes]]:
    """Methods and paths of the requests whose bodies come in parts."""
    return frozenset(
        (method, path) for path, methods in routes.items() for method in methods if isinstance(methods[method], InParts)
    )


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
