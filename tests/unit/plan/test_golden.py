"""What the planner makes of a few pools, written out in `golden/`.

After a change that is meant, write the files anew and read their difference:
`UPDATE_GOLDEN=1 python -m pytest tests/unit/plan/test_golden.py`
"""

import os

import pytest

from tests.unit.plan.plans import GOLDEN, NAMES, PLATFORM, golden_pool
from tyrex_pool.model.yaml_text import dump_documents
from tyrex_pool.plan.children import desired


@pytest.mark.parametrize("name", NAMES)
def test_children_of(name: str) -> None:
    children = desired(golden_pool(name), PLATFORM).values()
    text = dump_documents(child for child in children if child is not None)
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()
