from argparse import ArgumentParser, Namespace
from collections.abc import Callable

import pytest

from tyrex_pool.cli.main import COMMANDS, guarded, main
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model.errors import InvalidSpec, Overloaded


class Raises:
    """A command that ends in `what`."""

    def __init__(self, what: BaseException) -> None:
        self.what = what

    def add_arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, args: Namespace) -> int:
        raise self.what


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        pytest.param(BadInput("pass --url"), 2, "error: pass --url\n", id="bad input"),
        pytest.param(InvalidSpec("spec.size", "write 0..1000"), 2, "error: spec.size: write 0..1000\n", id="spec"),
        pytest.param(
            FileNotFoundError(2, "No such file", "pool.yaml"),
            2,
            "error: pool.yaml: No such file\n",
            id="file",
        ),
        pytest.param(OSError("address in use"), 2, "error: address in use\n", id="os"),
        pytest.param(
            Overloaded("full"),
            1,
            "error: overloaded: full\n  fault: the pool\n  retry: safe, the code never started\n",
            id="eval",
        ),
        pytest.param(KeyboardInterrupt(), 130, "", id="ctrl-c"),
        pytest.param(BadInput("a\x1b[2Jb"), 2, "error: a\\u001b[2Jb\n", id="escape sequence"),
    ],
)
def test_errors_are_for_people(capsys: pytest.CaptureFixture[str], what: BaseException, code: int, said: str) -> None:
    assert guarded(Raises(what), Namespace()) == code
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_help_names_every_command(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out and command.summary in out for name, command in COMMANDS.items())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["evil"], "invalid choice: 'evil'", id="command"),
        pytest.param(["--evil"], "tyrex-pool: error", id="option"),
        pytest.param(["crd", "--evil"], "tyrex-pool crd: error: unrecognized arguments: --evil", id="its option"),
        pytest.param(["render"], "the following arguments are required: FILE", id="no file"),
    ],
)
def test_a_wrong_command_line_ends_with_2(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("tyrex-pool ")


def test_only_the_command_s_own_module_is_imported(python: Callable[[str], str]) -> None:
    program = (
        "from tyrex_pool.cli.main import main; "
        "import contextlib\n"
        "with contextlib.suppress(SystemExit): main(['crd', '--help'])\n"
        "print('httpx' in sys.modules, 'tyrex_pool.cli.crd' in sys.modules)"
    )
    assert python(program).endswith("False True\n")


def test_only_a_cluster_needs_the_packages_for_one(python: Callable[[str], str]) -> None:
    program = (
        "import sys, tyrex_pool.cli.agent, tyrex_pool.cli.proxy, tyrex_pool.cli.serve, tyrex_pool.cli.status\n"
        "import tyrex_pool.local.pool\n"
        "print({'kubernetes', 'aiohttp', 'kopf'} & set(sys.modules))"
    )
    assert python(program) == "set()\n"


def test_an_agent_imports_no_http_client(python: Callable[[str], str]) -> None:
    program = "import sys, tyrex_pool.cli.agent\nprint({'httpx', 'tyrex_pool.client'} & set(sys.modules))"
    assert python(program) == "set()\n"


def test_a_reader_that_leaves_is_no_error(python: Callable[[str], str]) -> None:
    program = (
        "import os; from argparse import Namespace; from tyrex_pool.cli.main import guarded\n"
        "class Prints:\n"
        "    def run(self, args):\n"
        "        print('x' * 100_000)\n"
        "        return 0\n"
        "reading, writing = os.pipe(); os.close(reading); saved = os.dup(1); os.dup2(writing, 1)\n"
        "code = guarded(Prints(), Namespace())\n"
        "os.write(saved, b'%d' % code)\n"
    )
    assert python(program) == "141"
