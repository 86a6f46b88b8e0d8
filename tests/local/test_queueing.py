"""Evals that wait for one another: full queues, deadlines that pass meanwhile, neighbours in one isolate."""

from time import monotonic

import pytest

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool, result

SPEC = {"size": 1, "queue": {"length": 2}}

BUSY = [
    pytest.param("new Promise((ok) => setTimeout(ok, 600, 'done'))", id="awaiting"),
    pytest.param("const end = Date.now() + 600; while (Date.now() < end); 'done'", id="computing"),
]
WARM_UP = [pytest.param(0, id="idle before"), pytest.param(300, id="fast evals before")]
"""After many fast evals, the next ones lie in the isolate's pipe already: they must not start late either."""


@pytest.mark.parametrize("warm_up", WARM_UP)
@pytest.mark.parametrize("busy", BUSY)
def test_a_deadline_that_passes_while_it_waits(pool: RunningPool, busy: str, warm_up: int) -> None:
    for _ in range(warm_up):
        pool.eval("0")
    running = pool.later(busy)
    pool.wait_busy()
    begin = monotonic()
    waiting = pool.later("globalThis.ran = true", timeoutMs=100)
    after = pool.later("'after'")
    problem(waiting.result(), "queue_timeout")
    assert 0.1 <= monotonic() - begin <= 0.35
    assert result(running.result()) == "done"
    assert result(after.result()) == "after"
    assert pool.eval("typeof ran") == "undefined"


@pytest.mark.parametrize("warm_up", WARM_UP)
def test_a_full_queue(pool: RunningPool, warm_up: int) -> None:
    for _ in range(warm_up):
        pool.eval("0")
    running = pool.later("new Promise((ok) => globalThis.release = ok)", timeoutMs=800)
    pool.wait_busy()
    waiting = [pool.later(f"{n}") for n in range(2)]
    pool.wait_busy(queued=2)
    answer = pool.post("globalThis.ran = true")
    assert "full" in problem(answer, "overloaded")["detail"]
    assert int(answer.headers["retry-after"]) >= 1
    problem(running.result(), "timeout")
    assert [result(answer.result()) for answer in waiting] == [0, 1]
    assert pool.eval("typeof ran") == "undefined"


def test_no_queue_at_all(start: Start) -> None:
    pool = start(size=1, queue={"length": 0})
    running = pool.later("new Promise((ok) => setTimeout(ok, 300, 'done'))")
    pool.wait_busy()
    problem(pool.post("1"), "overloaded")
    assert result(running.result()) == "done"
    assert pool.eval("1 + 2") == 3


@pytest.mark.parametrize(
    ("code", "name"),
    [
        pytest.param("for(;;){}", "timeout", id="its deadline"),
        pytest.param("Deno.exit(0)", "dead_runtime_error", id="its exit"),
    ],
)
def test_what_waits_behind_a_dying_isolate_runs_in_the_next(pool: RunningPool, code: str, name: str) -> None:
    for _ in range(300):
        pool.eval("0")
    first = pool.later("new Promise((ok) => setTimeout(ok, 100, 1))")
    pool.wait_busy()
    second = pool.later(code, timeoutMs=400)
    pool.wait_busy(queued=1)
    third = pool.later("globalThis.count = (globalThis.count ?? 0) + 1")
    assert result(first.result()) == 1
    problem(second.result(), name, fault="guest")
    assert result(third.result()) == 1


def test_evals_run_in_the_order_they_came(start: Start) -> None:
    pool = start(size=1)
    pool.eval("globalThis.order = []")
    answers = [pool.later("new Promise((ok) => setTimeout(ok, 200))")]
    pool.wait_busy()
    for number in range(20):
        answers.append(pool.later(f"order.push({number})"))
        pool.wait_busy(queued=number + 1)
    assert [answer.result().status_code for answer in answers] == [200] * 21
    assert pool.eval("order") == list(range(20))


class TestNeighbours:
    """With `concurrency` over 1, evals share an isolate: what ends it is the fault of one of them at most."""

    SPEC = {"size": 1, "concurrency": 3}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("code", "name", "fault"),
        [
            pytest.param("for(;;){}", "timeout", "guest", id="deadline"),
            pytest.param("new Promise(() => {})", "timeout", "guest", id="deadline of one that waits"),
            pytest.param("Deno.exit(0)", "dead_runtime_error", "platform", id="exit"),
            pytest.param("Deno.kill(Deno.pid, 'SIGKILL'); for(;;){}", "dead_runtime_error", "platform", id="SIGKILL"),
            pytest.param(
                "globalThis.keep = new ArrayBuffer(1 << 30); 1", "heap_limit_error", "guest", id="its buffers"
            ),
            pytest.param("const a = []; for(;;) a.push([1, 2])", "dead_runtime_error", "platform", id="the heap"),
        ],
    )
    def test_one_ends_the_isolate(self, start: Start, code: str, name: str, fault: str) -> None:
        pool = start(**self.SPEC)
        neighbour = pool.later("new Promise((ok) => setTimeout(ok, 15_000))", timeoutMs=20_000)
        pool.wait_busy()
        problem(pool.post(code, timeoutMs=300 if name == "timeout" else 15_000), name, fault)
        problem(neighbour.result(), "dead_runtime_error", "platform")
        assert pool.eval("1 + 2") == 3

    def test_a_failure_is_its_own(self, start: Start) -> None:
        pool = start(**self.SPEC)
        neighbour = pool.later("new Promise((ok) => globalThis.release = () => ok('fine'))")
        pool.wait_busy()
        problem(pool.post("throw 1"), "execution_error")
        problem(pool.post("Promise.reject(1)"), "promise_rejection")
        problem(pool.post("10n"), "conversion_error")
        assert pool.eval("release()") is None
        assert result(neighbour.result()) == "fine"

    def test_as_many_at_a_time_as_the_pool_says(self, start: Start) -> None:
        pool = start(**self.SPEC)
        code = """
            globalThis.now = (globalThis.now ?? 0) + 1;
            const n = now;
            new Promise((ok) => setTimeout(() => { now--; ok(n) }, 50))
        """
        answers = [pool.later(code) for _ in range(9)]
        assert max(result(answer.result()) for answer in answers) == 3
