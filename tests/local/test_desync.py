"""Bytes of a body are never taken for a request, and an offer to upgrade is answered as plain HTTP/1.1."""

from itertools import pairwise

import pytest

from tests.local.running import RunningPool
from tests.local.wire import request, wire

SPEC = {"size": 1}
OFFER = "\r\nUpgrade: h2c"
SMUGGLED = "GET /v1/explain?key=SMUGGLED HTTP/1.1\r\nHost: localhost\r\nX: "
H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")


def body_of_offers() -> str:
    """Code that grows or shrinks by the length of a request if each offer in it is rewritten."""
    smuggled = SMUGGLED + "*/"
    smuggled = smuggled.rjust(len(smuggled) + len(smuggled) % 2)
    return "'body ok' /*" + OFFER * (len(smuggled) // 2) + "\r\n\r\n" + smuggled


def send_apart(pool: RunningPool, data: bytes, *cuts: int) -> list[object]:
    """Send `data` in pieces that the server reads one by one, and another request; returns both results."""
    with wire(pool) as one, wire(pool) as other:
        for start, end in pairwise((0, *cuts, len(data))):
            one.send(data[start:end])
            other.send(request("0"))
            assert other.answer().result == 0  # the server has read what was sent before
        one.send(request("'next'"))
        return [one.answer().result, one.answer().result]


@pytest.mark.parametrize("back", [0, 1, 2, 3, 4, 40], ids=lambda back: f"{back} before the body")
def test_a_body_that_offers_upgrades(pool: RunningPool, back: int) -> None:
    code = body_of_offers()
    data = request(code)
    assert send_apart(pool, data, len(data) - len(code) - back) == ["body ok", "next"]


def test_a_body_that_offers_upgrades_in_many_pieces(pool: RunningPool) -> None:
    code = body_of_offers()
    data = request(code)
    head = len(data) - len(code)
    assert send_apart(pool, data, head - 1, head + 5, head + 20, head + 300, len(data) - 9) == ["body ok", "next"]


@pytest.mark.parametrize("word", ["Upgrade: h2c", "Upgrade, HTTP2", "2-Settings: AAM", "h2c"])
def test_an_offer_that_comes_in_two_pieces(pool: RunningPool, word: str) -> None:
    data = request("'body ok'", *H2C)
    assert send_apart(pool, data, data.index(word.encode()) + 2) == ["body ok", "next"]


def test_an_offer_in_the_second_of_two_requests(pool: RunningPool) -> None:
    with wire(pool) as one:
        one.send(request("1") + request("2", *H2C) + request("3", *H2C) + request("4"))
        assert [one.answer().result for _ in range(4)] == [1, 2, 3, 4]


def test_an_offer_whose_body_looks_like_a_request(pool: RunningPool) -> None:
    code = f"'body ok' /*\r\n\r\n{SMUGGLED}*/"
    data = request(code, *H2C)
    for cut in range(len(data) - len(code) - 5, len(data) - len(code) + 16, 4):
        assert send_apart(pool, data, cut) == ["body ok", "next"]
