"""The examples of batches in the docs, as a reader runs them."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deno import find_deno_bin

from tests.documents import Block, sections
from tests.examples import URL
from tests.local.commands import Command, command
from tests.local.programs import ROOT


@pytest.fixture(scope="module")
def hello() -> Iterator[Command]:
    with command("serve", str(ROOT / "examples/hello.yaml"), "--port", "0", "--admin-port", "0") as running:
        yield running


def blocks(page: str, title: str) -> list[Block]:
    (section,) = [section for section in sections(ROOT / "docs" / page) if section.title == title]
    assert section.blocks
    return section.blocks


BATCH = "Batch: `POST /v1/batch`"


def test_http(hello: Command) -> None:
    first, second, _ = blocks("http.md", BATCH)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    for shown in [*first.transcript(), *second.transcript()]:
        program = shown.command.replace(URL, hello.url).replace("curl ", "curl --silent ")
        program = program.replace("tyrex-pool ", f"{sys.executable} -m tyrex_pool ")
        run = subprocess.run(
            ["bash", "-o", "pipefail", "-c", program], capture_output=True, text=True, timeout=30, env=environment
        )
        assert run.returncode == 0, run.stderr
        shown.check(run.stdout)


def test_fetch(hello: Command, tmp_path: Path) -> None:
    *_, block = blocks("http.md", BATCH)
    program = tmp_path / "batch.js"
    program.write_text(block.text.replace(URL, hello.url))
    command = [find_deno_bin(), "run", "--no-config", "--allow-net=127.0.0.1", str(program)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr
    assert sorted(run.stdout.splitlines()) == sorted(block.promised().splitlines())


def test_curl_sends_and_reads_at_the_same_time(hello: Command) -> None:
    count = 20_000
    lines = "".join(f'{{"code": "\'x\'.repeat(1000) + {number}"}}\n' for number in range(count))
    words = ["--silent", "-X", "POST", "-T", "-", "-H", "Content-Type: application/x-ndjson", f"{hello.url}/v1/batch"]
    run = subprocess.run(["curl", *words], input=lines, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0
    assert run.stdout.count('"result":"x') == count


def test_python(hello: Command) -> None:
    (block,) = blocks("local-pool.md", "Batches")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block.text.replace(URL, hello.url), {})
    assert printed.getvalue() == block.promised()
