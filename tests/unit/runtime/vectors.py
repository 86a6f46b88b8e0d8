"""tests/contract/channel.json: what both ends of the pipe are tested with."""

import json
from pathlib import Path
from typing import Any

import pytest

_FILE = Path(__file__).resolve().parents[2] / "contract" / "channel.json"
CHANNEL: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))


def rows(section: str) -> list[Any]:
    """A section's rows as parameters with their ids."""
    return [pytest.param(row, id=row["id"]) for row in CHANNEL[section]]
