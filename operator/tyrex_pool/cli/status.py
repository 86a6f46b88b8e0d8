"""`tyrex-pool status [POOL]`: pools as the cluster has them, and one as its server sees it, as tables."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from tyrex_pool.cli import resources, target
from tyrex_pool.cli.output import json_text, line, table
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model import names
from tyrex_pool.model.errors import TyrexError

if TYPE_CHECKING:
    from tyrex_pool.cli.apiserver import ApiServer


class Struct(msgspec.Struct, frozen=True, rename="camel"):
    """A part of the answer to `GET /v1/pool`; what we do not show is passed over."""


class Strategy(Struct, frozen=True):
    type: str
    error: str | None = None


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
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="the pools of every namespace")
    parser.add_argument("--json", action="store_true", help="print all that is known as JSON")


def run(args: argparse.Namespace) -> int:
    if args.all_namespaces and (args.pool or args.namespace or args.url):
        raise BadInput("leave out -A, or what chooses one pool or namespace")
    if args.url is None:
        return show_one(args) if args.pool else show_all(args)
    with target.client(args) as client:
        answer = client.pool()
    print(json_text(answer) if args.json else view(answer, args.url))
    return 0


def show_all(args: argparse.Namespace) -> int:
    """The pools of a namespace or of all, a line for each."""
    with target.cluster(args) as server:
        namespace = None if args.all_namespaces else args.namespace or server.namespace
        found = server.pools(namespace)
    if args.json:
        print(json_text(found))
    elif found:
        print(table(resources.lines(found, everywhere=namespace is None)))
    else:
        where = "this cluster" if namespace is None else f"namespace {namespace}"
        print(f"There is no {names.KIND} in {where}.", file=sys.stderr)
    return 0


def show_one(args: argparse.Namespace) -> int:
    """One pool: as the cluster has it, and as one of its proxies sees it."""
    with target.cluster(args) as server:
        namespace = args.namespace or server.namespace
        resource = server.pool(namespace, args.pool)
        if resource is None:
            raise BadInput(target.missing(server, namespace, args.pool))
        answer, problem = _asked(server, namespace, args.pool)
    if args.json:
        print(json_text({"resource": resource, "proxy": answer, "problem": problem}))
        return 0
    print(resources.conditions(resource))
    print()
    print(f"proxies:     {problem}" if answer is None else view(answer, f"pool {args.pool}"))
    return 0


def _asked(server: "ApiServer", namespace: str, pool: str) -> tuple[dict[str, Any] | None, str | None]:
    """What a proxy of the pool answers, or why none does."""
    try:
        with target.through(server, namespace, pool) as client:
            return client.pool(), None
    except (BadInput, TyrexError) as error:
        return None, str(error)


def view(answer: dict[str, Any], who: str) -> str:
    """A pool as its server sees it. Raises BadInput when `who` is no such server."""
    try:
        pool = msgspec.convert(answer, Pool)
    except msgspec.ValidationError as exc:
        raise BadInput(f"{who} does not answer as a pool of this version does: {exc}") from exc
    return summary(pool) + (f"\n\n{runtimes(pool)}" if pool.runtimes else "")


def summary(pool: Pool) -> str:
    """What there is to say of the pool as a whole."""
    error = pool.last_error
    rows = [
        ("pool", pool.name),
        ("ready", f"{'yes' if pool.ready else 'no'}, {pool.ready_runtimes} of {pool.size} runtimes"),
        ("load", f"{pool.in_flight} in flight, {pool.queued} waiting"),
        ("strategy", pool.strategy.type + (f", does not load: {pool.strategy.error}" if pool.strategy.error else "")),
        ("last error", "none" if error is None else f"{error.name} at {error.at}: {error.detail}"),
    ]
    return table([(f"{label}:", " ".join(value.split())) for label, value in rows])


def runtimes(pool: Pool) -> str:
    """A line for each runtime."""
    rows: list[tuple[object, ...]] = [("RUNTIME", "STATE", "IN FLIGHT", "WAITING", "CAPACITY", "EPOCH", "REASON")]
    rows += [
        (one.name, one.state, one.in_flight, one.queued, one.capacity, one.epoch, line(one.reason))
        for one in pool.runtimes
    ]
    return table(rows)
