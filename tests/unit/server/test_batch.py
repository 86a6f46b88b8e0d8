"""A batch over a pool and a connection that do as they are told: order, pace, room in the queue, and ends."""

import json

import pytest

from tests.unit.server.batching import LIMIT, Scene, Wire, code
from tests.unit.server.exposed import value
from tyrex_pool.model.errors import (
    EvalTimeout,
    ExecutionError,
    InvalidRequest,
    NoRuntime,
    Overloaded,
    QueueTimeout,
    TyrexError,
    WrongContentType,
)
from tyrex_pool.model.frames import RemoteAnswer
from tyrex_pool.model.wire import problem
from tyrex_pool.pool.dispatcher import answer
from tyrex_pool.server.http.messages import error_answer

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_each_line_has_an_answer_with_its_index_as_it_finishes() -> None:
    scene = Scene()
    await scene.lines(code(10), b"", code(11), code(12))
    assert b"200 OK" in scene.wire.head
    assert b"Content-Type: application/x-ndjson" in scene.wire.head
    scene.pool.run(1)
    await scene.turn()
    assert scene.wire.answers == [{"index": 1, "eval": "id.1", "runtime": 'run"time', "epoch": 7, "result": 11}]
    assert scene.wire.ended is None
    await scene.run()
    assert [line["index"] for line in scene.wire.answers] == [1, 2, 0]
    assert scene.wire.ended is True


async def test_an_empty_batch_has_an_empty_answer() -> None:
    scene = Scene()
    await scene.lines()
    assert (scene.wire.sent, scene.wire.ended) == (b"", True)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        pytest.param(b"nonsense", "invalid_request", id="no JSON"),
        pytest.param(b'{"code": "1", "more": 1}', "invalid_request", id="an unknown member"),
        pytest.param(b'{"code": "1", "timeoutMs": 99999999}', "invalid_request", id="a timeout out of range"),
        pytest.param(b'{"code": "%b"}' % (b"x" * LIMIT), "payload_too_large", id="too long"),
    ],
)
async def test_a_poisoned_line_fails_alone(line: bytes, name: str) -> None:
    scene = Scene()
    await scene.lines(code(10), line, code(12))
    await scene.run()
    answers = {found["index"]: found for found in scene.wire.answers}
    assert (answers[0]["result"], answers[1]["name"], answers[2]["result"]) == (10, name, 12)
    assert answers[1]["fault"] == "caller"
    assert scene.wire.ended is True


async def test_an_error_is_its_problem_document_with_the_index() -> None:
    scene = Scene()
    await scene.lines(code(1), code(2), code(3))
    first, second, third = scene.pool.tickets
    first.id, first.epoch = b"id.1", 7
    answer(first, ExecutionError("no", value={"a": 1}))
    answer(second, NoRuntime("gone"))
    start, body = error_answer(EvalTimeout("late"))
    eval_line = b"Tyrex-Eval: other.5\r\n"
    answer(third, RemoteAnswer(EvalTimeout.name, 9, 0, start + eval_line, b"", body))
    await scene.turn()
    who = {"eval": "id.1", "runtime": 'run"time', "epoch": 7}
    other = {"eval": "other.5", "runtime": 'run"time', "epoch": 9}
    assert scene.wire.answers == [
        {"index": 0, **who, **json.loads(problem(ExecutionError("no", value={"a": 1})))},
        {"index": 1, **json.loads(problem(NoRuntime("gone")))},
        {"index": 2, **other, **json.loads(problem(EvalTimeout("late")))},
    ]


async def test_answers_of_one_turn_go_out_together() -> None:
    scene = Scene()
    await scene.lines(*(code(n) for n in range(3)))
    while scene.pool.tickets:
        scene.pool.run()
    await scene.turn()
    assert (len(scene.wire.answers), scene.wire.parts) == (3, 1)


async def test_no_more_lines_are_in_flight_than_the_pool_has_room_for() -> None:
    scene = Scene(size=2, concurrency=3, queue={"length": 4})
    await scene.lines(*(code(n) for n in range(100)))
    assert len(scene.pool.tickets) == 2 * (3 + 1)
    assert scene.batch.held > 0
    scene.pool.run()
    await scene.turn()
    assert len(scene.pool.tickets) >= 2 * (3 + 1)
    await scene.run()
    assert sorted(line["index"] for line in scene.wire.answers) == list(range(100))
    assert (scene.batch.held, scene.wire.ended) == (0, True)


async def test_a_client_that_does_not_read_holds_its_lines_back() -> None:
    scene = Scene()
    scene.wire.writable = False
    await scene.lines(code(1), b"nonsense", code(2))
    assert (scene.pool.tickets, scene.wire.sent) == ([], b"")
    scene.wire.writable = True
    scene.batch.resume()
    await scene.turn()
    await scene.run()
    assert len(scene.wire.answers) == 3


async def test_many_poisoned_lines_leave_turns_to_others() -> None:
    scene = Scene()
    scene.batch.received(b"x\n" * 20_000)
    scene.batch.ended()
    await scene.turn()
    assert scene.wire.parts <= 3
    assert len(scene.wire.sent) < 1_000_000
    await scene.until(lambda: scene.wire.ended)
    assert len(scene.wire.answers) == 20_000


async def test_lines_wait_for_room_in_the_pool() -> None:
    scene = Scene()
    scene.pool.refusal = Overloaded("full")
    await scene.lines(code(1), code(2))
    await scene.until(lambda: scene.pool.refused >= 3)  # again and again, one at a time
    assert scene.wire.sent == b""
    scene.pool.refusal = None
    await scene.until(lambda: len(scene.pool.tickets) == 2)
    await scene.run()
    assert sorted(line["result"] for line in scene.wire.answers) == [1, 2]
    assert scene.wire.ended is True


async def test_a_line_that_another_server_has_no_room_for_waits_too() -> None:
    scene = Scene()
    await scene.lines(code(1))
    ticket = scene.pool.tickets.pop()
    start, body = error_answer(Overloaded("full"))
    answer(ticket, RemoteAnswer(Overloaded.name, 0, 0, start, b"", body))
    await scene.until(lambda: scene.pool.tickets)
    assert scene.pool.tickets[0] is not ticket
    assert scene.pool.tickets[0].deadline == ticket.deadline
    await scene.run()
    assert [line["result"] for line in scene.wire.answers] == [1]
    assert value(scene.metrics.text(), "tyrex_evals_total", outcome="overloaded", strategy="RoundRobin") in (None, 0)


async def test_it_waits_for_room_until_the_deadline_of_the_line() -> None:
    scene = Scene()
    scene.pool.refusal = Overloaded("full")
    await scene.lines(code(1, timeoutMs=30))
    await scene.until(lambda: scene.wire.ended)
    (line,) = scene.wire.answers
    assert (line["index"], line["name"], line["retryable"]) == (0, "overloaded", True)


async def test_a_line_that_waited_too_long_gets_another_deadline_once() -> None:
    scene = Scene()
    await scene.lines(code(1, timeoutMs=500))
    (first,) = scene.pool.tickets
    answer(scene.pool.tickets.pop(), QueueTimeout("late"))
    await scene.until(lambda: scene.pool.tickets)
    (second,) = scene.pool.tickets
    assert second.arrived >= first.arrived
    assert second.deadline - second.arrived == pytest.approx(0.5)
    start, body = error_answer(QueueTimeout("late again"))
    answer(scene.pool.tickets.pop(), RemoteAnswer(QueueTimeout.name, 0, 0, start, b"", body))
    await scene.until(lambda: scene.wire.ended)
    assert [(line["index"], line["name"]) for line in scene.wire.answers] == [(0, "queue_timeout")]


async def test_another_refusal_is_the_answer() -> None:
    scene = Scene()
    scene.pool.refusal = NoRuntime("parked")
    await scene.lines(code(1), code(2))
    assert [line["name"] for line in scene.wire.answers] == ["no_runtime"] * 2
    assert scene.wire.ended is True


async def test_headers_hold_for_every_line() -> None:
    scene = Scene(Wire(key=b"k", timeout_ms=b"500", queue=b"9", trace=TRACE))
    await scene.lines(code(1), code(2, key="own", timeoutMs=100))
    first, second = scene.pool.tickets
    assert (first.key, second.key) == ("k", "own")
    assert [round(ticket.deadline - ticket.arrived, 6) for ticket in (first, second)] == [0.5, 0.1]
    assert {ticket.request.head.queue for ticket in (first, second)} == {b"9"}
    assert first.parent == TRACE


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        pytest.param(Wire(content_type=b"application/json"), WrongContentType, id="JSON"),
        pytest.param(Wire(content_type=b""), WrongContentType, id="none"),
        pytest.param(Wire(content_type=b"text/plain"), WrongContentType, id="what a web page may send"),
        pytest.param(Wire(timeout_ms=b"soon"), InvalidRequest, id="a timeout that is no number"),
        pytest.param(Wire(timeout_ms=b"99999999"), InvalidRequest, id="a timeout over the limit"),
        pytest.param(Wire(key=b"\xff"), InvalidRequest, id="a key that is no UTF-8"),
    ],
)
async def test_the_whole_batch_is_refused(wire: Wire, error: type[TyrexError]) -> None:
    with pytest.raises(error):
        Scene(wire)
    assert wire.head == b""


@pytest.mark.parametrize("kind", [b"application/x-ndjson", b"application/ndjson", b"Application/JSONL; charset=utf-8"])
async def test_content_types(kind: bytes) -> None:
    assert Scene(Wire(content_type=kind)).wire.head


async def test_a_client_that_leaves_stops_everything() -> None:
    scene = Scene()
    await scene.lines(*(code(n) for n in range(10)))
    waiting = list(scene.pool.tickets)
    scene.batch.abandon()
    await scene.turn()
    assert set(scene.pool.cancelled) == set(waiting)
    assert (len(scene.pool.tickets), scene.batch.held, scene.wire.ended) == (3, 0, None)
    assert [record.outcome for record in scene.observer.records] == ["abandoned"] * 3


async def test_a_batch_that_is_stopped_answers_what_it_began_and_says_where_it_stopped() -> None:
    scene = Scene()
    await scene.lines(*(code(n) for n in range(10)), end=False)
    scene.batch.stop(problem(NoRuntime("the server ends")))
    await scene.turn()
    assert scene.wire.ended is None
    await scene.run()
    assert [line.get("result") for line in scene.wire.answers] == [2, 1, 0, None]
    last = scene.wire.answers[-1]
    assert (last["index"], last["name"], last["retryable"]) == (3, "no_runtime", True)
    assert scene.wire.ended is False


async def test_a_line_counts_as_an_eval() -> None:
    scene = Scene()
    await scene.lines(code(1), b'{"function": "f"}', b"nonsense")
    first, second = scene.pool.tickets
    first.started = first.finished = first.arrived
    answer(first, b"1")
    answer(second, ExecutionError("no"))
    await scene.turn()
    assert [(record.path, record.outcome, record.received) for record in scene.observer.records] == [
        ("/v1/eval", "ok", len(code(1))),
        ("/v1/call", "execution_error", len(b'{"function": "f"}')),
    ]
    text = scene.metrics.text()
    assert value(text, "tyrex_evals_total", outcome="ok", strategy="RoundRobin") == 1
    assert value(text, "tyrex_evals_total", outcome="execution_error", strategy="RoundRobin") == 1


async def test_it_is_idle_only_while_it_has_nothing_to_do() -> None:
    scene = Scene()
    assert scene.batch.idle
    await scene.lines(code(1), end=False)
    assert not scene.batch.idle
    await scene.run()
    assert scene.batch.idle
