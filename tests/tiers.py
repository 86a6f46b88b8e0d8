"""At the end of a run: which tiers of tests ran, and which were left out and why."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

_OUTCOMES = ("passed", "failed", "error", "skipped")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = list(_lines(terminalreporter))
    if lines:
        terminalreporter.section("tiers")
        for line in lines:
            terminalreporter.line(line)


def _lines(reporter: pytest.TerminalReporter) -> Iterator[str]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    reasons: defaultdict[str, set[str]] = defaultdict(set)
    for outcome in _OUTCOMES:
        for report in _tests(reporter.stats.get(outcome, ())):
            tier = _tier(report.nodeid)
            counts[tier][outcome] += 1
            if isinstance(report.longrepr, tuple):  # of a skipped test: file, line, reason
                reasons[tier].add(report.longrepr[2].removeprefix("Skipped: "))
    for tier, found in sorted(counts.items()):
        yield f"{tier}: {_words(found, sorted(reasons[tier]))}"


def _words(found: Counter[str], reasons: list[str]) -> str:
    why = "; ".join(reasons)
    if set(found) == {"skipped"}:
        return f"left out, {why}"
    counts = ", ".join(f"{found[outcome]} {outcome}" for outcome in _OUTCOMES if found[outcome])
    return f"{counts} ({why})" if why else counts


def _tests(reports: Iterable[object]) -> Iterator[pytest.TestReport | pytest.CollectReport]:
    return (report for report in reports if isinstance(report, (pytest.TestReport, pytest.CollectReport)))


def _tier(nodeid: str) -> str:
    """The folder below tests/."""
    parts = Path(nodeid.partition("::")[0]).parts
    return parts[1] if len(parts) > 2 else "tests"
