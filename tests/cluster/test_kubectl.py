"""What people see with kubectl: columns, names, and a text for every field."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.caller import Caller
from tests.cluster.cluster import Cluster
from tests.cluster.pools import RESOURCE, InstalledPool, manifest
from tyrex_pool.model import names

DEFINITION = "dev.tyrex.v1alpha1.TyrexPool"


SPEC = {"size": 1, "strategy": {"type": "Hash"}, "proxy": {"replicas": 1}}


@pytest.fixture(scope="module")
def shown(module_pool: Callable[..., InstalledPool]) -> InstalledPool:
    return module_pool("shown", SPEC)


def table(text: str) -> dict[str, str]:
    """The first row, by the names of its columns."""
    head, row, *_ = text.splitlines()
    return dict(zip(head.split(), row.split(), strict=True))


@pytest.mark.parametrize("resource", [names.SHORT_NAME, names.SINGULAR, names.PLURAL, names.CATEGORY])
def test_get_shows_how_a_pool_is(shown: InstalledPool, resource: str) -> None:
    row = table(shown.kubectl("get", resource))
    assert list(row) == ["NAME", "READY", "SIZE", "STRATEGY", "AGE"]
    assert row | {"AGE": ""} == {"NAME": "shown", "READY": "True", "SIZE": "1", "STRATEGY": "Hash", "AGE": ""}


def test_get_wide_shows_why(shown: InstalledPool) -> None:
    assert table(shown.kubectl("get", RESOURCE, "--output=wide"))["REASON"] == "Ready"


def test_wait_works(shown: InstalledPool) -> None:
    assert "condition met" in shown.kubectl("wait", "--for=condition=Ready", f"{RESOURCE}/{shown.name}", "--timeout=5s")


def test_describe_shows_conditions_and_events(shown: InstalledPool) -> None:
    described = shown.kubectl("describe", RESOURCE, shown.name)
    assert "Available" in described
    assert "Events:" in described
    assert "runtime is ready" in described.partition("Events:")[2]


@pytest.mark.parametrize("way", [(), ("--server-side",)])
def test_who_applies_a_manifest_again_sees_no_difference(shown: InstalledPool, way: tuple[str, ...]) -> None:
    """What the operator writes, and what is a default, is nobody else's conflict."""
    text = manifest(shown.name, SPEC, shown.namespace)
    shown.kubectl("apply", *way, "--filename=-", input=text)
    assert shown.kubectl("diff", *way, "--filename=-", input=text) == ""


def test_a_pool_with_the_longest_name_is_a_pool_as_any_other(
    pool: Callable[..., InstalledPool], caller: Caller
) -> None:
    longest = pool("l" * 63, {"size": 1, "proxy": {"replicas": 1}})
    assert caller.eval(longest, "6 * 7") == 42


@pytest.fixture(scope="module")
def schema(operator: str, cluster: Cluster) -> dict[str, Any]:
    """The TyrexPool as the API server publishes it."""
    document = json.loads(cluster.kubectl("get", "--raw", f"/openapi/v3/apis/{names.API_VERSION}"))
    found: dict[str, Any] = document["components"]["schemas"][DEFINITION]
    return found


def fields(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field below `node`, with its path as `kubectl explain` takes it."""
    for name, member in (node.get("properties", {}) | node.get("items", {}).get("properties", {})).items():
        yield f"{path}.{name}", member
        yield from fields(member, f"{path}.{name}")


def test_explain_has_a_text_for_every_field(schema: dict[str, Any], cluster: Cluster) -> None:
    ours = {part: schema["properties"][part] for part in ("spec", "status")}
    found = dict(fields({"properties": ours}, names.SHORT_NAME))
    assert {"txp.spec.permissions.deny.net", "txp.status.conditions.reason"} <= set(found)
    assert [path for path, member in found.items() if not member.get("description", "").strip()] == []
    assert schema["description"].strip()
    printed = cluster.kubectl("explain", names.SHORT_NAME, "--recursive")
    assert {path.rpartition(".")[2] for path in found} <= set(printed.split())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("spec.timeouts.drain", "What evals in flight have to end"),
        ("spec.permissions.deny.net", "Denied hosts"),
        ("status.conditions.reason", "Why, for programs"),
    ],
)
def test_explain_tells_what_a_field_is(operator: str, cluster: Cluster, path: str, text: str) -> None:
    assert text in " ".join(cluster.kubectl("explain", f"{names.SHORT_NAME}.{path}").split())
