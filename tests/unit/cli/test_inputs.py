from pathlib import Path
from typing import Any

import pytest

from tyrex_pool.cli.inputs import read_inputs
from tyrex_pool.hosting.errors import BadInput


@pytest.mark.parametrize(
    ("options", "inputs"),
    [
        pytest.param(["a=1"], {"a": 1}, id="a number"),
        pytest.param(['a="x=y"', "b=null"], {"a": "x=y", "b": None}, id="an equals sign in the value"),
        pytest.param(['__proto__={"b": [1]}'], {"__proto__": {"b": [1]}}, id="a name of prototypes"),
        pytest.param(['a="\\ud800"'], {"a": "\ud800"}, id="half a surrogate pair"),
        pytest.param(["a b= 1 "], {"a b": 1}, id="spaces"),
        pytest.param(["@FILE", "c=3"], {"a": 1, "b": "é", "c": 3}, id="a file and another"),
    ],
)
def test_inputs(tmp_path: Path, options: list[str], inputs: dict[str, Any]) -> None:
    file = tmp_path / "inputs.json"
    file.write_text('{"a": 1, "b": "é"}', "utf-8")
    assert read_inputs([option.replace("FILE", str(file)) for option in options]) == inputs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            ["a"], "--input: write NAME=JSON such as count=3 or 'name=\"Ada\"', or @FILE, not 'a'", id="a name"
        ),
        pytest.param(["=1"], "write NAME=JSON", id="no name"),
        pytest.param([""], "write NAME=JSON", id="nothing"),
        pytest.param(["a=Ada"], "--input a: 'Ada' is not JSON", id="text"),
        pytest.param(["a=Ada L."], "text needs quotes: 'a=\"Ada L.\"'", id="what to write for text"),
        pytest.param(["a="], "--input a: '' is not JSON", id="no value"),
        pytest.param(["a=NaN"], "is not JSON", id="NaN"),
        pytest.param(["a=1", "a=2"], "--input: a is given twice", id="twice"),
        pytest.param(["@FILE", "a=2"], "--input: a is given twice", id="twice, in a file"),
        pytest.param(["@"], "there is no file after @", id="no file"),
        pytest.param(["@LIST"], "write a JSON object with a member for each input, not a list", id="a list"),
        pytest.param(["@BROKEN"], "the file is not JSON", id="no JSON"),
    ],
)
def test_refusals(tmp_path: Path, options: list[str], message: str) -> None:
    for name, text in {"FILE": '{"a": 1}', "LIST": "[1]", "BROKEN": "{"}.items():
        (tmp_path / name).write_text(text)
        options = [option.replace(name, str(tmp_path / name)) for option in options]
    with pytest.raises(BadInput) as refused:
        read_inputs(options)
    assert message in str(refused.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        read_inputs(["@/nowhere/inputs.json"])
