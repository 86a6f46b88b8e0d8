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
    kernel: dict[str, float] = field(default_factory=dict)
    """The part of `cpu` that the kernel spent for that kind of process."""


Figure = Callable[[Sample], float]
"""One number of a sample."""


def rate(sample: Sample) -> float:
    return sample.rate


def p50(sample: Sample) -> float:
    return sample.p50


def p99(sample: Sample) -> float:
    return sample.p99


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


def spread(samples: Sequence[Sample], of: Figure) -> Spread:
    """The spread of one figure over the rounds."""
    return Spread.of([of(sample) for sample in samples])


def ratio(
    samples: Sequence[Sample], reference: Sequence[Sample], of: Figure = rate, beside: Figure | None = None
) -> Spread:
    """A figure beside the reference's, round by round: a slow moment of the machine hits both.

    `beside` is the reference's figure where that is another one.
    """
    pairs = zip(samples, reference, strict=True)
    return Spread.of([of(one) / max((beside or of)(other), 1e-9) for one, other in pairs])


def difference(samples: Sequence[Sample], reference: Sequence[Sample], of: Figure) -> Spread:
    """How much larger a figure is than the reference's, round by round."""
    return Spread.of([of(one) - of(other) for one, other in zip(samples, reference, strict=True)])


def errors(*series: Sequence[Sample]) -> int:
    """Of all runs together."""
    return sum(sample.errors for samples in series for sample in samples)
