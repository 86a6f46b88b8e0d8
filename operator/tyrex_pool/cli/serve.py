"""`tyrex-pool serve FILE`: the pool of a manifest on this machine, without a cluster."""

import argparse
import sys
from pathlib import Path

from tyrex_pool.cli.arguments import add_file_argument, add_server_arguments, server_options
from tyrex_pool.hosting.options import LOOPBACK, ServeOptions, Trial
from tyrex_pool.hosting.serve import serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file_argument(parser)
    add_server_arguments(parser, LOOPBACK)
    parser.add_argument(
        "--try",
        dest="trial",
        metavar="CODE",
        help="evaluate CODE after the start and print how to repeat it; without a terminal, end then",
    )


def run(args: argparse.Namespace) -> int:
    return serve(options(args, sys.argv[0]))


def options(args: argparse.Namespace, invoked: str) -> ServeOptions:
    """`invoked` is the path of the running program, which need not be on the PATH."""
    program = invoked if Path(invoked).name == "tyrex-pool" else "tyrex-pool"
    trial = None if args.trial is None else Trial(args.trial, program)
    return ServeOptions(server_options(args, "serve", flexible=True), args.file, trial)
