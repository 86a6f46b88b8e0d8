"""Parses a command's words as `tyrex_pool.cli.main` does."""

from argparse import ArgumentParser, Namespace

from tyrex_pool.cli.main import CommandModule


def parsed(module: CommandModule, *words: str) -> Namespace:
    parser = ArgumentParser()
    module.add_arguments(parser)
    return parser.parse_intermixed_args(words)
