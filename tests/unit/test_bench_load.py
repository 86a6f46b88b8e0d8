"""What the benchmark's load meets: a fake runtime's requests in any pieces, and the open load's percentiles."""

import socket
from collections.abc import Iterator

import pytest

from tests.bench.fakes import LARGE, Client, Runtime
from tests.bench.openload import percentile
from tyrex_pool.model.frames import ACCEPTED, Frames, frame, handshake

SMALL = (
    b'POST /v1/eval HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"code":"1 + 2"}'
)
Ends = tuple[socket.socket, Client]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A caller's socket, and the fake runtime at its other end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, Client(theirs, Runtime(7))


@pytest.mark.parametrize("step", [1, 40, len(SMALL)])
@pytest.mark.parametrize("request_", [SMALL, SMALL.replace(b"Content-Length", b"content-length")])
def test_a_request_is_answered_once_it_is_complete(ends: Ends, request_: bytes, step: int) -> None:
    caller, fake = ends
    answers = []
    for start in range(0, len(request_), step):
        caller.sendall(request_[start : start + step])
        assert fake.receive()
        caller.setblocking(False)
        try:
            answers.append(caller.recv(65_536))
        except BlockingIOError:
            assert start + step < len(request_)
    assert answers == [Runtime(7).small]


def test_a_large_request_gets_a_large_answer(ends: Ends) -> None:
    caller, fake = ends
    caller.sendall(SMALL.replace(b"16", b"%d" % LARGE) + b" " * (LARGE - 16))
    assert fake.receive()
    assert len(caller.recv(2 * LARGE)) > LARGE


def test_a_look_is_answered_and_is_the_last(ends: Ends) -> None:
    caller, fake = ends
    caller.sendall(b"GET /v1/pool HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert not fake.receive()
    assert b'"name":"fake-7"' in caller.recv(65_536)


@pytest.mark.parametrize("step", [1, 10_000])
def test_orders_of_a_stream_are_answered_by_their_numbers(ends: Ends, step: int) -> None:
    caller, fake = ends
    caller.sendall(handshake("h"))
    assert fake.receive()
    assert caller.recv(len(ACCEPTED)) == ACCEPTED
    orders = frame(5, b"order") + frame(4) + frame(6, b"order")
    for start in range(0, len(orders), step):
        caller.sendall(orders[start : start + step])
        assert fake.receive()
    small = Runtime(7).contents[0]
    assert Frames(LARGE).feed(caller.recv(65_536)) == [(5, small), (6, small)]


def test_a_caller_that_leaves_ends_it(ends: Ends) -> None:
    caller, fake = ends
    caller.shutdown(socket.SHUT_WR)
    assert not fake.receive()


@pytest.mark.parametrize(("percent", "expected"), [(0, 0), (50, 500), (99, 990), (99.9, 999), (100, 999)])
def test_a_percentile_is_one_of_the_values(percent: float, expected: int) -> None:
    assert percentile(range(1000), percent) == expected
