"""The benchmark's fake runtimes answer as real ones do: else its proxies would be measured with something else."""

import json
import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.bench.fakes import LARGE, Runtime
from tests.local.commands import Command, agent_of
from tyrex_pool.model.frames import ACCEPTED, Frames, Order, RemoteAnswer, decode_answer, encode, frame, handshake

MANIFEST = "apiVersion: tyrex.dev/v1alpha1\nkind: TyrexPool\nmetadata: {name: real}\n"
CODES = [pytest.param("1 + 2", id="small"), pytest.param(f"'x'.repeat({LARGE})", id="large")]
_VARIES = [
    (r"(Tyrex-(?:Runtime|Eval|Epoch)): \S+", r"\1: #"),
    (r"dur=\d+\.\d+", "dur=#"),
    (r"Date: \w{3}, [\w :]+ GMT", "Date: #"),
]
"""What differs from eval to eval, and what is shown instead."""


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with agent_of(MANIFEST, tmp_path_factory.mktemp("agent")) as running:
        yield running


def shape(text: bytes) -> str:
    shown = text.decode()
    for pattern, instead in _VARIES:
        shown = re.sub(pattern, instead, shown)
    return shown


def over_http(answer: httpx.Response) -> bytes:
    head = b"".join(b"%b: %b\r\n" % header for header in answer.headers.raw)
    return b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + answer.content


def over_a_stream(url: str, code: str) -> RemoteAnswer:
    """What a real one answers."""
    parts = urlsplit(url)
    order = Order(b"/v1/eval", b"application/json", 5_000, None, b"", json.dumps({"code": code}).encode())
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as stream:
        stream.sendall(handshake("h"))
        assert stream.recv(len(ACCEPTED), socket.MSG_WAITALL) == ACCEPTED
        stream.sendall(frame(7, encode(order)))
        frames = Frames(8 * LARGE)
        while not (whole := frames.feed(stream.recv(LARGE))):
            pass
    ((number, content),) = whole
    assert number == 7
    return decode_answer(content or b"")


@pytest.mark.parametrize("code", CODES)
def test_an_answer_over_http_has_the_same_head_and_body(agent: Command, code: str) -> None:
    fake = Runtime(0)
    assert shape(fake.large if "repeat" in code else fake.small) == shape(over_http(agent.post(code)))


@pytest.mark.parametrize("code", CODES)
def test_an_answer_over_a_stream_says_the_same(agent: Command, code: str) -> None:
    fake = decode_answer(Runtime(0).contents["repeat" in code])
    real = over_a_stream(agent.url, code)
    assert [fake.name, fake.load, fake.start, fake.body] == [real.name, real.load, real.start, real.body]
    assert shape(fake.more) == shape(real.more)


def test_what_it_tells_of_its_pool_are_members_that_a_real_one_has(agent: Command) -> None:
    told = json.loads(Runtime(0).pool.partition(b"\r\n\r\n")[2])
    there = agent.status()
    assert set(told) <= set(there)
    assert [set(runtime) for runtime in told["runtimes"]] == [set(runtime) for runtime in there["runtimes"]]
    assert told["ready"] is there["ready"] is True
