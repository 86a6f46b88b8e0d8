"""The sections as a page: a summary of all aims first. Figures in, text out."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from tests.bench.section import Aim, Plan, Section, Table

TEMPLATE = Path(__file__).with_name("page.md")
"""What stays the same from run to run."""
FOLDER = "performance"
"""Beside the page: its plots and samples."""


def page(sections: Sequence[Section], plan: Plan, machine: Mapping[str, str]) -> str:
    """docs/performance.md."""
    versions = {name: version for section in sections for name, version in section.versions.items()}
    light = plan.lighter()
    return Template(TEMPLATE.read_text()).substitute(
        summary=summary([aim for section in sections for aim in section.aims]),
        rounds=plan.rounds,
        seconds=f"{plan.seconds:g}",
        light_rounds=light.rounds,
        light_seconds=f"{light.seconds:g}",
        sections="\n\n".join(map(text, sections)),
        cores=machine["cores"],
        machine="\n".join(f"- {name}: {value}" for name, value in ({**machine, **versions}).items()),
    )


def summary(aims: Sequence[Aim]) -> str:
    """How many aims are reached, each with its figures, and what is in the way of the others."""
    missed = [aim for aim in aims if not aim.reached]
    rows = [[aim.what, f"{'≥' if aim.at_least else '≤'} {aim.bound:g}", aim.shown, verdict(aim)] for aim in aims]
    parts = [
        f"{len(aims) - len(missed)} of {len(aims)} aims are reached.",
        table(Table(["figure", "aim", "measured", ""], rows)),
    ]
    ways: dict[str, list[str]] = {}
    for aim in missed:
        ways.setdefault(aim.in_the_way or "its section has the figures", []).append(aim.what)
    if ways:
        told = [f"- *{'; '.join(figures)}*: {way}." for way, figures in ways.items()]
        parts.append("What is in the way of those that are not:\n\n" + "\n".join(told))
    return "\n\n".join(parts)


def verdict(aim: Aim) -> str:
    """Reached, or by how much not."""
    if aim.reached:
        return "reached"
    if aim.errors:
        return f"**not reached**: {aim.errors} errors"
    off = abs(aim.measured / aim.bound - 1)
    return f"**not reached**: {off * 100:,.{1 if off < 1 else 0}f} % {'short' if aim.at_least else 'over'}"


def text(section: Section) -> str:
    """A section as Markdown."""
    shown = [f"**{each.title}**\n\n{table(each)}" if each.title else table(each) for each in section.tables]
    images = [f"![{plot.title or plot.name}]({FOLDER}/{plot.name}.svg)" for plot in section.plots]
    return "\n\n".join([f"## {section.title}\n{section.text}", *images, *shown])


def table(shown: Table) -> str:
    head = [list(shown.head), ["---", *["---:"] * (len(shown.head) - 1)]]
    return "\n".join(f"| {' | '.join(row)} |" for row in [*head, *shown.rows])


def write(folder: Path, sections: Sequence[Section], plan: Plan, machine: Mapping[str, str]) -> None:
    """performance.md, its plots and its samples in `folder`; plots of an earlier run that are no more are removed."""
    beside = folder / FOLDER
    beside.mkdir(exist_ok=True)
    for old in beside.glob("*.svg"):
        old.unlink()
    for section in sections:
        for plot in section.plots:
            (beside / f"{plot.name}.svg").write_text(plot.svg)
    samples = {"machine": machine, "rounds": plan.rounds, "seconds": plan.seconds}
    measured = {section.title: section.data for section in sections}
    compact = json.dumps(samples | {"sections": measured}, ensure_ascii=False, separators=(",", ":"))
    (beside / "samples.json").write_text(compact + "\n")
    (folder / "performance.md").write_text(page(sections, plan, machine))
