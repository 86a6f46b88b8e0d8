"""Orders to bytes and bytes to replies; the guest's side reads the same vectors in guest/contract_test.ts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.runtime.vectors import CHANNEL, rows
from tyrex_pool.model.wire import decode_call, decode_eval, decode_json
from tyrex_pool.runtime.channel import IsolateLimits, Nonces, hello, order
from tyrex_pool.runtime.replies import ProtocolError, Replies


def _replies(longest: int) -> Replies:
    return Replies(longest, lambda tag: b"mark of " + tag)


def test_hello() -> None:
    told = CHANNEL["hello"]
    limits = IsolateLimits(told["concurrency"], told["resultLimit"], told["bufferLimit"])
    nonces = Nonces()
    nonces.tag, nonces.secrets = told["tag"], tuple(told["secrets"])
    assert hello(nonces, told["logToken"], limits) == told["line"].encode()


@pytest.mark.parametrize("row", rows("orders"))
def test_orders(row: dict[str, Any]) -> None:
    body = json.dumps(row["work"]).encode()
    work = decode_call(body) if "function" in row["work"] else decode_eval(body)
    line = order(b"1,2", 7, b"hello-0.7.1", work, row["startBefore"])
    assert line == row["line"].encode()
    assert json.loads(line) == row["fields"]
    assert line.count(b"\n") == 1


@pytest.mark.parametrize("row", rows("results"))
def test_results(row: dict[str, Any]) -> None:
    (reply,) = _replies(1000).feed(f"n result {row['payload']}\n".encode())
    assert reply == [b"n", b"result", row["payload"].encode()]
    assert decode_json(reply[2]) == row["value"]


@pytest.mark.parametrize("row", rows("noReplies"))
def test_no_reply(row: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        _replies(1000).feed(row["line"].encode())


STREAM = b"".join(f"n{row['id'][0]} result {row['payload']}\n".encode() for row in CHANNEL["results"])
WHOLE = _replies(1000).feed(STREAM)


def test_whole() -> None:
    assert [reply[2].decode() for reply in WHOLE] == [row["payload"] for row in CHANNEL["results"]]


def test_byte_by_byte() -> None:
    replies = _replies(1000)
    assert [reply for byte in STREAM for reply in replies.feed(bytes([byte]))] == WHOLE


@pytest.mark.parametrize("tail", [pytest.param(b"n", id="nonce"), pytest.param(b'n result "a', id="payload")])
def test_a_tail_waits_for_its_end(tail: bytes) -> None:
    replies = _replies(1000)
    assert replies.feed(STREAM + tail) == WHOLE
    assert replies.feed(b"") == []
    (rest,) = replies.feed(b'" s 1\n')
    assert (tail + b'" s 1').startswith(rest[0])


@given(st.lists(st.integers(0, len(STREAM)), max_size=8).map(sorted))
def test_cut_anywhere(cuts: list[int]) -> None:
    replies = _replies(1000)
    ends = [*cuts, len(STREAM)]
    pieces = [STREAM[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert [reply for piece in pieces for reply in replies.feed(piece)] == WHOLE


@pytest.mark.parametrize("step", [pytest.param(1, id="byte by byte"), pytest.param(64, id="in pieces")])
def test_a_line_without_end_is_refused(step: int) -> None:
    replies = _replies(longest=128)
    for _ in range(0, 128, step):
        assert replies.feed(b"x" * step) == []
    with pytest.raises(ProtocolError, match="longer"):
        replies.feed(b"x")


def test_a_line_that_is_just_not_too_long() -> None:
    replies = _replies(longest=100)
    line = b"n result " + b"1" * 91
    assert replies.feed(line) == []
    assert replies.feed(b"\n") == [line.split(b" ")]


@pytest.mark.parametrize("piece", [pytest.param(65_536, id="64 KiB"), pytest.param(1_000_003, id="odd pieces")])
def test_a_large_reply_in_pieces(piece: int) -> None:
    payload = b'"' + b"x" * (16 << 20) + b'"'
    stream = b"a result 1\nb result " + payload + b"\nc result 2\nd resu"
    replies = _replies(longest=17 << 20)
    got = [reply for start in range(0, len(stream), piece) for reply in replies.feed(stream[start : start + piece])]
    assert [reply[0] for reply in got] == [b"a", b"b", b"c"]
    assert got[1][2] == payload, "in one piece again"
    assert replies.feed(b"lt 3\n") == [[b"d", b"result", b"3"]]


def test_nonces_do_not_repeat() -> None:
    nonces = Nonces()
    taken = [nonces.take() for _ in range(1000)]
    assert len({sent for sent, _ in taken}) == len({tag for _, tag in taken}) == 1000


@pytest.mark.parametrize("row", CHANNEL["tags"])
def test_tags(row: dict[str, Any]) -> None:
    nonces = Nonces()
    nonces.secrets = tuple(row["secrets"])
    sent, tag = nonces.take()
    high, low = map(int, sent.split(b","))
    assert tag == b"%d-%d" % (high ^ row["secrets"][0], low ^ row["secrets"][1])
    assert row["tag"] == f"{row['nonces'][0] ^ row['secrets'][0]}-{row['nonces'][1] ^ row['secrets'][1]}"
    assert nonces.mark(row["tag"].encode()) == row["mark"].encode()


@pytest.mark.parametrize("tag", [b"", b"1", b"a-b", b"1-2-3"])
def test_no_mark_for_what_is_no_tag(tag: bytes) -> None:
    with pytest.raises(ValueError):
        Nonces().mark(tag)
