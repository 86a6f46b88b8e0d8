"""`tyrex-pool eval [POOL] CODE`: evaluates in a pool and prints the result as JSON."""

import argparse
import asyncio
import sys
from typing import Any

from tyrex_pool.cli import batch, target
from tyrex_pool.cli.inputs import read_inputs
from tyrex_pool.cli.output import json_text
from tyrex_pool.client import Answer, AsyncClient
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model.console import ConsoleLine
from tyrex_pool.model.durations import parse_duration
from tyrex_pool.model.errors import TyrexError
from tyrex_pool.model.text import printable
from tyrex_pool.model.wire import console_members, decode_json, problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    target.add_arguments(parser, checked=False)
    parser.add_argument("code", nargs="?", metavar="CODE", help="what to evaluate; - reads it from standard input")
    parser.add_argument("--key", help="for the pool's strategy: with Hash, the same key meets the same runtime")
    parser.add_argument("--timeout", type=timeout, metavar="2s", help="from the pool's receipt of the eval on")
    parser.add_argument("--language", choices=("javascript", "typescript"), default="javascript")
    parser.add_argument(
        "--input",
        action="append",
        metavar="NAME=JSON",
        help="what CODE sees as inputs.NAME; @FILE: all inputs, from a file with a JSON object; repeatable",
    )
    parser.add_argument("--if-epoch", metavar="N", help="run only if the runtime's epoch is still this one")
    parser.add_argument("--call", metavar="ARGS", help="CODE names a global function: call it with this JSON array")
    parser.add_argument("--console", action="store_true", help="print what the code prints, to standard error")
    parser.add_argument(
        "--batch", metavar="FILE", help="evaluate each line of this file (-: of standard input) instead of CODE"
    )
    parser.add_argument("--json", action="store_true", help="print result and runtime, or the problem, as JSON")


def run(args: argparse.Namespace) -> int:
    sort_words(args)
    if args.batch is not None:
        return batch.run(args)
    if args.input is not None and args.call is not None:
        raise BadInput("--input: a call has arguments, and no inputs: write them into --call")
    if args.code == "-":
        args.code = sys.stdin.read()  # outside the event loop, which would not heed Ctrl-C meanwhile
    try:
        answer = asyncio.run(_run(args))
    except TyrexError as exc:
        if not args.json:
            print_console(exc.console, exc.console_truncated)
            raise
        print(json_text(decode_json(problem(exc))))
        return 1
    whole = {"result": answer.result, "runtime": answer.runtime, "epoch": answer.epoch}
    if answer.console is not None:
        if args.json:
            whole |= console_members(answer.console, answer.console_truncated)
        else:
            print_console(answer.console, answer.console_truncated)
    print(json_text(whole if args.json else answer.result))
    return 0


def print_console(lines: list[ConsoleLine] | None, truncated: bool) -> None:
    """Print what an eval printed to standard error, as a shell would see it."""
    for line in lines or ():
        print(printable(line.text), file=sys.stderr)
    if truncated:
        print("… (more was printed than limits.console allows)", file=sys.stderr)


def sort_words(args: argparse.Namespace) -> None:
    """Of POOL and CODE, a single word is CODE, and with --batch it is POOL. Raises BadInput."""
    if args.batch is None and args.code is None:
        args.pool, args.code = None, args.pool
    if args.batch is None and args.code is None:
        raise BadInput("write the CODE to evaluate, or --batch FILE")
    if args.pool is not None:
        try:
            target.pool_name(args.pool)
        except argparse.ArgumentTypeError as exc:
            raise BadInput(f"POOL: {exc}") from exc


async def _run(args: argparse.Namespace) -> Answer:
    async with target.client(args) as client:
        return await evaluate(client, args)


async def evaluate(client: AsyncClient, args: argparse.Namespace) -> Answer:
    """Evaluate the code in `args`, or call the function. Raises BadInput or a TyrexError."""
    inputs = None if args.input is None else read_inputs(args.input)
    if args.call is None:
        return await client.eval_response(
            args.code,
            key=args.key,
            timeout=args.timeout,
            language=args.language,
            inputs=inputs,
            epoch=args.if_epoch,
            console=args.console,
        )
    values = arguments(args.call)
    return await client.call_response(
        args.code.strip(),
        *values,
        key=args.key,
        timeout=args.timeout,
        epoch=args.if_epoch,
        console=args.console,
    )


def arguments(text: str) -> list[Any]:
    """The JSON array in `text`. Raises BadInput."""
    try:
        values = decode_json(text.encode())
    except ValueError as exc:
        raise BadInput(f"--call: write a JSON array such as [1, 2]: {exc}") from exc
    if not isinstance(values, list):
        raise BadInput(f"--call: write a JSON array such as [1, 2], not {text}")
    return values


def timeout(text: str) -> float:
    """A duration as an option's type: seconds above 0."""
    try:
        seconds = parse_duration(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    if seconds <= 0:
        raise argparse.ArgumentTypeError("write a duration above 0s")
    return seconds
