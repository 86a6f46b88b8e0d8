"""TyrexPools as the API server has them, in words and tables: what is said of them there, not by their proxies."""

from collections.abc import Iterable
from typing import Any

from tyrex_pool.cli.output import line, table
from tyrex_pool.plan.status import READY, condition

Object = dict[str, Any]


def lines(pools: Iterable[Object], everywhere: bool) -> list[tuple[object, ...]]:
    """The rows of a table, its head included; `everywhere`: with the namespaces."""
    head: tuple[object, ...] = ("NAME", "READY", "SIZE", "RUNTIMES", "STRATEGY", "REASON", "MESSAGE")
    rows = [("NAMESPACE", *head) if everywhere else head]
    for pool in sorted(pools, key=_key):
        cells = _cells(pool)
        rows.append((pool["metadata"]["namespace"], *cells) if everywhere else cells)
    return rows


def _key(pool: Object) -> tuple[str, str]:
    return pool["metadata"]["namespace"], pool["metadata"]["name"]


def _cells(pool: Object) -> tuple[object, ...]:
    """`spec` may be anything: the operator says what is wrong with it, not this."""
    spec, status = pool.get("spec") or {}, pool.get("status") or {}
    ready = condition(status, READY)
    told = ready.get("status", "Unknown")
    message = line(ready.get("message")) if told != "True" else None
    return (
        pool["metadata"]["name"],
        told,
        spec.get("size"),
        status.get("readyRuntimes", 0),
        (spec.get("strategy") or {}).get("type"),
        ready.get("reason", "no operator has seen it"),
        message,
    )


def conditions(pool: Object) -> str:
    """All that the operator says of a pool."""
    status = pool.get("status") or {}
    rows: list[tuple[object, ...]] = [("CONDITION", "STATUS", "REASON", "MESSAGE")]
    rows += [(one["type"], one["status"], one["reason"], line(one["message"])) for one in status.get("conditions", ())]
    if len(rows) == 1:
        return "No operator has seen this pool yet."
    return table(rows)
