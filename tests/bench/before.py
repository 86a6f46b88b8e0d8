"""Compares this checkout with a commit before it, rounds interleaved: `make bench-before REV=main~1`.

The proxy alone (before fake runtimes, a core each) and `serve` with two runtimes, at 32 connections; and `LocalPool`
in a process of its own, for one caller and for 16. Both versions run with the packages of this environment. Servers
are started anew again and again, because one process of the same code is up to a tenth faster than another (hash seed,
memory layout). Prints ratios: 1.00 means no change.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from tests.bench import load, peers
from tests.bench.processes import can_pin
from tests.bench.samples import Sample
from tests.bench.section import Progress
from tests.bench.targets import PROXY, SERVE

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 32
MEASURED, LOADING = (0, 1) if can_pin() else (None, None)
_HOLD = """
import json, sys
from contextlib import ExitStack
from tests.bench import targets
measured, loading = json.loads(sys.argv[1])
with ExitStack() as stack:
    urls, _ = stack.enter_context(targets.fakes(2, loading))
    running = {"proxy": stack.enter_context(targets.proxy(urls, core=measured)),
               "serve": stack.enter_context(targets.serve(size=2))}
    print(json.dumps({name: [one.url, {str(pid): role for pid, role in one.roles.items()}]
                      for name, one in running.items()}), flush=True)
    sys.stdin.read()
"""
"""Runs in each version: starts its servers, prints where they are, and ends them when standard input closes."""


@dataclass(frozen=True, slots=True)
class Case:
    """`core` is that of the load, None for any."""

    title: str
    server: str
    role: str
    core: int | None


CASES = (Case("proxy alone", "proxy", PROXY, LOADING), Case("serve", "serve", SERVE, None))
LOCAL = "local-uvloop"
LOCAL_CALLERS = (1, 16)
Servers = Mapping[str, tuple[str, dict[int, str]]]
"""URL and roles of processes, by the server's name."""


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """A worktree of that commit. Raises CalledProcessError when there is none."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), revision], cwd=ROOT, check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)


@contextmanager
def servers(tree: Path) -> Iterator[Servers]:
    """The servers of the version in `tree`."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tree / "operator"), str(tree)])}
    cores = msgspec.json.encode([MEASURED, LOADING]).decode()
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, cores], cwd=tree, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        try:
            yield msgspec.json.decode(holder.stdout.readline(), type=dict[str, tuple[str, dict[int, str]]])
        finally:
            holder.stdin.close()
            holder.wait(60)


def measure(case: Case, versions: Mapping[str, Servers], rounds: int, seconds: float) -> dict[str, list[Sample]]:
    """Samples by version; each round has one of each, and the order turns with every round."""
    samples: dict[str, list[Sample]] = {name: [] for name in versions}
    for number in range(rounds):
        for name in list(versions)[:: -1 if number % 2 else 1]:
            url, roles = versions[name][case.server]
            samples[name].append(load.measure(url, CONNECTIONS, seconds, roles, core=case.core))
    return samples


def measure_local(tree: Path, callers: int, seconds: float) -> float:
    """Evals per second of LocalPool of the version in `tree`."""
    command = [sys.executable, "-m", "tests.bench.inprocess_run", LOCAL, "trivial", str(callers), str(seconds)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tree / "operator"), str(tree)])}
    answer = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(answer.stdout, type=Sample).rate


def ratio(before: list[float], now: list[float]) -> str:
    """The ratio of the medians, and the lowest and highest of single rounds."""
    each = [new / old for old, new in zip(before, now, strict=True)]
    return f"{median(now) / median(before):.3f} ({min(each):.2f} – {max(each):.2f})"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.before", description=__doc__)
    parser.add_argument("revision", help="the commit to compare with")
    parser.add_argument("--starts", type=int, default=8, help="of the servers (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="after each start (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=2, help="of one round and version (default %(default)s)")
    asked = parser.parse_args()
    progress = Progress()
    peers.require(progress.say)
    load.allow_connections()
    samples: dict[Case, dict[str, list[Sample]]] = {case: {"before": [], "now": []} for case in CASES}
    local: dict[int, dict[str, list[float]]] = {callers: {"before": [], "now": []} for callers in LOCAL_CALLERS}
    with checkout(asked.revision) as tree:
        for start in range(asked.starts):
            progress.say(f"start {start + 1} of {asked.starts}")
            trees = list({"before": tree, "now": ROOT}.items())[:: -1 if start % 2 else 1]
            with ExitStack() as stack:
                versions = {name: stack.enter_context(servers(each)) for name, each in trees}
                for case in CASES:
                    measure(case, versions, 1, 1)  # warm up
                    for name, found in measure(case, versions, asked.rounds, asked.seconds).items():
                        samples[case][name] += found
            for callers, rates_of in local.items():
                for name, each in trees * asked.rounds:
                    rates_of[name].append(measure_local(each, callers, asked.seconds))
    print("| 32 connections | throughput, times before | CPU of the server per eval, times before |\n|---|---|---|")
    for case, found_of in samples.items():
        rates = {name: [sample.rate for sample in each] for name, each in found_of.items()}
        cpu = {name: [sample.cpu[case.role] for sample in each] for name, each in found_of.items()}
        print(f"| {case.title} | {ratio(**rates)} | {ratio(**cpu)} |", flush=True)
    for callers, rates in local.items():
        print(f"| LocalPool, {callers} at once | {ratio(**rates)} | |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
