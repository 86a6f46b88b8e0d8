"""`tyrex-pool eval [POOL] CODE`: evaluates in a pool and prints the result as JSON."""

import argparse
import sys
from typing import Any

from tyrex_pool.cli import target
from tyrex_pool.cli.output import json_text
from tyrex_pool.client import Answer, Client
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model.durations import parse_duration
from tyrex_pool.model.errors import TyrexError
from tyrex_pool.model.wire import decode_json, problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    target.add_arguments(parser)
    parser.add_argument("code", metavar="CODE", help="what to evaluate; - reads it from standard input")
    parser.add_argument("--key", help="for the pool's strategy: with Hash, the same key meets the same runtime")
    parser.add_argument("--timeout", type=timeout, metavar="2s", help="from the pool's receipt of the eval on")
    parser.add_argument("--language", choices=("javascript", "typescript"), default="javascript")
    parser.add_argument("--call", metavar="ARGS", help="CODE names a global function: call it with this JSON array")
    parser.add_argument("--json", action="store_true", help="print result and runtime, or the problem, as JSON")


def run(args: argparse.Namespace) -> int:
    with target.client(args) as client:
        if not args.json:
            print(json_text(evaluate(client, args).result))
            return 0
        try:
            answer = evaluate(client, args)
        except TyrexError as exc:
            print(json_text(decode_json(problem(exc))))
            return 1
        print(json_text({"result": answer.result, "runtime": answer.runtime, "epoch": answer.epoch}))
        return 0


def evaluate(client: Client, args: argparse.Namespace) -> Answer:
    """Do what `args` say. Raises BadInput or a TyrexError."""
    code = sys.stdin.read() if args.code == "-" else args.code
    if args.call is None:
        return client.eval_response(code, key=args.key, timeout=args.timeout, language=args.language)
    return client.call_response(code.strip(), *arguments(args.call), key=args.key, timeout=args.timeout)


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
