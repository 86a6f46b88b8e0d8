"""What values.yaml says about each value, as helm-docs does: in a comment above its key that starts with `# --`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MARK = "# -- "


class Value(NamedTuple):
    path: str
    default: Any
    text: str


def documented(file: Path) -> Iterator[Value]:
    """Every value with a text, and every leaf that has none (with an empty one)."""
    text = file.read_text()
    node = yaml.compose(text)
    assert isinstance(node, yaml.MappingNode)
    yield from _below(node, "", text.splitlines())


def _below(node: yaml.MappingNode, prefix: str, lines: list[str]) -> Iterator[Value]:
    for key, member in node.value:
        path = f"{prefix}{key.value}"
        above = lines[key.start_mark.line - 1].strip()
        if above.startswith(MARK):
            yield Value(path, _default(member), above.removeprefix(MARK))
        elif isinstance(member, yaml.MappingNode) and member.value:
            yield from _below(member, f"{path}.", lines)
        else:
            yield Value(path, _default(member), "")


def _default(node: yaml.Node) -> Any:
    return yaml.safe_load(yaml.serialize(node))


def table(values: Iterator[Value]) -> str:
    """The table of README.md."""
    rows = (f"| `{path}` | `{json.dumps(default)}` | {text} |" for path, default, text in values)
    return "\n".join(["| value | default | is |", "|---|---|---|", *rows])
