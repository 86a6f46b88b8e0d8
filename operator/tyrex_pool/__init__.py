"""Pools of Deno runtimes that evaluate JavaScript and TypeScript.

    async with LocalPool(size=4) as pool:            # in this process
        await pool.eval("1 + 2")
    Client("http://render.web.svc").eval("1 + 2")    # through a pool's HTTP interface

Everything here is imported when it is first used: an agent in a pod pays for no client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tyrex_pool.client import AsyncClient, Client
    from tyrex_pool.local.blocking import BlockingLocalPool
    from tyrex_pool.local.pool import LocalPool
    from tyrex_pool.model.answer import Answer
    from tyrex_pool.model.console import ConsoleLine
    from tyrex_pool.model.errors import (
        ConversionError,
        CpuLimitError,
        DeadRuntimeError,
        EpochChanged,
        EvalTimeout,
        ExecutionError,
        Forbidden,
        HeapLimitError,
        InvalidRequest,
        InvalidSpec,
        InvalidStrategy,
        NoRuntime,
        Overloaded,
        PayloadTooLarge,
        PromiseRejection,
        QueueTimeout,
        StrategyError,
        TyrexError,
        Unauthenticated,
        UnknownFunction,
    )

    __version__: str

__all__ = [
    "Answer",
    "AsyncClient",
    "BlockingLocalPool",
    "Client",
    "ConsoleLine",
    "ConversionError",
    "CpuLimitError",
    "DeadRuntimeError",
    "EpochChanged",
    "EvalTimeout",
    "ExecutionError",
    "Forbidden",
    "HeapLimitError",
    "InvalidRequest",
    "InvalidSpec",
    "InvalidStrategy",
    "LocalPool",
    "NoRuntime",
    "Overloaded",
    "PayloadTooLarge",
    "PromiseRejection",
    "QueueTimeout",
    "StrategyError",
    "TyrexError",
    "Unauthenticated",
    "UnknownFunction",
    "__version__",
]

_ELSEWHERE = {
    "Answer": "tyrex_pool.model.answer",
    "AsyncClient": "tyrex_pool.client",
    "BlockingLocalPool": "tyrex_pool.local.blocking",
    "Client": "tyrex_pool.client",
    "ConsoleLine": "tyrex_pool.model.console",
    "LocalPool": "tyrex_pool.local.pool",
}


if not TYPE_CHECKING:  # a type checker that sees it believes in every name, misspelled ones too

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name == "__version__":
            return import_module("tyrex_pool.resources").version() or "0+unknown"
        return getattr(import_module(_ELSEWHERE.get(name, "tyrex_pool.model.errors")), name)
