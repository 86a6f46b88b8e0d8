"""Load over HTTP by wrk, which is written in C and so is not what is measured."""

import json
import resource
import subprocess
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from tests.bench.processes import Times, cpu_per_eval, environment, pinned, times
from tests.bench.samples import Sample

SCRIPT = Path(__file__).with_name("load.lua")
ROLE = "wrk"


class Workload(Enum):
    """Its name is what load.lua knows it by."""

    TRIVIAL = "`1 + 2`"
    COMPUTING = "1 ms of computing"
    WAITING = "20 ms of awaiting"
    LARGE = "64 KiB in and out"
    KEYS = "10,000 keys"
    TRACES = "a `traceparent` of its own in each"
    IDS = "an `X-Request-Id` of its own in each"


def allow_connections() -> None:
    """For this process and all that it starts: each connection is a descriptor, and a soft limit of 1024 is usual."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def measure(
    url: str,
    connections: int,
    seconds: float,
    roles: Mapping[int, str],
    workload: Workload = Workload.TRIVIAL,
    core: int | None = None,
) -> Sample:
    """One run of wrk, on that core if any, against a server on this machine.

    `roles` says what to call the CPU time of the server's processes and their descendants.
    """
    whole = max(1, round(seconds))  # wrk knows no fractions
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{whole}s",
        "-s",
        str(SCRIPT),
        f"{url}/v1/eval",
        workload.name.lower(),
    ]
    before = times(roles)
    output, spent = _run(pinned(command, core), whole + 30)
    outcome = json.loads(output.splitlines()[-1])
    after = times(roles) | {ROLE: spent}
    evals = outcome["requests"]
    return Sample(
        rate=evals / (outcome["duration"] / 1e6),
        p50=outcome["p50"],
        p99=outcome["p99"],
        errors=outcome["errors"],
        cpu=cpu_per_eval(_all(before), _all(after), evals),
        kernel=cpu_per_eval(_kernel(before), _kernel(after), evals),
    )


def _run(command: list[str], limit: float) -> tuple[str, Times]:
    """Output and CPU time of a program that ends by itself."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=limit, env=environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return run.stdout, Times((after.ru_utime - before.ru_utime) * 1e6, (after.ru_stime - before.ru_stime) * 1e6)


def _all(spent: Mapping[str, Times]) -> dict[str, float]:
    return {kind: each.user + each.kernel for kind, each in spent.items()}


def _kernel(spent: Mapping[str, Times]) -> dict[str, float]:
    return {kind: each.kernel for kind, each in spent.items()}
