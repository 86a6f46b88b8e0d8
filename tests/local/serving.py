"""`tyrex-pool serve` as a process of its own, with all that it started."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.local.running import until

HELLO = "apiVersion: tyrex.dev/v1alpha1\nkind: TyrexPool\nmetadata: {name: hello}\n"
_MARK = "TYREX_POOL_TEST"


class Serving:
    """Runs `serve` on `manifest` with `options`; its files go to `folder`, its log to `folder/log`."""

    def __init__(self, folder: Path, manifest: str = HELLO, *options: str) -> None:
        self.files = folder / "tmp"
        self.files.mkdir()
        self.log_file = folder / "log"
        self._mark = f"{_MARK}={uuid4()}".encode()
        self.environment = os.environ | {"TMPDIR": str(self.files), _MARK: self._mark.decode().partition("=")[2]}
        self.environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
        path = folder / "pool.yaml"
        path.write_text(manifest)
        options = options or ("--port", "0", "--admin-port", "0")
        self.command = [sys.executable, "-m", "tyrex_pool", "serve", str(path), *options]
        self.in_child: Callable[[], None] | None = None
        self.process: subprocess.Popen[str]

    def spawn(self) -> None:
        """Start it, and do not wait. `in_child` runs in its process before it."""
        with self.log_file.open("w") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environment,
                text=True,
                preexec_fn=self.in_child,
            )

    def facts(self) -> dict[str, Any]:
        """What it prints when it serves."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log_file.read_text()
        facts: dict[str, Any] = json.loads(line)
        return facts

    def start(self) -> dict[str, Any]:
        """Start it and make its client; the facts that it printed."""
        self.spawn()
        facts = self.facts()
        self.http = httpx.Client(base_url=facts["url"], timeout=30, trust_env=False)
        return facts

    def run(self) -> "subprocess.CompletedProcess[str]":
        """Start it and wait for its end."""
        return subprocess.run(self.command, capture_output=True, env=self.environment, text=True, timeout=30)

    def post(self, code: str, **members: Any) -> httpx.Response:
        return self.http.post("/v1/eval", json={"code": code, **members})

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get("/v1/pool").json()
        return answer

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, when it has ended."""
        return self.process.wait(15)

    def log(self) -> list[dict[str, Any]]:
        """Its log's lines, each of which must be JSON."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def processes(self) -> dict[int, str]:
        """All of it that still lives, also what has another parent now: names by process id."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "comm").read_text().strip()
            except OSError:  # it has ended, or is not ours
                continue
        return found

    def isolates(self) -> list[int]:
        return [pid for pid, name in self.processes().items() if name == "deno"]

    def gone(self) -> bool:
        """Whether no process of it is left; waits for it a little."""
        return until(lambda: not self.processes())

    def close(self) -> None:
        """End what a failed test left."""
        if hasattr(self, "http"):
            self.http.close()
        if hasattr(self, "process"):
            self.process.kill()
            self.process.wait(15)
            assert self.process.stdout is not None
            self.process.stdout.close()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
