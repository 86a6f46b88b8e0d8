"""Measures evals per second and latency beside peers, prints them, and writes docs/performance.md.

Traffic goes to 127.0.0.1 only; every duration is bounded; what is started is ended. `make bench` runs this.
"""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from tests.bench import load, report
from tests.bench.machine import facts
from tests.bench.processes import environment
from tests.bench.samples import Sample
from tests.bench.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/performance.md"
CONNECTIONS = (1, 32, 256)
INPROCESS = ("denobox-1", "local-uvloop-1", "local-asyncio-1", "denobox-async-32", "local-uvloop-32")
Measured = dict[tuple[str, int], list[Sample]]


class Progress:
    """A line for each measurement, on stderr."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._number = count(1)

    def show(self, what: str, sample: Sample) -> None:
        trouble = f", {sample.errors} errors" if sample.errors else ""
        print(
            f"[{next(self._number)}/{self._total}] {what}: {sample.rate:,.0f} evals/s, "
            f"p50 {sample.p50:,.0f} µs, p99 {sample.p99:,.0f} µs{trouble}",
            file=sys.stderr,
        )


def http(targets: Sequence[str], rounds: int, seconds: int, progress: Progress) -> Measured:
    """Every target at every number of connections, in turns."""
    measured: Measured = {(name, number): [] for number in CONNECTIONS for name in targets}
    with ExitStack() as stack:
        running = {name: stack.enter_context(TARGETS[name]()) for name in targets}
        for target in running.values():
            load.measure(target.url, 32, 1, target.pids)  # to warm up
        for _ in range(rounds):
            for name, number in measured:
                sample = load.measure(running[name].url, number, seconds, running[name].pids)
                measured[name, number].append(sample)
                progress.show(f"{name}, {number} connections", sample)
    return measured


def inprocess(variants: Iterable[str], rounds: int, seconds: int, progress: Progress) -> Measured:
    """Every variant, each in a process of its own, in turns."""
    keys = {variant: (variant.rpartition("-")[0], int(variant.rpartition("-")[2])) for variant in variants}
    measured: Measured = {key: [] for key in keys.values()}
    for _ in range(rounds):
        for variant, key in keys.items():
            command = [sys.executable, "-m", "tests.bench.inprocess", variant, str(seconds)]
            run = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, timeout=seconds + 60, cwd=ROOT, env=environment()
            )
            sample = Sample(**json.loads(run.stdout.splitlines()[-1]))
            measured[key].append(sample)
            progress.show(f"{key[0]}, {key[1]} callers", sample)
    return measured


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds of a second each; writes no page")
    parser.add_argument("--targets", default=",".join(TARGETS), help="of %(default)s")
    parser.add_argument("--variants", default=",".join(INPROCESS), help="of %(default)s")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    load.require_wrk()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    targets, variants = ([name for name in names.split(",") if name] for names in (asked.targets, asked.variants))
    rounds, seconds = (2, 1) if asked.quick else (5, 3)
    progress = Progress(rounds * (len(targets) * len(CONNECTIONS) + len(variants)))
    results = report.Results(
        machine=facts(),
        rounds=rounds,
        seconds=seconds,
        http=http(targets, rounds, seconds, progress) if targets else {},
        inprocess=inprocess(variants, rounds, seconds, progress),
    )
    print(f"\n{report.table(results.http, 'connections', 'bare')}\n")
    print(f"{report.table(results.inprocess, 'callers', 'denobox')}\n")
    print("\n".join(report.aims(results)))
    print(json.dumps(results.plain()))
    if not asked.quick and set(targets) == set(TARGETS) and set(variants) == set(INPROCESS):
        PAGE.write_text(report.page(results))
        print(f"Wrote {PAGE.relative_to(ROOT)}.", file=sys.stderr)


if __name__ == "__main__":
    main()
