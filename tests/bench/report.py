"""The numbers as tables and as a page: figures in, text out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any

from tests.bench.samples import Sample, Spread, ratio, spread

Series = Mapping[tuple[str, int], Sequence[Sample]]
"""By path and by connections (or callers)."""

NAMES = {
    "bare": "bare `Deno.serve` eval, one process",
    "serve": "`tyrex-pool serve`, two runtimes",
    "two-hops": "`tyrex-pool proxy`, two `tyrex-pool agent`s",
    "denobox": "denobox, blocking",
    "local-uvloop": "`LocalPool`, uvloop",
    "local-asyncio": "`LocalPool`, plain asyncio",
    "denobox-async": "denobox, asyncio (on uvloop)",
}
REFERENCE = {"serve": "bare", "two-hops": "bare", "local-uvloop": "denobox", "local-asyncio": "denobox"}


@dataclass(frozen=True, slots=True)
class Results:
    """One run of the benchmark."""

    machine: Mapping[str, str]
    rounds: int
    seconds: float
    http: Series
    inprocess: Series

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""

        def listed(series: Series) -> list[dict[str, Any]]:
            return [
                {"path": path, "callers": callers, "samples": [asdict(sample) for sample in samples]}
                for (path, callers), samples in series.items()
            ]

        settings = {"rounds": self.rounds, "seconds": self.seconds, "machine": dict(self.machine)}
        return settings | {"http": listed(self.http), "inprocess": listed(self.inprocess)}


def _beside(series: Series, path: str, callers: int) -> Spread | None:
    """Throughput beside the path's reference, or None where there is none at this number of callers."""
    reference = series.get((REFERENCE.get(path, ""), callers)) or series.get((f"{REFERENCE.get(path)}-async", callers))
    return ratio(series[path, callers], reference) if reference else None


def _cpu(samples: Sequence[Sample], kind: str) -> str:
    values = [sample.cpu[kind] for sample in samples if kind in sample.cpu]
    return f"{Spread.of(values).middle:.1f}" if values else "–"


def table(series: Series, callers: str, reference: str) -> str:
    """A Markdown table, a row for each path at each number of callers."""
    head = [
        "path",
        callers,
        "evals per second",
        f"beside {reference}",
        "p50 µs",
        "p99 µs",
        "Python",
        "Deno",
        "errors",
    ]
    rows = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for (path, number), samples in series.items():
        beside = _beside(series, path, number)
        rows.append([
            NAMES[path],
            str(number),
            spread(samples, lambda sample: sample.rate).text(),
            beside.text(2) if beside else "–",
            spread(samples, lambda sample: sample.p50).text(),
            spread(samples, lambda sample: sample.p99).text(),
            _cpu(samples, "python"),
            _cpu(samples, "deno"),
            str(sum(sample.errors for sample in samples)),
        ])  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def aims(results: Results) -> list[str]:
    """A line for each figure that was aimed at, reached or not."""
    lines = []
    if samples := results.http.get(("serve", 32)):
        rate = spread(samples, lambda sample: sample.rate)
        lines.append(
            _aim("`serve`, 32 connections: at least 30,000 evals per second", rate.middle, 30_000, rate.text())
        )
    for loop in ("uvloop", "asyncio"):
        if (f"local-{loop}", 1) in results.inprocess and (beside := _beside(results.inprocess, f"local-{loop}", 1)):
            what = f"`LocalPool` on {loop}, one eval after another: at least 1.0 times denobox"
            lines.append(_aim(what, beside.middle, 1.0, f"{beside.text(2)} times"))
    return lines


def _aim(what: str, measured: float, aim: float, text: str) -> str:
    verdict = "reached" if measured >= aim else f"**not reached**, {100 * (1 - measured / aim):.1f} % short"
    return f"- {what}: {text}, {verdict}."


PAGE = Path(__file__).with_name("page.md")
"""What stays the same from run to run."""


def page(results: Results) -> str:
    """docs/performance.md."""
    return Template(PAGE.read_text()).substitute(
        aims="\n".join(aims(results)),
        rounds=results.rounds,
        seconds=f"{results.seconds:g}",
        cores=results.machine["cores"],
        http=table(results.http, "connections", "bare"),
        inprocess=table(results.inprocess, "callers", "denobox"),
        machine="\n".join(f"- {name}: {value}" for name, value in results.machine.items()),
    )
