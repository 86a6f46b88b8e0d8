"""What guests print, through a real pipe and a real loop."""

import asyncio
import json
import logging
import os
import select
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from tyrex_pool.runtime.guest_log import RATE, GuestLog

TOKEN = "0123456789abcdef"
TRACES = {"traced": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
Line = tuple[str, str, str | None, str]


class Printed:
    """A guest's output: `write` into the pipe, and the records that came of it."""

    def __init__(self) -> None:
        self.out, self._in = os.pipe()
        os.set_blocking(self.out, False)
        self.log = GuestLog(
            asyncio.get_running_loop(), self.out, TOKEN, lambda: "eval-now", lambda eval_id: TRACES.get(eval_id, b"")
        )
        self.log.runtime = "hello-0"
        self.records: list[logging.LogRecord] = []

    def write(self, text: str | bytes) -> None:
        os.write(self._in, text.encode() if isinstance(text, str) else text)

    def write_much(self, data: bytes) -> threading.Thread:
        """In a thread: the pipe holds only 64 KiB."""

        def write() -> None:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._in, rest) :]

        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        return thread

    @property
    def lines(self) -> list[Line]:
        return [
            (record.levelname, record.getMessage(), record.__dict__["eval"], record.__dict__["runtime"])
            for record in self.records
        ]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)

    def end(self) -> None:
        if self._in >= 0:
            os.close(self._in)
            self._in = -1


class Collect(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


@pytest.fixture
async def printed() -> AsyncIterator[Printed]:
    guest = Printed()
    logger = logging.getLogger("tyrex_pool.guest")
    handler = Collect(guest.records)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False  # or pytest keeps, and shows, a megabyte of it
    yield guest
    guest.log.close()
    guest.end()
    logger.propagate = True
    logger.removeHandler(handler)
    logger.setLevel(level)
    os.close(guest.out)


def ours(level: str, message: str, eval_id: str | None = "e1") -> str:
    return f"\n{TOKEN} {json.dumps({'eval': eval_id, 'level': level, 'message': message}, ensure_ascii=False)}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(ours("log", "hi"), ("INFO", "hi", "e1"), id="log"),
        pytest.param(ours("info", "hi"), ("INFO", "hi", "e1"), id="info"),
        pytest.param(ours("debug", "hi"), ("DEBUG", "hi", "e1"), id="debug"),
        pytest.param(ours("trace", "hi"), ("DEBUG", "hi", "e1"), id="trace"),
        pytest.param(ours("warn", "hi"), ("WARNING", "hi", "e1"), id="warn"),
        pytest.param(ours("error", "a\nb %s"), ("ERROR", "a\nb %s", "e1"), id="error with lines and percent"),
        pytest.param(ours("log", "hi", None), ("INFO", "hi", None), id="no eval"),
        pytest.param("raw %d\n", ("INFO", "raw %d", "eval-now"), id="descriptor 1"),
        pytest.param("windows\r\n", ("INFO", "windows", "eval-now"), id="carriage return"),
        pytest.param(b"\xff\n", ("INFO", "\ufffd", "eval-now"), id="not UTF-8"),
        pytest.param('wrong {"eval":"x"}\n', ("INFO", 'wrong {"eval":"x"}', "eval-now"), id="a guessed token"),
        pytest.param("", None, id="nothing"),
        pytest.param("\n\n\n", None, id="empty lines"),
    ],
)
async def test_one_line(printed: Printed, text: str | bytes, line: tuple[str, str, str | None] | None) -> None:
    printed.write(text)
    printed.write("end\n")
    await printed.until(lambda: printed.lines[-1:] == [("INFO", "end", "eval-now", "hello-0")])
    assert printed.lines[:-1] == ([(*line, "hello-0")] if line else [])


async def test_the_trace_of_an_eval_as_open_telemetry_names_it(printed: Printed) -> None:
    printed.write(ours("log", "hi", "traced") + ours("log", "hi", "not traced") + ours("log", "hi", None))
    await printed.until(lambda: len(printed.records) == 3)
    told = [{name: value for name, value in vars(record).items() if name in EXTRAS} for record in printed.records]
    ids = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}
    assert told == [ids, {}, {}]


EXTRAS = ("trace_id", "span_id")


async def test_byte_by_byte(printed: Printed) -> None:
    for byte in ours("warn", "é").encode() + b"raw\n":
        printed.write(bytes([byte]))
        await asyncio.sleep(0)
    await printed.until(lambda: len(printed.lines) == 2)
    assert [line[:2] for line in printed.lines] == [("WARNING", "é"), ("INFO", "raw")]


async def test_a_guests_unfinished_line_does_not_hide_ours(printed: Printed) -> None:
    printed.write("unfinished")
    printed.write(ours("log", "hi"))
    await printed.until(lambda: len(printed.lines) == 2)
    assert [line[1] for line in printed.lines] == ["unfinished", "hi"]


@pytest.mark.parametrize("character", ["x", "é", "漢", "\x01"], ids=["ascii", "two bytes", "three bytes", "escaped"])
async def test_the_longest_console_message_in_pieces(printed: Printed, character: str) -> None:
    """console.ts cuts a message at 8192 characters; the line is longer, and the pipe may hand it out in pieces."""
    line = ours("log", character * 8_192).encode()
    for start in range(0, len(line), 4_000):
        printed.write(line[start : start + 4_000])
        await printed.until(lambda: not readable(printed.out))
    await printed.until(lambda: bool(printed.lines))
    assert printed.lines == [("INFO", character * 8_192, "e1", "hello-0")]


def readable(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


async def test_the_tail_keeps_what_the_process_said(printed: Printed) -> None:
    printed.write("".join(f"line {number}\n" for number in range(50)) + ours("log", "not this") + "no end")
    printed.log.close()
    assert list(printed.log.tail) == [f"line {number}" for number in range(31, 50)] + ["no end"]


async def test_a_line_without_end_is_cut(printed: Printed) -> None:
    writer = printed.write_much(b"x" * 200_000 + b"\nend\n")
    await printed.until(lambda: printed.lines[-1:] == [("INFO", "end", "eval-now", "hello-0")])
    writer.join()
    assert all(set(line[1]) == {"x"} for line in printed.lines[:-1])
    assert len(printed.lines) > 2


KIBIBYTE = b"x" * 1023 + b"\n"
ALLOWED = RATE // len(KIBIBYTE)


async def test_too_much_is_slowed_down_and_not_lost(printed: Printed) -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    writer = printed.write_much(KIBIBYTE * ALLOWED * 2)
    await printed.until(lambda: len(printed.records) == ALLOWED * 2)
    writer.join()
    assert loop.time() - begin > 0.9, "no more than RATE bytes in a second"


async def test_the_last_words_are_read_even_after_too_much(printed: Printed) -> None:
    """They say why it died, as "JavaScript heap out of memory" does."""
    writer = printed.write_much(KIBIBYTE * (ALLOWED + 32) + b"last words\n")
    await printed.until(lambda: len(printed.records) >= ALLOWED)
    writer.join(1.0)
    assert not writer.is_alive(), "the rest fits into the pipe"
    printed.log.close()
    assert printed.log.tail[-1] == "last words"


async def test_end_of_file(printed: Printed) -> None:
    printed.write("bye\nand")
    printed.end()
    await printed.until(lambda: bool(printed.lines))
    printed.log.close()
    assert [line[1] for line in printed.lines] == ["bye", "and"]
