"""Programs of users as processes of their own: for what forks, reads the environment or ends."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_python(*words: object, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """The end of `python WORDS`; `env` replaces the environment."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT / "operator", env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def run_module(*words: object, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """The end of `tyrex-pool WORDS`."""
    return run_python("-m", "tyrex_pool", *words, env=env)


def output_of(source: str, *args: object, env: dict[str, str] | None = None) -> str:
    """What a program prints that gets `args` as `sys.argv[1:]`; it must succeed, and complain about nothing."""
    done = run_python("-c", source, *args, env=env)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.strip()
