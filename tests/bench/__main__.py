"""Measures tyrex-pool beside its peers, section by section, and writes docs/performance.md.

Traffic goes to 127.0.0.1 only; every duration is bounded; what is started is ended. `make bench` runs this.
"""

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tests.bench import load, page, peers
from tests.bench.machine import facts
from tests.bench.section import Plan, Progress, Section

DOCS = Path(__file__).resolve().parents[2] / "docs"
SECTIONS = ("proxies", "hops", "serving", "batches", "tails", "inprocess", "recovery", "selection", "memory", "soak")
"""Modules with `measure`, in the order of the page."""
FULL = Plan(rounds=5, seconds=3, quick=False, soak_minutes=3)
QUICK = Plan(rounds=1, seconds=1, quick=True, soak_minutes=0.2)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of a second each; writes no page")
    parser.add_argument("--sections", default=",".join(SECTIONS), help="of %(default)s; with some only, no page")
    parser.add_argument("--soak-minutes", type=float, help=f"of mixed load (default {FULL.soak_minutes:g})")
    return parser.parse_args()


def _measured(names: Sequence[str], plan: Plan, progress: Progress) -> list[Section]:
    """Those that could be measured: one that fails says why and leaves the others be."""
    sections = []
    for name in names:
        try:
            sections.append(import_module(f"tests.bench.{name}").measure(plan, progress))
        except Exception:
            traceback.print_exc()
            progress.say(f"The section {name} failed: see above.")
    return sections


def main() -> int:
    asked = _arguments()
    names = [name for name in asked.sections.split(",") if name]
    unknown = set(names) - set(SECTIONS)
    if unknown:
        sys.exit(f"--sections: write some of {', '.join(SECTIONS)}, not {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    plan = QUICK if asked.quick else FULL
    if asked.soak_minutes is not None:
        plan = Plan(plan.rounds, plan.seconds, plan.quick, asked.soak_minutes)
    progress = Progress()
    peers.require(progress.say)
    load.allow_connections()
    sections = _measured(names, plan, progress)
    if len(sections) < len(names):
        return 1
    machine = facts() | peers.versions()
    if plan.quick or names != [*SECTIONS]:
        print(page.page(sections, plan, machine))
    else:
        page.write(DOCS, sections, plan, machine)
        print(page.summary([aim for section in sections for aim in section.aims]))
        progress.say("Wrote docs/performance.md.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
