"""What a server does to its own process, since guests run under the same user."""

import ctypes
import sys
from typing import Any, Final

_PR_SET_DUMPABLE: Final = 4


def close_to_guests() -> None:
    """Close /proc/<pid>/environ, mem and others of this process to other processes of its user. On Linux only.

    They have the server's secrets. With this go core files of the server. Only processes with CAP_SYS_PTRACE may
    still read them, such as those of root outside of a container.
    """
    if sys.platform == "linux":
        libc: Any = ctypes.CDLL(None)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
