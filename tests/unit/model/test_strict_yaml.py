import pytest

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.strict_yaml import load_documents


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("---\n# only a comment\n---\n", [], id="empty-documents"),
        pytest.param("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}], id="two-documents"),
        pytest.param("a: None", [{"a": "None"}], id="None-is-a-string"),
        pytest.param("a: null\nb: ~\nc:", [{"a": None, "b": None, "c": None}], id="null"),
        pytest.param("a: yes\nb: 1.5\nc: [1]", [{"a": True, "b": 1.5, "c": [1]}], id="scalars"),
        pytest.param("a: 2020-01-01", [{"a": "2020-01-01"}], id="a-date-is-a-string"),
        pytest.param("a: &x {b: 1}\nc: *x", [{"a": {"b": 1}, "c": {"b": 1}}], id="alias"),
        pytest.param("a: &x {b: 1}\nc: {<<: *x, b: 2}", [{"a": {"b": 1}, "c": {"b": 2}}], id="merge"),
        pytest.param("a: |\n  x: 1\n  x: 2\n", [{"a": "x: 1\nx: 2\n"}], id="text-is-not-looked-into"),
        pytest.param('{"a": [1, "b"]}', [{"a": [1, "b"]}], id="json"),
        pytest.param(r'{"a": "\ud83d\ude00!"}', [{"a": "😀!"}], id="surrogate-pair"),
        pytest.param(r'{"a": "\uD83D\uDE00"}', [{"a": "😀"}], id="surrogate-pair-in-capitals"),
        pytest.param(r'{"\ud83d\ude00": 1}', [{"😀": 1}], id="surrogate-pair-in-a-key"),
        pytest.param(r'a: "\ud83d\ude00\U0001F600😀"', [{"a": "😀😀😀"}], id="every-way-to-write-one"),
        pytest.param(r'a: "\U0000d83d\U0000de00"', [{"a": "😀"}], id="surrogate-pair-of-eight-digits"),
        pytest.param('a: "\\ud83d\\\n  \\ude00"', [{"a": "😀"}], id="surrogate-pair-over-two-lines"),
        pytest.param(r"a: '\ud83d\ude00'", [{"a": r"\ud83d\ude00"}], id="no-escapes-in-single-quotes"),
        pytest.param(r"a: \ud83d", [{"a": r"\ud83d"}], id="no-escapes-without-quotes"),
    ],
)
def test_reads(text: str, documents: list[object]) -> None:
    assert load_documents(text, "manifest") == documents


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        pytest.param("a: 1\nb: [", "line 2", "expected the node content", id="broken"),
        pytest.param("a: 1\n\tb: 2", "line 2", "cannot start any token", id="tab"),
        pytest.param("a: 'x", "line 1", "unexpected end of stream", id="open-quote"),
        pytest.param("a: \0", "manifest", "write YAML; ", id="nul"),
        pytest.param("a: 1\nb: 2\na: 3", "line 3", '"a" stands twice', id="key-twice"),
        pytest.param("x:\n  deny: {}\n  deny: {}", "line 3", '"deny" stands twice', id="key-twice-inside"),
        pytest.param("x: {a: 1, 'a': 2}", "line 1", '"a" stands twice', id="key-twice-quoted"),
        pytest.param("a: &x {b: 1}\nc: {<<: *x, b: 2, b: 3}", "line 2", "twice", id="twice-beside-merge"),
        pytest.param("1: a", "line 1", "write the key as a string, in quotes, not 1", id="key-is-a-number"),
        pytest.param("a: 1\non: a", "line 2", "in quotes, not on", id="key-is-a-bool"),
        pytest.param("? [a]\n: 1", "line 1", "not a list or mapping", id="key-is-a-list"),
        pytest.param("a: !!python/object:os.system {}", "line 1", "leave out the tag", id="python-tag"),
        pytest.param("a: !!set {b}", "line 1", "leave out the tag", id="set"),
        pytest.param("a: !!binary aGk=", "line 1", "leave out the tag", id="binary"),
        pytest.param("a: !mine 1", "line 1", "leave out the tag !mine", id="own-tag"),
        pytest.param("a: &x [*x]", "line 1", "recursive", id="cycle"),
        pytest.param("a: &x {b: *x}", "line 1", "recursive", id="cycle-of-mappings"),
        pytest.param("a: *x", "line 1", "undefined alias", id="unknown-alias"),
        pytest.param(r'{"a": "\ud83d"}', "a", "without lone surrogates", id="lone-surrogate"),
        pytest.param(r'{"a": {"b": [0, "\ude00\ud83d"]}}', "a.b[1]", "lone surrogates", id="pair-in-the-wrong-order"),
        pytest.param(r'{"a": {"x\ud83d": 1}}', r"a.x\ud83d", "lone surrogates", id="lone-surrogate-in-a-key"),
        pytest.param("a: 1\n---\nb: [{c: '1', d: \"\\ud83d x\"}]", "document 2.b[0].d", "lone", id="second-document"),
        pytest.param('a: &x ["\\ud83d"]\nb: *x', "a[0]", "lone surrogates", id="lone-surrogate-in-an-anchor"),
        pytest.param(r'{"😀": 1, "\ud83d\ude00": 2}', "line 1", "stands twice", id="key-twice-written-unlike"),
        pytest.param("[" * 5000, "manifest", "write YAML; ", id="too-deep"),
    ],
)
def test_refuses_with_the_line(text: str, path: str, problem: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        load_documents(text, "manifest")
    assert refused.value.path == path
    assert problem in refused.value.problem
