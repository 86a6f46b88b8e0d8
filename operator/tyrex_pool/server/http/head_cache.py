"""HeadCache that were read before: a client sends the same one again and again, and it need not be parsed each time.

Only a whole request that came in one piece is remembered, after the parser took it for exactly that: so bytes that are
found here mean what the parser said they mean. The one line that differs with each request, the trace, does not count.
"""

import re

from tyrex_pool.model import names
from tyrex_pool.server.http.messages import Head, Request

END = b"\r\n\r\n"
_MOST = 1024
_LONGEST = 2048
"""HeadCache, and bytes of one, that are remembered: some 3 MB at most."""
_TRACE = re.compile(rb"\r\n%b: ([!-~]{1,255})[ \t]{,9}(?=\r\n[^ \t])" % names.HEADER_TRACE.encode(), re.IGNORECASE)
"""As clients write it; in any other form it is the parser's."""
_TRACE_HINT = names.HEADER_TRACE[1:].encode()


class HeadCache:
    """`get` finds the Head for the bytes of a head, its END included, or None."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}
        self.get = self._known.get

    def traced(self, start: bytes) -> tuple[Head | None, bytes]:
        """What `get` finds for a head but for its trace, and that trace."""
        found = _TRACE.search(start) if _TRACE_HINT in start else None
        if found is None:
            return None, b""
        return self._known.get(start[: found.start()] + start[found.end() :]), found[1]

    def learn(self, data: bytes, request: Request) -> None:
        """`data` was parsed without an error, and `request` is the last that came of it: remember it if it is all."""
        head = request.head
        end = data.find(END) + len(END)
        url = head.path + b"?" + head.query if head.query else head.path
        plain = head.length == len(request.body) == len(data) - end and end <= _LONGEST
        if not plain or not data.startswith(b"%b %b HTTP/1.1\r\n" % (head.method, url)):
            return
        start = _TRACE.sub(b"", data[:end], count=1)
        if _TRACE_HINT in start.lower():  # another, or in another form: it would be taken for a part of the head
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[start] = head
