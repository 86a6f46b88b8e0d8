"""What Python programs may pass, and what they get, alike in Client, AsyncClient and LocalPool: one table for all."""

import asyncio
import threading
from array import array
from collections import Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.local.running import running
from tyrex_pool import (
    AsyncClient,
    Client,
    ConversionError,
    ExecutionError,
    InvalidRequest,
    LocalPool,
    PromiseRejection,
    TyrexError,
)

SPEC = {
    "size": 1,
    "mainModule": {"inline": "globalThis.echo = (x) => x; globalThis.show = (...args) => JSON.stringify(args)"},
}
CLIENTS = ["Client", "AsyncClient", "LocalPool"]

Ask = Callable[..., Any]
"""`ask("call", "echo", 1, timeout=2)`: what that method of a client returns."""


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Ask]]:
    with ExitStack() as stack:
        pool = stack.enter_context(running(SPEC))
        url = f"http://127.0.0.1:{pool.port}"
        client = stack.enter_context(Client(url))

        async def awaited(method: str, *args: Any, **options: Any) -> Any:
            async with AsyncClient(url) as client:
                return await getattr(client, method)(*args, **options)

        yield {
            "Client": lambda method, *args, **options: getattr(client, method)(*args, **options),
            "AsyncClient": lambda *args, **options: asyncio.run(awaited(*args, **options)),
            "LocalPool": stack.enter_context(local_pool()),
        }


@contextmanager
def local_pool() -> Iterator[Ask]:
    """Asks a LocalPool in a thread of its own, which lives as long as the pool."""
    opened: Future[Ask] = Future()

    async def host() -> None:
        loop, closed = asyncio.get_running_loop(), asyncio.Event()
        async with LocalPool(size=1, inline=SPEC["mainModule"]["inline"]) as pool:  # type: ignore[index]

            async def method(name: str, *args: Any, **options: Any) -> Any:
                return await getattr(pool, name)(*args, **options)

            def ask(*args: Any, **options: Any) -> Any:
                return asyncio.run_coroutine_threadsafe(method(*args, **options), loop).result(30)

            closing.append(lambda: loop.call_soon_threadsafe(closed.set))
            opened.set_result(ask)
            await closed.wait()

    closing: list[Callable[[], object]] = []
    thread = threading.Thread(target=lambda: asyncio.run(host()))
    thread.start()
    try:
        yield opened.result(30)
    finally:
        for close in closing:
            close()
        thread.join(10)


@pytest.fixture(params=CLIENTS)
def ask(request: pytest.FixtureRequest, clients: dict[str, Ask]) -> Iterator[Ask]:
    asker = clients[request.param]
    yield asker
    assert asker("eval", "1 + 2") == 3, "it is none the worse"


@dataclass
class Point:
    x: int


class Struct(msgspec.Struct):
    x: int


class Colour(Enum):
    RED = 1


class Rank(IntEnum):
    FIRST = 1


class Word(StrEnum):
    A = "a"


class Text(str):
    """As template engines have it."""


class Float64(float):
    """As numpy's is: a float by inheritance."""


class Float32:
    """As numpy's is: no float, but it has tolist."""

    def tolist(self) -> float:
        return 1.5


Pair = namedtuple("Pair", "a b")
NAN, INF = float("nan"), float("inf")
CYCLE: list[Any] = []
CYCLE.append({"a": CYCLE})
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


REFUSED = [
    pytest.param([NAN], r"args\[0\]: nan cannot .* None", id="nan"),
    pytest.param([INF], r"args\[0\]: inf cannot", id="inf"),
    pytest.param([-INF], r"args\[0\]: -inf cannot", id="-inf"),
    pytest.param([1, {"price": [1, 2, NAN]}], r"args\[1\]\.price\[2\]: nan", id="nan-inside"),
    pytest.param([{"a b": (INF,)}], r"args\[0\]\['a b'\]\[0\]: inf", id="inf-in-a-tuple"),
    pytest.param([{"ü": {"": -INF}}], r"args\[0\]\.ü\[''\]: -inf", id="inf-under-an-empty-key"),
    pytest.param([10**400], r"args\[0\]: a whole number .* Infinity .* str\(value\)", id="10**400"),
    pytest.param([-(10**400)], r"args\[0\]: a whole number", id="-10**400"),
    pytest.param([2**1024], r"args\[0\]: a whole number", id="2**1024"),
    pytest.param([[0, {"n": 10**5000}]], r"args\[0\]\[1\]\.n: a whole number", id="more-digits-than-python-writes"),
    pytest.param([Float64(1.5)], r"args\[0\]: Float64 .* float\(value\)", id="numpy-float64"),
    pytest.param([Float64(NAN)], r"args\[0\]: Float64", id="numpy-float64-nan"),
    pytest.param([Float32()], r"args\[0\]: Float32 .* value\.tolist\(\)", id="numpy-float32"),
    pytest.param([b"x"], r"args\[0\]: bytes .*b64encode", id="bytes"),
    pytest.param([{"a": b""}], r"args\[0\]\.a: bytes", id="bytes-inside"),
    pytest.param([bytearray(b"x")], r"args\[0\]: bytearray", id="bytearray"),
    pytest.param([memoryview(b"x")], r"args\[0\]: memoryview .*b64encode", id="memoryview"),
    pytest.param([Decimal("1.5")], r"args\[0\]: Decimal .* str\(value\)", id="decimal"),
    pytest.param([Fraction(1, 3)], r"args\[0\]: Fraction", id="fraction"),
    pytest.param([1j], r"args\[0\]: complex", id="complex"),
    pytest.param([timedelta(seconds=1)], r"args\[0\]: timedelta .*total_seconds", id="timedelta"),
    pytest.param([datetime.now(UTC)], r"args\[0\]: datetime .*isoformat", id="datetime"),
    pytest.param([date(2026, 1, 1)], r"args\[0\]: date .*isoformat", id="date"),
    pytest.param([time(1)], r"args\[0\]: time .*isoformat", id="time"),
    pytest.param([UUID(int=1)], r"args\[0\]: UUID .* str\(value\)", id="uuid"),
    pytest.param([Path("/")], r"args\[0\]: PosixPath .* str\(value\)", id="path"),
    pytest.param([{1}], r"args\[0\]: set .* list\(value\)", id="set"),
    pytest.param([frozenset("a")], r"args\[0\]: frozenset .* list\(value\)", id="frozenset"),
    pytest.param([{"a": 1}.keys()], r"args\[0\]: dict_keys .* list\(value\)", id="keys"),
    pytest.param([iter([1])], r"args\[0\]: list_iterator .* list\(value\)", id="iterator"),
    pytest.param([deque([1])], r"args\[0\]: deque ", id="deque"),
    pytest.param([range(3)], r"args\[0\]: range ", id="range"),
    pytest.param([array("b", [1])], r"args\[0\]: array .*tolist", id="array"),
    pytest.param([Point(1)], r"args\[0\]: Point .*dataclasses\.asdict", id="dataclass"),
    pytest.param([Struct(1)], r"args\[0\]: Struct .*to_builtins", id="struct"),
    pytest.param([Pair(1, 2)], r"args\[0\]: Pair .*_asdict", id="namedtuple"),
    pytest.param([Colour.RED], r"args\[0\]: Colour .* value\.value", id="enum"),
    pytest.param([Rank.FIRST], r"args\[0\]: Rank .* value\.value", id="int-enum"),
    pytest.param([Word.A], r"args\[0\]: Word .* value\.value", id="str-enum"),
    pytest.param([Text("a")], r"args\[0\]: Text .* str\(value\)", id="a-str-of-another-class"),
    pytest.param([SimpleNamespace(x=1)], r"args\[0\]: SimpleNamespace .* dict with str keys", id="namespace"),
    pytest.param([UserDict(a=1)], r"args\[0\]: UserDict .* dict\(value\)", id="another-mapping"),
    pytest.param([object], r"args\[0\]: type ", id="a-class"),
    pytest.param([len], r"args\[0\]: builtin_function_or_method ", id="a-function"),
    pytest.param([{1: 2}], r"args\[0\]: a key of type int cannot .*str", id="int-key"),
    pytest.param([{"a": [{1.5: 2}]}], r"args\[0\]\.a\[0\]: a key of type float", id="float-key"),
    pytest.param([{None: 2}], r"args\[0\]: a key of type NoneType", id="none-key"),
    pytest.param([{True: 2}], r"args\[0\]: a key of type bool", id="bool-key"),
    pytest.param([{b"a": 2}], r"args\[0\]: a key of type bytes", id="bytes-key"),
    pytest.param([{Word.A: 2}], r"args\[0\]: a key of type Word", id="enum-key"),
    pytest.param([0, CYCLE], r"args\[1\]: a cycle", id="cycle"),
    pytest.param([DEEP], r"args\[0\]: a cycle, or so deep", id="nested-100000-deep"),
]


@pytest.mark.parametrize(("args", "said"), REFUSED)
def test_an_argument_that_json_has_not(ask: Ask, args: list[Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as refused:
        ask("call", "show", *args)
    assert type(refused.value) is InvalidRequest
    assert refused.value.detail.startswith("args[")
    assert (refused.value.fault, refused.value.retryable) == ("caller", False)


AS_THEY_ARE: list[Any] = [None, True, 0, -1.5, 1e308, 5e-324, "", "ü😀", [], {}, {"": [{}]}]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((value, value) for value in AS_THEY_ARE),
        (2**53 - 1, 2**53 - 1),
        (2**53 + 1, 2**53),
        (10**308, 1e308),
        (-0.0, 0),
        ("\ud83d", "\ud83d"),
        ({"\ude00": ["\ud83d"]}, {"\ude00": ["\ud83d"]}),
        ((1, (2,)), [1, [2]]),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (Counter("aab"), {"a": 2, "b": 1}),
    ],
    ids=ascii,
)
def test_an_argument_that_json_has(ask: Ask, value: Any, expected: Any) -> None:
    assert ask("call", "echo", value) == expected


@pytest.mark.parametrize(
    ("args", "text"),
    [([1, "a", None], '[1,"a",null]'), ([[1], (2.5, {"a": ()})], '[[1],[2.5,{"a":[]}]]'), ([], "[]")],
)
def test_arguments_as_javascript_sees_them(ask: Ask, args: list[Any], text: str) -> None:
    assert ask("call", "show", *args) == text


WRONG_TYPES = [
    pytest.param("eval", [b"1 + 1"], {}, r"code: write a str, not bytes; decode it", id="code-bytes"),
    pytest.param("eval", [bytearray(b"1")], {}, r"code: write a str, not bytearray; decode it", id="code-bytearray"),
    pytest.param("eval", [memoryview(b"1")], {}, r"code: write a str, not memoryview", id="code-memoryview"),
    pytest.param("eval", [None], {}, r"code: write a str, not None", id="code-none"),
    pytest.param("eval", [1], {}, r"code: write a str, not int", id="code-int"),
    pytest.param("eval", [Path("a.js")], {}, r"code: write a str, not PosixPath", id="code-path"),
    pytest.param("eval", [["1"]], {}, r"code: write a str, not list", id="code-list"),
    pytest.param("call", [b"show"], {}, r"function: write a str, not bytes", id="function-bytes"),
    pytest.param("call", [None], {}, r"function: write a str, not None", id="function-none"),
    pytest.param("call", [len], {}, r"function: write a str, not builtin", id="function-callable"),
    pytest.param("eval", ["1"], {"key": b"k"}, r"key: write a str or None, not bytes", id="key-bytes"),
    pytest.param("eval", ["1"], {"key": 7}, r"key: write a str or None, not int", id="key-int"),
    pytest.param("call", ["show"], {"key": UUID(int=1)}, r"key: write a str or None, not UUID", id="key-uuid"),
    pytest.param("explain", [b"k"], {}, r"key: write a str or None, not bytes", id="explain-bytes"),
    pytest.param("eval", ["1"], {"timeout": "1s"}, r"timeout: write a number of .* not str", id="timeout-str"),
    pytest.param("call", ["show"], {"timeout": "1s"}, r"timeout: write a number of .* not str", id="call-timeout-str"),
    pytest.param("eval", ["1"], {"timeout": b"1"}, r"timeout: write a number of .* not bytes", id="timeout-bytes"),
    pytest.param("eval", ["1"], {"timeout": True}, r"timeout: write a number of .* not bool", id="timeout-bool"),
    pytest.param("eval", ["1"], {"timeout": False}, r"timeout: write a number of .* not bool", id="timeout-false"),
    pytest.param("eval", ["1"], {"timeout": Decimal(1)}, r"timeout: .* not Decimal", id="timeout-decimal"),
    pytest.param("eval", ["1"], {"timeout": timedelta(seconds=1)}, r"timeout: .* not timedelta", id="timedelta"),
    pytest.param("eval", ["1"], {"timeout": 1j}, r"timeout: .* not complex", id="timeout-complex"),
    pytest.param("eval", ["1"], {"timeout": [1]}, r"timeout: .* not list", id="timeout-list"),
    pytest.param("eval", ["1"], {"language": None}, r"language: write a str, not None", id="language-none"),
    pytest.param("eval", ["1"], {"language": b"javascript"}, r"language: write a str, not bytes", id="language-bytes"),
]


@pytest.mark.parametrize(("method", "args", "options", "said"), WRONG_TYPES)
def test_a_parameter_of_the_wrong_type(
    ask: Ask, method: str, args: list[Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(TypeError, match=said) as refused:
        ask(method, *args, **options)
    assert isinstance(refused.value, InvalidRequest)
    assert refused.value.name == "invalid_request"


WRONG_VALUES = [
    *(
        pytest.param("eval", ["1"], {"timeout": value}, r"timeout: .* above 0", id=f"timeout-{value}")
        for value in (0, -1, 0.0, -0.5, NAN, INF, -INF)
    ),
    pytest.param("eval", ["1"], {"timeout": -(10**5000)}, r"timeout: .* above 0", id="timeout--10**5000"),
    pytest.param("eval", ["1"], {"timeout": 61}, r"60000|1m", id="timeout-over-maxEval"),
    pytest.param("eval", ["1"], {"timeout": 1e9}, r"timeout: .* up to", id="timeout-1e9"),
    pytest.param("eval", ["1"], {"timeout": 1e20}, r"timeout: .* up to", id="timeout-1e20"),
    pytest.param("eval", ["1"], {"timeout": 1e308}, r"timeout: .* up to", id="timeout-1e308"),
    pytest.param("eval", ["1"], {"timeout": 10**5000}, r"timeout: .* (up to|above 0)", id="timeout-10**5000"),
    pytest.param("eval", ["1"], {"language": "python"}, r"language: write one of java.*python", id="language"),
    pytest.param("eval", ["'\ud83d'"], {}, r"code: write it without lone surrogates", id="code-surrogate"),
    pytest.param("call", ["\ude00"], {}, r"function: write it without lone surrogates", id="function-surrogate"),
    pytest.param("eval", ["1"], {"key": "\ud83d"}, r"key: write it without lone surrogates", id="key-surrogate"),
    pytest.param("explain", ["\ud83d"], {}, r"key: write it without lone surrogates", id="explain-surrogate"),
]


@pytest.mark.parametrize(("method", "args", "options", "said"), WRONG_VALUES)
def test_a_parameter_with_a_wrong_value(
    ask: Ask, method: str, args: list[Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said) as refused:
        ask(method, *args, **options)
    assert type(refused.value) is InvalidRequest


def test_parameters_of_a_subclass_are_what_they_say(ask: Ask) -> None:
    assert ask("eval", Text("1 + 2"), key=Word.A, timeout=Float64(2), language=Text("typescript")) == 3
    assert ask("call", Text("show"), 1, key=Text("k"), timeout=Rank.FIRST) == "[1]"


UNREADABLE = [
    pytest.param("let a = []; for (let i = 0; i < 3000; i++) a = [a]; {0} a", id="3000-lists"),
    pytest.param("let a = {{}}; for (let i = 0; i < 3000; i++) a = {{a}}; {0} a", id="3000-objects"),
    pytest.param("let a = []; for (let i = 0; i < 3000; i++) a = i % 2 ? [a] : {{a}}; {0} a", id="3000-of-both"),
    pytest.param("{0} JSON.rawJSON('1'.repeat(5000))", id="5000-digits"),
    pytest.param("{0} JSON.rawJSON('-' + '9'.repeat(4301))", id="minus-4301-digits"),
    pytest.param("{0} JSON.rawJSON('1e400')", id="1e400"),
    pytest.param("{0} JSON.rawJSON('-1e400')", id="-1e400"),
    pytest.param("{0} JSON.rawJSON('1E+309')", id="1E+309"),
    pytest.param("{0} JSON.rawJSON('9'.repeat(400) + '.5')", id="400-digits-and-a-fraction"),
    pytest.param("const a = [1, {{x: JSON.rawJSON('1e400')}}]; {0} a", id="1e400-inside"),
    pytest.param("const a = {{x: [JSON.rawJSON('1'.repeat(5000))]}}; {0} a", id="5000-digits-inside"),
]


BESIDE_A_LONE_SURROGATE = pytest.param(
    "const a = ['\\ud83d', JSON.rawJSON('1e400')]; {0} a", id="beside-a-lone-surrogate"
)


@pytest.mark.parametrize("code", [*UNREADABLE, BESIDE_A_LONE_SURROGATE])
def test_a_result_that_only_javascript_reads(ask: Ask, code: str) -> None:
    with pytest.raises(ConversionError, match="the result is JSON that Python cannot read") as raised:
        ask("eval", code.format(""))
    assert (raised.value.fault, raised.value.retryable) == ("guest", False)
    assert len(raised.value.detail) < 200


@pytest.mark.parametrize("code", UNREADABLE)
def test_a_thrown_value_that_only_javascript_reads(ask: Ask, code: str) -> None:
    with pytest.raises(ExecutionError) as raised:
        ask("eval", code.format("throw"))
    assert not raised.value.has_value


def test_a_result_nested_deeper_than_javascript_writes(ask: Ask) -> None:
    with pytest.raises(ConversionError):
        ask("eval", "let a = []; for (let i = 0; i < 100000; i++) a = [a]; a")


def test_whole_numbers_of_many_digits(ask: Ask) -> None:
    assert ask("eval", "JSON.rawJSON('9'.repeat(400))") == int("9" * 400)
    assert ask("eval", "[JSON.rawJSON('-' + '1'.repeat(4300))]") == [-int("1" * 4300)]


@pytest.mark.parametrize(
    ("end", "expected"),
    [("a", ConversionError), ("throw a", ExecutionError), ("Promise.reject(a)", PromiseRejection)],
)
def test_around_the_deepest_value_that_python_reads(
    clients: dict[str, Ask], end: str, expected: type[TyrexError]
) -> None:
    """There a server may read what it cannot write."""
    for depth in range(960, 1000, 2):
        code = f"let a = {depth}; for (let i = 0; i < {depth}; i++) a = [a]; {end}"
        outcome = value_or_error(clients["Client"], "eval", code)
        if isinstance(outcome, TyrexError):
            assert type(outcome) is expected
            outcome = outcome.value
        assert outcome is None or innermost(outcome) == depth


def test_around_the_deepest_argument_that_python_writes(clients: dict[str, Ask]) -> None:
    for depth in range(900, 1000, 2):
        value: Any = depth
        for _ in range(depth):
            value = [value]
        outcome = value_or_error(clients["Client"], "call", "echo", value)
        if isinstance(outcome, TyrexError):
            assert type(outcome) in (InvalidRequest, ConversionError)
            assert "deep" in outcome.detail
        else:
            assert innermost(outcome) == depth


def value_or_error(ask: Ask, *args: Any) -> Any:
    try:
        return ask(*args, timeout=2)
    except TyrexError as error:
        return error


def innermost(value: Any) -> Any:
    while isinstance(value, list):
        (value,) = value
    return value
