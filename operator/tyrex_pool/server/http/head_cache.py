"""A cache of parsed heads: a client sends the same head again and again, and the parser reads it once.

The cache learns only from a request that came in one piece and that the parser took for exactly one request. So bytes
that the cache finds mean what the parser said. The `traceparent` line, which differs with each request, is left out.
"""

import re
from typing import Final

from tyrex_pool.model import names
from tyrex_pool.server.http.messages import Head, Request

END: Final = b"\r\n\r\n"
_MAX_HEADS: Final = 1024
_MAX_BYTES: Final = 2048
"""Heads in the cache, and bytes of one: some 3 MB at most."""
_TRACE: Final = re.compile(
    rb"\r\n%b: ([!-~]{1,255})[ \t]{,9}(?=\r\n[^ \t])" % names.HEADER_TRACE.encode(), re.IGNORECASE
)
"""The line as clients write it; a head with the line in any other form is left to the parser."""
_TRACE_HINT: Final = names.HEADER_TRACE[1:].encode()


class HeadCache:
    """`get` finds the Head for the bytes of a head, its END included, or None."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}
        self.get = self._known.get

    def traced(self, start: bytes) -> tuple[Head | None, bytes]:
        """The Head for `start` without its `traceparent` line, and the value of that line."""
        found = _TRACE.search(start) if _TRACE_HINT in start else None
        if found is None:
            return None, b""
        return self._known.get(start[: found.start()] + start[found.end() :]), found[1]

    def learn(self, data: bytes, request: Request) -> None:
        """Keep the head of `request`, the one request that the parser made of `data`, if its form allows it."""
        head = request.head
        end = data.find(END) + len(END)
        url = head.path + b"?" + head.query if head.query else head.path
        plain = head.length == len(request.body) == len(data) - end and end <= _MAX_BYTES
        if not plain or not data.startswith(b"%b %b HTTP/1.1\r\n" % (head.method, url)):
            return
        start = _TRACE.sub(b"", data[:end], count=1)
        if _TRACE_HINT in start.lower():  # a second line, or another form, would count as a part of the head
            return
        if len(self._known) >= _MAX_HEADS:
            self._known.clear()
        self._known[start] = head
