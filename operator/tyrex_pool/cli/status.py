"""`tyrex-pool status [POOL]`: the pool as its server sees it, as tables."""

import argparse

import msgspec

from tyrex_pool.cli import target
from tyrex_pool.cli.output import BadInput, json_text, table


class Struct(msgspec.Struct, frozen=True, rename="camel"):
    """A part of the answer to `GET /v1/pool`; what we do not show is passed over."""


class Strategy(Struct, frozen=True):
    type: str


class LastError(Struct, frozen=True):
    name: str
    detail: str
    at: str


class Runtime(Struct, frozen=True):
    name: str
    state: str
    in_flight: int
    queued: int
    capacity: int
    epoch: int | str
    reason: str | None = None


class Pool(Struct, frozen=True):
    name: str
    ready: bool
    size: int
    ready_runtimes: int
    strategy: Strategy
    in_flight: int
    queued: int
    runtimes: list[Runtime]
    last_error: LastError | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    target.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")


def run(args: argparse.Namespace) -> int:
    with target.client(args) as client:
        answer = client.pool()
    if args.json:
        print(json_text(answer))
        return 0
    try:
        pool = msgspec.convert(answer, Pool)
    except msgspec.ValidationError as exc:
        raise BadInput(f"{args.url} does not answer as a pool of this version does: {exc}") from exc
    print(summary(pool))
    if pool.runtimes:
        print()
        print(runtimes(pool))
    return 0


def summary(pool: Pool) -> str:
    """What there is to say of the pool as a whole."""
    error = pool.last_error
    rows = [
        ("pool", pool.name),
        ("ready", f"{'yes' if pool.ready else 'no'}, {pool.ready_runtimes} of {pool.size} runtimes"),
        ("load", f"{pool.in_flight} in flight, {pool.queued} waiting"),
        ("strategy", pool.strategy.type),
        ("last error", "none" if error is None else f"{error.name} at {error.at}: {error.detail}"),
    ]
    return table([(f"{label}:", " ".join(value.split())) for label, value in rows])


def runtimes(pool: Pool) -> str:
    """A line for each runtime."""
    rows: list[tuple[object, ...]] = [("RUNTIME", "STATE", "IN FLIGHT", "WAITING", "CAPACITY", "EPOCH", "REASON")]
    rows += [
        (one.name, one.state, one.in_flight, one.queued, one.capacity, one.epoch, _line(one.reason))
        for one in pool.runtimes
    ]
    return table(rows)


def _line(text: str | None) -> str | None:
    return text if text is None else " ".join(text.split())
