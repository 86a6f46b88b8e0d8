"""`eval --batch`: lines in, answers out, and the progress on a terminal."""

import io
import json
from pathlib import Path

import pytest

from tests.unit.scripted_pool import Reply, ScriptedPool
from tyrex_pool.cli.batch import Progress
from tyrex_pool.cli.main import main
from tyrex_pool.model.batch import refused
from tyrex_pool.model.errors import ExecutionError


def ok(index: int, result: bytes = b"1") -> bytes:
    return b'{"index":%d,"result":%b}\n' % (index, result)


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    file = tmp_path / "lines"
    file.write_bytes(b'\xef\xbb\xbf{"code": "1"}\r\n\r\n{"code": "2"}\n')
    return file


def test_answers_are_printed_as_they_are(pool: ScriptedPool, lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool.script = [Reply(200, ok(1, b'"\xc2\x9b"') + ok(0))]
    assert main(["eval", "--url", pool.url, "--batch", str(lines)]) == 0
    assert capsys.readouterr() == ('{"index":1,"result":"\u009b"}\n{"index":0,"result":1}\n', "")
    assert pool.seen[0].body == [{"code": "1"}, {"code": "2"}]


def test_the_last_line_needs_no_end(pool: ScriptedPool, lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines.write_text('{"code": "1"}\n{"code": "2"}')
    pool.script = [Reply(200, ok(0)), Reply(200, ok(0, b"2"))]
    assert main(["eval", "--url", pool.url, "--batch", str(lines)]) == 0
    assert capsys.readouterr().out == '{"index":0,"result":1}\n{"index":1,"result":2}\n'


def test_a_terminal_gets_no_control_characters(
    pool: ScriptedPool, lines: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    pool.script = [Reply(200, ok(1, b'"\xc2\x9b"') + ok(0))]
    assert main(["eval", "--url", pool.url, "--batch", str(lines)]) == 0
    assert capsys.readouterr().out.startswith('{"index":1,"result":"\\u009b"}\n')


def test_a_line_that_failed_makes_the_exit_code_1(
    pool: ScriptedPool, lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool.script = [Reply(200, refused(0, ExecutionError("no")) + b"\n" + ok(1))]
    assert main(["eval", "--url", pool.url, "--batch", str(lines)]) == 1
    assert [json.loads(line)["index"] for line in capsys.readouterr().out.splitlines()] == [0, 1]


def test_the_progress_is_on_a_terminal_beside_the_answers(
    pool: ScriptedPool, lines: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    pool.script = [Reply(200, ok(0) + ok(1))]
    assert main(["eval", "--url", pool.url, "--batch", str(lines)]) == 0
    assert capsys.readouterr().err.endswith("] 100% 2/2 lines\n")


@pytest.mark.parametrize(
    ("total", "answers", "text"),
    [
        pytest.param(4, [True], "[########......................]  25% 1/4 lines", id="a quarter"),
        pytest.param(2, [True, False], f"[{'#' * 30}] 100% 2/2 lines, 1 failed", id="all"),
        pytest.param(1, [True, True], f"[{'#' * 30}] 100% 2/1 lines", id="the file grew"),
        pytest.param(None, [True, True], "2 lines", id="nobody knows how many come"),
        pytest.param(0, [], "0 lines", id="none"),
    ],
)
def test_pictures(total: int | None, answers: list[bool], text: str) -> None:
    stream = io.StringIO()
    progress = Progress(stream, total)
    for answer in answers:
        progress.add(answer)
    progress.close()
    assert stream.getvalue().rpartition("\r")[2] == f"{text}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["render", "1"], "CODE: leave it out", id="code"),
        pytest.param(["--key", "k"], '--key: write "key" into the lines', id="key"),
        pytest.param(["--timeout", "2s"], '--timeout: write "timeoutMs" into the lines', id="timeout"),
        pytest.param(["--call", "[]"], "--call: write", id="call"),
        pytest.param(["--language", "typescript"], "--language: write", id="language"),
    ],
)
def test_what_belongs_into_the_lines(
    lines: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["eval", "--url", "http://a", "--batch", str(lines), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "--url", "http://a", "--batch", str(tmp_path / "nothing")]) == 2
    assert "nothing" in capsys.readouterr().err


def test_a_single_word_is_the_pool(lines: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["eval", "../x", "--batch", str(lines)]) == 2
    assert "POOL: write a name" in capsys.readouterr().err
