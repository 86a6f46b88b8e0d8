"""Long replies: their length and mark must hold, whatever other threads of the isolate's process write between."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.runtime.replies import ProtocolError, Replies, Reply

BODY = b'"' + b"x" * 100 + b'"'
LONG = [b"7-8:result:102\n" + BODY + b"\n", b"70-80\n"]
"""The writes of a long reply; the first may be cut by other writers."""
SHORT = [b"1-2 result 3\n", b"3-4 error {}\n"]
WHOLE = [[b"1-2", b"result", b"3"], [b"7-8", b"result", BODY], [b"3-4", b"error", b"{}"]]
TRUE = {tuple(reply) for reply in WHOLE}


def mark_of(tag: bytes) -> bytes:
    high, low = map(int, tag.split(b"-"))
    return b"%d-%d" % (high * 10, low * 10)


def replies() -> Replies:
    return Replies(1000, mark_of)


STREAM = SHORT[0] + b"".join(LONG) + SHORT[1]
_BODY = len(SHORT[0]) + LONG[0].index(BODY)
_BETWEEN_WRITES = [0, *range(_BODY, _BODY + len(BODY) + 2), len(STREAM) - len(SHORT[1]), len(STREAM)]
"""Where others can write: a long reply is cut only behind its first 32 KiB, so never in its first line."""


def test_whole() -> None:
    assert replies().feed(STREAM) == WHOLE


@given(st.lists(st.integers(0, len(STREAM)), max_size=8).map(sorted))
def test_cut_anywhere(cuts: list[int]) -> None:
    parser = replies()
    pieces = [STREAM[start:end] for start, end in pairwise([0, *cuts, len(STREAM)])]
    assert [reply for piece in pieces for reply in parser.feed(piece)] == WHOLE


@given(
    st.sampled_from(_BETWEEN_WRITES),
    st.one_of(
        st.sampled_from([b'FORGED"\n', b"FORGED", b"\n", b"x", b'"\n1-1 result 1\n', b"7-8\n", b'x"\n71-80\n']),
        st.binary(min_size=1, max_size=40),
    ),
)
def test_what_others_write_forges_nothing(at: int, foreign: bytes) -> None:
    """Complete lines of others become replies with tags that nobody gave: the isolate refuses those."""
    got = _all(STREAM[:at] + foreign + STREAM[at:])
    known = [reply for reply in got if reply[0] in {b"1-2", b"3-4", b"7-8"}]
    assert {tuple(reply) for reply in known} <= TRUE


def _all(stream: bytes) -> list[Reply]:
    def feed() -> Iterator[Reply]:
        parser = replies()
        for byte in stream:
            yield from parser.feed(bytes([byte]))

    got = []
    try:
        for reply in feed():
            got.append(reply)  # noqa: PERF402 - those before the error count
    except ProtocolError:
        pass
    return got


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        pytest.param(b"7-8:result:101\n" + BODY + b"\n", "another length", id="longer than it says"),
        pytest.param(b"7-8:result:103\n" + BODY + b"\n", "another length", id="shorter than it says"),
        pytest.param(LONG[0] + b"70-81\n", "without its mark", id="another mark"),
        pytest.param(LONG[0] + b"\n", "without its mark", id="no mark"),
        pytest.param(LONG[0] + b"7-8:result:102\n", "without its mark", id="the next reply"),
        pytest.param(LONG[0] + b"1-2 result 3\n", "without its mark", id="a short reply"),
        pytest.param(b"7-8:result\n", "not a reply", id="no length"),
        pytest.param(b"7-8:result:x\n", "not a reply", id="no number"),
        pytest.param(b"78:result:1\n", "not a reply", id="no tag"),
        pytest.param(b"7-8:result:1:1\n", "not a reply", id="too many parts"),
    ],
)
def test_a_wrong_long_reply_is_refused(stream: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        replies().feed(stream)


def test_another_reply_does_not_end_it() -> None:
    parser = replies()
    assert parser.feed(LONG[0]) == []
    assert parser.feed(LONG[1]) == [WHOLE[1]]
