"""The package as user programs and type checkers see it."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

import tyrex_pool
from tests.local.programs import ROOT, output_of, run_module, run_python
from tests.local.running import RunningPool

SPEC = {"size": 1}


def mypy(source: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    program = folder / "program.py"
    program.write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(folder), str(program)],
        env={"MYPYPATH": str(ROOT / "operator")}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


GOOD = """
import asyncio
from collections.abc import Sequence
from typing import Any
import tyrex_pool
from tyrex_pool import AsyncClient, Client, ExecutionError, LocalPool, TyrexError, __version__

class Last:
    def select(self, runtimes: Sequence[Any], key: str | None) -> Any:
        return runtimes[-1]

async def main() -> None:
    async with LocalPool(2, strategy=Last(), permissions={"allow": {"net": ["*"]}}, limits={"heap": "64Mi"}) as pool:
        await pool.eval("1", key="a", timeout=2.0, language="typescript")
    same: LocalPool = await LocalPool().open()
    await same.close()
    async with AsyncClient("http://a", retries=3) as client:
        await client.call("f", 1, [2])
    with Client("unix:/a") as blocking:
        blocking.eval_response("1").runtime.upper()
    try:
        pass
    except ExecutionError as error:
        print(error.stack, error.detail.upper())
    except TyrexError as error:
        print(error.name.upper(), error.retryable)

text: str = __version__ + tyrex_pool.__version__
asyncio.run(main())
"""
WRONG = """
from tyrex_pool import LocalPol  #
from tyrex_pool import AsyncCient  #
from tyrex_pool import TyrexErrror  #
from tyrex_pool import version  #
import tyrex_pool
tyrex_pool.Clients("http://a")  #
tyrex_pool.localpool  #
tyrex_pool.LocalPool(strategy=7)  #
tyrex_pool.LocalPool(size="2")  #
tyrex_pool.LocalPool().eval(1)  #
tyrex_pool.BlockingLocalPool().evaluate("1")  #
tyrex_pool.Client("http://a").eval("1", language="python")  #
tyrex_pool.Client("http://a").eval("1", timeout="1s")  #
tyrex_pool.Client("http://a", retries="3")  #
tyrex_pool.Client(b"http://a")  #
with tyrex_pool.LocalPool() as pool:  #
    pass
async def late() -> int:
    async with tyrex_pool.LocalPool() as pool:
        return await pool.evall("1")  #
"""
Errors = dict[int, str]
"""What a type checker says, by line of the program."""


def mypy_errors(source: str, folder: Path) -> Errors:
    done = mypy(source, folder)
    assert done.returncode in (0, 1), done.stderr
    lines = [line.split(":", 2) for line in done.stdout.splitlines() if ": error:" in line]
    return {int(number): text for _, number, text in lines}


def pyright_errors(source: str, folder: Path) -> Errors:
    (folder / "program.py").write_text(source)
    settings = {"typeCheckingMode": "strict", "enableTypeIgnoreComments": False}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    program = Path(sys.executable).with_name("basedpyright")
    done = subprocess.run(
        [program, "--outputjson", "--level", "error", "--pythonpath", sys.executable, "--project", folder],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert found["summary"]["filesAnalyzed"] == 1
    return {entry["range"]["start"]["line"] + 1: entry["message"] for entry in found["generalDiagnostics"]}


CHECKERS = pytest.mark.parametrize("errors", [mypy_errors, pyright_errors])
Checker = Callable[[str, Path], Errors]


@CHECKERS
def test_a_type_checker_accepts_a_program(errors: Checker, tmp_path: Path) -> None:
    assert errors(GOOD, tmp_path) == {}


@CHECKERS
def test_a_type_checker_refuses_typical_mistakes(errors: Checker, tmp_path: Path) -> None:
    found = errors(WRONG, tmp_path)
    wrong = {number for number, line in enumerate(WRONG.splitlines(), 1) if line.endswith("#")}
    assert set(found) == wrong, found
    assert "LocalPol" in found[2]


@CHECKERS
@pytest.mark.parametrize("name", ["fastapi_app.py", "flask_app.py", "test_rules.py"])
def test_a_type_checker_accepts_the_examples(errors: Checker, name: str, tmp_path: Path) -> None:
    source = (ROOT / "examples" / "python" / name).read_text()
    assert errors(source, tmp_path) == {}


@pytest.mark.parametrize("name", ["LocalPol", "version", "_x", "__wrapped__", "errors2"])
def test_a_name_that_is_not_there(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'tyrex_pool' has no attribute '{name}'"):
        getattr(tyrex_pool, name)


@pytest.mark.parametrize("name", tyrex_pool.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(tyrex_pool, name)


def test_the_version() -> None:
    assert tyrex_pool.__version__ == version("tyrex-pool")
    assert "__version__" in tyrex_pool.__all__


def test_an_error_of_another_process() -> None:
    program = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from tyrex_pool import InvalidSpec, LocalPool
with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as others:
    try:
        others.submit(LocalPool, -1).result(30)
    except InvalidSpec as error:
        print(error.path)
    print(others.submit(int, "7").result(30))
"""
    assert output_of(program) == "spec.size\n7"


ASCII = [
    ("'\\ud800'", '"\\ud800"'),
    ("'ü'", '"\\u00fc"'),
    ("'😀'", '"\\ud83d\\ude00"'),
    ("({'ü': ['\\udfff', 'a']})", '{"\\u00fc":["\\udfff","a"]}'),
    ("'\\u2028\\u00a0'", '"\\u2028\\u00a0"'),
    ("'plain'", '"plain"'),
    ("'\\\\u00fc'", '"\\\\u00fc"'),
]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-16-le"])
@pytest.mark.parametrize(("code", "expected"), ASCII)
def test_a_result_for_any_encoding_of_the_output(pool: RunningPool, encoding: str, code: str, expected: str) -> None:
    """What the encoding has not is escaped as JSON has it: who reads the output gets the same value."""
    done = run_bytes(encoding, "eval", "--url", f"http://127.0.0.1:{pool.port}", code)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding).strip()
    assert json.loads(text) == json.loads(expected)
    if encoding == "ascii":
        assert text == expected


@pytest.mark.parametrize("words", [["status"], ["eval", "--json", "'ü\\ud800'"], ["eval", "throw 'ü\\ud800'"]])
def test_other_output_in_ascii(pool: RunningPool, words: list[str]) -> None:
    done = run_bytes("ascii", *words, "--url", f"http://127.0.0.1:{pool.port}")
    assert b"Traceback" not in done.stderr
    assert done.returncode == (1 if "throw" in words[-1] else 0)


def run_bytes(encoding: str, *words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "tyrex_pool", *words], cwd=ROOT / "operator",
        env={"PYTHONIOENCODING": encoding}, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_refused_manifest_in_ascii(tmp_path: Path) -> None:
    manifest = tmp_path / "pool.yaml"
    manifest.write_text("apiVersion: tyrex.dev/v1alpha1\nkind: TyrexPool\nmetadata: {name: a}\nspec: {ü: 1}\n")
    done = run_module("render", manifest, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert "unknown field" in done.stderr
    assert "Traceback" not in done.stderr
    assert run_python("-c", "import tyrex_pool; tyrex_pool.LocalPool", env={}).returncode == 0
