"""Labels and annotations that users write: what Kubernetes accepts, and what is the operator's own."""

from typing import Any

import pytest

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.metadata import ANNOTATIONS_LIMIT, parse_annotations, parse_labels
from tyrex_pool.model.spec import PoolSpec


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param({}, id="none"),
        pytest.param({"team": "a", "example.com/cost-centre": "42"}, id="two"),
        pytest.param({"empty": ""}, id="an empty value"),
        pytest.param({"a" * 63: "b" * 63, f"{'c' * 253}/d": "e"}, id="as long as may be"),
        pytest.param({"sidecar.istio.io/inject": "false"}, id="of a mesh"),
        pytest.param({"app.kubernetes.io/version": "1"}, id="one of Kubernetes' that is free"),
        pytest.param({"x.tyrex.dev/a": "b"}, id="below another domain"),
    ],
)
def test_labels(labels: dict[str, str]) -> None:
    assert parse_labels(labels) == labels


RESERVED = ["name", "instance", "component", "managed-by", "part-of"]


@pytest.mark.parametrize(
    ("labels", "path", "problem"),
    [
        *(pytest.param({f"app.kubernetes.io/{n}": "a"}, f"[app.kubernetes.io/{n}]", "needs", id=n) for n in RESERVED),
        pytest.param({"tyrex.dev/pool": "q"}, "[tyrex.dev/pool]", "writes those below tyrex.dev", id="own"),
        pytest.param({"tyrex.dev/new": "q"}, "[tyrex.dev/new]", "write another key", id="own, later"),
        pytest.param({"pod-template-hash": "a"}, "[pod-template-hash]", "leave it out", id="a Deployment's"),
        pytest.param({"a": "b" * 64}, "[a]", "at most 63 letters", id="a long value"),
        pytest.param({"a": "b c"}, "[a]", 'not "b c"', id="a space"),
        pytest.param({"a": "-b"}, "[a]", "a letter or digit at both ends", id="a dash first"),
        pytest.param({"a": "b\n"}, "[a]", "at most 63 letters", id="a new line"),
        pytest.param({"a": 1}, "[a]", "write a string, in quotes, not 1", id="a number"),
        pytest.param({"a": True}, "[a]", "not true", id="a truth value"),
        pytest.param({"a": None}, "[a]", "not null", id="null"),
        pytest.param({"a b": "c"}, "[a b]", "write a key such as team", id="a key with a space"),
        pytest.param({"a/b/c": "d"}, "[a/b/c]", "write a key such as team", id="two slashes"),
        pytest.param({"": "d"}, "[]", "write a key such as team", id="no key"),
        pytest.param({"A.com/b": "d"}, "[A.com/b]", "write a key such as team", id="a capital domain"),
        pytest.param(["a"], "", 'write a mapping, not ["a"]', id="a list"),
        pytest.param({f"a{n}": "" for n in range(65)}, "", "write at most 64 entries, not 65", id="many"),
    ],
)
def test_refused_labels(labels: Any, path: str, problem: str) -> None:
    for component in ("runtime", "proxy"):
        with pytest.raises(InvalidSpec) as refused:
            PoolSpec.parse({component: {"podMetadata": {"labels": labels}}})
        assert refused.value.path == f"spec.{component}.podMetadata.labels{path}"
        assert problem in refused.value.problem


def test_annotations_may_be_any_text() -> None:
    annotations = {"note": "a b\nc", "example.com/json": '{"a": 1}', "pod-template-hash": "x"}
    assert parse_annotations(annotations) == annotations


@pytest.mark.parametrize(
    ("annotations", "path", "problem"),
    [
        pytest.param({"tyrex.dev/spec-hash": "1"}, "[tyrex.dev/spec-hash]", "write another key", id="own"),
        pytest.param({"a": 1.5}, "[a]", "write a string, in quotes, not 1.5", id="a number"),
        pytest.param({"a": "b" * ANNOTATIONS_LIMIT}, "", "at most 262,144 bytes in all, not 262,145", id="long"),
        pytest.param({"a": "é" * 150_000}, "", "not 300,001", id="long in bytes"),
    ],
)
def test_refused_annotations(annotations: Any, path: str, problem: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        PoolSpec.parse({"proxy": {"service": {"annotations": annotations}}})
    assert refused.value.path == f"spec.proxy.service.annotations{path}"
    assert problem in refused.value.problem
