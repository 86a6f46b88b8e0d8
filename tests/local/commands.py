"""The commands that serve, each as a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import httpx


class Command:
    """A running `tyrex-pool` that serves HTTP."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout is not None
        self.facts: dict[str, Any] = json.loads(process.stdout.readline())
        self.url: str = self.facts["url"]
        self.http = httpx.Client(base_url=self.url if self.url.startswith("http") else "", timeout=30, trust_env=False)

    def post(self, code: str, **members: Any) -> httpx.Response:
        return self.http.post("/v1/eval", json={"code": code, **members})

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get("/v1/pool").json()
        return answer


@contextmanager
def command(*words: str, **environment: str) -> Iterator[Command]:
    """`tyrex-pool WORDS`; it must end by SIGTERM with exit code 0, unless the test ended it."""
    with logging_to(None, *words, **environment) as running:
        yield running


@contextmanager
def agent_of(manifest: str, folder: Path) -> Iterator[Command]:
    """An agent of the pool that `manifest` says, which is written into `folder`."""
    file = folder / "pool.yaml"
    file.write_text(manifest)
    with command("agent", str(file), "--port", "0", "--admin-port", "0") as running:
        yield running


@contextmanager
def logging_to(log: IO[str] | None, *words: str, **environment: str) -> Iterator[Command]:
    """The same, with its log in `log`."""
    with TemporaryDirectory() as folder:  # what a killed one leaves
        process = subprocess.Popen(
            [sys.executable, "-m", "tyrex_pool", *words],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": folder} | environment,
        )
        yield from _used(process)


def _used(process: "subprocess.Popen[str]") -> Iterator[Command]:
    try:
        running = Command(process)
        yield running
        running.http.close()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def refused(*words: str, ports: bool = True) -> str:
    """What `tyrex-pool WORDS` says when it refuses them; with `ports`, any ports would do."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-m", "tyrex_pool", *words, *(("--port", "0") if ports else ()), "--admin-port", "0"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=15,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr
