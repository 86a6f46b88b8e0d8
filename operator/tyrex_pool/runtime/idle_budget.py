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
LOG_BYTES: Final = 4 << 20
LOG_RATE: Final = 64 << 10
"""The budget of output, in bytes, and how many it gets back in a second. What an eval printed may be read after it."""
MORE_THREADS: Final = 64
MOST_THREADS: Final = 256
"""Threads that may be there beside those that Deno has when the main module is loaded: above the first number the
isolate is replaced when no eval runs, unless the eval that runs certainly started them; above the second at once."""
CORES: Final = 2
"""CPU seconds that a second of an eval may take: the collector of garbage works beside it."""
HELD_SECONDS: Final = 1.0
"""How long an order may wait in an isolate where no eval runs: longer, and something else holds it up, or took it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an isolate has used so far. `begun`: the number of the last order that has begun; `waiting`: of the oldest
    one that has not begun, 0 for none; `runs`: whether an eval runs now; `mean_run`: how long one runs. Seconds and
    bytes."""

    at: float
    cpu: float
    log: int
    threads: int
    begun: int
    waiting: int
    runs: bool
    mean_run: float = 0.0


class IdleBudget:
    """Call `check` with each new reading; the first is of a freshly loaded isolate."""

    def __init__(self, first: Usage) -> None:
        self._first = self._last = self._last_idle = first
        self._cpu = CPU_SECONDS
        self._log = float(LOG_BYTES)
        self._held_since = 0.0

    def check(self, now: Usage) -> causes.Cause | None:
        """The cause for which the isolate must be replaced, if there is one."""
        last, self._last = self._last, now
        seconds = now.at - last.at
        self._cpu = min(CPU_SECONDS, self._cpu + seconds * CPU_SHARE)
        self._log = min(LOG_BYTES, self._log + seconds * LOG_RATE)
        if not (last.runs or now.runs):
            of_evals = (now.begun - last.begun) * now.mean_run * CORES
            self._cpu -= max(0.0, now.cpu - last.cpu - of_evals)
            if now.begun == last.begun:
                self._log -= now.log - last.log
        cause = self._threads(now)
        if not now.runs:
            self._last_idle = now
        if cause is not None:
            return cause
        if self._held(last, now):
            return causes.HELD
        if self._cpu < 0:
            return causes.IDLE_CPU
        return causes.IDLE_LOG if self._log < 0 else None

    def _threads(self, now: Usage) -> causes.Cause | None:
        more, before = now.threads - self._first.threads, self._last_idle.threads - self._first.threads
        if more > MOST_THREADS:
            return causes.TOO_MANY_THREADS
        if more <= MORE_THREADS:
            return None
        its_own = now.runs and now.begun == self._last_idle.begun + 1 and before <= MORE_THREADS / 2
        return causes.TOO_MANY_THREADS if its_own else causes.IDLE_THREADS

    def _held(self, last: Usage, now: Usage) -> bool:
        if now.runs or not now.waiting or now.waiting != last.waiting:
            self._held_since = now.at
        return now.at - self._held_since > HELD_SECONDS
