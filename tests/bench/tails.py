"""Section: what one slow eval in a hundred does to the others, with LeastLoaded and with RoundRobin."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from tests.bench import plots, targets
from tests.bench.openload import LAST_CALL, PERCENTILES, WARM_UP
from tests.bench.processes import environment
from tests.bench.samples import Sample, Spread, errors, p99, ratio
from tests.bench.section import Aim, Plan, Progress, Section, Table

RUNTIMES = 8
RATE = 500
SHARE = 0.01
STRATEGIES = ("LeastLoaded", "RoundRobin")
LONGER = 2
"""Times the plan's seconds: a p99 of one in a hundred needs many."""
BOUND = 3.0

TEXT = f"""\
{RATE:,} evals a second, at random times, go to a pool of {RUNTIMES} runtimes (`serve`, `concurrency` 1), with and
without 1 % that take 200 ms; deadline 5 s. The slow ones wait on a timer, which keeps their runtime busy and leaves
the cores to the others, so that what shows is the dispatch; they hold one of the runtimes on average, at times four.
The load comes at a fixed rate whatever the pool does, from a client of this suite (wrk sends the next only after an
answer), and only the fast evals' times are shown, from sending to the answer."""


@dataclass(frozen=True, slots=True)
class Tail:
    """One run: percent → µs within which so many of the fast evals were answered."""

    sample: Sample
    percentiles: Mapping[str, float]


Case = tuple[str, bool]
"""Strategy, and whether there are slow ones."""
CASES: Sequence[Case] = [(strategy, slow) for strategy in STRATEGIES for slow in (False, True)]
Tails = Mapping[Case, Sequence[Tail]]


def measure(plan: Plan, progress: Progress) -> Section:
    progress.begin("tails", plan.rounds * len(CASES))
    results: dict[Case, list[Tail]] = {case: [] for case in CASES}
    with ExitStack() as stack:
        running = {
            strategy: stack.enter_context(targets.serve(size=RUNTIMES, strategy={"type": strategy}))
            for strategy in STRATEGIES
        }
        for number in range(plan.rounds):
            for strategy, slow in CASES:
                tail = _run(running[strategy].url, plan.seconds * LONGER, SHARE if slow else 0.0, number)
                results[strategy, slow].append(tail)
                progress.show(_name((strategy, slow)), tail.sample)
    return section(results)


def _run(url: str, seconds: float, share: float, seed: int) -> Tail:
    command = [sys.executable, "-m", "tests.bench.openload", url, *map(str, (RATE, seconds, share, seed))]
    limit = seconds + WARM_UP + 2 * LAST_CALL + 30
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=limit, env=environment())
    told = json.loads(run.stdout)
    within = told["percentiles"]
    return Tail(Sample(told["rate"], within["50"], within["99"], told["errors"]), within)


def _name(case: Case) -> str:
    strategy, slow = case
    return f"{strategy}, {f'{SHARE:.0%}'.replace('%', ' %')} slow" if slow else f"{strategy}, none slow"


def section(results: Tails) -> Section:
    shown = [f"{percent:g}" for percent in PERCENTILES]
    head = ["path", *(f"p{percent} µs" for percent in shown), "p99, times without", "errors"]
    rows = []
    for case, tails in results.items():
        spreads = [Spread.of([tail.percentiles[percent] for tail in tails]) for percent in shown]
        beside = _beside(results, case[0]).text(2) if case[1] else "–"
        rows.append([_name(case), *(each.text() for each in spreads), beside, str(errors(_samples(tails)))])
    curves = {
        _name(case): [(100 / (100 - float(percent)), _middle(tails, percent)) for percent in shown]
        for case, tails in results.items()
    }
    return Section(
        "One slow eval in a hundred",
        TEXT,
        tables=[Table(head, rows)],
        aims=[aim(results)],
        plots=[plots.lines("tails", "Fast evals: the slowest of …", "one in", "µs", curves, log_x=True, log_y=True)],
        data={
            _name(case): [{"percentiles": tail.percentiles, "errors": tail.sample.errors} for tail in tails]
            for case, tails in results.items()
        },
    )


def aim(results: Tails) -> Aim:
    beside, cases = _beside(results, STRATEGIES[0]), [(STRATEGIES[0], slow) for slow in (False, True)]
    what = f"1 % slow evals, {STRATEGIES[0]}: p99 of the fast ones, times that without slow ones"
    return Aim(
        what,
        beside.middle,
        BOUND,
        at_least=False,
        shown=f"{beside.text(2)} times",
        in_the_way=f"{STRATEGIES[1]} beside it: {_beside(results, STRATEGIES[1]).text(2)} times",
        errors=sum(errors(_samples(results[case])) for case in cases),
    )


def _beside(results: Tails, strategy: str) -> Spread:
    return ratio(_samples(results[strategy, True]), _samples(results[strategy, False]), p99)


def _samples(tails: Sequence[Tail]) -> list[Sample]:
    return [tail.sample for tail in tails]


def _middle(tails: Sequence[Tail], percent: str) -> float:
    return median(tail.percentiles[percent] for tail in tails)
