"""Targets measured in turns, so that a slow moment of the machine hits all of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.bench import load
from tests.bench.load import Workload
from tests.bench.samples import Sample
from tests.bench.section import Plan, Progress
from tests.bench.targets import Running, Start


@dataclass(frozen=True, slots=True)
class Case:
    """One row: a path under a workload."""

    path: str
    workload: Workload
    connections: int


Results = dict[Case, list[Sample]]
"""A sample for each round."""
Load = tuple[Workload, int]
"""What is sent, over how many connections."""

WARM_UP = 1
"""Seconds."""


@contextmanager
def warm(start: Start, core: int | None = None) -> Iterator[Running]:
    """A target that has served for a while; the load comes from that core, if any."""
    with start() as running:
        load.measure(running.url, 32, WARM_UP, {}, core=core)
        yield running


def in_turns(
    targets: Mapping[str, Running], loads: Sequence[Load], plan: Plan, progress: Progress, core: int | None = None
) -> Results:
    """Every target under every load, each round: the targets of one load directly after one another."""
    results: Results = {Case(path, *one): [] for one in loads for path in targets}
    for _ in range(plan.rounds):
        for case, samples in results.items():
            samples.append(_measured(case, targets[case.path], plan, progress, core))
    return results


def kept(
    starts: Mapping[str, Start], loads: Sequence[Load], plan: Plan, progress: Progress, core: int | None = None
) -> Results:
    """In turns, with targets that are started once."""
    with ExitStack() as stack:
        running = {path: stack.enter_context(warm(start, core)) for path, start in starts.items()}
        return in_turns(running, loads, plan, progress, core)


def started_in_turns(
    starts: Mapping[str, Start], loads: Sequence[Load], plan: Plan, progress: Progress, core: int | None = None
) -> Results:
    """The same with targets that are started for their turn only, as they are not idle when they have no load."""
    results: Results = {Case(path, *one): [] for path in starts for one in loads}
    for _ in range(plan.rounds):
        for path, start in starts.items():
            with warm(start, core) as running:
                for one in loads:
                    case = Case(path, *one)
                    results[case].append(_measured(case, running, plan, progress, core))
    return {Case(path, *one): results[Case(path, *one)] for one in loads for path in starts}


def _measured(case: Case, target: Running, plan: Plan, progress: Progress, core: int | None) -> Sample:
    sample = load.measure(target.url, case.connections, plan.seconds, target.roles, case.workload, core)
    progress.show(f"{case.path}, {case.workload.value}, {case.connections} connections", sample)
    return sample
