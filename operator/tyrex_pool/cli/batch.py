"""`tyrex-pool eval --batch FILE`: evaluates each line of a file, and prints an answer a line as each finishes."""

import argparse
import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator
from time import monotonic
from typing import Final, TextIO

from tyrex_pool.cli import target
from tyrex_pool.client.batches import LARGEST, Gathering, Part
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model.batch import read_answer
from tyrex_pool.model.ndjson import LineReader
from tyrex_pool.model.text import printable

_OF_LINES: Final = {
    "code": "CODE: leave it out",
    "call": '--call: write {"function": …, "args": […]} as the line',
    "key": '--key: write "key" into the lines',
    "timeout": '--timeout: write "timeoutMs" into the lines',
}
"""Arguments that a batch does not take."""
_PIECE: Final = LARGEST
_WIDTH: Final = 30
_OFTEN: Final = 0.1
"""Seconds between two pictures of the progress."""


def run(args: argparse.Namespace) -> int:
    """1 if a line failed, else 0. Raises BadInput and OSError."""
    for name, advice in _OF_LINES.items():
        if getattr(args, name) is not None:
            raise BadInput(f"{advice}; --batch evaluates the lines of {args.batch}")
    if args.language != "javascript":
        raise BadInput('--language: write "language" into the lines')
    if args.batch == "-":
        return asyncio.run(_run(args, sys.stdin.fileno(), None))
    descriptor = os.open(args.batch, os.O_RDONLY)
    try:
        return asyncio.run(_run(args, descriptor, _count(descriptor)))
    finally:
        os.close(descriptor)


async def _run(args: argparse.Namespace, descriptor: int, total: int | None) -> int:
    progress = Progress(sys.stderr, total) if sys.stderr.isatty() and not sys.stdout.isatty() else None
    failed = 0
    async with (
        target.client(args) as client,
        contextlib.aclosing(client.batch_lines(_parts(descriptor))) as answers,
    ):
        async for answer in answers:
            text = answer.decode()
            print(printable(text) if sys.stdout.isatty() else text, flush=True)
            ok = read_answer(answer).error is None
            failed += not ok
            if progress is not None:
                progress.add(ok)
    if progress is not None:
        progress.close()
    return 1 if failed else 0


async def _parts(descriptor: int) -> AsyncIterator[Part | bytes]:
    """The lines as they come: those of one piece are sent at once."""
    lines, gathering = LineReader(sys.maxsize), Gathering()
    ended = False
    while not ended:
        data = await _read(descriptor)
        lines.feed(data)
        ended = not data
        if ended:
            lines.end()
        while (line := lines.next()) is not None:
            if (part := gathering.add(line)) is not None:
                yield part
        if (part := gathering.take()) is not None:
            yield part


async def _read(descriptor: int) -> bytes:
    """The next piece of a file or a pipe, in a thread that nobody waits for: Ctrl-C ends the program at once."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes] = loop.create_future()

    def settle(data: bytes, error: OSError | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(data)

    def read() -> None:
        data, failure = b"", None
        try:
            data = os.read(descriptor, _PIECE)
        except OSError as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(settle, data, failure)

    threading.Thread(target=read, daemon=True).start()
    return await future


def _count(descriptor: int) -> int | None:
    """The number of lines; None where they can be read only once."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        return None
    count, lines = 0, LineReader(sys.maxsize)
    while data := os.read(descriptor, _PIECE):
        lines.feed(data)
        count += sum(1 for _ in iter(lines.next, None))
    lines.end()
    os.lseek(descriptor, 0, os.SEEK_SET)
    return count + sum(1 for _ in iter(lines.next, None))


class Progress:
    """A line on a terminal that is drawn again and again; `total` None: nobody knows how many lines come."""

    def __init__(self, stream: TextIO, total: int | None) -> None:
        self._stream = stream
        self._total = total
        self._done = self._failed = 0
        self._drawn = 0.0

    def add(self, ok: bool) -> None:
        """One more line has its answer."""
        self._done += 1
        self._failed += not ok
        if monotonic() - self._drawn >= _OFTEN:
            self._draw()

    def _draw(self) -> None:
        self._drawn = monotonic()
        self._stream.write(f"\r{self._text()}")
        self._stream.flush()

    def _text(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        if not self._total:
            return f"{self._done} lines{failed}"
        share = min(1.0, self._done / self._total)
        filled = round(share * _WIDTH)
        return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {share:4.0%} {self._done}/{self._total} lines{failed}"

    def close(self) -> None:
        """Leave the last picture."""
        self._draw()
        self._stream.write("\n")
        self._stream.flush()
