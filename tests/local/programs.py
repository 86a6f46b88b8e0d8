"""Programs of users as processes of their own: for what forks, reads the environment or ends."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_python(*words: object, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """The end of `python WORDS`; `env` replaces the environment."""
    command = [sys.executable, *map(str, words)]
    process = subprocess.Popen(
        command, cwd=ROOT / "operator", env=env, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        output, errors = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its forks too, where they hang
        process.wait()
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def run_module(*words: object, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """The end of `tyrex-pool WORDS`."""
    return run_python("-m", "tyrex_pool", *words, env=env)


def output_of(source: str, *args: object, env: dict[str, str] | None = None) -> str:
    """What a program prints that gets `args` as `sys.argv[1:]`; it must succeed, and complain about nothing."""
    done = run_python("-c", source, *args, env=env)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.strip()
