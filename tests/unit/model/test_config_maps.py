"""The files of a ConfigMap, and what the API server refuses too."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.model.config_maps import files_of, members_of
from tyrex_pool.model.errors import InvalidSpec

KEYS = st.from_regex(r"[-_a-z][-._a-z]{0,9}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(KEYS, TEXTS | st.binary()))
def test_what_is_written_is_read(files: dict[str, str | bytes]) -> None:
    assert files_of(members_of(files), "ConfigMap/src") == files


@pytest.mark.parametrize(
    ("document", "files"),
    [
        pytest.param({}, {}, id="empty"),
        pytest.param({"data": {"a": ""}, "binaryData": {"b": ""}}, {"a": "", "b": b""}, id="empty files"),
        pytest.param({"binaryData": {"a": "/wA="}}, {"a": b"\xff\0"}, id="no UTF-8"),
        pytest.param({"binaryData": {"a": "YWFh\nYWFh\r\n"}}, {"a": b"aaaaaa"}, id="broken into lines"),
        pytest.param({"data": {".npmrc": "a", "a..b": "b"}}, {".npmrc": "a", "a..b": "b"}, id="hidden files"),
        pytest.param({"data": {"a": "b"}, "immutable": True}, {"a": "b"}, id="other members"),
    ],
)
def test_files(document: Any, files: dict[str, str | bytes]) -> None:
    assert files_of(document, "ConfigMap/src") == files


@pytest.mark.parametrize(
    ("document", "path", "problem"),
    [
        pytest.param({"data": []}, "data", "write a mapping, not []", id="a list"),
        pytest.param({"binaryData": "YQ=="}, "binaryData", 'write a mapping, not "YQ=="', id="no mapping"),
        pytest.param({"data": {"a": 1}}, "data.a", "write a string, not 1", id="a number"),
        pytest.param({"binaryData": {"a": 1}}, "binaryData.a", "write a string, not 1", id="a number as bytes"),
        pytest.param({"binaryData": {"a": "a b"}}, "binaryData.a", "write base64, or the text itself", id="plain text"),
        pytest.param({"binaryData": {"a": "YQ"}}, "binaryData.a", "write base64, or the text itself", id="cut off"),
        pytest.param({"binaryData": {"a": "é"}}, "binaryData.a", "write base64, or the text itself", id="no ASCII"),
        pytest.param({"data": {"a": ""}, "binaryData": {"a": ""}}, "binaryData.a", "stands in data too", id="twice"),
        pytest.param({"data": {"lib/a.ts": ""}}, "data.lib/a.ts", "write a key of letters", id="a folder"),
        pytest.param({"data": {"../a.ts": ""}}, "data.../a.ts", "write a key of letters", id="another folder"),
        pytest.param({"data": {"..": ""}}, "data...", "write a key of letters", id="the folder above"),
        pytest.param({"data": {"": ""}}, "data.", "write a key of letters", id="no name"),
        pytest.param({"data": {"a" * 254: ""}}, "data." + "a" * 254, "write a key of letters", id="too long"),
    ],
)
def test_refused(document: Any, path: str, problem: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        files_of(document, "ConfigMap/src")
    assert refused.value.path == f"ConfigMap/src.{path}"
    assert problem in refused.value.problem
