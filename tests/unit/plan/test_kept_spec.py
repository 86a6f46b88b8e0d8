"""The note of what was applied, and what becomes of it."""

import copy
from typing import Any

import pytest

from tests.unit.plan.plans import NAMES, PLATFORM, golden_pool, pool
from tyrex_pool.model import names
from tyrex_pool.model.schema import unconvert
from tyrex_pool.plan.children import desired
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Ref
from tyrex_pool.plan.kept_spec import note, recall, scaled, with_known_files


def config_map(declared: DeclaredPool) -> Manifest:
    found = desired(declared, PLATFORM)[
        Ref("v1", "ConfigMap", names.component_name(declared.name, names.COMPONENT_RUNTIME))
    ]
    assert found is not None
    return copy.deepcopy(found)


def noted(declared: DeclaredPool) -> dict[str, Any]:
    """The TyrexPool with the note in its status."""
    metadata = {
        "name": declared.name, "namespace": declared.namespace, "uid": declared.uid, "labels": dict(declared.labels)
    }  # fmt: skip
    return {"metadata": metadata, "status": {names.STATUS_APPLIED: note(unconvert(declared.spec))}}


@pytest.mark.parametrize("name", NAMES)
def test_what_was_noted_is_recalled(name: str) -> None:
    declared = golden_pool(name, uid="1")
    recalled = recall(noted(declared), config_map(declared))
    assert recalled is not None
    assert desired(recalled, PLATFORM) == desired(declared, PLATFORM)


def test_the_source_of_a_module_is_not_noted() -> None:
    inline = pool(mainModule={"inline": "globalThis.secret = 1"})
    assert "secret" not in note(unconvert(inline.spec))
    recalled = recall(noted(inline), config_map(inline))
    assert recalled is not None
    assert recalled.spec == inline.spec


@pytest.mark.parametrize("raw", [None, {}, 3, {"mainModule": None}])
def test_every_spec_can_be_noted(raw: Any) -> None:
    assert note(raw) in ("{}", '{"mainModule":null}')


def edited(found: Manifest) -> Manifest:
    return {**found, "data": {names.CONFIG_FILE: found["data"][names.CONFIG_FILE] + "\n"}}


def without_hash(found: Manifest) -> Manifest:
    return {**found, "metadata": {**found["metadata"], "annotations": {}}}


@pytest.mark.parametrize(
    "lost", [pytest.param(lambda _: None, id="missing"), pytest.param(edited, id="edited"), without_hash]
)
def test_without_the_runtimes_config_map_nothing_is_recalled(lost: Any) -> None:
    assert recall(noted(pool()), lost(config_map(pool()))) is None


@pytest.mark.parametrize("text", [None, "", "{", "3", '{"size": -1}', '{"unknown": 1}'])
def test_a_note_that_cannot_be_read_is_none(text: str | None) -> None:
    raw = noted(pool())
    raw["status"] = {} if text is None else {names.STATUS_APPLIED: text}
    assert recall(raw, config_map(pool())) is None


@pytest.mark.parametrize(
    ("spec", "numbers"),
    [
        pytest.param({"size": 5}, (5, 2), id="size"),
        pytest.param({"proxy": {"replicas": 4}}, (2, 4), id="replicas"),
        pytest.param({"size": 0, "proxy": {"replicas": 0, "image": 3}}, (0, 0), id="both, beside what is wrong"),
        pytest.param({"size": -1, "proxy": {"replicas": 4}}, (2, 4), id="a wrong size"),
        pytest.param({"size": "5", "proxy": []}, (2, 2), id="wrong types"),
        pytest.param({"size": True}, (2, 2), id="a boolean"),
        pytest.param(None, (2, 2), id="no spec"),
        pytest.param({"permissions": {"alow": {}}}, (2, 2), id="no numbers"),
    ],
)
def test_numbers_of_a_wrong_spec_are_followed(spec: Any, numbers: tuple[int, int]) -> None:
    found = scaled(pool(), spec).spec
    assert (found.size, found.proxy.replicas) == numbers
    assert found.permissions == pool().spec.permissions


@pytest.mark.parametrize(
    ("module", "same"),
    [
        pytest.param({"name": "a", "entrypoint": "main.ts"}, True, id="the same"),
        pytest.param({"name": "b", "entrypoint": "main.ts"}, False, id="another map"),
        pytest.param({"name": "a", "entrypoint": "other.ts"}, False, id="another entrypoint"),
    ],
)
def test_files_stand_in_for_those_of_the_same_module_only(module: Any, same: bool) -> None:
    files = {"a": {"main.ts": "1"}}
    known = pool(mainModule={"configMap": {"name": "a", "entrypoint": "main.ts"}})
    known = DeclaredPool(known.name, known.namespace, known.uid, known.spec, files)
    found = with_known_files(pool(mainModule={"configMap": module}), known)
    assert (found.config_maps if found else None) == (files if same else None)
