"""The header Date. Its line is made twice a second, and not for each answer."""

from email.utils import formatdate


class Date:
    """`line` is the header line of the moment of the last `refresh`, which listeners call (see `listener.py`)."""

    def __init__(self) -> None:
        self.line = b""
        self.refresh()

    def refresh(self) -> None:
        self.line = f"Date: {formatdate(usegmt=True)}\r\n".encode()


DATE = Date()
"""Of the process."""
