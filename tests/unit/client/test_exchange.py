import random

import httpx
import pytest

from tyrex_pool.client.exchange import LONGEST_PAUSE, MARGIN, Failure, decoded, eval_request
from tyrex_pool.model.errors import ExecutionError, Overloaded, TyrexError


@pytest.mark.parametrize(
    ("error", "retry_after", "attempt", "retries", "low", "high"),
    [
        pytest.param(Overloaded(), 2.0, 0, 1, 2.0, 2.0, id="as the pool asks"),
        pytest.param(Overloaded(), 3600.0, 0, 1, LONGEST_PAUSE, LONGEST_PAUSE, id="but not for ever"),
        pytest.param(Overloaded(), None, 0, 5, 0.05, 0.1, id="first"),
        pytest.param(Overloaded(), None, 3, 5, 0.4, 0.8, id="fourth"),
        pytest.param(Overloaded(), None, 2000, 9999, LONGEST_PAUSE / 2, LONGEST_PAUSE, id="two thousandth"),
    ],
)
def test_pause(
    error: TyrexError, retry_after: float | None, attempt: int, retries: int, low: float, high: float
) -> None:
    pause = Failure(error, retry_after).pause(attempt, retries, random.Random(1))
    assert pause is not None
    assert low <= pause <= high


@pytest.mark.parametrize(
    ("error", "attempt", "retries"),
    [
        pytest.param(Overloaded(), 0, 0, id="no retries"),
        pytest.param(Overloaded(), 2, 2, id="no more retries"),
        pytest.param(ExecutionError(), 0, 9, id="it ran"),
    ],
)
def test_giving_up(error: TyrexError, attempt: int, retries: int) -> None:
    assert Failure(error, 1.0).pause(attempt, retries) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [("3", 3.0), ("0", 0.0), ("-1", None), ("Wed, 21 Oct 2015 07:28:00 GMT", None), ("²", None)],
)
def test_retry_after(header: str, expected: float | None) -> None:
    failure = decoded(httpx.Response(503, headers=[(b"Retry-After", header.encode())]))
    assert isinstance(failure, Failure)
    assert failure.retry_after == expected


def test_the_server_s_deadline_comes_first() -> None:
    with httpx.Client() as http:
        request = eval_request("1", None, 2.0, "javascript").build(http, "http://a/prefix")
    assert request.extensions["timeout"]["read"] == 2.0 + MARGIN
    assert request.url.path == "/prefix/v1/eval"
