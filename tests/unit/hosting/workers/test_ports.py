import errno
import socket

import pytest

from tyrex_pool.hosting.workers.ports import reserved

HOST = "127.0.0.1"


def shared(port: int) -> socket.socket:
    """A socket that listens on a port that it shares."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((HOST, port))
    listening.listen()
    return listening


def test_processes_share_a_reserved_port() -> None:
    with reserved(HOST, 0) as port, shared(port) as first, shared(port) as second:
        assert first.getsockname() == second.getsockname() == (HOST, port)


def test_a_reserved_port_accepts_no_connection_itself() -> None:
    with reserved(HOST, 0) as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=5)


def test_a_chosen_port_is_the_one_reserved() -> None:
    with reserved(HOST, 0) as port:
        pass
    with reserved(HOST, port) as again:
        assert again == port


def test_a_port_of_another_process_is_refused_even_if_that_one_shares_it() -> None:
    with shared(0) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} of {HOST} is in use: choose another one") as refusal:
            reserved(HOST, port).__enter__()
    assert refusal.value.errno == errno.EADDRINUSE
