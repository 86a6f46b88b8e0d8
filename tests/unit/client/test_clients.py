"""Both clients, through one set of tests: `ask` calls a method of either."""

import json
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.unit.scripted_pool import Reply, ScriptedPool
from tyrex_pool.client import Answer, AsyncClient, Client, exchange
from tyrex_pool.model.errors import (
    ERRORS,
    ConversionError,
    DeadRuntimeError,
    ExecutionError,
    InvalidRequest,
    NoRuntime,
    Overloaded,
    TyrexError,
)
from tyrex_pool.model.wire import problem

Ask = Callable[..., Any]
THREE = Reply(200, b'{"result":3}', {"Tyrex-Runtime": "render-1", "Tyrex-Epoch": "7"})
BUSY = Reply(503, problem(Overloaded("full")), {"Retry-After": "0"})


async def blocking(url: str, method: str, *args: Any, retries: int = 0, **options: Any) -> Any:
    with Client(url, retries=retries) as client:
        return getattr(client, method)(*args, **options)


async def awaited(url: str, method: str, *args: Any, retries: int = 0, **options: Any) -> Any:
    async with AsyncClient(url, retries=retries) as client:
        return await getattr(client, method)(*args, **options)


@pytest.fixture(params=[blocking, awaited], ids=["Client", "AsyncClient"])
def ask(request: pytest.FixtureRequest) -> Ask:
    asker: Ask = request.param
    return asker


@pytest.mark.parametrize(
    ("method", "args", "options", "expected"),
    [
        pytest.param("eval", ["1 + 2"], {}, {"code": "1 + 2"}, id="eval"),
        pytest.param(
            "eval",
            ["let x: number"],
            {"key": "a", "timeout": 0.0015, "language": "typescript"},
            {"code": "let x: number", "key": "a", "timeoutMs": 2, "language": "typescript"},
            id="eval with all",
        ),
        pytest.param("call", ["add", 1, [2]], {}, {"function": "add", "args": [1, [2]]}, id="call"),
        pytest.param(
            "call",
            ["a.b"],
            {"key": "", "timeout": 2},
            {"function": "a.b", "args": [], "key": "", "timeoutMs": 2000},
            id="call with all",
        ),
    ],
)
async def test_what_is_sent(
    pool: ScriptedPool, ask: Ask, method: str, args: list[Any], options: dict[str, Any], expected: Any
) -> None:
    pool.script = [THREE]
    assert await ask(pool.url + "/", method, *args, **options) == 3
    (seen,) = pool.seen
    assert (seen.method, seen.path, seen.content_type) == ("POST", f"/v1/{method}", "application/json")
    assert seen.body == expected


@pytest.mark.parametrize("method", ["eval_response", "call_response"])
async def test_who_answered(pool: ScriptedPool, ask: Ask, method: str) -> None:
    pool.script = [THREE]
    assert await ask(pool.url, method, "f") == Answer(result=3, runtime="render-1", epoch="7")


@pytest.mark.parametrize(
    ("method", "args", "path"),
    [
        ("pool", [], "/v1/pool"),
        ("explain", [], "/v1/explain"),
        ("explain", ["a b&c/ü"], "/v1/explain?key=a%20b%26c%2F%C3%BC"),
    ],
)
async def test_what_is_asked(pool: ScriptedPool, ask: Ask, method: str, args: list[str], path: str) -> None:
    pool.script = [Reply(200, b'{"name":"render"}')]
    assert await ask(pool.url, method, *args) == {"name": "render"}
    (seen,) = pool.seen
    assert (seen.method, seen.path.replace("+", "%20")) == ("GET", path)


@pytest.mark.parametrize("kind", ERRORS.values(), ids=ERRORS)
async def test_every_problem_comes_as_its_class(pool: ScriptedPool, ask: Ask, kind: type[TyrexError]) -> None:
    pool.script = [Reply(kind.status, problem(kind("what happened", value={"a": 1}, stack="at f")))]
    with pytest.raises(kind) as failure:
        await ask(pool.url, "eval", "f()")
    error = failure.value
    assert (error.detail, error.value, error.stack) == ("what happened", {"a": 1}, "at f")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(502, b"<html>Bad Gateway</html>"), id="gateway"),
        pytest.param(Reply(302, b"", {"Location": "/elsewhere"}), id="redirect"),
        pytest.param(Reply(200, b"hello"), id="no JSON"),
        pytest.param(Reply(200, b"[3]"), id="no object"),
        pytest.param(Reply(200, b"{}"), id="no result"),
        pytest.param(Reply(503, b'{"name":"whatever"}'), id="unknown name"),
    ],
)
async def test_what_is_no_pool_is_an_error_and_not_tried_again(pool: ScriptedPool, ask: Ask, reply: Reply) -> None:
    pool.script = [reply, THREE]
    with pytest.raises(TyrexError, match=f"HTTP {reply.status}") as failure:
        await ask(pool.url, "eval", "1", retries=1)
    assert type(failure.value) is TyrexError


DEEP = b"[" * 100_000 + b"]" * 100_000
UNREADABLE = [
    pytest.param(b"[" * 3_000 + b"]" * 3_000, id="3000 deep"),
    pytest.param(DEEP, id="100000 deep"),
    pytest.param(b'{"a":' * 3_000 + b"1" + b"}" * 3_000, id="3000 objects"),
    pytest.param(b"1e400", id="1e400"),
    pytest.param(b'[{"x":-1e400}]', id="-1e400 inside"),
    pytest.param(b"1" * 5_000, id="5000 digits"),
    pytest.param(b'["\\ud83d",1e400]', id="beside a lone surrogate"),
]


@pytest.mark.parametrize("value", UNREADABLE)
async def test_a_result_that_python_cannot_read(pool: ScriptedPool, ask: Ask, value: bytes) -> None:
    pool.script = [Reply(200, b'{"result":%b}' % value), THREE]
    with pytest.raises(ConversionError, match="JSON that Python cannot read") as failure:
        await ask(pool.url, "eval", "1", retries=1)
    assert len(failure.value.detail) < 200
    assert len(pool.seen) == 1


@pytest.mark.parametrize("value", UNREADABLE)
async def test_a_thrown_value_that_python_cannot_read_is_left_out(pool: ScriptedPool, ask: Ask, value: bytes) -> None:
    known = problem(ExecutionError('no ,"value":', stack="at f"))
    pool.script = [Reply(422, known[:-1] + b',"value":%b}' % value)]
    with pytest.raises(ExecutionError) as failure:
        await ask(pool.url, "eval", "1")
    error = failure.value
    assert (error.detail, error.stack, error.has_value) == ('no ,"value":', "at f", False)


async def test_what_is_deep_and_no_problem_is_a_plain_error(pool: ScriptedPool, ask: Ask) -> None:
    pool.script = [Reply(502, DEEP)]
    with pytest.raises(TyrexError, match="HTTP 502") as failure:
        await ask(pool.url, "eval", "1")
    assert type(failure.value) is TyrexError
    assert len(failure.value.detail) < 400


@pytest.mark.parametrize("timeout", [1e6, 3e8])
async def test_a_timeout_longer_than_a_socket_s(pool: ScriptedPool, ask: Ask, timeout: float) -> None:
    pool.script = [THREE]
    assert await ask(pool.url, "eval", "1", timeout=timeout) == 3
    assert pool.seen[0].body["timeoutMs"] == timeout * 1000


async def test_refused_is_safe_to_repeat(ask: Ask) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(NoRuntime, match=f"could not connect to {url}: ") as failure:
            await ask(url, "eval", "1")
    assert failure.value.retryable


async def test_broken_after_sending_is_not(pool: ScriptedPool, ask: Ask) -> None:
    pool.script = [Reply(0), THREE]
    with pytest.raises(DeadRuntimeError, match="the code may have run"):
        await ask(pool.url, "eval", "1", retries=3)
    assert len(pool.seen) == 1


async def test_a_server_that_never_answers(pool: ScriptedPool, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MARGIN", 0.05)
    pool.script = [Reply(-1)]
    with pytest.raises(DeadRuntimeError, match="did not answer in time"):
        await ask(pool.url, "eval", "1", timeout=0.01)


async def test_retries_are_off_by_default(pool: ScriptedPool, ask: Ask) -> None:
    pool.script = [BUSY, THREE]
    with pytest.raises(Overloaded):
        await ask(pool.url, "eval", "1")


async def test_what_never_started_is_tried_again(pool: ScriptedPool, ask: Ask) -> None:
    pool.script = [BUSY, BUSY, THREE]
    assert await ask(pool.url, "eval", "1", retries=2) == 3


async def test_retries_end(pool: ScriptedPool, ask: Ask) -> None:
    pool.script = [BUSY, BUSY, THREE]
    with pytest.raises(Overloaded, match="full"):
        await ask(pool.url, "eval", "1", retries=1)
    assert len(pool.seen) == 2


@pytest.mark.parametrize(
    ("method", "args", "options", "message"),
    [
        pytest.param("eval", ["1"], {"timeout": 0}, "seconds above 0, not 0", id="timeout 0"),
        pytest.param("eval", ["1"], {"timeout": float("nan")}, "seconds above 0, not nan", id="timeout nan"),
        pytest.param("call", ["f", object()], {}, "cannot travel as JSON", id="object"),
    ],
)
async def test_what_cannot_be_sent(ask: Ask, method: str, args: list[Any], options: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        await ask("http://unused.invalid", method, *args, **options)


async def test_an_http_client_of_yours_stays_open(pool: ScriptedPool) -> None:
    pool.script = [THREE]
    with httpx.Client(headers={"Authorization": "Bearer x"}) as http:
        with Client(pool.url, http=http) as client:
            client.eval("1")
        assert not http.is_closed
    async with httpx.AsyncClient() as also:
        async with AsyncClient(pool.url, http=also):
            pass
        assert not also.is_closed


async def test_json_that_is_sent_is_utf_8(pool: ScriptedPool, ask: Ask) -> None:
    pool.script = [Reply(200, json.dumps({"result": "ü\ud800"}).encode())]
    assert await ask(pool.url, "eval", "'ü'") == "ü\ud800"
    assert pool.seen[0].body == {"code": "'ü'"}
