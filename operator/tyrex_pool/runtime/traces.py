"""The traces of an isolate's evals by the evals' ids: a guest's log lines carry only the id."""

from collections import OrderedDict
from typing import Final

KEPT: Final = 256
"""Evals whose traces are kept after their end: a guest's last lines may be read after its answer."""


class Traces:
    """Holds only evals that have a trace."""

    def __init__(self) -> None:
        self._running: dict[str, bytes] = {}
        self._ended: OrderedDict[str, bytes] = OrderedDict()

    def begin(self, eval_id: str, trace: bytes) -> None:
        self._running[eval_id] = trace

    def end(self, eval_id: str) -> None:
        self._ended[eval_id] = self._running.pop(eval_id)
        if len(self._ended) > KEPT:
            self._ended.popitem(last=False)

    def of(self, eval_id: str) -> bytes:
        """Empty for an eval without a trace, and for one that ended long ago."""
        return self._running.get(eval_id) or self._ended.get(eval_id, b"")
