"""How commands start and end, whatever started them: sockets, standard streams, hang-ups, what killed ones left."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.local.commands import Command, command, refused
from tests.local.programs import ROOT, output_of
from tests.local.running import RunningPool, until
from tests.local.serving import HELLO, Serving
from tyrex_pool import Client

ANYWHERE = ("--port", "0", "--admin-port", "0")
SPEC = {"size": 1}
NOWHERE = ("proxy", "--runtime", "http://127.0.0.1:9")
"""A server that needs no runtime."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A path for a socket, which may have 107 bytes only."""
    with TemporaryDirectory() as folder:
        yield Path(folder) / "s"


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    (tmp_path / "pool.yaml").write_text(HELLO + "spec: {size: 1}")
    return str(tmp_path / "pool.yaml")


# Sockets


@pytest.mark.parametrize("kind", ["serve", "agent", "proxy"])
def test_a_socket_in_use_stays_its_server_s(kind: str, place: Path, manifest: str) -> None:
    words = {"serve": ("serve", manifest), "agent": ("agent", manifest), "proxy": NOWHERE}
    with command("serve", manifest, "--socket", str(place), "--admin-port", "0"):
        said = refused(*words[kind], "--socket", str(place), ports=False)
        assert f"{place}: the socket is in use by another server: choose another path" in said
        with Client(f"unix:{place}") as client:
            assert client.eval("1 + 2") == 3
    assert not place.exists()


def test_a_server_removes_no_socket_but_its_own(place: Path) -> None:
    with command(*NOWHERE, "--socket", str(place), "--admin-port", "0") as first:
        place.unlink()
        with command(*NOWHERE, "--socket", str(place), "--admin-port", "0"):
            first.process.terminate()
            assert first.process.wait(15) == 0
            with Client(f"unix:{place}") as client:
                assert client.pool()["size"] == 1
    assert not place.exists()


def test_the_socket_of_a_killed_server_is_replaced(place: Path) -> None:
    with command(*NOWHERE, "--socket", str(place), "--admin-port", "0") as killed:
        killed.process.kill()
        killed.process.wait(10)
    assert place.is_socket()
    with command(*NOWHERE, "--socket", str(place), "--admin-port", "0"), Client(f"unix:{place}") as client:
        assert client.pool()["size"] == 1
    assert not place.exists()


def test_a_file_is_no_place_for_a_socket(place: Path) -> None:
    place.write_text("precious")
    assert f"{place}: it is there, and no socket" in refused(*NOWHERE, "--socket", str(place), ports=False)
    assert place.read_text() == "precious"


# Standard streams


def closed(words: list[str], streams: str, env: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """`tyrex-pool WORDS` without the descriptors in `streams`."""
    closing = " ".join(f"{number}>&-" for number in streams)
    return subprocess.Popen(
        ["/bin/sh", "-c", f'exec "$@" {closing}', "sh", sys.executable, "-m", "tyrex_pool", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)} | (env or {}),
    )  # fmt: skip


STREAMS = ["0", "1", "2", "01", "02", "12", "012"]


@pytest.mark.parametrize("streams", STREAMS)
def test_a_server_without_standard_streams(streams: str, place: Path, manifest: str, tmp_path: Path) -> None:
    words = ["serve", manifest, "--socket", str(place), "--admin-port", "0"]
    with closed(words, streams, {"TMPDIR": str(tmp_path)}) as process:
        try:
            until(lambda: process.poll() is not None or (place.exists() and answers(place)), 30)
            assert process.poll() is None
            with Client(f"unix:{place}") as client:
                assert client.eval("console.log('seen'); 1 + 2") == 3
            process.terminate()
            out, err = process.communicate(timeout=15)
        finally:
            process.kill()
    assert process.returncode == 0
    assert b"Traceback" not in err
    assert bool(out) is ("1" not in streams)
    assert (b"seen" in err) is ("2" not in streams)
    assert not place.exists()
    assert list(tmp_path.glob("tyrex-pool-*")) == []


def answers(place: Path) -> bool:
    with Client(f"unix:{place}") as client, contextlib.suppress(Exception):
        return bool(client.pool()["ready"])
    return False


@pytest.mark.parametrize("streams", ["0", "1", "012"])
def test_workers_without_standard_streams(streams: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [*NOWHERE, "--workers", "2", "--host", "127.0.0.1", "--port", str(port), "--admin-port", "0"]
    with closed(words, streams) as process:
        try:
            until(lambda: process.poll() is not None or serves(port), 30)
            assert process.poll() is None
            process.terminate()
            _, err = process.communicate(timeout=15)
        finally:
            process.kill()
    assert process.returncode == 0
    assert b"Traceback" not in err


def serves(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/v1/pool", trust_env=False).status_code == 200
    return False


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        pytest.param(["eval", "--url", "{url}", "1 + 2"], 0, b"3\n", b"", id="eval"),
        pytest.param(["eval", "--url", "{url}", "throw 1"], 1, b"", b"execution_error", id="an error"),
        pytest.param(["status", "--url", "{url}"], 0, b"RoundRobin", b"", id="status"),
        pytest.param(["crd"], 0, b"CustomResourceDefinition", b"", id="crd"),
        pytest.param(["serve", "/nowhere.yaml"], 2, b"", b"No such file", id="bad input"),
        pytest.param(["--help"], 0, b"usage", b"", id="help"),
        pytest.param(["nonsense"], 2, b"", b"invalid choice", id="no command"),
    ],
)
def test_a_command_without_standard_streams(
    pool: RunningPool, words: list[str], code: int, out: bytes, err: bytes, streams: str
) -> None:
    url = f"http://127.0.0.1:{pool.port}"
    with closed([word.format(url=url) for word in words], streams) as process:
        said = process.communicate(timeout=30)
    assert process.returncode == code
    assert b"Traceback" not in said[1]
    assert (said[0] == b"") if "1" in streams else (out in said[0])
    assert (said[1] == b"") if "2" in streams else (err in said[1])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("words", [["serve", "/nowhere.yaml"], ["crd"]])
def test_streams_that_nothing_can_be_written_to(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "tyrex_pool", *words]
        done = subprocess.run(command, cwd=ROOT / "operator", stdout=full, stderr=full, timeout=60, check=False)
    assert done.returncode == 2


def test_code_from_a_closed_standard_input_is_none(pool: RunningPool) -> None:
    with closed(["eval", "--url", f"http://127.0.0.1:{pool.port}", "-"], "0") as process:
        assert process.communicate(timeout=30)[0] == b"null\n"


def test_a_local_pool_without_standard_streams(tmp_path: Path) -> None:
    """Its pipes get the descriptors of these."""
    program = (
        "import os, sys\nfrom tyrex_pool import BlockingLocalPool\n"
        "for closed in ((0,), (1,), (2,), (0, 1, 2)):\n"
        "    saved = {number: os.dup(number) for number in (0, 1, 2)}\n"
        "    for number in closed: os.close(number)\n"
        "    with BlockingLocalPool(size=1) as pool: assert pool.eval('console.log(1); 1 + 2') == 3\n"
        "    for number, copy in saved.items(): os.dup2(copy, number); os.close(copy)\n"
        "print('all')"
    )
    assert output_of(program, env={"TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}) == "all"


def test_a_local_pool_in_a_loop_that_is_older_than_the_closed_streams(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, sys\nfrom tyrex_pool import LocalPool\n"
        "async def main():\n"
        "    saved = os.dup(1)\n"
        "    for number in (0, 1, 2): os.close(number)\n"
        "    try:\n"
        "        async with LocalPool(size=1) as pool: result = await pool.eval('1 + 2')\n"
        "    finally:\n"
        "        for number in (0, 1, 2): os.dup2(saved, number)\n"
        "    print(result)\n"
        "asyncio.run(main())"
    )
    assert output_of(program, env={"TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}) == "3"


# The manifest, and addresses


def piped(words: list[str], text: bytes) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-m", "tyrex_pool", *words], cwd=ROOT / "operator",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.close()
    process.stdin = None
    return process


@pytest.mark.parametrize("words", [["serve", "-"], ["agent", "-"]])
def test_a_manifest_from_standard_input(words: list[str]) -> None:
    text = HELLO + "spec: {size: 1, mainModule: {inline: 'globalThis.here = 7'}}"
    with piped([*words, "--host", "127.0.0.1", *ANYWHERE], text.encode()) as process:
        try:
            assert process.stdout is not None
            facts = json.loads(process.stdout.readline())
            with Client(facts["url"]) as client:
                assert client.eval("here") == 7
            process.terminate()
            assert process.wait(15) == 0
        finally:
            process.kill()


def test_a_manifest_for_other_commands_from_standard_input() -> None:
    with piped(["render", "-"], HELLO.encode()) as process:
        assert b"kind: Deployment" in process.communicate(timeout=30)[0]
    with piped([*NOWHERE, "-", *ANYWHERE], HELLO.replace("hello", "piped").encode()) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["pool"] == "piped"
            process.terminate()
            assert process.wait(15) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("text", [b"", b"\xff", b"a: [", b"kind: Nonsense"])
def test_standard_input_that_is_no_manifest(text: bytes) -> None:
    with piped(["serve", "-", *ANYWHERE], text) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err.startswith(b"error: ")
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    ("host", "shown"), [("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::", "[::1]")]
)
def test_the_address_that_is_shown_is_one(host: str, shown: str) -> None:
    with command(*NOWHERE, "--host", host, *ANYWHERE) as proxy:
        assert proxy.url.startswith(f"http://{shown}:")
        assert proxy.status()["size"] == 1
        assert httpx.get(proxy.facts["admin"] + "/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("proxy", "--runtime", "http://127.0.0.1:0"), "--runtime: write http://HOST:PORT", id="port 0"),
        pytest.param(("proxy", "--runtime", "http://[::1"), "--runtime: write http://HOST:PORT", id="half an address"),
        pytest.param((*NOWHERE, "--host", "127.0.0.1:80"), "write an address such as 127.0.0.1", id="host and port"),
        pytest.param((*NOWHERE, "--host", "no-such-host.invalid"), "no-such-host.invalid", id="unknown host"),
        pytest.param((*NOWHERE, "--host", "203.0.113.7"), "203.0.113.7", id="another machine's address"),
    ],
)
def test_addresses_that_are_refused(words: tuple[str, ...], said: str) -> None:
    assert said in " ".join(refused(*words).split())


# Hang-ups


def test_a_hangup_of_workers() -> None:
    with command(*NOWHERE, "--workers", "2", "--host", "127.0.0.1", *ANYWHERE) as proxy:
        proxy.process.send_signal(signal.SIGHUP)
        assert proxy.process.wait(15) == 0
        with pytest.raises(httpx.ConnectError):
            proxy.status()


# What is one meaning


def test_ready_means_the_same_in_both_places(manifest: str) -> None:
    with ExitStack() as stack:
        agents = [stack.enter_context(command("agent", manifest, "--name", name, *ANYWHERE)) for name in ("a", "b")]
        urls = [word for agent in agents for word in ("--runtime", agent.url)]
        proxy = stack.enter_context(command("proxy", *urls, *ANYWHERE))
        for left, ready in ((2, True), (1, True), (0, False)):
            until(lambda: proxy.status()["readyRuntimes"] == left)  # noqa: B023
            assert both(proxy) == {ready}
            for agent in agents[:1]:
                agent.process.kill()
                agent.process.wait(10)
            del agents[:1]


def both(proxy: Command) -> set[bool]:
    """What `GET /v1/pool` and `/readyz` say."""
    answer = httpx.get(proxy.facts["admin"] + "/readyz", trust_env=False)
    assert (answer.status_code == 200) is answer.json()["ready"]
    return {proxy.status()["ready"], answer.json()["ready"]}


# What killed ones left


@pytest.mark.parametrize("starter", ["another server", "a LocalPool", "a BlockingLocalPool in a fork"])
def test_the_folder_of_a_killed_server_goes_with_the_next_start(starter: str, tmp_path: Path) -> None:
    killed = Serving(tmp_path)
    killed.start()
    killed.signal(signal.SIGKILL)
    killed.wait()
    (left,) = killed.files.glob("tyrex-pool-*/private/*")
    assert killed.gone()
    killed.close()
    programs = {
        "a LocalPool": (
            "import asyncio\nfrom tyrex_pool import LocalPool\n"
            "async def main():\n    async with LocalPool(size=1): print(os.path.exists(sys.argv[1]))\n"
            "asyncio.run(main())"
        ),
        "a BlockingLocalPool in a fork": (
            "from tyrex_pool import BlockingLocalPool\n"
            "child = os.fork()\n"
            "if not child:\n    with BlockingLocalPool(size=1): print(os.path.exists(sys.argv[1]))\n"
            "else: os.waitpid(child, 0)"
        ),
    }
    environment = {"TMPDIR": str(killed.files), "PATH": os.environ["PATH"]}
    if starter in programs:
        assert output_of(f"import os, sys\n{programs[starter]}", left, env=environment) == "False"
    else:
        (tmp_path / "pool.yaml").write_text(HELLO)
        with command("serve", str(tmp_path / "pool.yaml"), *ANYWHERE, TMPDIR=str(killed.files)):
            assert not left.exists()
    assert list(killed.files.iterdir()) == []
