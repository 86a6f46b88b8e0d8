"""Whatever a guest does, its deadline ends it, and its runtime goes on at once."""

from time import monotonic

import pytest

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool

SPEC = {"size": 1}
DEADLINE = 0.3
DEADLINE_MS = 300
SLACK = 0.25
"""Seconds that the contract gives: for the end of the eval, and again for the next one."""

ENDLESS = [
    pytest.param("for(;;){}", id="a loop"),
    pytest.param("(function f() { Promise.resolve().then(f) })(); new Promise(() => {})", id="microtasks"),
    pytest.param("(async () => { for (;;) await null })()", id="a loop that awaits"),
    pytest.param("new Promise(() => {})", id="a promise that never settles"),
    pytest.param("({then() {}})", id="a thenable that never calls back"),
    pytest.param("({then() { for(;;){} }})", id="a thenable that loops"),
    pytest.param("({get then() { for(;;){} }})", id="a getter that loops"),
    pytest.param("({toJSON() { for(;;){} }})", id="a toJSON that loops"),
    pytest.param("throw {toString() { for(;;){} }, toJSON() { for(;;){} }}", id="a thrown value that loops"),
    pytest.param("/^(a+)+$/.test('a'.repeat(64) + 'b')", id="a regular expression"),
    pytest.param("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)", id="Atomics.wait"),
    pytest.param("setInterval(() => {}, 0); (function f() { setTimeout(f) })(); new Promise(() => {})", id="timers"),
    pytest.param("process.on('SIGTERM', () => {}); for(;;){}", id="signal handlers"),
    pytest.param("try { for(;;){} } finally { for(;;){} }", id="finally"),
    pytest.param("Deno.kill(Deno.pid, 'SIGSTOP'); 1", id="SIGSTOP"),
    pytest.param("process.kill(process.pid, 'SIGSTOP'); 1", id="SIGSTOP through node"),
]

AFTERWARDS = [
    pytest.param("setTimeout(() => { for(;;){} }); 1", id="a timer that loops"),
    pytest.param("Promise.resolve().then(() => { for(;;){} }); 1", id="a microtask that loops"),
    pytest.param("setTimeout(function f() { Promise.resolve().then(f) }); 1", id="microtasks for ever"),
    pytest.param("setTimeout(() => Deno.kill(Deno.pid, 'SIGSTOP')); 1", id="SIGSTOP"),
]


@pytest.mark.parametrize("code", ENDLESS)
def test_a_deadline_ends_it(pool: RunningPool, code: str) -> None:
    pool.eval("0")
    epoch = pool.epochs()["test-0"]
    begin = monotonic()
    document = problem(pool.post(code, timeoutMs=DEADLINE_MS), "timeout")
    end = monotonic()
    assert pool.eval("1 + 2") == 3
    again = monotonic()
    assert "deadline" in document["detail"]
    assert DEADLINE <= end - begin <= DEADLINE + SLACK
    assert again - end <= SLACK
    assert pool.epochs()["test-0"] > epoch


@pytest.mark.parametrize("code", AFTERWARDS)
def test_what_goes_on_after_the_answer_ends_with_the_next_deadline(pool: RunningPool, code: str) -> None:
    """Who comes next never begins, or is held up while it runs: neither is a fault of its own."""
    assert pool.eval(code) == 1
    begin = monotonic()
    answer = pool.post("new Promise((ok) => setTimeout(ok, 200))", timeoutMs=DEADLINE_MS)
    end = monotonic()
    if answer.status_code != 200:  # else the isolate was replaced in time
        name = answer.json()["name"]
        assert name in {"queue_timeout", "dead_runtime_error"}
        problem(answer, name, "platform")
    assert end - begin <= DEADLINE + SLACK
    assert pool.eval("1 + 2") == 3
    assert monotonic() - end <= SLACK


def test_the_pools_own_deadline_where_the_caller_says_none(start: Start) -> None:
    pool = start(size=1, timeouts={"eval": f"{DEADLINE_MS}ms"})
    begin = monotonic()
    problem(pool.post("for(;;){}"), "timeout")
    assert DEADLINE <= monotonic() - begin <= DEADLINE + SLACK


def test_a_header_sets_the_deadline(pool: RunningPool) -> None:
    begin = monotonic()
    headers = {"Content-Type": "text/javascript", "Tyrex-Timeout-Ms": f"{DEADLINE_MS}"}
    problem(pool.http.post("/v1/eval", content=b"for(;;){}", headers=headers), "timeout")
    assert monotonic() - begin <= DEADLINE + SLACK


def test_a_call_has_a_deadline_too(pool: RunningPool) -> None:
    pool.eval("globalThis.loop = () => { for(;;){} }; 0")
    problem(pool.call("loop", timeoutMs=DEADLINE_MS), "timeout")
    assert pool.eval("typeof loop") == "undefined"
