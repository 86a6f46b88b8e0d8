from collections.abc import AsyncIterator, Iterable

import pytest

from tyrex_pool.cluster.lines import split_lines

TEXT = "first\nsecond\u2028still\x85\x0b\r\n\nlast"
LINES = [b"first", "second\u2028still\x85\x0b\r".encode(), b"last"]


async def chunks(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
async def test_only_a_newline_ends_a_line_wherever_chunks_end(size: int) -> None:
    text = TEXT.encode()
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    assert [line async for line in split_lines(chunks(parts))] == LINES


async def test_no_chunks_are_no_lines() -> None:
    assert [line async for line in split_lines(chunks([]))] == []
