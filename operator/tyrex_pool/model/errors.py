"""Every way an eval or a manifest can fail, each written once with its name, HTTP status, fault and retry.

TyrexError                     an eval failed
├── GuestError                 the guest's code or its limits
│   ├── ExecutionError         execution_error      422
│   ├── PromiseRejection       promise_rejection    422
│   ├── ConversionError        conversion_error     422
│   ├── HeapLimitError         heap_limit_error     422
│   ├── CpuLimitError          cpu_limit_error      422
│   └── EvalTimeout            timeout              504
├── CallerError                the request
│   ├── InvalidRequest         invalid_request      400
│   │   ├── WrongType          (a TypeError too: a parameter in Python of the wrong type)
│   │   └── WrongContentType   (415: over HTTP, a body of another kind)
│   ├── UnknownFunction        unknown_function     404
│   ├── PayloadTooLarge        payload_too_large    413
│   ├── EpochChanged           epoch_changed        412  retryable
│   ├── Unauthenticated        unauthenticated      401
│   └── Forbidden              forbidden            403
└── PlatformError              this system
    ├── QueueTimeout           queue_timeout        503  retryable
    ├── Overloaded             overloaded           503  retryable
    ├── NoRuntime              no_runtime           503  retryable
    ├── StrategyError          strategy_error       500  retryable
    └── DeadRuntimeError       dead_runtime_error   502  (the guest's fault when it ended itself)
InvalidSpec                    a manifest is wrong
InvalidStrategy                a custom strategy does not load
"""

from typing import Any, ClassVar, Literal

from tyrex_pool.model.console import Console, ConsoleLine

Fault = Literal["guest", "caller", "platform"]

ABSENT: Any = object()
"""Marks "no value": a guest may well throw `null`."""


class TyrexError(Exception):
    """An eval failed.

    `name`, `status`, `title`, `fault` and `retryable` belong to the class, as the contract's error table has
    them; `detail` (str) says what happened this time. `value` is the JSON value a guest threw and `stack` its
    stack, both None where there is none (`has_value` tells a thrown null from no value). `retryable` is true
    only if the eval certainly never started. `fault` may be given for one instance. `console` is what the eval
    printed, None unless that was asked for; `console_truncated`: something was left out.
    """

    name: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "The eval failed"
    retryable: ClassVar[bool] = False
    fault: Fault = "platform"
    console: list[ConsoleLine] | None = None
    console_truncated: bool = False

    def __init__(
        self, detail: str = "", *, value: Any = ABSENT, stack: str | None = None, fault: Fault | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.has_value = value is not ABSENT
        self.value = value if self.has_value else None
        self.stack = stack
        if fault is not None:
            self.fault = fault

    def add_console(self, console: Console | None) -> None:
        """Have the error carry what the eval printed."""
        if console is not None:
            self.console, self.console_truncated = console.lines, console.truncated


class GuestError(TyrexError):
    """The guest's code failed, or went over its limits: the same code will fail again."""

    fault = "guest"
    status = 422


class CallerError(TyrexError):
    """The request is wrong: change it."""

    fault = "caller"
    status = 400


class PlatformError(TyrexError):
    """The platform could not serve the eval."""

    fault = "platform"
    status = 503


class ExecutionError(GuestError):
    name = "execution_error"
    title = "The code threw"


class PromiseRejection(GuestError):
    name = "promise_rejection"
    title = "The awaited promise rejected"


class ConversionError(GuestError):
    name = "conversion_error"
    title = "The result cannot travel as JSON"


class HeapLimitError(GuestError):
    name = "heap_limit_error"
    title = "The code went over limits.heap"


class CpuLimitError(GuestError):
    name = "cpu_limit_error"
    title = "The code used more CPU time than timeouts.cpu allows"


class EvalTimeout(GuestError):
    name = "timeout"
    status = 504
    title = "The deadline passed while the code ran"


class InvalidRequest(CallerError):
    name = "invalid_request"
    title = "The request is not valid"


class WrongType(InvalidRequest, TypeError):
    """A parameter of a method has the wrong type: an InvalidRequest, and a TypeError for those who expect one."""


class WrongContentType(InvalidRequest):
    """A body has a content type that the path does not take: an InvalidRequest with a status of its own."""

    status = 415


class UnknownFunction(CallerError):
    name = "unknown_function"
    status = 404
    title = "There is no such function"


class PayloadTooLarge(CallerError):
    name = "payload_too_large"
    status = 413
    title = "The request is over limits.request"


class EpochChanged(CallerError):
    """The isolate of the caller's session is gone; the eval certainly never started."""

    name = "epoch_changed"
    status = 412
    retryable = True
    title = "The runtime has another epoch"


class Unauthenticated(CallerError):
    name = "unauthenticated"
    status = 401
    title = "The caller is not known"


class Forbidden(CallerError):
    name = "forbidden"
    status = 403
    title = "The caller may not use this pool"


class QueueTimeout(PlatformError):
    name = "queue_timeout"
    retryable = True
    title = "The deadline passed while the eval waited"


class Overloaded(PlatformError):
    name = "overloaded"
    retryable = True
    title = "The queue is full"


class NoRuntime(PlatformError):
    name = "no_runtime"
    retryable = True
    title = "No runtime is ready"


class StrategyError(PlatformError):
    name = "strategy_error"
    status = 500
    retryable = True
    title = "The custom strategy failed"


class DeadRuntimeError(PlatformError):
    name = "dead_runtime_error"
    status = 502
    title = "The runtime died under the eval"


ERRORS: dict[str, type[TyrexError]] = {
    kind.name: kind
    for kind in (
        ExecutionError, PromiseRejection, ConversionError, HeapLimitError, CpuLimitError, EvalTimeout,
        InvalidRequest, UnknownFunction, PayloadTooLarge, EpochChanged, Unauthenticated, Forbidden,
        QueueTimeout, Overloaded, NoRuntime, StrategyError, DeadRuntimeError,
    )
}  # fmt: skip
"""By the name that travels in problem+json."""


class InvalidSpec(ValueError):
    """A manifest is wrong: `path` names the field, `problem` says what to write instead."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)  # the arguments, with which pickle and copy make it again
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class InvalidStrategy(ValueError):
    """A custom strategy does not load; the message says why."""
