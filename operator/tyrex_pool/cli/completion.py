"""`tyrex-pool completion SHELL`: prints a script that completes the command line; it starts no Python when it does."""

import argparse
import sys

from tyrex_pool.cli.main import COMMANDS, load
from tyrex_pool.cli.shells import SCRIPTS, Argument, Words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=SCRIPTS, help="bash, zsh or fish")


def run(args: argparse.Namespace) -> int:
    sys.stdout.write(SCRIPTS[args.shell](list(map(_words, COMMANDS))))
    return 0


def _words(command: str) -> Words:
    _, parser = load(command)
    arguments = [_argument(parser, action) for action in parser._actions]
    return Words(
        command,
        COMMANDS[command].summary,
        tuple(argument for argument in arguments if argument.flags),
        tuple(argument for argument in arguments if not argument.flags),
    )


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> Argument:
    takes_value = action.nargs != 0
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return Argument(
        tuple(action.option_strings),
        name if takes_value else None,
        tuple(map(str, action.choices or ())),
        parser._get_formatter()._expand_help(action) if action.help else "",
        isinstance(action, argparse._AppendAction),
    )
