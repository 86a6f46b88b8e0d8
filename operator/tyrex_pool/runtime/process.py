"""Starts and ends the Deno process of one isolate, and notifies its owner of the end.

The process leads its own session: a Ctrl-C on the terminal does not reach it, and processes that it started are
killed with it. On Linux the kernel kills it when our process dies, also while guest code loops.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

NICE = 5
"""By how much the CPU priority of isolates is below ours: a server must answer while guests use all CPU."""
_FIRST_OF_OURS = 3
"""The first descriptor behind the standard streams."""
_PR_SET_PDEATHSIG = 1
_libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None


def _in_child(parent: int) -> Callable[[], None]:
    """The function that runs in the child before Deno: end with the parent, leave no core file."""

    def prepare() -> None:
        os.nice(NICE)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing past RLIMIT_FSIZE is an error then, and no end
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # the parent died before the call above
                os._exit(1)

    return prepare


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets. The second one is none of the child's standard streams, also where ours are closed."""
    ours, theirs = socket.socketpair()
    with theirs:
        return ours, socket.socket(fileno=fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, _FIRST_OF_OURS))


class Process:
    """A running Deno. `pipe` (our end of the socket pair), `output` and `log` (its standard output and its standard
    error) do not block."""

    def __init__(self, command: Sequence[str], directory: str, environment: Mapping[str, str]) -> None:
        """`command` gets the number of its end of the pair as a last argument. Raises OSError."""
        self.pipe, theirs = _pair()
        self.log, log_end = os.pipe()
        self.output, output_end = os.pipe()
        try:
            self._child = subprocess.Popen(
                [*command, str(theirs.fileno())],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output_end,
                stderr=log_end,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                preexec_fn=_in_child(os.getpid()),
            )
        except BaseException:
            self.close()
            raise
        finally:
            theirs.close()
            os.close(log_end)
            os.close(output_end)
        self.pipe.setblocking(False)
        os.set_blocking(self.log, False)
        os.set_blocking(self.output, False)
        self.pid = self._child.pid
        self._tasks = Path(f"/proc/{self.pid}/task")
        self._cpu_clock = ~self.pid << 3 | 2 if sys.platform == "linux" else None  # clock_getcpuclockid(3)
        try:
            self._pidfd = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else -1
        except OSError:
            self._kill_group()
            self._child.wait()
            self.close()
            raise

    def when_ended(self, loop: asyncio.AbstractEventLoop, ended: Callable[[int], None]) -> None:
        """Call `ended(status)` in the loop once: an exit code, or minus the signal."""

        self._loop = loop
        self._ended = ended
        if self._pidfd >= 0:
            loop.add_reader(self._pidfd, self.reap)
        else:

            def wait() -> None:
                # Suppressed: somebody else has waited for it; the loop is closed, and there is nobody to notify.
                with contextlib.suppress(ChildProcessError, RuntimeError):
                    os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
                    loop.call_soon_threadsafe(self.reap)

            threading.Thread(target=wait, daemon=True).start()

    def reap(self) -> None:
        """Wait for the process, which has ended or was killed, and notify. For owners whose loop does not run any more;
        else the loop calls it."""
        if self._child.returncode is not None:
            return
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        self._kill_group()  # processes that it started; the group's number is not reused before `wait`
        self._ended(self._child.wait())

    @property
    def tells_cpu(self) -> bool:
        """Whether the system says how much CPU time it used."""
        return self._cpu_clock is not None

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far; 0 where the system does not say."""
        if self._cpu_clock is None:
            return 0.0
        try:
            return time.clock_gettime(self._cpu_clock)
        except OSError:  # it is gone
            return 0.0

    def threads(self) -> int:
        """How many threads it has; 0 where the system does not say."""
        try:
            return self._tasks.stat().st_nlink - 2
        except OSError:
            return 0

    def kill(self) -> None:
        """SIGKILL the process and the processes that it started, also stopped ones."""
        if self._child.returncode is None:
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close our ends of the pipe and the outputs, by which a process that still runs ends."""
        self.pipe.close()
        for descriptor in (self.log, self.output):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.log = self.output = -1
