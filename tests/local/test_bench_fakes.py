"""The benchmark's fake runtimes answer as real ones do: else its proxies would be measured with something else."""

import json
import re

import httpx

from tests.bench.fakes import LARGE, Runtime
from tests.local.running import RunningPool

SPEC = {"size": 1}
Shape = tuple[list[tuple[str, str]], str]


def shape(headers: list[tuple[str, str]], body: str) -> Shape:
    """An answer with its numbers and names left out; `Content-Length` as it is."""
    varies = {"Tyrex-Runtime": ".+", "Tyrex-Eval": r"\w+-|\d+", "Server-Timing": r"\d+\.\d+", "Tyrex-Epoch": r"\d+"}
    return [(name, re.sub(varies.get(name, "$^"), "#", value)) for name, value in headers], body


def real(answer: httpx.Response) -> Shape:
    return shape([(name.decode(), value.decode()) for name, value in answer.headers.raw], answer.text)


def faked(answer: bytes) -> Shape:
    start, _, body = answer.decode().partition("\r\n\r\n")
    return shape([(line.partition(": ")[0], line.partition(": ")[2]) for line in start.split("\r\n")[1:]], body)


def test_an_eval_has_the_same_headers_in_the_same_order(pool: RunningPool) -> None:
    fake = Runtime(0)
    assert faked(fake.small) == real(pool.post("1 + 2"))
    assert faked(fake.large) == real(pool.post(f"'x'.repeat({LARGE})"))


def test_what_it_tells_of_its_pool_are_members_that_a_real_one_has(pool: RunningPool) -> None:
    told = json.loads(Runtime(0).pool.partition(b"\r\n\r\n")[2])
    there = pool.status()
    assert set(told) <= set(there)
    assert [set(runtime) for runtime in told["runtimes"]] == [set(runtime) for runtime in there["runtimes"]]
    assert told["ready"] is there["ready"] is True
