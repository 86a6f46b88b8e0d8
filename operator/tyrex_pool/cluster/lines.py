"""Lines of a stream of bytes."""

from collections.abc import AsyncIterator


async def split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    r"""The lines of `chunks` that are not empty, without their ends, the last one also where nothing ends it.

    Only `\n` ends a line: JSON may hold U+2028 and other characters at which text is split. A line may have any
    length, and the time it takes grows linearly with that.
    """
    parts: list[bytes] = []
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        parts.append(first)
        for other in others:
            if line := b"".join(parts):
                yield line
            parts = [other]
    if line := b"".join(parts):
        yield line
