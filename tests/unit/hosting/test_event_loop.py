"""`run` changes signals, logs and limits of its process, so each test runs it in a process of its own."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys; sys.path[:] = {path!r}
import asyncio, os, resource, signal
from tyrex_pool.hosting.event_loop import run

async def main(stop):
{body}

sys.exit(run(main))
"""

TURNS = "for _ in range(20): await asyncio.sleep(0)"
"""Until the loop has handled a signal."""


def run(body: str, program: str = PROGRAM) -> tuple[int, str]:
    """The exit code and the output of a process whose `main` has this body."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    source = program.format(path=sys.path, body=lines)
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stdout


def test_the_exit_code_is_main_s() -> None:
    assert run("return 3") == (3, "")


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_sets_stop(number: str) -> None:
    body = f"os.kill(os.getpid(), signal.{number})\nawait stop.wait()\nprint('stopped')\nreturn 0"
    assert run(body) == (0, "stopped\n")


def test_a_second_signal_cancels() -> None:
    body = (
        "os.kill(os.getpid(), signal.SIGTERM)\nawait stop.wait()\nos.kill(os.getpid(), signal.SIGINT)\n"
        "await asyncio.Event().wait()"
    )
    assert run(body) == (130, "")


@pytest.mark.parametrize("first", ["SIGTERM", "SIGHUP"])
def test_a_second_hangup_cuts_nothing_short(first: str) -> None:
    """A terminal that closes may send several."""
    body = (
        f"os.kill(os.getpid(), signal.{first})\nawait stop.wait()\nos.kill(os.getpid(), signal.SIGHUP)\n"
        f"{TURNS}\nprint('drained')\nreturn 0"
    )
    assert run(body) == (0, "drained\n")


def test_a_hangup_under_nohup_is_ignored() -> None:
    lines = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nsys.exit(run(main))"
    body = f"os.kill(os.getpid(), signal.SIGHUP)\n{TURNS}\nprint(stop.is_set())\nreturn 0"
    program = PROGRAM.replace("sys.exit(run(main))", lines)
    assert run(body, program) == (0, "False\n")


def test_the_limit_of_descriptors_is_the_hard_one() -> None:
    body = "soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\nprint(soft == hard)\nreturn 0"
    assert run(body) == (0, "True\n")


def test_what_asyncio_reports() -> None:
    """But that it cannot accept a connection: a listener tells why, and not once for each."""
    body = (
        "sys.stderr = sys.stdout\nreport = asyncio.get_running_loop().call_exception_handler\n"
        "report({'message': 'accepting', 'socket': 1, 'exception': OSError(24, 'no more')})\n"
        "report({'message': 'resetting', 'socket': 1, 'exception': OSError(104, 'a reset')})\n"
        "report({'message': 'failing', 'exception': ValueError('a defect')})\nreturn 0"
    )
    code, output = run(body)
    assert code == 0
    assert [word for word in ("accepting", "resetting", "failing") if word in output] == ["resetting", "failing"]
