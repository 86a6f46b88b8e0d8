"""How frames leave: which ones share a write."""

import asyncio
import socket
from collections.abc import Iterable
from typing import Any, cast

import pytest

from tests.unit.server.listening import Wire
from tyrex_pool.model.frames import frame
from tyrex_pool.server.http.frame_writer import FrameWriter, prepare


class Writes(Wire):
    """Notes each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def writelines(self, pieces: Iterable[bytes]) -> None:
        self.writes.append(b"".join(pieces))


@pytest.fixture
def wire() -> Writes:
    return Writes()


def frame_writer(wire: Writes) -> FrameWriter:
    return FrameWriter(cast("asyncio.WriteTransport", wire), asyncio.get_running_loop())


async def test_those_of_one_turn_leave_together(wire: Writes) -> None:
    out = frame_writer(wire)
    for number in range(1, 4):
        out.add(number, b"x")
    assert wire.writes == []
    await asyncio.sleep(0)
    out.add(4)
    await asyncio.sleep(0)
    assert wire.writes == [frame(1, b"x") + frame(2, b"x") + frame(3, b"x"), frame(4)]


async def test_one_that_expects_no_other_leaves_at_once(wire: Writes) -> None:
    out = frame_writer(wire)
    out.add(1)
    out.add(2, b"y", at_once=True)
    assert wire.writes == [frame(1) + frame(2, b"y")]
    await asyncio.sleep(0)
    assert len(wire.writes) == 1


async def test_a_large_one_leaves_at_once(wire: Writes) -> None:
    out, large = frame_writer(wire), b"x" * 65_536
    out.add(1)
    out.add(2, large)
    out.add(3, large[1:])
    assert wire.writes == [frame(1), frame(2, large)]
    out.flush()
    assert wire.writes[2:] == [frame(3, large[1:])]


async def test_nothing_leaves_through_a_connection_that_ends(wire: Writes) -> None:
    """uvloop raises for a write to one that has ended."""
    out = frame_writer(wire)
    out.add(1)
    wire.close()
    await asyncio.sleep(0)
    out.add(2, at_once=True)
    assert wire.writes == []


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
async def test_the_kernel_looks_after_a_silent_connection(family: socket.AddressFamily) -> None:
    ours = socket.socket(family)

    class Transport:
        def get_extra_info(self, name: str) -> Any:
            return {"socket": ours}[name]

        def set_write_buffer_limits(self, high: int) -> None:
            assert high > 65_536

    prepare(cast("asyncio.WriteTransport", Transport()))
    with ours:
        assert bool(ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) == (family != socket.AF_UNIX)
