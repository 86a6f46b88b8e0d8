"""What Deno itself prints when it ends, in words of the manifest: its readers have no command line of Deno's. Errors of
guests come explained already, from the guest side."""

import re
from collections.abc import Callable, Sequence

_BACKTRACE = "Stack backtrace:"
_ALL = '"*"'
_LONGEST = 4_096
"""Characters; a longer line was printed by a guest, and costs no time here."""


def _access(found: re.Match[str]) -> str:
    kind, target = found["kind"], found["target"]
    grant = f"spec.permissions.allow.{kind}: [{target or _ALL}]"
    return (
        f"No {kind} access{f' to {target}' if target else ''}: {grant} would grant it, unless deny.{kind} covers it"
        f" (Deno: {found[0]})"
    )


def _unstable(found: re.Match[str]) -> str:
    return f"error: {found[1]} is an unstable feature of Deno, and pools have none of these (Deno: {found[0]})"


_UNSTABLE = re.compile(r"^Unstable API '([\w.]+)'\. The `--unstable[\w-]*` flag must be provided\.")
_SENTENCES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str] | str], ...] = (
    (
        re.compile(
            r"Requires (?P<kind>net|read|write|env|run|ffi|sys|import) access(?: to (?P<target>\".*?\"))?"
            r", run again with the --allow-\w+ flag"
        ),
        _access,
    ),
    (_UNSTABLE, _unstable),
    (
        re.compile(r"^error: (?=invalid (?:host|value|port|env var name|unix socket)\b|unknown sys descriptor)"),
        "error: Deno does not take an entry of spec.permissions: ",
    ),
)


def last_words(lines: Sequence[str]) -> str:
    """Why Deno ended a process in which evals had run, explained; empty if it did not say. All other lines may be an
    earlier eval's, and are nobody's to read but the log's."""
    return next((_line(line) for line in reversed(lines) if _UNSTABLE.match(line)), "")


def explained(lines: Sequence[str]) -> list[str]:
    """The lines, with our words for sentences that name a flag, and without the backtrace of Deno's own code."""
    end = lines.index(_BACKTRACE) if _BACKTRACE in lines else len(lines)
    return [_line(line) if len(line) <= _LONGEST else line for line in lines[:end]]


def _line(line: str) -> str:
    for pattern, words in _SENTENCES:
        line = pattern.sub(words, line)
    return line
