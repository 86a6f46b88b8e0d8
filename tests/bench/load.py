"""Load over HTTP by wrk, which is written in C and so is not what is measured."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.bench.processes import cpu, cpu_per_eval
from tests.bench.samples import Sample

SCRIPT = Path(__file__).with_name("eval.lua")


def require_wrk() -> str:
    """The path of wrk, installed from Debian's packages where possible; SystemExit where it is not."""
    if shutil.which("wrk") is None and shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing wrk from Debian's packages ...", flush=True)
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "wrk"]):
            subprocess.run(["apt-get", *arguments], check=False, stdout=subprocess.DEVNULL)
    if found := shutil.which("wrk"):
        return found
    raise SystemExit("Install wrk first (Debian, Ubuntu: apt-get install wrk; macOS: brew install wrk)")


def measure(url: str, connections: int, seconds: int, pids: Sequence[int]) -> Sample:
    """One run of wrk against a server on this machine, whose processes are `pids` and their descendants."""
    before = cpu(pids)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT), f"{url}/v1/eval"]
    run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30)
    outcome = json.loads(run.stdout.splitlines()[-1])
    spent = cpu_per_eval(before, cpu(pids), outcome["requests"])
    return Sample(
        rate=outcome["requests"] / (outcome["duration"] / 1e6),
        p50=outcome["p50"],
        p99=outcome["p99"],
        errors=outcome["errors"],
        cpu=spent,
    )
