import json
from typing import Any

import pytest

from tests.unit.scripted_pool import Reply, ScriptedPool
from tyrex_pool.cli.main import main

RENDER: dict[str, Any] = {
    "name": "render",
    "ready": True,
    "size": 2,
    "readyRuntimes": 1,
    "strategy": {"type": "Hash"},
    "permissions": {"default": "None", "allow": {}, "deny": {}},
    "concurrency": 1,
    "queue": {"length": 100},
    "inFlight": 1,
    "queued": 2,
    "lastError": None,
    "runtimes": [
        {
            "name": "render-0",
            "index": 0,
            "state": "Ready",
            "reason": None,
            "inFlight": 1,
            "queued": 2,
            "capacity": 1,
            "epoch": 1,
        },
        {
            "name": "render-1",
            "index": 1,
            "state": "Failed",
            "reason": "main module:\n threw",
            "inFlight": 0,
            "queued": 0,
            "capacity": 1,
            "epoch": 12,
        },
    ],
}
ERROR = {"name": "execution_error", "detail": "Error: \x1b[31mboom", "at": "2026-01-02T03:04:05Z"}


def answer(**changes: Any) -> Reply:
    return Reply(200, json.dumps(RENDER | changes).encode())


def test_a_pool_as_tables(pool: ScriptedPool, capsys: pytest.CaptureFixture[str]) -> None:
    pool.script = [answer()]
    assert main(["status", "--url", pool.url]) == 0
    assert capsys.readouterr().out == (
        "pool:        render\n"
        "ready:       yes, 1 of 2 runtimes\n"
        "load:        1 in flight, 2 waiting\n"
        "strategy:    Hash\n"
        "last error:  none\n"
        "\n"
        "RUNTIME   STATE   IN FLIGHT  WAITING  CAPACITY  EPOCH  REASON\n"
        "render-0  Ready   1          2        1         1      -\n"
        "render-1  Failed  0          0        1         12     main module: threw\n"
    )


def test_a_parked_pool_after_an_error(pool: ScriptedPool, capsys: pytest.CaptureFixture[str]) -> None:
    pool.script = [answer(ready=False, size=0, readyRuntimes=0, runtimes=[], lastError=ERROR)]
    assert main(["status", "render", "--url", pool.url]) == 0
    out = capsys.readouterr().out
    assert "ready:       no, 1 of 0" not in out
    assert "ready:       no, 0 of 0 runtimes\n" in out
    assert out.endswith("last error:  execution_error at 2026-01-02T03:04:05Z: Error: \\u001b[31mboom\n")


def test_json_is_the_whole_answer(pool: ScriptedPool, capsys: pytest.CaptureFixture[str]) -> None:
    pool.script = [answer()]
    assert main(["status", "--url", pool.url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == RENDER


def test_something_else_answers(pool: ScriptedPool, capsys: pytest.CaptureFixture[str]) -> None:
    pool.script = [Reply(200, b'{"name": 3}')]
    assert main(["status", "--url", pool.url]) == 2
    assert "does not answer as a pool of this version does" in capsys.readouterr().err
