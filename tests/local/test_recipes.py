"""The Python examples, as their users run them."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from jupyter_client.manager import AsyncKernelManager

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
    assert left(folder) == []


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


@pytest.mark.parametrize("application", ["flask_app:app", "django_app:application"])
def test_under_gunicorn(application: str, tmp_path: Path) -> None:
    """The application is imported before the fork, and each of two workers opens its own pool."""
    with served(
        tmp_path, "gunicorn", "--config", "gunicorn.conf.py", "--bind", "127.0.0.1:{port}", application
    ) as http:
        behaves(http)


def test_pytest(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--rootdir", str(tmp_path), "test_rules.py"],
        cwd=FOLDER, env={"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT / "operator"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "3 passed" in done.stdout, done.stdout
    assert left(tmp_path) == []


async def test_a_notebook(tmp_path: Path) -> None:
    cells = json.loads((FOLDER / "notebook.ipynb").read_text())["cells"]
    async with kernel(tmp_path) as run:
        outputs = [await run("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
    assert outputs == ["", "3.5", "[0, 1, 4, 9, 16]", "RangeError: too many prices\n", ""]


@pytest.mark.parametrize(
    ("cells", "last"),
    [
        pytest.param(["await pool.eval('globalThis.n = 1')", "await pool.eval('n + 1')"], "2", id="state stays"),
        pytest.param(
            ["task = asyncio.ensure_future(pool.eval('7'))", "await task"], "7", id="a task of an earlier cell"
        ),
        pytest.param(
            ["again = await LocalPool(size=1).open()", "await pool.close()", "await again.eval('3')"],
            "3",
            id="another pool",
        ),
        pytest.param(["with BlockingLocalPool(size=1) as own: print(own.eval('4'))"], "4\n", id="a blocking one"),
        pytest.param(["async with LocalPool(size=1) as own: print(await own.eval('5'))"], "5\n", id="in one cell"),
        pytest.param(["pool.status()['readyRuntimes']"], "1", id="its status"),
    ],
)
async def test_pools_in_notebooks(cells: list[str], last: str, tmp_path: Path) -> None:
    async with kernel(tmp_path) as run:
        await run("import asyncio; from tyrex_pool import BlockingLocalPool, LocalPool")
        await run("pool = await LocalPool(size=1).open()")
        outputs = [await run(cell) for cell in cells]
    assert outputs[-1] == last


async def test_an_interrupted_cell(tmp_path: Path) -> None:
    async with kernel(tmp_path) as run:
        await run("from tyrex_pool import LocalPool\npool = await LocalPool(size=1).open()")
        await run("import asyncio, os, signal")
        await run(
            "async def interrupt():\n"
            "    while not pool.status()['inFlight']: await asyncio.sleep(0)\n"
            "    os.kill(os.getpid(), signal.SIGINT)\n"
            "helper = asyncio.ensure_future(interrupt())"
        )
        assert await run("await pool.eval('for (;;) {}', timeout=50)") == "CancelledError: "
        assert await run("await pool.eval('1 + 2')") == "3"


Cell = Callable[[str], Awaitable[str]]


@asynccontextmanager
async def kernel(folder: Path) -> AsyncIterator[Cell]:
    """A kernel of Jupyter, which runs a cell and returns what it shows; it must leave nothing when it ends."""
    environment = {
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "operator"),
        "TMPDIR": str(folder),
    }
    manager = AsyncKernelManager(kernel_name="python3")
    await manager.start_kernel(env=environment, cwd=str(FOLDER))
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=60)

        async def run(source: str) -> str:
            shown: list[str] = []

            def show(message: dict[str, Any]) -> None:
                content = message["content"]
                match message["msg_type"]:
                    case "stream":
                        shown.append(content["text"])
                    case "execute_result":
                        shown.append(content["data"]["text/plain"])
                    case "error":
                        shown.append(f"{content['ename']}: {content['evalue']}")

            await client.execute_interactive(source, output_hook=show, timeout=60)
            return "".join(shown)

        yield run
    finally:
        client.stop_channels()
        await manager.shutdown_kernel()
    assert left(folder) == []


def left(folder: Path) -> list[Path]:
    """What pools have left there."""
    return list(folder.glob("tyrex-pool-*"))
