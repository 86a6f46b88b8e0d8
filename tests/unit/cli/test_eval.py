import io
import json
from typing import Any

import pytest

from tests.unit.scripted_pool import Reply, ScriptedPool
from tyrex_pool.cli.main import main
from tyrex_pool.model.errors import ExecutionError, Overloaded, UnknownFunction
from tyrex_pool.model.wire import problem

NESTED = Reply(200, b'{"result":{"a":[1,"\\u009b"]}}', {"Tyrex-Runtime": "render-1", "Tyrex-Epoch": "7"})


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        pytest.param(["1 + 2", "--url", "URL"], "/v1/eval", {"code": "1 + 2"}, id="code"),
        pytest.param(["--url", "URL", "-1"], "/v1/eval", {"code": "-1"}, id="code that begins with a dash"),
        pytest.param(["render", "--url", "URL", "x"], "/v1/eval", {"code": "x"}, id="options between"),
        pytest.param(["-", "--url", "URL"], "/v1/eval", {"code": "stdin()"}, id="from standard input"),
        pytest.param(
            ["render", "x", "-n=web", "--key=k", "--timeout=1m500ms", "--language=typescript", "--url=URL"],
            "/v1/eval",
            {"code": "x", "key": "k", "timeoutMs": 60_500, "language": "typescript"},
            id="all",
        ),
        pytest.param(
            ["x", "--input", "a=1", "--input", 'b="c"', "--if-epoch", "7", "--url", "URL"],
            "/v1/eval",
            {"code": "x", "inputs": {"a": 1, "b": "c"}, "ifEpoch": 7},
            id="inputs",
        ),
        pytest.param(
            ["a.add", "--call", '[1, {"b": 2}]', "--url", "URL"],
            "/v1/call",
            {"function": "a.add", "args": [1, {"b": 2}]},
            id="call",
        ),
    ],
)  # fmt: skip
def test_what_is_sent(
    pool: ScriptedPool, monkeypatch: pytest.MonkeyPatch, words: list[str], path: str, body: Any
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("stdin()"))
    pool.script = [Reply(200, b'{"result":3}')]
    assert main(["eval", *(word.replace("URL", pool.url) for word in words)]) == 0
    (seen,) = pool.seen
    assert (seen.path, seen.body) == (path, body)


@pytest.mark.parametrize(
    ("terminal", "options", "expected"),
    [
        pytest.param(False, [], '{"a":[1,"\u009b"]}\n', id="one line for a pipe"),
        pytest.param(True, [], '{\n  "a": [\n    1,\n    "\\u009b"\n  ]\n}\n', id="indented on a terminal"),
        pytest.param(
            False,
            ["--json"],
            '{"result":{"a":[1,"\u009b"]},"runtime":"render-1","epoch":"7"}\n',
            id="all that is known",
        ),
    ],
)
def test_what_is_printed(
    pool: ScriptedPool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: bool,
    options: list[str],
    expected: str,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    pool.script = [NESTED]
    assert main(["eval", "x", "--url", pool.url, *options]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(
            Reply(422, problem(ExecutionError("Error: boom", value=None, stack="Error: boom\n    at f (x:1:2)"))),
            "error: execution_error: Error: boom\n"
            "  fault: the evaluated code\n"
            "  retry: not safe, the code has run\n"
            "  value: null\n"
            "  stack:\n"
            "    Error: boom\n"
            "    at f (x:1:2)\n",
            id="guest",
        ),
        pytest.param(
            Reply(404, problem(UnknownFunction("add is undefined"))),
            "error: unknown_function: add is undefined\n"
            "  fault: the request\n"
            "  retry: of no use until the request is changed\n",
            id="caller",
        ),
        pytest.param(
            Reply(503, problem(Overloaded("full"))),
            "error: overloaded: full\n  fault: the pool\n  retry: safe, the code never started\n",
            id="platform",
        ),
    ],
)
def test_a_failure_says_whose_and_what_now(
    pool: ScriptedPool, capsys: pytest.CaptureFixture[str], reply: Reply, expected: str
) -> None:
    pool.script = [reply]
    assert main(["eval", "x", "--url", pool.url]) == 1
    assert capsys.readouterr() == ("", expected)


def test_a_failure_as_json(pool: ScriptedPool, capsys: pytest.CaptureFixture[str]) -> None:
    pool.script = [Reply(503, problem(Overloaded("full")))]
    assert main(["eval", "x", "--url", pool.url, "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(problem(Overloaded("full")))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["x", "--url", "localhost"], "error: --url: write a URL such as", id="no scheme"),
        pytest.param(["x", "--url", "http://a", "--call", "{}"], "array such as [1, 2], not {}", id="args"),
        pytest.param(["x", "--url", "http://a", "--call", "["], "array such as [1, 2]: ", id="json"),
        pytest.param([], "write the CODE to evaluate, or --batch FILE", id="no code"),
    ],
)
def test_bad_input(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(["eval", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("timeout", ["2", "0s", "-1s", "soon"])
def test_a_timeout_is_a_duration(capsys: pytest.CaptureFixture[str], timeout: str) -> None:
    with pytest.raises(SystemExit):
        main(["eval", "x", "--url", "http://a", f"--timeout={timeout}"])
    assert "argument --timeout: write a duration" in capsys.readouterr().err
