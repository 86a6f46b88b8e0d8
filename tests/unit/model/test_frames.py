"""The frames of a stream: what they look like, and that it makes no difference where they are cut."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.model.frames import (
    ACCEPTANCES,
    ACCEPTED,
    ACCEPTED_1,
    GOODBYE,
    HEADER,
    UNREADABLE,
    Content,
    Frames,
    Order,
    RemoteAnswer,
    acceptance,
    decode_answer,
    decode_order,
    encode,
    frame,
    handshake,
    is_handshake,
    version_for,
)
from tyrex_pool.model.wire import CallRequest, EvalRequest

LONGEST = 40
Cut = list[tuple[int, Content]]

FRAMES = [
    pytest.param(b"\0\0\0\3\0\0\0\1abc", [(1, b"abc")], id="content"),
    pytest.param(b"\0\0\0\0\0\0\0\2", [(2, b"")], id="a mere number"),
    pytest.param(b"\0" * 8, [(GOODBYE, b"")], id="goodbye"),
    pytest.param(b"\0\0\0\0\xff\xff\xff\xff", [(2**32 - 1, b"")], id="the last number"),
    pytest.param(b"\0\0\0\1\0\0\0\1a\0\0\0\1\0\0\0\1b", [(1, b"a"), (1, b"b")], id="two"),
    pytest.param(b"\0\0\0\x28\0\0\0\1" + b"x" * 40, [(1, b"x" * 40)], id="as long as may be"),
    pytest.param(b"\0\0\0\x29\0\0\0\1" + b"x" * 41 + b"\0\0\0\1\0\0\0\2y", [(1, None), (2, b"y")], id="too long"),
    pytest.param((b"\0\0\0\x29\0\0\0\1" + b"x" * 41) * 2, [(1, None), (1, None)], id="two that are too long"),
]


def cut(pieces: Iterable[bytes], longest: int = LONGEST) -> Cut:
    """What comes of `pieces`, with a look at what is held after each."""
    frames, found = Frames(longest), []
    for piece in pieces:
        found += frames.feed(piece)
        assert len(frames._held) < HEADER.size + longest
    return [(number, None if content is None else bytes(content)) for number, content in found]


@pytest.mark.parametrize(("stream", "expected"), FRAMES)
def test_whole_byte_by_byte_and_with_a_tail(stream: bytes, expected: Cut) -> None:
    assert cut([stream]) == expected
    assert cut(stream[at : at + 1] for at in range(len(stream))) == expected
    for at in range(len(stream)):
        assert cut([stream + stream[:at], stream[at:]]) == expected * 2


@pytest.mark.parametrize(("stream", "expected"), FRAMES)
def test_frame_writes_what_is_cut(stream: bytes, expected: Cut) -> None:
    assert (
        b"".join(frame(number, b"x" * 41 if content is None else bytes(content)) for number, content in expected)
        == stream
    )


@given(
    sent=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=2 * LONGEST)), max_size=12),
    cuts=st.lists(st.integers(0, 600), max_size=30).map(sorted),
)
def test_cut_anywhere(sent: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(frame(number, content) for number, content in sent)
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert cut(pieces) == [(number, content if len(content) <= LONGEST else None) for number, content in sent]


@given(pieces=st.lists(st.binary(max_size=200), max_size=20))
def test_garbage_is_cut_too(pieces: list[bytes]) -> None:
    assert cut(pieces) == cut([b"".join(pieces)])


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(10, 5, [(1, None), (2, b"y")], id="lower"),
        pytest.param(5, 10, [(1, b"x" * 8), (2, b"y")], id="higher"),
    ],
)
@pytest.mark.parametrize("at", [0, 4, 7, 8, 12, 15])
def test_the_limit_changes_while_a_frame_comes(before: int, after: int, expected: Cut, at: int) -> None:
    stream = frame(1, b"x" * 8) + frame(2, b"y")
    frames = Frames(before)
    found = frames.feed(stream[:at])
    frames.longest = after
    found += frames.feed(stream[at:])
    begun = at >= HEADER.size and before < 8  # it is skipped already
    assert found == ([(1, None), (2, b"y")] if begun else expected)


ORDER = Order(b"/v1/eval", b"", 5000, None, b"", b"{}")
ANSWER = RemoteAnswer("ok", 7, 2, b"S", b"M", b"B")
ORDER_BYTES = b"\x96\xc4\x08/v1/eval\xc4\x00\xcd\x13\x88\xc0\xc4\x00\xc4\x02{}"
EARLIER_ANSWER = b"\x96\xa2ok\x07\x02\xc4\x01S\xc4\x01M\xc4\x01B"
ANSWER_BYTES = b"\x97" + EARLIER_ANSWER[1:] + b"\xcb\xbf\xf0" + bytes(6)


def test_orders_and_answers() -> None:
    assert (encode(ORDER), decode_order(ORDER_BYTES)) == (ORDER_BYTES, ORDER)
    assert (encode(ANSWER), decode_answer(ANSWER_BYTES)) == (ANSWER_BYTES, ANSWER)


def test_an_earlier_server_knows_no_cpu_time() -> None:
    assert decode_answer(EARLIER_ANSWER) == ANSWER
    assert ANSWER.cpu < 0


@pytest.mark.parametrize(
    "more", [pytest.param([True], id="a flag"), pytest.param([{"a": [1]}, "b"], id="something larger")]
)
def test_what_a_later_version_says_besides_is_not_read(more: list[Any]) -> None:
    assert decode_order(encode([b"/v1/eval", b"", 5000, None, b"", b"{}", *more])) == ORDER
    assert decode_answer(encode(["ok", 7, 2, b"S", b"M", b"B", -1.0, *more])) == ANSWER


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="not MessagePack"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="HTTP"),
        pytest.param(encode({"path": b"/v1/eval"}), id="not an array"),
        pytest.param(encode([b"/v1/eval"]), id="too little"),
        pytest.param(encode([1, 2, 3, 4, 5, 6]), id="other types"),
        pytest.param(ORDER_BYTES[:-1], id="cut off"),
        pytest.param(ORDER_BYTES + b"\0", id="something behind it"),
        pytest.param(b"\x97" + ORDER_BYTES[1:] + b"\x91" * 100_000 + b"\0", id="very deep"),
    ],
)
def test_what_cannot_be_read(content: bytes) -> None:
    with pytest.raises(UNREADABLE):
        decode_order(content)
    with pytest.raises(UNREADABLE):
        decode_answer(content)


@given(content=st.binary(max_size=60))
def test_any_content_is_read_or_refused(content: bytes) -> None:
    try:
        order = decode_order(content)
    except UNREADABLE:
        return
    assert decode_order(encode(order)) == order
    assert msgspec.msgpack.decode(encode(order))[0] == order.path


def test_the_handshake_is_a_request_of_HTTP() -> None:
    assert handshake("web:80") == (
        b"GET /internal/stream HTTP/1.1\r\nHost: web:80\r\nTyrex-Stream: 2\r\n"
        b"Connection: Upgrade\r\nUpgrade: tyrex-stream\r\n\r\n"
    )
    assert ACCEPTED.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        pytest.param(b"", ACCEPTED_1, id="a proxy before versions"),
        pytest.param(b"Tyrex-Stream: 1\r\n", ACCEPTED_1, id="an earlier version"),
        pytest.param(b"Tyrex-Stream: 2\r\n", ACCEPTED, id="this one"),
        pytest.param(b"Tyrex-Stream: 3\r\n", ACCEPTED, id="a later version"),
        pytest.param(b"Tyrex-Stream: x\r\n", ACCEPTED_1, id="no version"),
        pytest.param(b"Tyrex-Stream: 99999\r\n", ACCEPTED_1, id="no version that there will be"),
    ],
)
def test_a_server_answers_in_the_lower_version(line: bytes, answer: bytes) -> None:
    asked = handshake("a").replace(b"Tyrex-Stream: 2\r\n", line)
    assert is_handshake(asked)
    assert acceptance(asked) == answer
    assert ACCEPTANCES[answer] == (2 if answer is ACCEPTED else 1)


@pytest.mark.parametrize(
    ("work", "version"),
    [
        pytest.param(EvalRequest("1", "k", 5, "typescript"), 1, id="an eval"),
        pytest.param(CallRequest("f", [1], "k", 5), 1, id="a call"),
        pytest.param(EvalRequest("1", inputs={}), 2, id="inputs"),
        pytest.param(EvalRequest("1", if_epoch=0), 2, id="an eval of a session"),
        pytest.param(CallRequest("f", if_epoch=7), 2, id="a call of a session"),
    ],
)
def test_the_version_that_a_request_needs(work: EvalRequest | CallRequest, version: int) -> None:
    assert version_for(work) == version


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        pytest.param(handshake("a"), True, id="one"),
        pytest.param(handshake("[::1]:80"), True, id="IPv6"),
        pytest.param(handshake("/run/ö.socket"), True, id="a socket's path"),
        pytest.param(handshake("a")[:-1], False, id="cut off"),
        pytest.param(handshake("a") + frame(1, b"x"), False, id="more behind it"),
        pytest.param(handshake("a").replace(b"tyrex-stream", b"websocket"), False, id="another protocol"),
        pytest.param(handshake("a").replace(b"tyrex-stream", b"tyrex-stream-2"), False, id="a later protocol"),
        pytest.param(handshake("a").replace(b"/internal/stream", b"/v1/pool"), False, id="another path"),
        pytest.param(handshake("a").replace(b"GET", b"POST"), False, id="another method"),
        pytest.param(b"GET /internal/stream HTTP/1.1\r\nHost: a\r\n\r\n", False, id="no upgrade"),
        pytest.param(b"", False, id="nothing"),
    ],
)
def test_is_handshake(request_bytes: bytes, expected: bool) -> None:
    assert is_handshake(request_bytes) == expected
