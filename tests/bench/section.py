"""What a section of the benchmark is: a plan goes in; tables, aims, plots and raw samples come out.

A module of a section has `def measure(plan: Plan, progress: Progress) -> Section`.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.bench.samples import Sample


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure: rounds of so many seconds for each path."""

    rounds: int
    seconds: float
    quick: bool
    """Seconds matter more than precision: leave out what takes long."""
    soak_minutes: float

    def lighter(self) -> "Plan":
        """For what has no aim."""
        return replace(self, rounds=min(self.rounds, 3), seconds=min(self.seconds, 2.0))


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure with its bound. One whose runs had errors is not reached, whatever it measured."""

    what: str
    measured: float
    bound: float
    at_least: bool
    shown: str
    """`measured` as the page shows it, with its spread and unit."""
    in_the_way: str = ""
    """Printed when it is missed: what the profile shows."""
    errors: int = 0

    @property
    def reached(self) -> bool:
        within = self.measured >= self.bound if self.at_least else self.measured <= self.bound
        return within and not self.errors


@dataclass(frozen=True, slots=True)
class Table:
    """Cells are Markdown; all columns but the first are numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """`name` is the file's name in docs/performance, without `.svg`; `title` says in words what it shows."""

    name: str
    svg: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """`text` is Markdown; `data` is every sample as plain JSON; `versions` are those of peers that only it has."""

    title: str
    text: str
    tables: Sequence[Table] = ()
    aims: Sequence[Aim] = ()
    plots: Sequence[Plot] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


class Progress:
    """A line for each measurement, on stderr: which of how many in this section, and minutes since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._name = ""
        self._number = self._total = 0

    def begin(self, name: str, total: int) -> None:
        """A section of so many measurements begins."""
        self._name, self._number, self._total = name, 0, total

    def show(self, what: str, sample: Sample | str) -> None:
        """`sample` may be text where a measurement is no rate of evals."""
        self._number += 1
        figures = sample if isinstance(sample, str) else _figures(sample)
        print(f"{self._elapsed()} {self._name} [{self._number}/{self._total}] {what}: {figures}", file=sys.stderr)

    def say(self, what: str) -> None:
        """A line that is no measurement: an installation, a start."""
        print(f"{self._elapsed()} {what}", file=sys.stderr)

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes:02}:{seconds:02}"


def _figures(sample: Sample) -> str:
    trouble = f", {sample.errors} ERRORS" if sample.errors else ""
    return f"{sample.rate:,.0f}/s, p50 {sample.p50:,.0f} µs, p99 {sample.p99:,.0f} µs{trouble}"
