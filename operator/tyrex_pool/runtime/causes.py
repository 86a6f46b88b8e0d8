"""Why an isolate ended, and what that means for the evals that ran in it."""

import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from tyrex_pool.model.errors import ABSENT, ERRORS, DeadRuntimeError, HeapLimitError, TyrexError
from tyrex_pool.model.wire import decode_json, encode_json, without_value
from tyrex_pool.runtime.explain import explained, last_words


@dataclass(frozen=True, slots=True)
class Cause:
    """`kind` is stable (metrics, conditions), `detail` is for people. `by_itself`: the guest ended the isolate;
    `first_only`: of that only the first eval of an isolate can be accused, later ones may be its victims."""

    kind: str
    detail: str
    by_itself: bool = False
    first_only: bool = False

    def error(self, alone: bool, first: bool = True) -> TyrexError:
        """The error of an eval that ran in the isolate: `alone` if no other eval ran there then, `first` if none ran
        before."""
        alone = alone and (first or not self.first_only)
        if self.kind == "heap_limit":
            return HeapLimitError(self.detail) if alone else DeadRuntimeError(f"another eval: {self.detail}")
        return DeadRuntimeError(self.detail, fault="guest" if self.by_itself and alone else "platform")


DEADLINE = Cause("deadline", "another eval in this runtime went over its deadline, and the isolate was replaced")
OVER_CPU = Cause("cpu_limit", "another eval used more CPU time than timeouts.cpu allows, and the isolate was replaced")
UNHEARD = Cause("cancelled", "nobody waited any more for the eval that it ran")
STOPPED = Cause("stopped", "the pool was stopped")
OVER_MEMORY = Cause("heap_limit", "the isolate held more memory than limits.heap allows")
OVERFULL = Cause("heap_limit", "buffers outside the heap held more than limits.heap")

SPOILERS = {
    b'"buffers"': Cause("heap_limit", "buffers that earlier evals left behind held more than limits.heap"),
    b'"exit"': Cause("exit", "code that earlier evals left behind would have ended the isolate"),
}
"""What earlier evals left behind, by the word of the guest side for it."""
IDLE_CPU = Cause("cpu", "code that earlier evals left behind used CPU time while no eval ran")
IDLE_LOG = Cause("log", "code that earlier evals left behind printed too much while no eval ran")
HELD = Cause("held", "code that earlier evals left behind held the isolate up")
IDLE_THREADS = Cause("threads", "evals left too many threads behind")
TOO_MANY_THREADS = Cause("threads", "the isolate started too many threads", by_itself=True)

_READ_REFUSED = re.compile(r'Requires read access to "(.*)"')
"""Deno reads modules before it runs them. One whose file is another by then it reads again, for a permission."""
_SHELL_SIGNAL = 128
_UNCAUGHT = "error: Uncaught"
_OF_A_WORKER = "(in worker"
_OUT_OF_HEAP = ("JavaScript heap out of memory", "JavaScript out of memory", "Reached heap limit")


def broken_protocol(detail: str) -> Cause:
    return Cause(
        "protocol", f"the isolate broke the protocol ({detail}) and was replaced", by_itself=True, first_only=True
    )


def startup_timeout(seconds: float) -> Cause:
    return Cause("startup", f"the main module did not load within timeouts.startup ({seconds:g} s)")


def main_module_failed(payload: bytes, changed_since_start: Callable[[str], bool]) -> Cause:
    """`changed_since_start` says whether the file with this path was changed after the isolate's process started."""
    try:
        error = guest_error(payload)
    except (ValueError, LookupError, RecursionError):
        return Cause("startup", "the main module failed, with an error that cannot be read")
    refused = _READ_REFUSED.search(error.detail)
    if refused is not None and changed_since_start(refused[1]):
        return Cause("startup", f'"{refused[1]}" was changed while the isolate loaded it: the next one loads it anew')
    carried = "".join(f"\ncaused by: {text}" for text in _carried(error.value))
    return Cause("startup", f"the main module failed: {error.stack or error.detail}{carried}")


def _carried(value: Any) -> Iterator[str]:
    """The errors that a guest's error carries in `cause` and `errors`, in JSON, each as one text."""
    if not isinstance(value, dict):
        return
    errors = value.get("errors")
    for inner in [value.get("cause"), *(errors if isinstance(errors, list) else [])]:
        if isinstance(inner, dict) and "message" in inner:
            yield f"{inner.get('name') or 'Error'}: {inner['message']}"
            yield from _carried(inner)
        elif inner is not None:
            yield encode_json(inner).decode()


def of_exit(status: int, output: list[str], starting: bool) -> Cause:
    """The cause of a process's end. `status` is its exit code or minus a signal; `output` the last lines it printed."""
    aborted = status < 0 or status > _SHELL_SIGNAL
    if aborted and any(sign in line for line in output for sign in _OUT_OF_HEAP):
        return Cause("heap_limit", "the heap reached limits.heap, and the isolate was replaced")
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"
    if starting:  # what it printed is the main module's
        lines = explained(output)
        error_line = next((line for line in lines if line.startswith("error:")), "")
        return Cause(
            "startup", "\n".join([f"the isolate {how}{_bracketed(error_line)} before it was ready", *lines[-5:]])
        )
    # What nobody catches is logged and ends nothing. If it does, a part of Deno is broken, perhaps by an earlier eval.
    uncaught = status == 1 and any(line.startswith(_UNCAUGHT) and _OF_A_WORKER not in line for line in output)
    return Cause("exit", f"the isolate {how}{_bracketed(last_words(output))}", by_itself=True, first_only=uncaught)


def _bracketed(text: str) -> str:
    return f" ({text})" if text else ""


class _GuestError(msgspec.Struct):
    name: str
    detail: str
    value: msgspec.Raw = msgspec.Raw()
    stack: str | None = None


_decoder = msgspec.json.Decoder(_GuestError)


def guest_error(payload: bytes) -> TyrexError:
    """The error that the guest side encoded as JSON. Raises ValueError for any other payload."""
    try:
        document = _decoder.decode(payload)
    except RecursionError:  # of a deeply nested value
        document = _decoder.decode(without_value(payload))
    kind = ERRORS.get(document.name)
    if kind is None:
        raise ValueError(f"there is no error {document.name!r}")
    return kind(document.detail, value=_value(document.value), stack=document.stack)


def _value(raw: msgspec.Raw) -> Any:
    """The value that the guest threw, unless it is JSON that only JavaScript can read (nested very deeply, 1e999)."""
    try:
        return decode_json(bytes(raw)) if raw else ABSENT
    except ValueError:
        return ABSENT
