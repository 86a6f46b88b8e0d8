"""What a pool answers, for programs in Python."""

from dataclasses import dataclass
from typing import Any

from tyrex_pool.model.console import ConsoleLine


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an eval, the name of the runtime that ran it, and the runtime's epoch.

    The epoch changes whenever the runtime loses its state. `console` is what the eval printed, in its order, None
    unless that was asked for; `console_truncated`: something was left out.
    """

    result: Any
    runtime: str
    epoch: str
    console: list[ConsoleLine] | None = None
    console_truncated: bool = False
