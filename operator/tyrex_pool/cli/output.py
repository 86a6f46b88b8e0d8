"""What the commands print: JSON, tables, errors, and nothing that could steer a terminal."""

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
    """The command as it was called: kubectl runs `kubectl-tyrex` for `kubectl tyrex`."""
    return "kubectl tyrex" if Path(sys.argv[0]).stem == "kubectl-tyrex" else PROGRAM


def json_text(value: Any, *, pretty: bool | None = None) -> str:
    """`value` as JSON: indented for a terminal (or if `pretty`), else in one line."""
    text = encode_json(value)
    if sys.stdout.isatty() if pretty is None else pretty:
        return printable(msgspec.json.format(text, indent=2).decode())
    return text.decode()


def error_text(error: TyrexError) -> str:
    """`error` for a person: what, whose fault, if it may be repeated, and the guest's value and stack."""
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
    """`rows` in columns as wide as their widest cell; None is a dash."""
    cells = [["-" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(lines)


def line(text: str | None) -> str | None:
    """`text` on one line, as a cell of a table wants it."""
    return None if text is None else " ".join(text.split())
