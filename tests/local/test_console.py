"""What guests print goes to the log, with the runtime and the eval it came from, and nowhere else."""

import logging
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.local.conftest import Start
from tests.local.running import RunningPool, result, until

SPEC = {"size": 2, "concurrency": 4, "mainModule": {"inline": "console.info('main module')"}}


class Log:
    def __init__(self) -> None:
        self.records: list[logging.LogRecord] = []

    def of(self, message: str) -> logging.LogRecord | None:
        """The first record whose message begins so."""
        return next((record for record in self.records if record.getMessage().startswith(message)), None)

    def wait(self, message: str) -> logging.LogRecord:
        until(lambda: self.of(message))
        record = self.of(message)
        assert record is not None
        return record


class Collect(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


@pytest.fixture(scope="module")
def everything() -> Iterator[Log]:
    log = Log()
    handler = Collect(log.records)
    logger = logging.getLogger("tyrex_pool.guest")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield log
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def log(everything: Log, pool: RunningPool) -> Log:
    everything.records.clear()
    return everything


@pytest.mark.parametrize(
    ("code", "level", "message"),
    [
        pytest.param("console.log('hello %s', 'é', {a: 1})", logging.INFO, "hello é { a: 1 }", id="log"),
        pytest.param("console.info('hello')", logging.INFO, "hello", id="info"),
        pytest.param("console.warn('hello')", logging.WARNING, "hello", id="warn"),
        pytest.param("console.error('hello')", logging.ERROR, "hello", id="error"),
        pytest.param("console.debug('hello')", logging.DEBUG, "hello", id="debug"),
        pytest.param("console.log('two\\nlines')", logging.INFO, "two\nlines", id="lines"),
        pytest.param("console.log(`😀 \\x1b[31m`)", logging.INFO, "😀 \x1b[31m", id="colours are data"),
        pytest.param("console.log('x'.repeat(9000))", logging.INFO, "x" * 8192 + "…", id="a long one is cut"),
        pytest.param("console.log('漢'.repeat(8192))", logging.INFO, "漢" * 8192, id="a long one of wide characters"),
    ],
)
def test_console(pool: RunningPool, log: Log, code: str, level: int, message: str) -> None:
    answer = pool.post(f"{code}; 7")
    assert result(answer) == 7
    record = log.wait(message[:10])
    assert (record.levelno, record.getMessage()) == (level, message)
    assert record.__dict__["runtime"] == answer.headers["Tyrex-Runtime"]
    assert record.__dict__["eval"] == answer.headers["Tyrex-Eval"]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("setTimeout(() => console.log('later'), 20); 1", id="a timer"),
        pytest.param("(async () => { await null; await null; console.log('later') })(); 1", id="a promise"),
        pytest.param("queueMicrotask(() => console.log('later')); 1", id="a microtask"),
    ],
)
def test_printed_later(pool: RunningPool, log: Log, code: str) -> None:
    answer = pool.post(code)
    others = [pool.post("1") for _ in range(4)]
    record = log.wait("later")
    assert record.__dict__["eval"] == answer.headers["Tyrex-Eval"]
    assert all(other.headers["Tyrex-Eval"] != answer.headers["Tyrex-Eval"] for other in others)


def test_evals_at_the_same_time_are_told_apart(pool: RunningPool, log: Log) -> None:
    code = "(async () => {{ for (let i = 0; i < 3; i++) {{ console.log('from {0}'); await null }} }})()"
    answers = {number: pool.later(code.format(number)) for number in range(8)}
    ids = {f"from {number}": answer.result().headers["Tyrex-Eval"] for number, answer in answers.items()}
    until(lambda: len(log.records) == 24)
    assert {(record.getMessage(), record.__dict__["eval"]) for record in log.records} == set(ids.items())


@pytest.mark.parametrize(
    "write",
    [
        pytest.param("Deno.stdout.writeSync(new TextEncoder().encode({0}))", id="descriptor 1"),
        pytest.param("Deno.stderr.writeSync(new TextEncoder().encode({0}))", id="descriptor 2"),
    ],
)
def test_written_past_the_console(pool: RunningPool, log: Log, write: str) -> None:
    answer = pool.post(write.format("'raw line\\n'") + "; 7")
    assert result(answer) == 7
    assert log.wait("raw line").__dict__["runtime"] == answer.headers["Tyrex-Runtime"]


def test_an_error_in_the_log_is_no_error_of_the_eval(pool: RunningPool, log: Log) -> None:
    assert pool.eval("console.error(new Error('only said')); 7") == 7
    assert "only said" in log.wait("Error: only said").getMessage()


@pytest.mark.parametrize(
    "text",
    [pytest.param("a\\n", id="short lines"), pytest.param("\\n", id="empty lines"), pytest.param("a", id="no line")],
)
def test_a_flood_of_output_stops_nobody_else(start: Start, log: Log, text: str) -> None:
    pool = start(size=2, strategy={"type": "Hash"})
    chosen = {name: key for key in map(str, range(50)) if (name := explain(pool, key))}
    loud, quiet = chosen.values()
    flood = f"""
        const bytes = new TextEncoder().encode('{text}'.repeat(16384));
        const end = Date.now() + 10_000;
        while (Date.now() < end) Deno.stdout.writeSync(bytes);
    """
    flooding = pool.later(flood, key=loud, timeoutMs=4000)
    pool.wait_busy()
    until(lambda: text == "\\n" or log.of("a"))
    begin = monotonic()
    assert [pool.eval("1 + 2", key=quiet) for _ in range(50)] == [3] * 50
    assert monotonic() - begin < 3
    assert not flooding.done(), "all the while"


def explain(pool: RunningPool, key: str) -> str:
    return str(pool.http.get("/v1/explain", params={"key": key}).json()["runtime"])


def test_a_failing_toString_fails_the_eval_only(pool: RunningPool) -> None:
    epochs = pool.epochs()
    pool.post("console.log({[Symbol.for('nodejs.util.inspect.custom')]() { throw 1 }})")
    assert pool.eval("1") == 1
    assert pool.epochs() == epochs
