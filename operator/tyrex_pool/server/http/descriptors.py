"""Tells in the log that the process has no file descriptor left: its event loop is silent about it."""

import errno
import logging
import os
import resource
from typing import Final

LOG: Final = 5.0
"""Seconds between two lines."""
_NONE_LEFT: Final = (errno.EMFILE, errno.ENFILE)

log = logging.getLogger("tyrex_pool")


def is_exhaustion(error: BaseException | None) -> bool:
    """Whether the process, or the system, has no descriptor left."""
    return isinstance(error, OSError) and error.errno in _NONE_LEFT


class Descriptors:
    """Of the process."""

    def __init__(self) -> None:
        self._logged = -LOG

    def check(self, descriptor: int, now: float) -> None:
        """See whether there is another one, with the help of an open one. Listeners call this about twice a second."""
        try:
            os.close(os.dup(descriptor))
        except OSError as error:
            if is_exhaustion(error) and now - self._logged >= LOG:
                self._logged = now
                log.error(
                    "no file descriptor is left, of %d: new connections are closed, and isolates may not start; "
                    "raise the limit (ulimit -n)",
                    resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                )


DESCRIPTORS = Descriptors()
