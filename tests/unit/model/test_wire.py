import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.model.errors import (
    ERRORS,
    DeadRuntimeError,
    ExecutionError,
    InvalidRequest,
    Overloaded,
    TyrexError,
)
from tyrex_pool.model.wire import (
    CallRequest,
    EvalRequest,
    UnreadableJsonError,
    decode_call,
    decode_eval,
    decode_json,
    encode_json,
    from_problem,
    problem,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("body", "request_"),
    [
        pytest.param(b'{"code":"1"}', EvalRequest("1"), id="smallest"),
        pytest.param(b'{"code":""}', EvalRequest(""), id="empty-code"),
        pytest.param(
            b'{"code":"1","key":"k","timeoutMs":2000,"language":"typescript"}',
            EvalRequest("1", "k", 2000, "typescript"),
            id="all",
        ),
        pytest.param(
            b'{"code":"1","inputs":{"__proto__":[1]},"ifEpoch":7}',
            EvalRequest("1", inputs={"__proto__": [1]}, if_epoch=7),
            id="inputs-and-epoch",
        ),
        pytest.param(b'{"code":"1","inputs":{}}', EvalRequest("1", inputs={}), id="no-inputs-yet"),
        pytest.param(
            b'{"code":"1","inputs":{"a":"\\ud800"}}', EvalRequest("1", inputs={"a": "\ud800"}), id="surrogate"
        ),
        pytest.param(b'{"code":"1","inputs":null,"ifEpoch":null}', EvalRequest("1"), id="null-inputs"),
        pytest.param(b'{"code":"1","key":null,"timeoutMs":null}', EvalRequest("1"), id="null-is-absent"),
        pytest.param('{"code":"\'ü\u2028😀\'"}'.encode(), EvalRequest("'ü\u2028😀'"), id="unicode"),
        pytest.param(b'{"code":"\\ud83d\\ude00"}', EvalRequest("😀"), id="surrogate-pair"),
        pytest.param(b' {"code" : "1"}\n', EvalRequest("1"), id="white-space"),
    ],
)
def test_reads_an_eval(body: bytes, request_: EvalRequest) -> None:
    assert decode_eval(body) == request_


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param(b"", "the body is not JSON", id="empty"),
        pytest.param(b"{", "the body is not JSON", id="cut"),
        pytest.param(b'{"code":"1"} x', "the body is not JSON", id="tail"),
        pytest.param(b'{"code":"\xff"}', "the body is not JSON", id="not-utf-8"),
        pytest.param('{"code":"1"}'.encode("utf-16"), "the body is not JSON", id="utf-16"),
        pytest.param(b'{"code":' + b"[" * 100_000, "nested too deeply", id="too-deep"),
        pytest.param(b"[]", "body: write a mapping, not []", id="a-list"),
        pytest.param(b"null", "body: write a mapping, not null", id="null"),
        pytest.param(b"{}", "body.code: is missing", id="no-code"),
        pytest.param(b'{"code":null}', "body.code: write a string, not null", id="code-null"),
        pytest.param(b'{"code":1}', "body.code: write a string, not 1", id="code-number"),
        pytest.param(b'{"code":"\\ud800"}', "body.code: write it without lone", id="code-surrogate"),
        pytest.param(b'{"code":"1","key":"\\ud800"}', "body.key: write it without lone", id="key-surrogate"),
        pytest.param(b'{"code":"1","key":7}', "body.key: write a string, not 7", id="key-number"),
        pytest.param(b'{"code":"1","x":1}', "body.x: unknown field", id="unknown"),
        pytest.param(b'{"code":"1","timeout_ms":1}', "did you mean timeoutMs?", id="snake-case"),
        pytest.param(b'{"code":"1","timeoutMs":0}', "body.timeoutMs: write at least 1", id="timeout-zero"),
        pytest.param(b'{"code":"1","timeoutMs":-5}', "body.timeoutMs: write at least 1", id="negative"),
        pytest.param(b'{"code":"1","timeoutMs":1.5}', "body.timeoutMs: write a whole number", id="fraction"),
        pytest.param(b'{"code":"1","timeoutMs":"2s"}', "body.timeoutMs: write a whole", id="timeout-string"),
        pytest.param(b'{"code":"1","timeoutMs":1' + b"0" * 5000 + b"}", "body", id="timeout-of-5000-digits"),
        pytest.param(b'{"code":"1","timeoutMs":1e400}', "body", id="timeout-infinite"),
        pytest.param(b'{"code":"1","timeoutMs":true}', "body.timeoutMs: write a whole", id="timeout-bool"),
        pytest.param(b'{"code":"1","language":"python"}', "body.language: write one of javascript", id="language"),
        pytest.param(b'{"code":"1","inputs":[1]}', "body.inputs: write a mapping, not", id="inputs-list"),
        pytest.param(b'{"code":"1","inputs":7}', "body.inputs: write a mapping, not 7", id="inputs-number"),
        pytest.param(b'{"code":"1","inputs":{"a":NaN}}', "the body is not JSON", id="inputs-NaN"),
        pytest.param(b'{"code":"1","inputs":{"a":1e400}}', "out of range", id="inputs-infinite"),
        pytest.param(b'{"code":"1","inputs":{"a":1' + b"0" * 400 + b"}}", "body.inputs.a: a whole", id="inputs-long"),
        pytest.param(b'{"code":"1","inputs":{"a":' + b"[" * 100_000, "nested too deeply", id="inputs-deep"),
        pytest.param(b'{"code":"1","ifEpoch":-1}', "body.ifEpoch: write at least 0", id="epoch-negative"),
        pytest.param(b'{"code":"1","ifEpoch":"7"}', "body.ifEpoch: write a whole number", id="epoch-text"),
        pytest.param(b'{"code":"1","if_epoch":7}', "did you mean ifEpoch?", id="epoch-snake-case"),
        pytest.param(b'{"code":"1","language":null}', "body.language: write one of", id="language-null"),
    ],
)
def test_refuses_an_eval_and_names_the_member(body: bytes, detail: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode_eval(body)
    assert detail in refused.value.detail


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"code":"1","%b":1}' % (b"a" * 200_000), id="unknown-member"),
        pytest.param('{{"code":"1","{}":1}}'.format("ü" * 200_000).encode(), id="unknown-member-of-wide-characters"),
        pytest.param(b'{"code":"1","language":"%b"}' % (b"a" * 200_000), id="language"),
        pytest.param(b'{"code":[%b1]}' % (b"1," * 200_000), id="code"),
        pytest.param(b'{"code":"1","timeoutMs":"%b"}' % (b"1" * 200_000), id="timeout"),
        pytest.param(b"x" * 200_000, id="no-json"),
    ],
)
def test_a_refusal_is_short(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode_eval(body)
    assert len(refused.value.detail) < 1_000


@pytest.mark.parametrize(
    ("body", "request_"),
    [
        pytest.param(b'{"function":"add"}', CallRequest("add"), id="smallest"),
        pytest.param(
            b'{"function":"a.b","args":[1,null,{"c":[]}],"key":"k","timeoutMs":1}',
            CallRequest("a.b", [1, None, {"c": []}], "k", 1),
            id="all",
        ),
        pytest.param(b'{"function":"f","args":["\\ud800"]}', CallRequest("f", ["\ud800"]), id="surrogate-in-data"),
        pytest.param(
            b'{"function":"f","args":[123456789012345678901234567890]}',
            CallRequest("f", [123456789012345678901234567890]),
            id="long-number",
        ),
        pytest.param(
            b'{"function":"f","args":[%d]}' % (2**1024 - 2**970 - 1),
            CallRequest("f", [2**1024 - 2**970 - 1]),
            id="longest-number",
        ),
        pytest.param(
            b'{"function":"f","args":["%b",1]}' % (b"1" * 400), CallRequest("f", ["1" * 400, 1]), id="digits-in-a-text"
        ),
    ],
)
def test_reads_a_call(body: bytes, request_: CallRequest) -> None:
    assert decode_call(body) == request_


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param(b"{}", "body.function: is missing", id="no-function"),
        pytest.param(b'{"function":"f","args":{}}', "body.args: write a list", id="args-mapping"),
        pytest.param(b'{"function":"f","args":null}', "body.args: write a list", id="args-null"),
        pytest.param(b'{"function":"f","code":"1"}', "body.code: unknown field", id="unknown"),
        pytest.param(b'{"function":"\\udc00"}', "body.function: write it without lone", id="surrogate"),
        pytest.param(b'{"function":"f","args":[NaN]}', "NaN is not JSON", id="nan"),
        pytest.param(b'{"function":"f","args":[1e400]}', "1e400 is out of range", id="infinite"),
        pytest.param(b'{"function":"f","args":[%d]}' % 10**400, "body.args[0]: a whole number", id="10**400"),
        pytest.param(
            b'{"function":"f","args":[0,{"n":[-%d]}]}' % 10**400, "body.args[1].n[0]: a whole number", id="inside"
        ),
        pytest.param(
            b'{"function":"f","args":["\\ud800",%d]}' % 10**400,
            "body.args[1]: a whole number",
            id="surrogate-too",
        ),
        pytest.param(b'{"function":"f","args":[%b]}' % (b"1" * 5000), "it has 5000 digits", id="5000-digits"),
    ],
)
def test_refuses_a_call_and_names_the_member(body: bytes, detail: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode_call(body)
    assert detail in refused.value.detail


@pytest.mark.parametrize(
    ("error", "members"),
    [
        pytest.param(
            Overloaded(),
            {
                "type": "urn:tyrex:error:overloaded",
                "title": "The queue is full",
                "status": 503,
                "detail": "The queue is full",
                "name": "overloaded",
                "fault": "platform",
                "retryable": True,
            },
            id="no-value",
        ),
        pytest.param(
            ExecutionError("Error: boom", value=None, stack="Error: boom\n    at <eval>:1"),
            {
                "type": "urn:tyrex:error:execution_error",
                "title": "The code threw",
                "status": 422,
                "detail": "Error: boom",
                "name": "execution_error",
                "fault": "guest",
                "retryable": False,
                "value": None,
                "stack": "Error: boom\n    at <eval>:1",
            },
            id="null-thrown",
        ),
    ],
)
def test_a_problem_document(error: TyrexError, members: dict[str, Any]) -> None:
    assert json.loads(problem(error)) == members


@pytest.mark.parametrize(
    "error",
    [
        *(pytest.param(kind("so it went"), id=name) for name, kind in ERRORS.items()),
        pytest.param(DeadRuntimeError("exit", fault="guest"), id="the-guest-ended-itself"),
        pytest.param(ExecutionError("x", value=None), id="value-null"),
        pytest.param(ExecutionError("x", value={"a": [1]}, stack="at"), id="value-and-stack"),
        pytest.param(ExecutionError("\ud800", value="\ud800"), id="surrogates"),
    ],
)
def test_a_client_reads_what_was_told(error: TyrexError) -> None:
    read = from_problem(error.status, problem(error))
    assert type(read) is type(error)
    assert vars(read) | {"fault": read.fault} == vars(error) | {"fault": error.fault}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>Bad Gateway</html>", id="html"),
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="no-name"),
        pytest.param(b'{"name":"nonsense"}', id="unknown-name"),
        pytest.param(b'{"name":7}', id="name-number"),
        pytest.param(b'{"name":"timeout","fault":"nobody"}', id="unknown-fault"),
        pytest.param(b'{"name":"timeout","stack":7}', id="stack-number"),
        pytest.param(b"\xff" * 1000, id="binary"),
    ],
)
def test_another_answer_is_a_plain_error(body: bytes) -> None:
    error = from_problem(502, body)
    assert type(error) is TyrexError
    assert error.detail.startswith("HTTP 502 without a problem document")
    assert not error.retryable


@given(JSON)
def test_json_comes_back_as_it_went(value: object) -> None:
    assert decode_json(encode_json(value)) == value


@given(st.text(st.characters()))
def test_any_string_of_javascript_travels(text: str) -> None:
    # two halves side by side are one character, for JavaScript as well
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert decode_json(encode_json([text])) == [joined]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(math.nan, b"null", id="nan"),
        pytest.param("\ud800", b'"\\ud800"', id="surrogate"),
        pytest.param({"\udfff": [2**70]}, b'{"\\udfff":[1180591620717411303424]}', id="surrogate-key"),
    ],
)
def test_encodes_as_javascript_does(value: object, text: bytes) -> None:
    assert encode_json(value) == text


def test_a_cycle_is_no_json() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="cyclic"):
        encode_json(cycle)


def test_a_type_that_json_has_not() -> None:
    with pytest.raises(TypeError):
        encode_json(object())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[1,]", id="comma"),
        pytest.param(b"Infinity", id="infinity"),
        pytest.param(b"-1e999", id="out-of-range"),
        pytest.param(b"\xef\xbb\xbf1", id="byte-order-mark"),
        pytest.param(b'"\xff"', id="not-utf-8"),
        pytest.param(b"[" * 100_000, id="too-deep"),
    ],
)
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(ValueError):
        decode_json(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(b"1e400", "the number 1e400 is out of range", id="1e400"),
        pytest.param(b'{"a":[-1e400]}', "the number -1e400 is", id="inside"),
        pytest.param(b"1" * 5_000, "it has 5000 digits", id="digits"),
        pytest.param(b"9" * 400 + b".5", "99… is out of range", id="a-long-fraction"),
        pytest.param(b"[" * 3_000 + b"]" * 3_000, "nested too deeply", id="deep"),
    ],
)
def test_json_that_only_javascript_reads(text: bytes, said: str) -> None:
    with pytest.raises(UnreadableJsonError) as refused:
        decode_json(text)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 100


def test_whole_numbers_have_the_digits_that_python_s_own_limit_allows() -> None:
    allowed = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(10_000)
        assert decode_json(b"[" + b"1" * 5_000 + b"]") == [int("1" * 5_000)]
        sys.set_int_max_str_digits(640)
        with pytest.raises(UnreadableJsonError):
            decode_json(b"1" * 641)
    finally:
        sys.set_int_max_str_digits(allowed)


@pytest.mark.parametrize("surrogate", [b"1", b'"\\ud83d"'], ids=["fast", "slow"])
@pytest.mark.parametrize("frames", [0, 100, 300])
def test_what_can_be_read_can_be_written_deeper_in_the_stack(frames: int, surrogate: bytes) -> None:
    def deeper(value: object, frames: int) -> bytes:
        return deeper(value, frames - 1) if frames else encode_json(value)

    limit = sys.getrecursionlimit()
    for depth in range(limit, 0, -1):
        text = b"[" * depth + surrogate + b"]" * depth
        try:
            value = decode_json(text)
        except ValueError:
            continue
        assert depth > limit // 2
        assert deeper(value, frames) == text
        assert sys.getrecursionlimit() == limit
        break
    else:
        pytest.fail("nothing could be read")
