from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.model.strict_yaml import load_documents
from tyrex_pool.model.yaml_text import dump_documents

NASTY = "ab \n\t\r#:-|>'\"\x85\u2028\ufeff\0é😀"
TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.text(NASTY, max_size=12)
VALUES = st.recursive(
    TEXT | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES.filter(lambda value: value is not None))
def test_what_is_written_is_read(value: Any) -> None:
    assert load_documents(dump_documents([value]), "file") == [value]


def test_looks_as_people_write_it() -> None:
    shared = {"a": 1}
    documents = [{"z": shared, "b": shared}, {"code": "one;\n\n  two;\n", "unicode": "é😀"}]
    assert dump_documents(documents) == (
        "---\nz:\n  a: 1\nb:\n  a: 1\n---\ncode: |\n  one;\n\n    two;\nunicode: é😀\n"
    )


@pytest.mark.parametrize("text", ["y", "N", "yes", "0o17", "1_000", "1e3", "012", "0x1", ".5", "~", "null", "", "1:30"])
def test_text_is_quoted_that_another_reader_may_take_for_more(text: str) -> None:
    written = dump_documents([{"a": text}]).splitlines()[1]
    assert written[3] in "'\""
    assert yaml.safe_load(written) == {"a": text}
