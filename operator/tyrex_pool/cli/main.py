"""`tyrex-pool`: imports the module of the command, runs it, and reports its exception as a message and an exit code.

Exit codes: 0 success, 1 a failed eval, 2 bad input, 130 Ctrl-C, 141 a closed stdout.
"""

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple, Protocol, cast

from tyrex_pool.cli.output import PROGRAM, error_text, program
from tyrex_pool.cli.streams import prepare_streams
from tyrex_pool.hosting.errors import BadInput, user_message
from tyrex_pool.model.errors import InvalidSpec, InvalidStrategy, TyrexError
from tyrex_pool.model.text import printable
from tyrex_pool.resources import version


class Command(NamedTuple):
    """`module` is imported only when its command runs."""

    module: str
    summary: str


class CommandModule(Protocol):
    """The protocol of a command's module."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int:
        """Run the command; returns the exit code.

        Raises BadInput, InvalidSpec, InvalidStrategy, TyrexError and OSError.
        """
        ...


COMMANDS = {
    "serve": Command("tyrex_pool.cli.serve", "run the pool of a manifest on this machine"),
    "eval": Command("tyrex_pool.cli.eval", "evaluate code in a pool"),
    "status": Command("tyrex_pool.cli.status", "show a pool's runtimes, load and last error"),
    "crd": Command("tyrex_pool.cli.crd", "print the CustomResourceDefinition"),
    "render": Command("tyrex_pool.cli.render", "print every object that the operator would create for a manifest"),
    "operator": Command("tyrex_pool.cli.operator", "turn the TyrexPools of a cluster into pods"),
    "agent": Command("tyrex_pool.cli.agent", "serve one runtime, inside its pod"),
    "proxy": Command("tyrex_pool.cli.proxy", "dispatch evals to runtimes elsewhere"),
    "completion": Command("tyrex_pool.cli.completion", "print what completes this command line in a shell"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Raises SystemExit for --help, --version and wrong options."""
    prepare_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    name = words[0] if words else "--help"
    if name not in COMMANDS:
        overview().parse_args(words or ["--help"])
        return 2  # not reached: the overview accepts --help and --version alone, which exit by themselves
    module, parser = load(name)
    # Intermixed: options may stand between positional arguments, as in `eval POOL --url URL CODE`.
    return guarded(module, parser.parse_intermixed_args(words[1:]))


def load(name: str) -> tuple[CommandModule, argparse.ArgumentParser]:
    """The module of the command `name`, and its parser."""
    command = COMMANDS[name]
    module = cast("CommandModule", importlib.import_module(command.module))
    parser = argparse.ArgumentParser(f"{program()} {name}", description=f"{command.summary}.".capitalize())
    module.add_arguments(parser)
    return module, parser


def overview() -> argparse.ArgumentParser:
    """The parser of `tyrex-pool` without a command."""
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        program(),
        usage=f"{program()} COMMAND ...",
        description="Pools of Deno runtimes that evaluate JavaScript and TypeScript.",
        epilog="commands:\n"
        + "\n".join(f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items())
        + f"\n\n`{program()} COMMAND --help` lists its options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version() or '(not installed)'}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below")
    return parser


def guarded(module: CommandModule, args: argparse.Namespace) -> int:
    """Run the command; returns its exit code. Prints an error that the user can act on without a traceback."""
    try:
        code = module.run(args)
        sys.stdout.flush()
    except (BadInput, InvalidSpec, InvalidStrategy) as exc:
        return complain(user_message(exc), 2)
    except TyrexError as exc:
        return complain(error_text(exc), 1)
    except BrokenPipeError:
        # The reader of stdout has closed the pipe, as `| head` does; the flush at exit must not fail over it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as exc:
        return complain(user_message(exc), 2)
    except KeyboardInterrupt:
        return 130
    return code


def complain(message: str, code: int) -> int:
    """Print `error: message` to stderr, if that can be written to, and return `code`."""
    with contextlib.suppress(OSError):
        print(f"error: {printable(message)}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
