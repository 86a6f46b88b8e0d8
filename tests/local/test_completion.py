"""Completion in real shells, on a terminal: what is typed, with Tab in it, is what runs."""

import os
import pty
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.programs import run_module

SHELLS = {
    "bash": ["--noprofile", "--norc", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
AGAIN = "proxy --runtime http://a:1 --runtime unix:/b"
PROMPT = "ready> "
STARTS = {
    "bash": "PS1='{prompt}'; source {script}; tyrex-pool() {{ echo \"RAN<$*>\"; }}\n",
    "zsh": "PS1='{prompt}'; autoload -Uz compinit; compinit -u -D; unsetopt beep; source {script}; "
    'function tyrex-pool {{ echo "RAN<$*>"; }}\n',
    "fish": "function fish_prompt; echo -n '{prompt}'; end; source {script}; "
    'function tyrex-pool; echo "RAN<$argv>"; end\n',
}


class Shell:
    """An interactive shell with the completion of `tyrex-pool`, which only shows how it was called."""

    def __init__(self, name: str, folder: Path) -> None:
        program = shutil.which(name)
        if program is None:
            pytest.skip(f"there is no {name} here")
        script = folder / f"completion.{name}"
        script.write_text(run_module("completion", name).stdout)
        self._shown = ""
        self._process, self._terminal = pty.fork()
        if not self._process:
            os.chdir(folder)
            home = {"HOME": str(folder), "PATH": os.environ["PATH"], "TERM": "dumb", "LC_ALL": "C.UTF-8"}
            os.execve(program, [name, *SHELLS[name]], home)
        self._write(STARTS[name].format(prompt=PROMPT[0] + "''" + PROMPT[1:], script=script))
        self._wait_for(PROMPT)

    def run(self, keys: str) -> str:
        """What `tyrex-pool` was called with, by a line with these keys."""
        self._shown = ""
        self._write(f"{keys}\n")
        self._wait_for(">\r\n")
        return self._shown.rpartition("RAN<")[2].partition(">")[0]

    def _write(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _wait_for(self, text: str) -> None:
        end = time.monotonic() + 20
        while text not in self._shown:
            left = end - time.monotonic()
            assert left > 0, self._shown
            if select.select([self._terminal], [], [], left)[0]:
                self._shown += os.read(self._terminal, 65_536).decode(errors="replace")

    def close(self) -> None:
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._terminal)


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("shell")
    (folder / "render-pool.yaml").touch()
    (folder / "sock").mkdir()
    started = Shell(request.param, folder)
    yield started
    started.close()


@pytest.mark.parametrize(
    ("keys", "ran"),
    [
        pytest.param("ser\t render-pool.yaml", "serve render-pool.yaml", id="a command"),
        pytest.param("--ver\t", "--version", id="an option without a command"),
        pytest.param("serve rend\t", "serve render-pool.yaml", id="a file"),
        pytest.param("serve --soc\t x", "serve --socket x", id="an option"),
        pytest.param("serve --socket so\t", "serve --socket sock", id="a path of an option"),
        pytest.param("serve render-pool.yaml --acc\t", "serve render-pool.yaml --access-log", id="behind a file"),
        pytest.param("proxy --strategy Ha\t", "proxy --strategy Hash", id="a choice"),
        pytest.param("proxy --strategy=Rou\t", "proxy --strategy=RoundRobin", id="a choice behind ="),
        pytest.param("eval --lang\t types\t 1", "eval --language typescript 1", id="an option and its choice"),
        pytest.param("eval web --js\t 1", "eval web --json 1", id="an option between arguments"),
        pytest.param("completion fi\t", "completion fish", id="a shell"),
        pytest.param("proxy --runtime http://a:1 --runt\t unix:/b", AGAIN, id="an option again"),
        pytest.param("operator --image-pull-p\t Nev\t", "operator --image-pull-policy Never", id="a long option"),
        pytest.param("crd rend\t", "crd rend", id="no file where none is taken"),
        pytest.param("nonsense --soc\t", "nonsense --soc", id="no command"),
    ],
)
def test_what_a_tab_completes(shell: Shell, keys: str, ran: str) -> None:
    words = shell.run(f"tyrex-pool {keys}").split()
    assert [word.rstrip("/") for word in words] == ran.split()  # zsh takes the slash of a folder back


@pytest.mark.parametrize("name", SHELLS)
def test_the_scripts_are_valid(name: str, tmp_path: Path) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name} here")
    script = tmp_path / "script"
    script.write_text(run_module("completion", name).stdout)
    subprocess.run([name, "-n", script], check=True, timeout=30)


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_no_such_shell(words: list[str]) -> None:
    done = run_module("completion", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: tyrex-pool completion" in done.stderr
