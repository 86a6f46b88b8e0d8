"""What the chart's files say, and that they agree with each other and with the project."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.chart.values import documented, table

Node = dict[str, Any]


def schema(chart: Path) -> Node:
    document: Node = json.loads((chart / "values.schema.json").read_text())
    return document


def test_it_has_the_version_of_the_package(root: Path, chart: Path) -> None:
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    assert (about["version"], about["appVersion"]) == (version, version)


def test_it_carries_the_crd_byte_by_byte(root: Path, chart: Path) -> None:
    assert (chart / "files/tyrexpool.yaml").read_bytes() == (root / "crds/tyrexpool.yaml").read_bytes()


def test_every_value_has_a_text(chart: Path) -> None:
    assert [value.path for value in documented(chart / "values.yaml") if not value.text] == []


def test_the_readme_has_the_table_of_values(chart: Path) -> None:
    assert table(documented(chart / "values.yaml")) in (chart / "README.md").read_text()


def resolved(node: Node, document: Node) -> Node:
    """What a `$ref` points to, or `node` itself."""
    if "$ref" not in node:
        return node
    found: Node = document["$defs"][node["$ref"].rpartition("/")[2]]
    return found


def leaves(node: Node, document: Node, prefix: str = "") -> Iterator[str]:
    """Paths of the values that a schema knows."""
    for name, raw in node["properties"].items():
        member = resolved(raw, document)
        if "properties" in member:
            yield from leaves(member, document, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


FOR_PARENT_CHARTS = {"global", "enabled"}
"""Known to the schema, so that the chart can be part of another one."""


def test_the_schema_knows_the_values_and_no_others(chart: Path) -> None:
    document = schema(chart)
    known = {path.removesuffix(".requests").removesuffix(".limits") for path in leaves(document, document)}
    known -= {"operator.resources.claims"}
    assert known - FOR_PARENT_CHARTS == {value.path for value in documented(chart / "values.yaml")}


def test_the_schema_is_strict(chart: Path) -> None:
    def lax(node: Any, path: str) -> Iterator[str]:
        if isinstance(node, dict):
            if "properties" in node and node.get("additionalProperties") is not False:
                yield path
            for name, member in node.items():
                yield from lax(member, f"{path}/{name}")

    assert list(lax(schema(chart), "")) == []
