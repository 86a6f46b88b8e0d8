"""The CRD says what PoolSpec says: both are walked side by side, so that no list of fields can go stale."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
import yaml
from msgspec import inspect

from tyrex_pool.model import durations, metadata, names, quantities, shares
from tyrex_pool.model.durations import Seconds
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.manifest import Manifest
from tyrex_pool.model.metadata import Annotations, Labels
from tyrex_pool.model.permissions import KINDS
from tyrex_pool.model.quantities import Bytes
from tyrex_pool.model.shares import Share
from tyrex_pool.model.spec import MIN_HEAP, PoolSpec
from tyrex_pool.model.validation_errors import struct_of

Node = dict[str, Any]


@pytest.fixture(scope="module")
def crd(root: Path) -> Node:
    document: Node = yaml.safe_load((root / "crds" / "tyrexpool.yaml").read_text())
    return document


@pytest.fixture(scope="module")
def version(crd: Node) -> Node:
    (only,) = crd["spec"]["versions"]
    assert isinstance(only, dict)
    return only


@pytest.fixture(scope="module")
def schema(version: Node) -> Node:
    node: Node = version["schema"]["openAPIV3Schema"]
    return node


@pytest.fixture(scope="module")
def spec(schema: Node) -> Node:
    node: Node = schema["properties"]["spec"]
    return node


# What the CRD must say for a Python type ------------------------------------------------------------------


QUANTITIES: dict[type, ModuleType] = {Bytes: quantities, Share: shares}
ENTRIES: dict[type, int] = {Labels: 63, Annotations: metadata.ANNOTATIONS_LIMIT}
"""Mappings of strings, with the length of their values."""


def expected(kind: inspect.Type) -> Node:
    """The keywords that check a value of this type, members and defaults left out."""
    match kind:
        case inspect.IntType():
            return {"type": "integer", "minimum": kind.ge, "maximum": kind.le}
        case inspect.StrType():
            return present(
                type="string",
                minLength=kind.min_length,
                maxLength=kind.max_length,
                pattern=kind.pattern and for_go(kind.pattern),
            )
        case inspect.LiteralType():
            return {"type": "string", "enum": set(kind.values)}
        case inspect.VarTupleType():
            return {"type": "array", "maxItems": kind.max_length, "items": expected(kind.item_type)}
        case inspect.StructType():
            required = {field.encode_name for field in kind.fields if field.required}
            return present(type="object", required=required or None)
        case inspect.DictType():
            return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        case inspect.CustomType() if kind.cls is Seconds:
            return {"type": "string", "maxLength": durations.MAX_LENGTH, "pattern": for_go(durations.PATTERN)}
        case inspect.CustomType() if module := QUANTITIES.get(kind.cls):
            pattern = for_go(module.PATTERN)
            return {"x-kubernetes-int-or-string": True, "maxLength": module.MAX_LENGTH, "pattern": pattern}
        case inspect.CustomType() if longest := ENTRIES.get(kind.cls):
            entry = {"type": "string", "maxLength": longest}
            return {"type": "object", "maxProperties": metadata.MAX_ENTRIES, "additionalProperties": entry}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.UnionType():
            (some,) = (part for part in kind.types if not isinstance(part, inspect.NoneType))
            return expected(some)
    raise NotImplementedError(kind)


def present(**keywords: Any) -> Node:
    return {name: value for name, value in keywords.items() if value is not None}


def for_go(pattern: str) -> str:
    r"""Go writes the end of the text as `$`, Python as `\Z`: its `$` lets a new line pass."""
    return pattern.replace(r"\Z", "$")


ABOUT = {"description", "format", "default", "properties"}
"""Keywords that check nothing, or are looked at apart."""

EXTENSIONS = {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}
"""Those of Kubernetes' own keywords that say which values are accepted."""


def checks(node: Node) -> Node:
    """The keywords of a CRD's node that check its value, in the form of `expected`."""
    return {
        key: set(value) if key in ("enum", "required") else value
        for key, value in node.items()
        if key in EXTENSIONS or not (key in ABOUT or key.startswith("x-kubernetes-"))
    }


def fields(kind: type[msgspec.Struct]) -> Iterator[tuple[str, inspect.Field]]:
    """Every field of PoolSpec with its path, parents first."""
    struct = inspect.type_info(kind)
    assert isinstance(struct, inspect.StructType)
    yield from below(struct, "")


def below(struct: inspect.StructType, path: str) -> Iterator[tuple[str, inspect.Field]]:
    for field in struct.fields:
        here = f"{path}.{field.encode_name}".lstrip(".")
        yield here, field
        if inner := struct_of(field.type):
            yield from below(inner, here)


FIELDS = dict(fields(PoolSpec))


def node_at(spec: Node, path: str) -> Node:
    for name in path.split("."):
        spec = spec["properties"][name]
    return spec


# The walk -------------------------------------------------------------------------------------------------


def test_both_have_the_same_fields(spec: Node) -> None:
    def paths(node: Node, path: str = "") -> Iterator[str]:
        for name, member in node.get("properties", {}).items():
            yield f"{path}{name}"
            yield from paths(member, f"{path}{name}.")

    assert set(paths(spec)) == set(FIELDS)


@pytest.mark.parametrize("path", FIELDS)
def test_both_check_the_same(spec: Node, path: str) -> None:
    found, wanted = checks(node_at(spec, path)), expected(FIELDS[path].type)
    if path.split(".")[0] == "permissions" and wanted.get("type") == "object":
        wanted["x-kubernetes-preserve-unknown-fields"] = True  # the operator refuses what is unknown there
    assert found == wanted


LEAVES = [path for path, field in FIELDS.items() if not struct_of(field.type)]
STRUCTS = [path for path, field in FIELDS.items() if struct_of(field.type)]


@pytest.mark.parametrize("path", LEAVES)
def test_both_have_the_same_default(spec: Node, path: str) -> None:
    default, found = FIELDS[path].default, node_at(spec, path).get("default")
    if default in (msgspec.NODEFAULT, None, ()):
        assert found is None
    elif isinstance(default, Seconds):
        assert durations.parse_duration(found) == default
    elif isinstance(default, Bytes):
        assert quantities.parse_quantity(found) == default
    else:
        assert found == default


@pytest.mark.parametrize("path", STRUCTS)
def test_a_part_that_is_absent_is_its_members_defaults(spec: Node, path: str) -> None:
    """The API server fills in members only where the part itself is there, or has a default."""
    node = node_at(spec, path)
    filled = fill(node, {})
    assert fill(node, node.get("default", {})) == filled
    assert ("default" in node) == bool(filled)


def test_what_the_api_server_fills_in_is_what_poolspec_fills_in(spec: Node) -> None:
    assert PoolSpec.parse(fill(spec, spec["default"])) == PoolSpec.parse({}) == PoolSpec()


def fill(node: Node, value: Node) -> Node:
    """Defaults as the API server applies them."""
    members = node.get("properties", {})
    filled = {name: member["default"] for name, member in members.items() if "default" in member} | value
    return {
        name: fill(members[name], member) if isinstance(member, dict) and name in members else member
        for name, member in filled.items()
    }


# What only the CRD says -----------------------------------------------------------------------------------


def test_every_field_has_a_description(schema: Node) -> None:
    def silent(node: Node, path: str) -> Iterator[str]:
        if not node.get("description", "").strip():
            yield path
        members = node.get("properties", {}) | node.get("items", {}).get("properties", {})
        for name, member in members.items():
            yield from silent(member, f"{path}.{name}")

    assert list(silent(schema, "")) == []


def test_every_list_and_string_is_capped(spec: Node) -> None:
    """Else the cost of a CEL rule has no bound, and the API server refuses the CRD."""

    def uncapped(node: Node, path: str) -> Iterator[str]:
        cap = {"array": "maxItems", "string": "maxLength"}.get(node.get("type", ""))
        if cap and cap not in node and "enum" not in node:
            yield path
        for name, member in node.get("properties", {}).items():
            yield from uncapped(member, f"{path}.{name}")
        if "items" in node:
            yield from uncapped(node["items"], f"{path}[]")

    assert list(uncapped(spec, "spec")) == []


def rules(node: Node) -> dict[str, str]:
    """Each CEL rule of a node, with the field that it blames."""
    return {rule["rule"]: rule.get("fieldPath", "") for rule in node.get("x-kubernetes-validations", [])}


NO_PODS = "string(self.max{}) in ['0', '0%']"
STUCK = f"{NO_PODS.format('Surge')} && (!has(self.maxUnavailable) || {NO_PODS.format('Unavailable')})"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["allow", "deny"])
def test_a_star_stands_alone(spec: Node, side: str, kind: str) -> None:
    assert rules(node_at(spec, f"permissions.{side}.{kind}")) == {"!('*' in self) || size(self) == 1": ""}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("strategy", {"(self.type == 'Custom') == has(self.custom)": ""}, id="strategy"),
        pytest.param(
            "mainModule",
            {"[has(self.path), has(self.configMap), has(self.inline)].filter(given, given).size() == 1": ""},
            id="mainModule",
        ),
        pytest.param(
            "timeouts",
            {
                "duration(self.eval) > duration('0s')": ".eval",
                "duration(self.maxEval) > duration('0s')": ".maxEval",
                "duration(self.startup) > duration('0s')": ".startup",
                "duration(self.maxEval) >= duration(self.eval)": ".maxEval",
                "!has(self.cpu) || duration(self.cpu) > duration('0s')": ".cpu",
            },
            id="timeouts",
        ),
        pytest.param(
            "limits",
            {
                f"quantity(string(self.heap)).compareTo(quantity('{MIN_HEAP}')) >= 0": ".heap",
                "quantity(string(self.request)).compareTo(quantity('0')) > 0": ".request",
                "quantity(string(self.result)).compareTo(quantity('0')) > 0": ".result",
                "quantity(string(self.console)).compareTo(quantity('0')) > 0": ".console",
            },
            id="limits",
        ),
        *(
            pytest.param(f"{component}.rollout", {f"!(has(self.maxSurge) && {STUCK})": ""}, id=f"{component}.rollout")
            for component in ("runtime", "proxy")
        ),
    ],
)
def test_rules_over_several_fields(spec: Node, path: str, said: dict[str, str]) -> None:
    assert rules(node_at(spec, path)) == said


def test_rules_over_all_of_the_spec(spec: Node) -> None:
    given = "!has(self.timeouts) || !has(self.timeouts.cpu) || !has(self.concurrency)"
    assert rules(spec) == {f"{given} || self.concurrency == 1": ".timeouts.cpu"}


@pytest.mark.parametrize("name", ["a", "a-1", "a" * 63, "a" * 64, "1a", "-a", "a-", "a.b", "A", ""])
def test_both_accept_the_same_names(schema: Node, name: str) -> None:
    (rule,) = rules(schema)
    pattern = re.search(r"matches\('(.*)'\)", rule)
    assert pattern is not None
    document = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": name}}
    try:
        accepted = bool(Manifest.load(yaml.safe_dump(document)))
    except InvalidSpec:
        accepted = False
    assert accepted == bool(re.search(pattern[1], name))


def test_names(crd: Node, version: Node) -> None:
    assert crd["metadata"]["name"] == names.CRD_NAME
    assert crd["spec"]["group"] == names.GROUP
    assert version["name"] == names.VERSION
    assert crd["spec"]["names"] == {
        "kind": names.KIND,
        "listKind": f"{names.KIND}List",
        "plural": names.PLURAL,
        "singular": names.SINGULAR,
        "shortNames": [names.SHORT_NAME],
        "categories": [names.CATEGORY],
    }


def test_subresources_and_columns_point_at_fields(schema: Node, version: Node) -> None:
    assert set(version["subresources"]) == {"status", "scale"}
    columns = {column["name"]: column["jsonPath"] for column in version["additionalPrinterColumns"]}
    assert list(columns) == ["Ready", "Size", "Strategy", "Reason", "Age"]
    for path in (*version["subresources"]["scale"].values(), columns["Size"], columns["Strategy"]):
        assert node_at(schema, path.removeprefix("."))
