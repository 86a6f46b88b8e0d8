"""The bodies that are being read, and those that wait behind an answer: bounded in all; no I/O here.

Over the bound, the one that has taken longest is refused: whoever sends at once is not held up by those who do not.
"""

import logging
from time import monotonic
from typing import Final, Protocol

from tyrex_pool.server.http.unread import BOUND

LOG: Final = 60.0
"""Seconds between two lines of the log about bodies that were refused."""

log = logging.getLogger("tyrex_pool")


class Sender(Protocol):
    """A connection whose client sends a body."""

    def refuse_body(self) -> None:
        """Forget what has come, and answer that there is no room. The connection then holds nothing."""
        ...


class Unfinished:
    """The bodies of a listener's connections. `held` is their sum in bytes, of at most `bound`."""

    def __init__(self, bound: int = BOUND) -> None:
        self.bound = bound
        self.held = 0
        self.refused = 0
        self.released = 0
        """Bytes that were forgotten, because their client left or was refused, since the listener last set it to 0."""
        self._sizes: dict[Sender, int] = {}
        """The longest there first."""
        self._logged = -LOG

    def hold(self, sender: Sender, size: int) -> None:
        """From now on `sender` holds `size` bytes; it has held bytes since it last held none."""
        self.held += size - self._sizes.get(sender, 0)
        if size:
            self._sizes[sender] = size
        else:
            self._sizes.pop(sender, None)
        while self.held > self.bound:
            self._refuse(next(iter(self._sizes)))

    def forget(self, sender: Sender) -> None:
        """Its connection is gone."""
        size = self._sizes.pop(sender, 0)
        self.held -= size
        self.released += size

    def _refuse(self, sender: Sender) -> None:
        self.forget(sender)
        self.refused += 1
        sender.refuse_body()
        now = monotonic()
        if now - self._logged >= LOG:
            self._logged = now
            log.warning(
                "more than %d bytes of requests were being read at once; requests refused so far: %d",
                self.bound,
                self.refused,
            )
