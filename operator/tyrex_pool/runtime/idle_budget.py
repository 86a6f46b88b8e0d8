"""What an isolate may use while no eval runs in it: CPU, threads and output that evals left behind. Pure.

What runs between evals serves nobody who waits, and takes from those who do: so it draws on a small budget, which fills
up again slowly, and an isolate that has used it up is replaced before the next eval.
"""

from dataclasses import dataclass
from typing import Final

from tyrex_pool.runtime import causes

CPU_SECONDS: Final = 0.5
CPU_SHARE: Final = 0.05
"""The budget of CPU time, and how much of a second it gets back in a second."""
LOG_BYTES: Final = 256 << 10
LOG_RATE: Final = 16 << 10
"""The budget of output, in bytes, and how many it gets back in a second."""
MORE_THREADS: Final = 64
"""Threads that may be there beside those that Deno has when the main module is loaded."""
HELD_SECONDS: Final = 1.0
"""How long an order may wait in an isolate where no eval runs: longer, and something else holds it up, or took it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an isolate has used so far. `begun`: the number of the last order that has begun; `waiting`: of the oldest
    one that has not begun, 0 for none; `runs`: whether an eval runs now. Seconds and bytes."""

    at: float
    cpu: float
    log: int
    threads: int
    begun: int
    waiting: int
    runs: bool


class IdleBudget:
    """Call `check` with each new reading; the first is of a freshly loaded isolate."""

    def __init__(self, first: Usage) -> None:
        self._last = first
        self._most_threads = first.threads + MORE_THREADS
        self._cpu = CPU_SECONDS
        self._log = float(LOG_BYTES)
        self._held_since = 0.0

    def check(self, now: Usage) -> causes.Cause | None:
        """The cause for which the isolate must be replaced, if there is one."""
        last, self._last = self._last, now
        seconds = now.at - last.at
        self._cpu = min(CPU_SECONDS, self._cpu + seconds * CPU_SHARE)
        self._log = min(LOG_BYTES, self._log + seconds * LOG_RATE)
        if not (last.runs or now.runs or now.begun != last.begun):
            self._cpu -= now.cpu - last.cpu
            self._log -= now.log - last.log
        if now.threads > self._most_threads:
            return causes.THREADS
        if self._held(last, now):
            return causes.HELD
        if self._cpu < 0:
            return causes.IDLE_CPU
        return causes.IDLE_LOG if self._log < 0 else None

    def _held(self, last: Usage, now: Usage) -> bool:
        if now.runs or not now.waiting or now.waiting != last.waiting:
            self._held_since = now.at
        return now.at - self._held_since > HELD_SECONDS
