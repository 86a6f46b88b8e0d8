"""The Python examples, as their users run them."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.local.programs import ROOT
from tests.local.running import until

FOLDER = ROOT / "examples" / "python"


@contextmanager
def served(folder: Path, *words: str) -> Iterator[httpx.Client]:
    """A web server of `python -m WORDS --bind/--port …`; it must end by SIGTERM and leave nothing."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", *(word.format(port=port) for word in words)]
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(
            command, cwd=FOLDER, stdout=log, stderr=log,
            env={"TMPDIR": str(folder), "PYTHONPATH": str(ROOT / "operator"), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
                until(lambda: process.poll() is not None or answers(http), 30)
                assert process.poll() is None, (folder / "log").read_text()
                yield http
            process.terminate()
            process.wait(30)
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in (folder / "log").read_text(), (folder / "log").read_text()
    assert list(folder.glob("tyrex-pool-*")) == []


def answers(http: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return http.post("/total", json=[]).status_code == 200
    return False


def behaves(http: httpx.Client) -> None:
    assert [http.post("/total", json=[1, n]).json() for n in range(20)] == [1 + n for n in range(20)]
    assert http.post("/eval", params={"code": "1 + 2"}).json() == 3
    for code, status, name, retryable in [
        ("throw new Error('no')", 422, "execution_error", False),
        ("Promise.reject(1)", 422, "promise_rejection", False),
        ("() => 1", 422, "conversion_error", False),
        ("Deno.exit()", 502, "dead_runtime_error", False),
    ]:
        answer = http.post("/eval", params={"code": code})
        document = answer.json()
        assert (answer.status_code, document["name"], document["retryable"]) == (status, name, retryable)


def test_fastapi(tmp_path: Path) -> None:
    with served(tmp_path, "uvicorn", "fastapi_app:app", "--port", "{port}") as http:
        behaves(http)
        with pytest.raises(httpx.ReadTimeout):
            http.post("/eval", params={"code": "for (;;) {}"}, timeout=0.5)
        # The pool has one runtime: whoever comes next does not wait the 30 seconds of that eval.
        assert http.post("/total", json=[1, 2], timeout=15).json() == 3


def test_flask_under_gunicorn(tmp_path: Path) -> None:
    with served(
        tmp_path, "gunicorn", "--config", "gunicorn.conf.py", "--bind", "127.0.0.1:{port}", "flask_app:app"
    ) as http:
        behaves(http)


def test_pytest(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--rootdir", str(tmp_path), "test_rules.py"],
        cwd=FOLDER, env={"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT / "operator"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "3 passed" in done.stdout, done.stdout
    assert list(tmp_path.glob("tyrex-pool-*")) == []
