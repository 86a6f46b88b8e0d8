"""Bytes in, lines out: fed whole, byte by byte, and in pieces of every kind."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.model.errors import PayloadTooLarge
from tyrex_pool.model.ndjson import LineReader

LIMIT = 10
OVER = "over"
BOM = b"\xef\xbb\xbf"


def read(pieces: Iterable[bytes], *, end: bool = True) -> list[bytes | str]:
    """All lines, taken as soon as they are there."""
    reader, found = LineReader(LIMIT), list[bytes | str]()

    def take() -> None:
        while True:
            try:
                line = reader.next()
            except PayloadTooLarge:
                found.append(OVER)
                continue
            if line is None:
                return
            found.append(line)

    for piece in pieces:
        reader.feed(piece)
        take()
    if end:
        reader.end()
        take()
        assert reader.held == 0
    return found


def single(data: bytes) -> Iterable[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"a\nb\n", [b"a", b"b"], id="two"),
        pytest.param(b"a\nb", [b"a", b"b"], id="the last one without LF"),
        pytest.param(b"a\r\nb\r\n", [b"a", b"b"], id="CR LF"),
        pytest.param(b"\n\na\n \t\r\n\nb\n\n", [b"a", b"b"], id="blank lines"),
        pytest.param(b" a \n", [b"a"], id="blanks around"),
        pytest.param(b"a\rb\n", [b"a\rb"], id="a lone CR ends no line"),
        pytest.param(BOM + b"a\nb\n", [b"a", b"b"], id="a mark of the byte order"),
        pytest.param(BOM, [], id="only the mark"),
        pytest.param(b"a\n" + BOM + b"b\n", [b"a", BOM + b"b"], id="the mark elsewhere is a part of the line"),
        pytest.param(b"x" * 10 + b"\n", [b"x" * 10], id="at the limit"),
        pytest.param(b"  " + b"x" * 10 + b" \r\n", [b"x" * 10], id="blanks do not count"),
        pytest.param(b"x" * 11 + b"\na\n", [OVER, b"a"], id="over the limit"),
        pytest.param(b"x" * 11, [OVER], id="over the limit without LF"),
        pytest.param(b"a\n" + b"x" * 500 + b"\nb\n", [b"a", OVER, b"b"], id="far over the limit"),
        pytest.param(b"x" * 500, [OVER], id="far over, and the end"),
        pytest.param(b"x" * 500 + b"\n" + b"y" * 500 + b"\na", [OVER, OVER, b"a"], id="two of them"),
        pytest.param("a\u2028b\n".encode(), ["a\u2028b".encode()], id="a separator of Unicode ends no line"),
        pytest.param(b"a\0b\n", [b"a\0b"], id="NUL"),
    ],
)
def test_lines(data: bytes, lines: list[bytes | str]) -> None:
    for pieces in ([data], single(data), [data[:3], data[3:]]):
        assert read(pieces) == lines


def test_a_line_that_is_not_whole_waits() -> None:
    assert read([b"a\nb"], end=False) == [b"a"]


def test_a_line_over_the_limit_is_refused_before_its_end_and_not_kept() -> None:
    reader = LineReader(LIMIT)
    reader.feed(b"x" * 100)
    with pytest.raises(PayloadTooLarge, match=r"limits\.request"):
        reader.next()
    for _ in range(100):
        reader.feed(b"x" * 1000)
        assert reader.next() is None
        assert reader.held == 0


def test_what_was_fed_and_not_given_is_held() -> None:
    reader = LineReader(LIMIT)
    reader.feed(b"abc\ndef\ng")
    assert (reader.held, reader.waiting) == (9, 9)
    assert reader.next() == b"abc"
    assert (reader.held, reader.waiting) == (5, 5)
    assert reader.next() == b"def"
    assert (reader.held, reader.waiting) == (1, 0)
    reader.clear()
    assert (reader.held, reader.next()) == (0, None)


@given(st.lists(st.sampled_from([b"a", b"bb", b" ", b"\r", b"\n", b"x" * 9, BOM]), max_size=30), st.data())
def test_pieces_make_no_difference(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    cut = data.draw(st.integers(0, len(whole)))
    assert read([whole]) == read([whole[:cut], whole[cut:]]) == read(single(whole))
