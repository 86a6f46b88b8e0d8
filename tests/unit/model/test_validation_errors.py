from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, field

from tyrex_pool.model.durations import Seconds
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.quantities import Bytes
from tyrex_pool.model.schema import Schema, convert
from tyrex_pool.model.validation_errors import one_of, quote


class Inner(Schema, frozen=True):
    need: str
    word: Annotated[str, Meta(min_length=2, max_length=3, pattern=r"^a\.b\Z|^a+\Z")] = "aa"

    def __post_init__(self) -> None:
        if self.need == "bad":
            raise InvalidSpec(".need", "write good, not bad")


class Outer(Schema, frozen=True):
    count: Annotated[int, Meta(ge=0, le=9)] = 0
    color: Literal["Red", "Blue"] = "Red"
    maybe: Literal["A"] | None = None
    flag: bool = False
    many: Annotated[tuple[Inner, ...], Meta(max_length=1)] = ()
    wait: Seconds = Seconds(1)
    heap: Bytes = Bytes(1)
    free: dict[str, Any] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param([], "top: write a mapping, not []", id="no-mapping"),
        pytest.param({"count": "2"}, 'top.count: write a whole number, not "2"', id="string-for-int"),
        pytest.param({"count": True}, "top.count: write a whole number, not true", id="bool-for-int"),
        pytest.param({"count": 2.0}, "top.count: write a whole number, not 2.0", id="float-for-int"),
        pytest.param({"count": -1}, "top.count: write at least 0, not -1", id="too-small"),
        pytest.param({"count": 10}, "top.count: write at most 9, not 10", id="too-large"),
        pytest.param({"flag": 1}, "top.flag: write true or false, not 1", id="int-for-bool"),
        pytest.param({"color": 3}, "top.color: write one of Blue, Red, not 3", id="int-for-enum"),
        pytest.param({"color": "x"}, 'top.color: write one of Blue, Red, not "x"', id="enum"),
        pytest.param(
            {"color": "red"},
            'top.color: write one of Blue, Red (did you mean Red?), not "red"',
            id="enum-hint",
        ),
        pytest.param({"maybe": "b"}, 'top.maybe: write one of A, not "b"', id="optional-enum"),
        pytest.param({"many": {}}, "top.many: write a list, not {}", id="mapping-for-list"),
        pytest.param({"many": [{}]}, "top.many[0].need: is missing; write it", id="missing"),
        pytest.param({"many": [{"need": "bad"}]}, "top.many[0].need: write good, not bad", id="own-check"),
        pytest.param(
            {"many": [{"need": "x"}, {"need": "y"}]},
            'top.many: write at most 1 item, not [{"need":"x"},{"need":"y"}]',
            id="list-too-long",
        ),
        pytest.param(
            {"many": [{"need": "x", "word": "a"}]},
            'top.many[0].word: write at least 2 characters, not "a"',
            id="string-too-short",
        ),
        pytest.param(
            {"many": [{"need": "x", "word": "b.b"}]},
            r'top.many[0].word: write a string that matches ^a\.b$|^a+$, not "b.b"',
            id="pattern",
        ),
        pytest.param(
            {"many": [{"need": "x", "wrod": 1}]},
            "top.many[0].wrod: unknown field; write one of need, word (did you mean word?)",
            id="unknown",
        ),
        pytest.param({"a b.c`": 1}, "top.a b.c`: unknown field", id="unknown-with-odd-characters"),
        pytest.param({"a\nb": 1}, "top.a\nb: unknown field", id="unknown-with-new-line"),
        pytest.param({"wait": 3}, "top.wait: write a duration such as 5s", id="duration"),
        pytest.param({"heap": "3MB"}, "top.heap: write a quantity such as 128Mi", id="quantity"),
        pytest.param({2: 1}, "top: write every key as a string, in quotes", id="key"),
        pytest.param({"free": {2: 1}}, "top.free: write every key as a string, in quotes", id="free-key"),
    ],
)
def test_says_where_and_what_to_write(raw: object, message: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        convert(raw, Outer, "top")
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("a\n", '"a\\n"', id="json"),
        pytest.param("x" * 99, '"' + "x" * 59 + "…", id="cut"),
        pytest.param("\ud800", "'\\ud800'", id="no-unicode"),
        pytest.param(object, "<class 'object'>", id="no-json"),
    ],
)
def test_quotes(value: object, text: str) -> None:
    assert quote(value) == text


def test_guesses_only_what_is_close() -> None:
    assert one_of(["size", "queue"], "sise") == "one of queue, size (did you mean size?)"
    assert one_of(["size", "queue"], "elephant") == "one of queue, size"
