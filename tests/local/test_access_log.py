"""A line for each eval, from the real commands, and none without being asked."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.local.commands import Command, logging_to
from tests.local.running import until
from tests.unit.server.exposed import value

MANIFEST = "apiVersion: tyrex.dev/v1alpha1\nkind: TyrexPool\nmetadata: {name: hop}\nspec: {size: 1}\n"
PORTS = ("--port", "0", "--admin-port", "0")
Lines = Callable[[], list[dict[str, Any]]]
Hop = tuple[Command, Lines]
Start = Callable[..., Hop]


@pytest.fixture(params=["serve", "proxy", "agent"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts the command with options, an agent behind a proxy; also what its access log holds."""
    (tmp_path / "hop.yaml").write_text(MANIFEST)
    manifest, path = str(tmp_path / "hop.yaml"), tmp_path / "log"

    def lines() -> list[dict[str, Any]]:
        return [line for line in map(json.loads, path.read_text().splitlines()) if line["logger"].endswith("access")]

    with ExitStack() as stack:
        log = stack.enter_context(path.open("w"))

        def start(*options: str) -> Hop:
            words: tuple[str, ...] = ("serve", manifest)
            if request.param != "serve":
                theirs = options if request.param == "agent" else ()
                agent = stack.enter_context(logging_to(log, "agent", manifest, *PORTS, *theirs))
                words = ("proxy", "--runtime", agent.url)
                options = () if request.param == "agent" else options
            front = stack.enter_context(logging_to(log, *words, *PORTS, *options))
            until(lambda: front.status()["ready"])
            return front, lines

        yield start


def test_a_line_for_each_eval(start: Start) -> None:
    front, lines = start("--access-log")
    first = front.post("'my ' + 'secret'", key="user-1")
    second = front.post("throw new Error('secret')")
    front.http.get("/v1/pool")
    until(lambda: len(lines()) == 2)
    told = [(line["outcome"], line["status"], line["fault"], line["key"], line["eval"]) for line in lines()]
    assert told == [
        ("ok", 200, None, True, first.headers["tyrex-eval"]),
        ("execution_error", 422, "guest", False, second.headers["tyrex-eval"]),
    ]
    for line, answer in zip(lines(), (first, second), strict=True):
        assert line["runtime"] in (answer.headers["tyrex-runtime"], "hop-0")  # a proxy's names are addresses
        assert (line["bytes_in"], line["bytes_out"]) == (len(answer.request.content), len(answer.content))
        assert line["run_ms"] > 0
    assert not {"secret", "user-1"} & set(str(lines()).split("'"))
    assert "secret" not in str(lines())


def test_a_caller_that_leaves(start: Start) -> None:
    front, lines = start("--access-log")
    with httpx.Client(base_url=front.url, timeout=0.2, trust_env=False) as hasty, suppress(httpx.ReadTimeout):
        hasty.post("/v1/eval", json={"code": "new Promise((ok) => setTimeout(ok, 1000))"})
    until(lambda: len(lines()) == 1)
    assert (lines()[0]["outcome"], lines()[0]["status"]) == ("abandoned", 0)
    text = httpx.get(front.facts["admin"] + "/metrics", trust_env=False).content
    assert value(text, "tyrex_evals_total", outcome="abandoned", strategy="RoundRobin") == 1


def test_on_by_the_environment(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TYREX_ACCESS_LOG", "1")
    front, lines = start()
    assert front.post("1 + 2").json() == {"result": 3}
    until(lambda: {"ok"} == {line["outcome"] for line in lines()})


def test_off_by_default(start: Start) -> None:
    front, lines = start()
    assert front.post("1 + 2").json() == {"result": 3}
    assert lines() == []
