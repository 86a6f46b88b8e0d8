"""What was measured: one sample per run, and a series' median and spread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """One run. Latencies are in microseconds; `cpu` is microseconds of CPU per eval, by kind of process."""

    rate: float
    p50: float
    p99: float
    errors: int = 0
    cpu: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several runs, with the lowest and the highest."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))

    def text(self, digits: int = 0) -> str:
        return f"{self.middle:,.{digits}f} ({self.low:,.{digits}f} – {self.high:,.{digits}f})"


def spread(samples: Sequence[Sample], of: Callable[[Sample], float]) -> Spread:
    """The spread of one figure over the rounds."""
    return Spread.of([of(sample) for sample in samples])


def ratio(samples: Sequence[Sample], reference: Sequence[Sample]) -> Spread:
    """The throughput beside the reference's, round by round: a slow moment of the machine hits both."""
    return Spread.of([one.rate / other.rate for one, other in zip(samples, reference, strict=True)])
