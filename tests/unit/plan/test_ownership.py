"""Whose an object is."""

from typing import Any

import pytest

from tyrex_pool.model import names
from tyrex_pool.plan.ownership import Holder, finished, holder, orphans

POOL = {"apiVersion": names.API_VERSION, "kind": names.KIND, "name": "p", "uid": "1", "controller": True}
FORMER = {**POOL, "uid": "0"}
LABELS = {names.LABEL_POOL: "p"}


@pytest.mark.parametrize(
    ("owners", "labels", "whose"),
    [
        pytest.param([POOL], {}, Holder.POOL, id="the pool's"),
        pytest.param([{**POOL, "apiVersion": "tyrex.dev/v1"}], {}, Holder.POOL, id="by another version"),
        pytest.param([{"uid": "7", "kind": "X", "name": "x"}, POOL], {}, Holder.POOL, id="with another owner"),
        pytest.param([FORMER], LABELS, Holder.FREE, id="a former pool's"),
        pytest.param([], LABELS, Holder.FREE, id="nobody's with our label"),
        pytest.param([], {}, Holder.OTHER, id="nobody's"),
        pytest.param([], {names.LABEL_POOL: "q"}, Holder.OTHER, id="nobody's with the label of another pool"),
        pytest.param([{**FORMER, "name": "q"}], LABELS, Holder.OTHER, id="another pool's"),
        pytest.param([{**FORMER, "kind": "Deployment"}], LABELS, Holder.OTHER, id="another kind's"),
        pytest.param([{**FORMER, "apiVersion": "other.dev/v1"}], LABELS, Holder.OTHER, id="another group's"),
        pytest.param([{**POOL, "controller": False}], LABELS, Holder.FREE, id="only referred to"),
    ],
)
def test_holder(owners: list[Any], labels: Any, whose: Holder) -> None:
    assert holder({"metadata": {"labels": labels, "ownerReferences": owners}}, "p", "1") is whose


@pytest.mark.parametrize(
    ("phase", "is_finished"),
    [("Pending", False), ("Running", False), ("Unknown", False), ("Failed", True), ("Succeeded", True), (None, False)],
)
def test_finished(phase: str | None, is_finished: bool) -> None:
    assert finished({"status": {} if phase is None else {"phase": phase}}) is is_finished


@pytest.mark.parametrize(
    ("finalizers", "leaves"),
    [([], False), (["orphan"], True), ([names.FINALIZER, "orphan"], True), (["foregroundDeletion"], False)],
)
def test_orphans(finalizers: list[str], leaves: bool) -> None:
    assert orphans({"finalizers": finalizers}) is leaves
