"""What the `batch` of both clients shares: the items of a batch as requests, and the answers in their responses.

A client of httpx reads a response when it has sent the whole request. So a batch goes in parts, one request after
another, each no larger than what a server reads of a batch whose answers nobody reads (docs/http.md).
"""

import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from time import monotonic
from typing import Final

import httpx

from tyrex_pool.client.address import Address
from tyrex_pool.client.exchange import Failure, OutgoingRequest, answered, decoded
from tyrex_pool.model import names
from tyrex_pool.model.batch import Item, index_of, line_of, refused, with_index
from tyrex_pool.model.errors import DeadRuntimeError, TyrexError
from tyrex_pool.model.ndjson import LineReader
from tyrex_pool.model.wire import from_problem

MOST: Final = 4096
LARGEST: Final = 131_072
"""Lines of a part, and their bytes; a larger line is a part of its own."""
PATIENCE: Final = 0.05
"""Seconds for which a part is filled, so that slow items are not held back for long."""


class Part:
    """One request of a batch: lines whose answers have the indexes from `first` on."""

    def __init__(self, first: int, lines: Sequence[bytes]) -> None:
        self.first = first
        self.request = OutgoingRequest(
            "POST", names.PATH_BATCH, body=b"\n".join(lines) + b"\n", content_type=names.TYPE_LINES, streamed=True
        )
        self._open = dict.fromkeys(range(first, first + len(lines)))
        self._reader = LineReader(sys.maxsize)
        self._rest: tuple[int, bytes] | None = None

    def read(self, data: bytes) -> Iterator[bytes]:
        """The answers that are whole now, with their indexes in the batch. Raises ValueError for what is none."""
        self._reader.feed(data)
        while (answer := self._reader.next()) is not None:
            index = self.first + index_of(answer)
            if answer.startswith(b'"rest":true', answer.find(b",") + 1):
                self._rest = index, answer
            elif index in self._open:
                del self._open[index]
                yield with_index(answer, index)

    def end(self, error: TyrexError | None = None) -> Iterator[bytes]:
        """Answers for the lines that have none: the server's own word, or `error`."""
        lost = error or DeadRuntimeError("the answer ended without an answer to this line; the code may have run")
        for index in self._open:
            if self._rest is not None and index >= self._rest[0]:
                document = self._rest[1].replace(b'"rest":true,', b"", 1)
                yield with_index(document, index)
            else:
                yield refused(index, lost)
        self._open.clear()


def failure(response: httpx.Response, address: Address) -> TyrexError:
    """Why a batch was refused as a whole; the response has been read."""
    outcome = answered(response, decoded, address)
    if isinstance(outcome, Failure):
        return outcome.error
    return from_problem(response.status_code, response.content)


def no_answer(address: Address, error: ValueError) -> TyrexError:
    return TyrexError(f"{address.way} does not answer as a pool's server does: {error}")


class Gathering:
    """Gathers items to parts. `add` returns the part before an item that has no room in it."""

    def __init__(self) -> None:
        self._first = self._next = 0
        self._lines: list[bytes] = []
        self._size = 0
        self._began = 0.0
        self.refused: list[bytes] = []
        """Answers to items that are no lines; whoever yields them empties it."""

    def add(self, item: Item) -> Part | None:
        index, self._next = self._next, self._next + 1
        try:
            line = line_of(item, index)
        except TyrexError as error:
            self.refused.append(refused(index, error))
            part = self.take()
            self._first = self._next
            return part
        full = bool(self._lines) and self._size + len(line) >= LARGEST
        part = self.take() if full else None
        if not self._lines:
            self._first, self._began = index, monotonic()
        self._lines.append(line)
        self._size += len(line) + 1
        return part

    @property
    def due(self) -> bool:
        """Whether the part should be sent now."""
        return bool(self._lines) and (
            len(self._lines) >= MOST or self._size >= LARGEST or monotonic() - self._began > PATIENCE
        )

    def take(self) -> Part | None:
        """The part, if it has lines."""
        if not self._lines:
            return None
        lines, self._lines, self._size = self._lines, [], 0
        return Part(self._first, lines)


def parts(items: Iterable[Item]) -> Iterator[Part | bytes]:
    """The parts of a batch, and the answers to items that are no lines."""
    gathering = Gathering()
    for item in items:
        if (part := gathering.add(item)) is not None:
            yield part
        yield from gathering.refused
        gathering.refused.clear()
        if gathering.due and (part := gathering.take()) is not None:
            yield part
    if (part := gathering.take()) is not None:
        yield part


async def parts_of(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncIterator[Part | bytes]:
    """The same, also of asynchronous items."""
    if not isinstance(items, AsyncIterable):
        for given in parts(items):
            yield given
        return
    gathering = Gathering()
    async for item in items:
        if (part := gathering.add(item)) is not None:
            yield part
        for answer in gathering.refused:
            yield answer
        gathering.refused.clear()
        if gathering.due and (part := gathering.take()) is not None:
            yield part
    if (part := gathering.take()) is not None:
        yield part
