"""`tyrex-pool agent FILE`: one runtime of a pool, in its pod: the server over one isolate."""

import argparse
import os
from collections.abc import Mapping

from tyrex_pool.cli.arguments import add_server_arguments, server_options
from tyrex_pool.hosting.agent import agent
from tyrex_pool.hosting.options import EVERYWHERE, AgentOptions
from tyrex_pool.model import names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="the manifest of the pool; its size and strategy matter to the proxy alone"
    )
    parser.add_argument(
        "--name", help=f"name of this runtime (default ${names.RUNTIME_NAME_VARIABLE}, or the pool's name and -0)"
    )
    add_server_arguments(parser, EVERYWHERE)


def run(args: argparse.Namespace) -> int:
    return agent(options(args, os.environ))


def options(args: argparse.Namespace, environment: Mapping[str, str]) -> AgentOptions:
    return AgentOptions(
        server_options(args, "agent"),
        args.file,
        args.name or environment.get(names.RUNTIME_NAME_VARIABLE) or None,
        environment.get(names.SPEC_HASH_VARIABLE),
    )
