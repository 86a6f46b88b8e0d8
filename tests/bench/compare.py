"""What targets measured in turns come to: tables, ratios, aims."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.load import Workload
from tests.bench.samples import Figure, Sample, Spread, difference, errors, p50, p99, rate, ratio, spread
from tests.bench.section import Aim, Table
from tests.bench.turns import Case, Load, Results

Columns = Mapping[str, Sequence[str]]
"""Head of a column of CPU time → the kinds of process that it adds up."""


def tables(
    results: Results, reference: str, columns: Columns, extra: Mapping[str, Figure] | None = None, title: str = ""
) -> list[Table]:
    """One for each workload, by whose name its title goes on; the others' throughput is shown beside `reference`'s."""
    extra = extra or {}
    head = ["path", "connections", "evals per second", f"beside {reference}", "p50 µs", "p99 µs"]
    head += [f"CPU µs: {column}" for column in columns] + [*extra, "errors"]
    by_workload: dict[Workload, list[list[str]]] = {}
    for case in results:
        by_workload.setdefault(case.workload, []).append(_row(results, case, reference, columns, extra))
    return [Table(head, rows, f"{title}{workload.value}") for workload, rows in by_workload.items()]


def _row(results: Results, case: Case, reference: str, columns: Columns, extra: Mapping[str, Figure]) -> list[str]:
    samples = results[case]
    other = results.get(Case(reference, case.workload, case.connections))
    return [
        case.path,
        f"{case.connections:,}",
        spread(samples, rate).text(),
        ratio(samples, other).text(2) if other and case.path != reference else "–",
        spread(samples, p50).text(),
        spread(samples, p99).text(),
        *(_cpu(samples, kinds) for kinds in columns.values()),
        *(f"{spread(samples, figure).middle:,.0f}" for figure in extra.values()),
        str(errors(samples)),
    ]


def _cpu(samples: Sequence[Sample], kinds: Sequence[str]) -> str:
    known = [kind for kind in kinds if any(kind in sample.cpu for sample in samples)]
    return f"{spread(samples, cpu_of(*known)).middle:,.1f}" if known else "–"


def cpu_of(*kinds: str) -> Figure:
    """The CPU time per eval of these kinds of process together."""
    return lambda sample: sum(sample.cpu.get(kind, 0.0) for kind in kinds)


def kernel_of(kind: str) -> Figure:
    """The kernel's part of it."""
    return lambda sample: sample.kernel.get(kind, 0.0)


def busy(*kinds: str) -> Figure:
    """How much of one core these kinds of process take, in percent."""
    return lambda sample: sample.rate * cpu_of(*kinds)(sample) / 1e4


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two paths under the same load. What is in the way of an aim is told by the CPU time of `kinds` (none: of all)."""

    results: Results
    one: Case
    other: Case
    kinds: Sequence[str] = ()

    @classmethod
    def of(cls, results: Results, load: Load, one: str, other: str, kinds: Sequence[str] = ()) -> "Comparison":
        return cls(results, Case(one, *load), Case(other, *load), kinds)

    def ratio(
        self,
        what: str,
        bound: float,
        at_least: bool = True,
        of: Figure = rate,
        beside: Figure | None = None,
        why: str = "",
    ) -> Aim:
        """How many times the other's figure; `why` is what a profile showed to be in the way."""
        return self._aim(what, ratio(*self._pair, of, beside), bound, at_least, "times", 2, why)

    def above(self, what: str, bound: float, of: Figure, unit: str, why: str = "") -> Aim:
        """At most so much more than the other's figure."""
        return self._aim(what, difference(*self._pair, of), bound, False, unit, 0, why)

    @property
    def _pair(self) -> tuple[list[Sample], list[Sample]]:
        return self.results[self.one], self.results[self.other]

    def _aim(self, what: str, measured: Spread, bound: float, at_least: bool, unit: str, digits: int, why: str) -> Aim:
        shown = f"{measured.text(digits)} {unit}"
        way = "; ".join(f"{case.path}: {profile(self.results[case], self.kinds)}" for case in (self.one, self.other))
        return Aim(what, measured.middle, bound, at_least, shown, f"{why}CPU time per eval: {way}", errors(*self._pair))


def profile(samples: Sequence[Sample], kinds: Sequence[str] = ()) -> str:
    """Where the CPU time of an eval goes, in words: that of these kinds of process, or of all."""
    parts = []
    for kind in kinds or dict.fromkeys(kind for sample in samples for kind in sample.cpu):
        whole = spread(samples, cpu_of(kind)).middle
        kernel = spread(samples, kernel_of(kind)).middle
        parts.append(f"{kind} {whole:.1f} µs ({kernel:.1f} in the kernel)")
    return ", ".join(parts)


def plain(results: Results) -> list[dict[str, Any]]:
    """As JSON has it."""
    return [
        {
            "path": case.path,
            "workload": case.workload.name.lower(),
            "connections": case.connections,
            "samples": [asdict(sample) for sample in samples],
        }
        for case, samples in results.items()
    ]


def series(
    results: Results, paths: Sequence[str], workload: Workload, of: Figure
) -> dict[str, list[tuple[float, float]]]:
    """A figure's medians over the connections, for a plot."""
    return {
        path: [
            (case.connections, spread(samples, of).middle)
            for case, samples in results.items()
            if case.path == path and case.workload is workload
        ]
        for path in paths
    }
