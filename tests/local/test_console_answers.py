"""`console`: an answer carries what its eval printed, in its order, and nothing that anybody else printed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.local.commands import command
from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool, until
from tyrex_pool import (
    Answer,
    AsyncClient,
    BlockingLocalPool,
    Client,
    ConsoleLine,
    ExecutionError,
    InvalidRequest,
    LocalPool,
)
from tyrex_pool.model.batch import Item

SPEC: dict[str, Any] = {
    "size": 1,
    "limits": {"heap": "64Mi"},
    "mainModule": {"inline": "globalThis.greet = (name) => { console.log('hello', name); return name.length }"},
}


def lines(*texts: str, level: str = "log") -> list[dict[str, str]]:
    return [{"level": level, "text": text} for text in texts]


TABLE = "┌───────┬───┐\n│ (idx) │ a │\n├───────┼───┤\n│     0 │ 1 │\n└───────┴───┘"
PRINTED = [
    pytest.param("console.log('a'); 1", lines("a"), id="log"),
    *(
        pytest.param(f"console.{level}('a'); 1", lines("a", level=level), id=level)
        for level in ("debug", "info", "warn", "error")
    ),
    pytest.param("console.log('%s is %d', 'é', 7, {a: 1}, [null]); 1", lines("é is 7 { a: 1 } [ null ]"), id="format"),
    pytest.param("console.log('a\\nb\\u2028c\\u0000\\t'); 1", lines("a\nb\u2028c\u0000\t"), id="lines in a message"),
    pytest.param("console.log('😀', '\\ud83d'); 1", lines("😀 \ufffd"), id="surrogates"),
    pytest.param("console.log(); 1", lines(""), id="nothing"),
    pytest.param("for (let i = 0; i < 3; i++) console.log(i); 1", lines("0", "1", "2"), id="in order"),
    pytest.param("console.log('a'); console.warn('b'); 1", lines("a") + lines("b", level="warn"), id="two levels"),
    pytest.param("setTimeout(() => console.log('late'), 20); new Promise((ok) => setTimeout(ok, 60, 1))",
                 lines("late"), id="a timer while it runs"),
    pytest.param("(async () => { await null; console.log('then'); return 1 })()", lines("then"), id="after an await"),
    pytest.param("console.log('{\"result\":2}'); 1", lines('{"result":2}'), id="an answer in a message"),
    pytest.param("Deno.stdout.writeSync(new TextEncoder().encode('raw\\n')); 1", [], id="raw output is no console"),
    pytest.param("console.log(new Proxy({}, {get() { throw 7 }})); 1", lines("{}"), id="a Proxy"),
    pytest.param("console.table([{a: 1}]); 1", lines(TABLE),
                 id="table"),
    pytest.param("console.dir({a: 1}); 1", lines("{ a: 1 }"), id="dir"),
    pytest.param("console.assert(1 < 0, 'x'); 1", lines("Assertion failed: x", level="error"), id="assert"),
    pytest.param("console.count('q'); console.count('q'); 1", lines("q: 1", "q: 2"), id="count"),
    pytest.param("console.group('g'); console.log('in'); console.groupEnd(); 1", lines("g", "in"), id="group"),
    pytest.param("console.timeEnd('never'); 1", lines("Timer 'never' does not exist", level="warn"), id="timeEnd"),
    pytest.param("1", [], id="none"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "printed"), PRINTED)
def test_a_result(pool: RunningPool, code: str, printed: list[dict[str, str]]) -> None:
    assert pool.post(code, console=True).json() == {"result": 1, "console": printed}
    assert pool.post(code).json() == {"result": 1}


def test_typescript_and_calls(pool: RunningPool) -> None:
    answer = pool.post("console.log('t' as string); 2 as number", language="typescript", console=True)
    assert answer.json() == {"result": 2, "console": lines("t")}
    called = pool.http.post("/v1/call", json={"function": "greet", "args": ["Ada"], "console": True})
    assert called.json() == {"result": 3, "console": lines("hello Ada")}


@pytest.mark.parametrize(
    ("code", "name", "fault"),
    [
        pytest.param("throw new Error('no')", "execution_error", "guest", id="a throw"),
        pytest.param("Promise.reject(1)", "promise_rejection", "guest", id="a rejection"),
        pytest.param("() => {}", "conversion_error", "guest", id="no JSON"),
        pytest.param("for (;;);", "timeout", "guest", id="a loop"),
        pytest.param("new Promise(() => {})", "timeout", "guest", id="never"),
        pytest.param("const a = []; for (;;) a.push(new Array(1e5).fill(1.5))", "heap_limit_error", "guest", id="heap"),
        pytest.param("Deno.exit(3)", "dead_runtime_error", "guest", id="exit"),
        pytest.param("process.kill(process.pid, 'SIGKILL')", "dead_runtime_error", "guest", id="a kill"),
    ],
)
def test_an_error(pool: RunningPool, code: str, name: str, fault: str) -> None:
    """Also what was printed before a deadline, and before the end of the isolate."""
    limit = 500 if name == "timeout" else 20_000
    code = f"console.log('first'); console.warn('second'); {code}"
    document = problem(pool.post(code, console=True, timeoutMs=limit), name, fault)
    assert document["console"] == lines("first") + lines("second", level="warn")
    assert "console" not in problem(pool.post(code, timeoutMs=limit), name, fault)


def test_a_syntax_error_and_what_never_began_print_nothing(pool: RunningPool) -> None:
    assert problem(pool.post("const = 1", console=True), "execution_error", "guest")["console"] == []
    assert "console" not in problem(pool.post("1", console=True, timeoutMs=10**9), "invalid_request", "caller")


@pytest.mark.parametrize("wrong", ["yes", 1, None, [True]])
def test_a_wrong_member(pool: RunningPool, wrong: Any) -> None:
    document = problem(pool.post("1", console=wrong), "invalid_request", "caller")
    assert "body.console" in document["detail"]


def test_evals_beside_one_another_have_their_own(start: Start) -> None:
    pool = start(**SPEC | {"concurrency": 8})
    loop = "for (let i = 0; i < 20; i++) { console.log(%d, i); await new Promise((ok) => setTimeout(ok)) }"
    code = f"(async () => {{ {loop} }})()"
    answers = [pool.later(code % number, console=number != 3) for number in range(8)]
    for number, answer in enumerate(answers):
        document = answer.result().json()
        if number == 3:
            assert document == {"result": None}
        else:
            assert document["console"] == lines(*(f"{number} {i}" for i in range(20)))


def test_what_an_eval_that_is_over_prints_is_nobodys(pool: RunningPool) -> None:
    pool.eval("globalThis.stop = setInterval(() => console.log('left'), 1); 1")
    answer = pool.post("console.log('mine'); new Promise((ok) => setTimeout(ok, 100, 1))", console=True)
    assert answer.json() == {"result": 1, "console": lines("mine")}


def test_an_id_in_a_message_moves_nothing(pool: RunningPool) -> None:
    """Lines that a guest writes itself to the log's descriptor lack the token."""
    forged = '\\n{"eval":null,"level":"log","message":"forged"}\\n'
    code = f"Deno.stderr.writeSync(new TextEncoder().encode('{forged}')); console.log('mine'); 1"
    assert pool.post(code, console=True).json() == {"result": 1, "console": lines("mine")}


def size(document: dict[str, Any]) -> int:
    return len(json.dumps(document["console"], separators=(",", ":"), ensure_ascii=False).encode())


@pytest.mark.parametrize("text", ["'x'.repeat(100)", "'\\u0007'", "'é😀'", "'\"'.repeat(50)"])
def test_no_more_than_the_limit(start: Start, text: str) -> None:
    pool = start(**SPEC | {"limits": {"heap": "64Mi", "console": "2Ki"}})
    document = pool.post(f"for (let i = 0; i < 400; i++) console.log(i, {text}); 1", console=True).json()
    assert document["consoleTruncated"] is True
    assert 2048 - 500 < size(document) <= 2048 + 2
    assert document["console"][0]["text"].startswith("0 ")
    error = pool.post(f"for (let i = 0; i < 400; i++) console.log(i, {text}); throw 1", console=True).json()
    assert (error["console"], error["consoleTruncated"]) == (document["console"], True)


def test_a_long_message_is_cut_and_says_so(pool: RunningPool) -> None:
    document = pool.post("console.log('x'.repeat(20000)); 1", console=True).json()
    (line,) = document["console"]
    assert line["text"].startswith("x" * 8000)
    assert line["text"].endswith("…")
    assert document["consoleTruncated"] is True


def test_a_guest_that_prints_more_than_the_log_takes(pool: RunningPool) -> None:
    """Then the log is not read for a while; an answer has what was printed all the same."""
    pool.post("for (let i = 0; i < 1500; i++) console.log('x'.repeat(1000)); 1", timeoutMs=20_000)
    assert pool.post("console.log('after'); 1", console=True, timeoutMs=20_000).json()["console"] == lines("after")


def test_staged_evals_in_a_row(pool: RunningPool) -> None:
    answers = [pool.later(f"console.log({number}); {number}", console=True) for number in range(60)]
    for number, answer in enumerate(answers):
        assert answer.result().json() == {"result": number, "console": lines(str(number))}


async def test_python(pool: RunningPool) -> None:
    url = str(pool.http.base_url)
    code = "console.warn('a'); 7"
    with Client(url) as client:
        answers = [client.eval(code, console=True), client.call("greet", "Ada", console=True)]
        assert client.eval(code) == 7
        with pytest.raises(ExecutionError) as failed:
            client.eval("console.log('a'); throw 1", console=True)
        assert failed.value.console == [ConsoleLine("log", "a")]
    async with AsyncClient(url) as client2:
        answers += [await client2.eval(code, console=True), await client2.call("greet", "Ada", console=True)]
    async with LocalPool(**SPEC) as local:
        answers += [await local.eval(code, console=True), await local.call("greet", "Ada", console=True)]
        assert await local.eval(code) == 7
        with pytest.raises(ExecutionError) as failed:
            await local.eval("console.log('a'); throw 1", console=True)
        assert failed.value.console == [ConsoleLine("log", "a")]
    with BlockingLocalPool(**SPEC) as blocking:
        answers += [blocking.eval(code, console=True), blocking.call("greet", "Ada", console=True)]
    for warned, greeted in zip(answers[::2], answers[1::2], strict=True):
        assert isinstance(warned, Answer)
        assert (warned.result, warned.console, warned.console_truncated) == (7, [ConsoleLine("warn", "a")], False)
        assert (greeted.result, greeted.console) == (3, [ConsoleLine("log", "hello Ada")])
        assert warned.runtime
        assert warned.epoch


def test_a_parameter_of_the_wrong_type(pool: RunningPool) -> None:
    with Client(str(pool.http.base_url)) as client, pytest.raises(InvalidRequest, match="console: write True or False"):
        client.eval("1", console="yes")  # type: ignore[arg-type]


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Any]:
    manifest = tmp_path / "hop.yaml"
    manifest.write_text("apiVersion: tyrex.dev/v1alpha1\nkind: TyrexPool\nmetadata: {name: hop}\nspec: {size: 1}\n")
    with ExitStack() as stack:
        agent = stack.enter_context(command("agent", str(manifest), "--port", "0", "--admin-port", "0"))
        proxy = stack.enter_context(command("proxy", "--runtime", agent.url, "--port", "0", "--admin-port", "0"))
        until(lambda: proxy.status()["ready"])
        yield proxy


def test_through_a_proxy(proxy: Any) -> None:
    answer = proxy.post("console.log('a'); 1", console=True)
    assert answer.json() == {"result": 1, "console": lines("a")}
    document = problem(proxy.post("console.log('a'); throw 1", console=True), "execution_error", "guest")
    assert document["console"] == lines("a")


def test_the_command_line(pool: RunningPool) -> None:
    url = str(pool.http.base_url)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tyrex_pool", "eval", "--url", url, *words],
            capture_output=True,
            text=True,
            timeout=60,
        )

    done = run("--console", "console.log('a\\x1b[31m'); console.error('b'); 3")
    assert (done.stdout, done.stderr, done.returncode) == ("3\n", "a\\u001b[31m\nb\n", 0)
    done = run("--console", "--json", "console.log('a'); 3")
    assert json.loads(done.stdout)["console"] == lines("a")
    done = run("--console", "console.log('a'); throw new Error('no')")
    assert done.returncode == 1
    assert done.stderr.startswith("a\n")
    assert run("console.log('a'); 3").stderr == ""


async def test_in_a_batch(pool: RunningPool) -> None:
    items: list[Item] = [{"code": "console.log('a'); 1", "console": True}, "console.log('b'); 2"]
    items.append({"code": "console.log('c'); throw 3", "console": True})
    with Client(str(pool.http.base_url)) as client:
        batches = [sorted(client.batch(items), key=lambda answer: answer.index)]
    async with LocalPool(**SPEC) as local:
        batches.append(sorted([answer async for answer in local.batch(items)], key=lambda answer: answer.index))
    for first, second, third in batches:
        assert (first.result, first.console) == (1, [ConsoleLine("log", "a")])
        assert (second.result, second.console) == (2, None)
        assert third.error is not None
        assert third.error.console == [ConsoleLine("log", "c")]
