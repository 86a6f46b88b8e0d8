"""Every example is served by the real command, and each command in its comments prints what stands below it."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.examples import EXAMPLES, URL, Shown, each_example, transcript
from tyrex_pool.cli.main import main
from tyrex_pool.client import Client
from tyrex_pool.model.manifest import Manifest

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def served(file: Path) -> Iterator[str]:
    """`tyrex-pool serve` with this file; the URL to call. It must end well."""
    command = [sys.executable, "-m", "tyrex_pool", "serve", str(file), "--port", "0", "--admin-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT / "operator") as process:
        try:
            assert process.stdout is not None
            facts = json.loads(process.stdout.readline())
            assert facts["ready"] is True
            yield facts["url"]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def run(command: str, url: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `tyrex-pool eval ...` prints, errors included."""
    program, *words = shlex.split(command.replace(URL, url))
    assert program == "tyrex-pool"
    assert url in words, f"{command}: say which pool, with --url {URL}"
    main(words)
    printed = capsys.readouterr()
    return printed.out + printed.err


def test_there_are_examples() -> None:
    assert "hello" in [file.stem for file in EXAMPLES]


@each_example
def test_it_shows_how_to_serve_it_and_what_to_expect(file: Path) -> None:
    serve, *evals = transcript(file)
    assert serve == Shown(f"tyrex-pool serve examples/{file.name}", "")
    assert evals
    assert all(one.output for one in evals)


@each_example
def test_it_holds_nothing_that_is_not_used(file: Path) -> None:
    assert Manifest.load(file.read_text()).ignored == ()


@each_example
def test_it_does_what_its_comments_promise(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(file) as url:
        for shown in transcript(file)[1:]:
            shown.check(run(shown.command, url, capsys))


def test_another_epoch_tells_that_a_session_is_gone() -> None:
    with served(ROOT / "examples" / "sticky-sessions.yaml") as url, Client(url) as client:
        first, second = (client.call_response("visit", "ada", key="ada") for _ in range(2))
        assert (first.runtime, first.epoch) == (second.runtime, second.epoch)
        with pytest.raises(Exception, match="exited"):
            client.eval("Deno.exit()", key="ada")
        third = client.call_response("visit", "ada", key="ada")
        assert third.result == "hello ada, this is visit 1"
        assert third.runtime == second.runtime
        assert third.epoch != second.epoch


def test_a_strategy_may_say_why() -> None:
    with served(ROOT / "examples" / "custom-strategy.yaml") as url, Client(url) as client:
        assert client.explain("urgent") == {
            "key": "urgent",
            "runtime": "reserve-2",
            "reason": "reserve-2 has 0 evals in flight and waiting, the fewest.",
        }
        assert client.explain()["runtime"] == "reserve-0"
