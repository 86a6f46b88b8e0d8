"""What the end of an isolate means for the evals in it."""

from typing import Any

import pytest

from tests.unit.runtime.vectors import rows
from tyrex_pool.model.errors import DeadRuntimeError, HeapLimitError
from tyrex_pool.model.wire import encode_json, problem
from tyrex_pool.runtime import causes
from tyrex_pool.runtime.causes import Cause, guest_error, of_exit

OUT_OF_MEMORY = "# Fatal JavaScript out of memory: Reached heap limit"


@pytest.mark.parametrize(
    ("status", "output", "starting", "kind", "detail"),
    [
        pytest.param(0, [], False, "exit", "the isolate exited with status 0", id="exit 0"),
        pytest.param(7, ["bye"], False, "exit", "the isolate exited with status 7", id="exit 7"),
        pytest.param(-9, [], False, "exit", "the isolate was ended by SIGKILL", id="kill"),
        pytest.param(
            1,
            ["hello", "error: Uncaught (in promise) Error: x"],
            False,
            "exit",
            "the isolate exited with status 1",
            id="what an earlier eval may have printed",
        ),
        pytest.param(
            70,
            ["error: x", "Unstable API 'Deno.listen'. The `--unstable-vsock` flag must be provided.", "error: y"],
            False,
            "exit",
            "the isolate exited with status 70 (error: Deno.listen is an unstable feature of Deno, and pools have none",
            id="an unstable feature",
        ),
        pytest.param(-5, ["x", OUT_OF_MEMORY], False, "heap_limit", "the heap reached limits.heap", id="heap"),
        pytest.param(0, [OUT_OF_MEMORY], False, "exit", "the isolate exited with status 0", id="it only says so"),
        pytest.param(
            1, [OUT_OF_MEMORY], False, "exit", "the isolate exited with status 1", id="it only says so and fails"
        ),
        pytest.param(-5, [OUT_OF_MEMORY], True, "heap_limit", "the heap reached limits.heap", id="heap at the start"),
        pytest.param(
            1,
            ["error: Module not found"],
            True,
            "startup",
            "the isolate exited with status 1 (error: Module not found) before it was ready\nerror: Module not found",
            id="at the start",
        ),
    ],
)
def test_of_exit(status: int, output: list[str], starting: bool, kind: str, detail: str) -> None:
    cause = of_exit(status, output, starting)
    assert cause.kind == kind
    assert cause.detail.startswith(detail)
    assert cause.by_itself == (kind == "exit")
    assert starting or not any(line in cause.detail for line in output if "Unstable" not in line)


@pytest.mark.parametrize(
    ("cause", "alone", "error", "fault"),
    [
        pytest.param(of_exit(0, [], False), True, DeadRuntimeError, "guest", id="it exited"),
        pytest.param(of_exit(0, [], False), False, DeadRuntimeError, "platform", id="one of several exited"),
        pytest.param(causes.DEADLINE, False, DeadRuntimeError, "platform", id="another one's deadline"),
        pytest.param(causes.STOPPED, True, DeadRuntimeError, "platform", id="stopped"),
        pytest.param(causes.OVER_MEMORY, True, HeapLimitError, "guest", id="memory"),
        pytest.param(causes.OVER_MEMORY, False, DeadRuntimeError, "platform", id="memory, whose is not known"),
        pytest.param(causes.broken_protocol("x"), True, DeadRuntimeError, "guest", id="broken protocol"),
    ],
)
def test_error(cause: Cause, alone: bool, error: type[Exception], fault: str) -> None:
    told = cause.error(alone)
    assert (type(told), told.fault) == (error, fault)
    assert cause.detail in told.detail


@pytest.mark.parametrize(("first", "fault"), [(True, "guest"), (False, "platform")])
def test_what_nobody_caught_may_come_from_an_earlier_eval(first: bool, fault: str) -> None:
    cause = of_exit(1, ["error: Uncaught Error: x", "    at f"], starting=False)
    assert cause.error(alone=True, first=first).fault == fault
    assert of_exit(1, ["bye"], starting=False).error(alone=True, first=first).fault == "guest"


@pytest.mark.parametrize("row", rows("errors"))
def test_guest_error(row: dict[str, Any]) -> None:
    error = guest_error(row["payload"].encode())
    expected = row["error"]
    assert (error.name, error.detail) == (expected["name"], expected["detail"])
    assert error.has_value == ("value" in expected)
    assert error.value == expected.get("value")
    assert error.stack == expected.get("stack")


@pytest.mark.parametrize("row", rows("noErrors"))
def test_no_guest_error(row: dict[str, Any]) -> None:
    with pytest.raises((ValueError, LookupError)):
        guest_error(row["payload"].encode())


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"[" * 20_000 + b"]" * 20_000, id="nested very deeply"),
        pytest.param(b"[" * 2_000 + b"]" * 2_000, id="nested deeply"),
        pytest.param(b'{"x":1e999}', id="a number out of range"),
        pytest.param(b"1" * 5_000, id="a number of 5,000 digits"),
    ],
)
def test_a_value_that_only_javascript_reads_is_left_out(value: bytes) -> None:
    error = guest_error(b'{"name":"execution_error","detail":"no","stack":"at","value":%b}' % value)
    assert (error.name, error.detail, error.stack) == ("execution_error", "no", "at")
    assert not error.has_value
    assert b"no" in problem(error)


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        pytest.param(b'{"name":"execution_error","detail":"no"}', "the main module failed: no", id="no stack"),
        pytest.param(
            b'{"name":"execution_error","detail":"Error: no","stack":"Error: no\\n    at main.ts:1:7"}',
            "the main module failed: Error: no\n    at main.ts:1:7",
            id="stack",
        ),
    ],
)
def test_main_module_failed(payload: bytes, detail: str) -> None:
    assert causes.main_module_failed(payload, changed_since_start=lambda path: False) == Cause("startup", detail)


def test_startup_timeout() -> None:
    assert "timeouts.startup (1.5 s)" in causes.startup_timeout(1.5).detail


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        pytest.param(b'{"name":"execution_error","detail":"no"}', "no", id="a detail"),
        pytest.param(b'{"name":"execution_error","detail":"no","stack":"no\\n  at f"}', "no\n  at f", id="a stack"),
        pytest.param(
            b'{"name":"execution_error","detail":"no","value":{"cause":{"name":"E","message":"b","cause":7}}}',
            "no\ncaused by: E: b\ncaused by: 7",
            id="causes",
        ),
        pytest.param(
            b'{"name":"execution_error","detail":"no","value":{"errors":["a",{"name":"E","message":"b"}]}}',
            'no\ncaused by: "a"\ncaused by: E: b',
            id="errors",
        ),
        pytest.param(b'{"name":"execution_error","detail":"no","value":{"errors":7,"cause":null}}', "no", id="neither"),
    ],
)
def test_what_a_failed_main_modules_error_carries(payload: bytes, detail: str) -> None:
    assert causes.main_module_failed(payload, changed_since_start=lambda path: False) == Cause(
        "startup", f"the main module failed: {detail}"
    )


@pytest.mark.parametrize("payload", [b"", b"oops", b'{"name":"nope","detail":""}', b'{"name":"x","detail":"\\ud83d"}'])
def test_a_main_module_that_failed_unreadably(payload: bytes) -> None:
    assert (
        causes.main_module_failed(payload, changed_since_start=lambda path: False).detail
        == "the main module failed, with an error that cannot be read"
    )


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ("/a b.ts", '"/a b.ts" was changed while the isolate loaded it: the next one loads it anew'),
        ("/other.ts", 'the main module failed: TypeError: Requires read access to "/a b.ts", run again'),
    ],
)
def test_a_module_that_changed_while_it_was_loaded(changed: str, detail: str) -> None:
    payload = encode_json(
        {"name": "execution_error", "detail": 'TypeError: Requires read access to "/a b.ts", run again'}
    )
    assert causes.main_module_failed(payload, changed.__eq__) == Cause("startup", detail)
