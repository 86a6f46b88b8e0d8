"""Formats the output of commands: JSON, tables and errors, free of control sequences for a terminal."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from tyrex_pool.model.errors import TyrexError
from tyrex_pool.model.text import printable
from tyrex_pool.model.wire import encode_json

PROGRAM = "tyrex-pool"
FAULTS = {"guest": "the evaluated code", "caller": "the request", "platform": "the pool"}
RETRIES = {
    "guest": "not safe, the code has run",
    "caller": "of no use until the request is changed",
    "platform": "not safe, the code may have run",
}


def program() -> str:
    """The program's name as the user typed it: kubectl runs `kubectl-tyrex` for `kubectl tyrex`."""
    return "kubectl tyrex" if Path(sys.argv[0]).stem == "kubectl-tyrex" else PROGRAM


def json_text(value: Any, *, pretty: bool | None = None) -> str:
    """`value` as JSON: indented for a terminal (or if `pretty`), else in one line."""
    text = encode_json(value)
    if sys.stdout.isatty() if pretty is None else pretty:
        return printable(msgspec.json.format(text, indent=2).decode())
    return text.decode()


def error_text(error: TyrexError) -> str:
    """`error` as lines of text: name and detail, fault, whether a retry is safe, the guest's value and stack."""
    lines = [
        f"{error.name}: {error.detail}",
        f"  fault: {FAULTS[error.fault]}",
        f"  retry: {'safe, the code never started' if error.retryable else RETRIES[error.fault]}",
    ]
    if error.has_value:
        lines.append(f"  value: {json_text(error.value, pretty=False)}")
    if error.stack:
        lines += ["  stack:", *(f"    {line.strip()}" for line in error.stack.splitlines())]
    return "\n".join(lines)


def table(rows: Sequence[Sequence[object]]) -> str:
    """`rows` as text, in columns as wide as their widest cells; None is printed as a dash."""
    cells = [["-" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(lines)


def line(text: str | None) -> str | None:
    """`text` on one line, for a cell of a table."""
    return None if text is None else " ".join(text.split())
