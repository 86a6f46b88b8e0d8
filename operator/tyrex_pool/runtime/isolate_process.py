"""The process of one isolate with what is its own: a DENO_DIR, and limits from when its main module is loaded."""

import asyncio
import contextlib
import logging
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tyrex_pool.runtime.launch import Launch
from tyrex_pool.runtime.process import NICE, Process

_CLOCK_TICK = 0.01
"""Seconds: the times of files come from a coarser clock."""
logger = logging.getLogger("tyrex_pool")


class IsolateProcess(Process):
    """Starts at once. Raises OSError."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._started_at = time.time()
        self._deno_dir = launch.caches.make()
        try:
            super().__init__(launch.command, launch.directory, launch.environment | {"DENO_DIR": str(self._deno_dir)})
        except BaseException:
            shutil.rmtree(self._deno_dir, ignore_errors=True)
            raise

    def main_module_loaded(self) -> None:
        """Call it before the first eval: until then the process runs trusted code only, and Deno fills its caches."""
        with contextlib.suppress(OSError):  # a full disk: later isolates start more slowly
            self._launch.caches.keep(self._deno_dir)
        if not self._launch.writes_files:
            self._forbid_files()
        with contextlib.suppress(OSError):  # Linux may weigh sessions, and in them processes (sched_autogroup)
            Path(f"/proc/{self.pid}/autogroup").write_text(str(NICE))

    def changed_since_start(self, path: str) -> bool:
        """Whether the file `path` was written, or put in its place, after this process started."""
        try:
            found = Path(path).stat()
        except OSError:
            return False
        return max(found.st_mtime, found.st_ctime) >= self._started_at - _CLOCK_TICK

    def _forbid_files(self) -> None:
        """No file grows any more, whichever function of Deno writes to it; pipes and sockets are none."""
        if not hasattr(resource, "prlimit"):  # other systems than Linux
            return
        try:
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (0, 0))
        except ProcessLookupError:
            pass
        except OSError as error:
            logger.warning("guests can make Deno write temporary files: RLIMIT_FSIZE cannot be set: %s", error)

    def when_ended(self, loop: asyncio.AbstractEventLoop, ended: Callable[[int], None]) -> None:
        def gone(status: int) -> None:
            ended(status)
            shutil.rmtree(self._deno_dir, ignore_errors=True)

        super().when_ended(loop, gone)
