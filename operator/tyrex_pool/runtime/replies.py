"""Bytes from an isolate to replies, without I/O; `runtime.channel` describes the lines.

Every thread of the isolate's process could write into its end of the pipe: a Worker can open the descriptor. So what
came from somebody else must be noticed. A line of at most ONE_WRITE bytes is written as a whole or not at all, and its
tag is a secret; a longer reply has its length before it, and behind it a mark that is as secret as the tag.
"""

from collections.abc import Callable
from typing import NamedTuple

Reply = list[bytes]
"""A tag, a status and a payload."""


class ProtocolError(Exception):
    """The isolate sent something else than this protocol: it cannot be trusted any more."""


class _Long(NamedTuple):
    """A reply of more than one write, of which the first line has come."""

    tag: bytes
    status: bytes
    length: int
    mark: bytes


class Replies:
    """Parses the bytes from an isolate into replies; a line may have up to `longest` bytes.

    `mark_of(tag)` is the mark that ends a long reply with that tag; it raises ValueError for a tag that is none.
    `feed` raises ProtocolError for a line that is no part of a reply, or longer than that.
    """

    def __init__(self, longest: int, mark_of: Callable[[bytes], bytes]) -> None:
        self._longest = longest
        self._mark_of = mark_of
        self._held = bytearray()
        self._long: _Long | None = None
        self._payload: bytes | None = None

    def feed(self, data: bytes) -> list[Reply]:
        if self._held or not data.endswith(b"\n"):
            self._held += data
            if len(self._held) > self._longest and b"\n" not in data:
                raise ProtocolError("a reply is longer than limits.result allows")
            end = data.rfind(b"\n") + 1
            if not end:
                return []
            end += len(self._held) - len(data)
            data = bytes(self._held[:end])
            del self._held[:end]
        lines = data.split(b"\n")
        lines.pop()
        if self._long is None:
            replies = [line.split(b" ", 2) for line in lines]
            for reply in replies:
                if len(reply) != 3:
                    break
            else:
                return replies
        return self._feed_lines(lines)

    def _feed_lines(self, lines: list[bytes]) -> list[Reply]:
        replies = []
        for line in lines:
            reply = self._continue(self._long, line) if self._long is not None else self._begin(line)
            if reply is not None:
                replies.append(reply)
        return replies

    def _begin(self, line: bytes) -> Reply | None:
        reply = line.split(b" ", 2)
        if len(reply) == 3:
            return reply
        try:
            tag, status, length = line.split(b":")
            self._long = _Long(tag, status, int(length), self._mark_of(tag))
        except ValueError:
            raise ProtocolError("a line is not a reply") from None
        return None

    def _continue(self, long: _Long, line: bytes) -> Reply | None:
        if self._payload is None:
            if len(line) != long.length:
                raise ProtocolError("a reply has another length than it says: something else wrote into it")
            self._payload = line
            return None
        if line != long.mark:
            raise ProtocolError("a reply ends without its mark: something else wrote into it")
        reply = [long.tag, long.status, self._payload]
        self._long = self._payload = None
        return reply
