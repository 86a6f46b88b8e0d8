import asyncio

import httpcore
import pytest

from tyrex_pool.cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    explained_refusal,
    other_refusal,
    root_cause,
    unavailable,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Forbidden), (403, Forbidden), (404, NotFound), (409, Conflict), (410, Gone), (500, ClusterError)],
)
def test_a_status_explains_the_refusal(status: int, kind: type[ClusterError]) -> None:
    error = explained_refusal(status, b'{"kind":"Status","message":"because","code":1}')
    assert type(error) is kind
    assert (error.message, error.status, error.explained, str(error)) == ("because", status, True, "because")


def test_a_status_may_be_without_a_message() -> None:
    error = explained_refusal(418, b'{"kind":"Status"}')
    assert error is not None
    assert error.message == "HTTP status 418"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"kind":"Pod"}', b'{"name":"overloaded"}', b"\xff"])
def test_anything_else_is_no_status(body: bytes) -> None:
    assert explained_refusal(503, body) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"404 page not found\n", "404 page not found\n", id="text"),
        pytest.param(b'{"message": "told"}', "told", id="a message"),
        pytest.param(b"{}", "HTTP status 404", id="nothing said"),
        pytest.param(b"", "HTTP status 404", id="empty"),
        pytest.param(b"x" * 1000, "x" * 500, id="long"),
    ],
)
def test_another_answer_is_quoted(body: bytes, message: str) -> None:
    error = other_refusal(404, body)
    assert type(error) is NotFound
    assert (error.message, error.status, error.explained) == (message, 404, False)


def test_the_cause_is_named_and_not_what_wraps_it() -> None:
    group = ExceptionGroup("several", [ConnectionRefusedError(111, "Connection refused"), OSError("other")])
    error = RuntimeError("wrapped")
    error.__cause__ = httpcore.ConnectError(group)
    assert root_cause(error) == "[Errno 111] Connection refused"
    late = TimeoutError()
    late.__cause__ = asyncio.CancelledError()
    assert root_cause(late) == "TimeoutError"
    told = unavailable(error, connected=False)
    assert (told.status, told.connected) == (0, False)
    assert str(told) == "the API server does not answer: [Errno 111] Connection refused"
