"""Tables of TyrexPools as the API server has them: spec, status and conditions, not the answers of their proxies."""

from collections.abc import Iterable
from typing import Any

from tyrex_pool.cli.output import line, table
from tyrex_pool.plan.reasons import READY
from tyrex_pool.plan.status import condition

Object = dict[str, Any]


def lines(pools: Iterable[Object], everywhere: bool) -> list[tuple[object, ...]]:
    """The rows of a table, its head included; `everywhere` adds a column for the namespace."""
    head: tuple[object, ...] = ("NAME", "READY", "SIZE", "RUNTIMES", "STRATEGY", "REASON", "MESSAGE")
    rows = [("NAMESPACE", *head) if everywhere else head]
    for pool in sorted(pools, key=_key):
        cells = _cells(pool)
        rows.append((pool["metadata"]["namespace"], *cells) if everywhere else cells)
    return rows


def _key(pool: Object) -> tuple[str, str]:
    return pool["metadata"]["namespace"], pool["metadata"]["name"]


def _cells(pool: Object) -> tuple[object, ...]:
    """A pool's row. Members of `spec` may be missing: reporting what is wrong with it is the operator's task."""
    spec, status = pool.get("spec") or {}, pool.get("status") or {}
    ready = condition(status, READY)
    ready_status = ready.get("status", "Unknown")
    message = line(ready.get("message")) if ready_status != "True" else None
    return (
        pool["metadata"]["name"],
        ready_status,
        spec.get("size"),
        status.get("readyRuntimes", 0),
        (spec.get("strategy") or {}).get("type"),
        ready.get("reason", "no operator has seen it"),
        message,
    )


def conditions(pool: Object) -> str:
    """A table of the conditions that the operator has written to a pool's status."""
    status = pool.get("status") or {}
    rows: list[tuple[object, ...]] = [("CONDITION", "STATUS", "REASON", "MESSAGE")]
    rows += [
        (found["type"], found["status"], found["reason"], line(found["message"]))
        for found in status.get("conditions", ())
    ]
    if len(rows) == 1:
        return "No operator has seen this pool yet."
    return table(rows)
