"""Requests that disagree about where they end, cut anywhere: each is read by the letter, or refused and the last."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from tests.local.commands import Command, command, logging_to
from tests.local.mutants import SMUGGLED, mutant, reading
from tests.local.running import until
from tests.local.serving import HELLO
from tests.local.wire import Answer, Wire, request

MUTANTS, PART = 1000, 250
"""For each server; parts of it are tests."""
PORTS = ("--port", "0", "--admin-port", "0")


class Logged:
    """A command and its log."""

    def __init__(self, running: Command, log: Path) -> None:
        self.running = running
        self.log = log
        self.address = ("127.0.0.1", urlsplit(running.url).port or 0)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(self.address, 10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


@pytest.fixture(scope="module", params=["serve", "proxy"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    folder = tmp_path_factory.mktemp("smuggling")
    manifest, log = folder / "pool.yaml", folder / "log"
    manifest.write_text(HELLO)
    with log.open("w") as writing, ExitStack() as stack:
        words: tuple[str, ...] = ("serve",)
        if request.param == "proxy":
            behind = stack.enter_context(command("serve", str(manifest), *PORTS))
            words = ("proxy", "--host", "127.0.0.1", "--runtime", behind.url)
        running = stack.enter_context(logging_to(writing, words[0], str(manifest), *words[1:], *PORTS))
        until(lambda: running.status()["ready"])
        yield Logged(running, log)


def answers(server: Logged, pieces: list[bytes], other: Wire) -> list[Answer]:
    """All that comes back for `pieces`, which the server reads one by one, and a half-close."""
    with server.connect() as one:
        for piece in pieces:
            one.sendall(piece)
            other.send(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert other.answer().status == 404
        one.shutdown(socket.SHUT_WR)
        reader = Wire(one)
        found = []
        while not reader.at_end_of_answers():
            found.append(reader.answer())
    return [answer for answer in found if answer.status != 100]


def cut(chance: Random, data: bytes) -> list[bytes]:
    ends = sorted(chance.randrange(1, len(data)) for _ in range(chance.randrange(4)))
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@pytest.mark.parametrize("part", range(MUTANTS // PART))
def test_mutants(server: Logged, part: int) -> None:
    chance = Random(part)
    with server.connect() as bystander:
        other = Wire(bystander)
        for number in range(part * PART, (part + 1) * PART):
            data = mutant(chance, number) + request(f"'next-{number}'")
            check(answers(server, cut(chance, data), other), data, number)
    log = server.log.read_text()
    assert "Traceback" not in log
    assert '"exception"' not in log


def check(found: list[Answer], data: bytes, number: int) -> None:
    targets, refused = reading(data)
    assert len(found) == len(targets) + refused, (data, found)
    assert all(answer.status < 500 or answer.status == 501 for answer in found), (data, found)
    for target, answer in zip(targets, found, strict=False):
        assert (b'"key":"SMUGGLED"' in answer.body) == (target in SMUGGLED), (data, found)
    if refused:
        assert found[-1].status in (400, 413, 421, 431, 501), (data, found)
        assert found[-1].headers["connection"] == "close", (data, found)
    else:
        assert json.loads(found[-1].body) == {"result": f"next-{number}"}, (data, found)


def test_the_mutants_are_of_all_kinds() -> None:
    """Else the test above would show little."""
    chance = Random(0)
    verdicts = [reading(mutant(chance, number) + request("1")) for number in range(MUTANTS)]
    kinds = [(len(targets), refused) for targets, refused in verdicts]
    for kind in ((0, True), (1, True), (2, False)):
        assert kinds.count(kind) > MUTANTS // 40, kind
