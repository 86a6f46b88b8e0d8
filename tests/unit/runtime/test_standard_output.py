"""Which order has begun, among the output of guests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.runtime.standard_output import StandardOutput

TOKEN = "feedfacecafebeef"


def begun(number: int) -> bytes:
    return f"\n{TOKEN} +{number:010d}\n".encode()


class Pipe:
    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.lines: list[bytes] = []
        self.most = 1000
        self.output = StandardOutput(self.reader, TOKEN, self.lines.append, lambda: len(self.lines) < self.most)

    def write(self, data: bytes) -> int:
        os.write(self.writer, data)
        return self.output.read()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.reader)
    os.close(made.writer)


def test_nothing(pipe: Pipe) -> None:
    assert pipe.output.read() == 0


def test_the_last_one_counts(pipe: Pipe) -> None:
    assert pipe.write(begun(1) + begun(2) + begun(3)) == 3
    assert pipe.write(begun(4)) == 4
    assert pipe.output.read() == pipe.output.begun == 4
    assert pipe.lines == []


def test_code_of_an_eval_that_is_over(pipe: Pipe) -> None:
    assert (pipe.write(begun(1) + begun(2) + begun(0)), pipe.output.leftover) == (2, True)
    assert (pipe.write(begun(2)), pipe.output.leftover) == (2, False)
    assert (pipe.write(begun(0)), pipe.output.leftover) == (2, True)
    assert (pipe.write(b"x" + begun(2)), pipe.output.leftover) == (2, False)


def test_guests_print_between(pipe: Pipe) -> None:
    assert pipe.write(b"one\ntw" + begun(1) + b"three") == 1
    assert pipe.write(begun(2) + b"four") == 2
    pipe.output.close()
    assert pipe.lines == [b"one", b"tw", b"three", b"four"]


@pytest.mark.parametrize("text", [b" +0000000009\n", b"feedfacecafebee +0000000009\n", b"+9\n", b"\n" * 28])
def test_a_guest_cannot_say_it(pipe: Pipe, text: bytes) -> None:
    assert pipe.write(begun(1) + text) == 1


@given(st.lists(st.integers(1, 120), max_size=6))
def test_in_pieces(sizes: list[int]) -> None:
    stream = begun(1) + b"guest\n" + begun(2) + begun(3) + b"x" + begun(40)
    pipe = Pipe()
    last = 0
    for size in [*sizes, len(stream)]:
        piece, stream = stream[:size], stream[size:]
        if piece:
            now = pipe.write(piece)
            assert now >= last
            last = now
    pipe.output.close()
    os.close(pipe.reader)
    os.close(pipe.writer)
    assert last == 40
    assert pipe.lines == [b"guest", b"x"]


def test_guests_print_more_than_is_wanted(pipe: Pipe) -> None:
    """Their next output is not read before, so their writes block; who must know what has begun learns it anyway."""
    pipe.most = 2
    os.write(pipe.writer, b"a\nb\nc\nd\n")
    assert pipe.output.poll() == 0
    os.write(pipe.writer, b"e\n" + begun(7))
    assert pipe.output.poll() == 0
    assert pipe.lines == [b"a", b"b"]
    assert pipe.output.read() == 7
    pipe.most = 4
    pipe.output.poll()
    assert pipe.lines == [b"a", b"b", b"c", b"d"]
    pipe.most = 9
    pipe.output.close()
    assert pipe.lines == [b"a", b"b", b"c", b"d", b"e"]


def test_a_closed_pipe(pipe: Pipe) -> None:
    pipe.write(begun(1))
    os.close(pipe.reader)
    assert pipe.output.read() == 1
    pipe.reader = os.dup(pipe.writer)
