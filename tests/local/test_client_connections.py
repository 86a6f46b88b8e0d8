"""Connections of Client and AsyncClient: to one process and one event loop, directly or through a proxy or a socket."""

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.local.commands import command
from tests.local.programs import output_of, run_module
from tests.local.running import RunningPool
from tests.local.serving import HELLO
from tyrex_pool import AsyncClient, Client

SPEC = {"size": 2, "queue": {"length": 1000}}


@pytest.fixture
def url(pool: RunningPool) -> str:
    return f"http://127.0.0.1:{pool.port}"


FORKED = """
import asyncio, multiprocessing, os, sys, threading
import httpx
from tyrex_pool import AsyncClient, Client

client = Client(sys.argv[1])

def own_answers(number):
    for count in range(100):
        assert client.eval(f"{number} * 1000 + {count}") == number * 1000 + count

def forked(work, *args):
    child = os.fork()
    if child:
        return child
    try:
        work(*args)
        os._exit(0)
    finally:
        os._exit(1)

def ended(children):
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(
            "client.eval('1')\n"
            "children = [forked(own_answers, n) for n in range(4)]\n"
            "own_answers(9)\n"
            "assert ended(children) == [0] * 4",
            id="used-before",
        ),
        pytest.param(
            "children = [forked(own_answers, n) for n in range(4)]\nassert ended(children) == [0] * 4", id="not-used"
        ),
        pytest.param(
            "client.eval('1')\n"
            "def again(): own_answers(1); assert ended([forked(own_answers, 2)]) == [0]; own_answers(3)\n"
            "assert ended([forked(again)]) == [0]\n"
            "own_answers(4)",
            id="a-grandchild",
        ),
        pytest.param(
            "with multiprocessing.get_context('fork').Pool(3) as pool:\n"
            "    client.eval('1')\n"
            "    pool.map(own_answers, range(3))\n"
            "client.eval('1')\n"
            "with multiprocessing.get_context('fork').Pool(3) as pool:\n"
            "    pool.map(own_answers, range(3))",
            id="multiprocessing",
        ),
        pytest.param(
            "client.eval('1')\n"  # so that no thread is in an import at the fork
            "threads = [threading.Thread(target=own_answers, args=(n,)) for n in range(4)]\n"
            "[thread.start() for thread in threads]\n"
            "children = [forked(own_answers, n) for n in range(4)]\n"
            "[thread.join() for thread in threads]\n"
            "assert ended(children) == [0] * 4",
            id="threads-use-it-meanwhile",
        ),
        pytest.param(
            "client.eval('1')\ndef closing(): client.close()\nassert ended([forked(closing)]) == [0]\nown_answers(1)",
            id="the-child-closes-it",
        ),
        pytest.param(
            "client.eval('1')\n"
            "def work(): own_answers(1); client.close()\n"
            "assert ended([forked(work)]) == [0]\n"
            "own_answers(1); client.close()",
            id="both-close-it",
        ),
        pytest.param(
            "async def ask(number):\n"
            "    assert await asyncio.gather(*(also.eval(f'{number} + {n}') for n in range(30)))"
            " == [number + n for n in range(30)]\n"
            "also = AsyncClient(sys.argv[1])\n"
            "asyncio.run(ask(1))\n"
            "children = [forked(lambda: asyncio.run(ask(n))) for n in range(3)]\n"
            "asyncio.run(ask(1))\n"
            "assert ended(children) == [0] * 3",
            id="asyncclient",
        ),
        pytest.param(
            "also = AsyncClient(sys.argv[1])\n"
            "async def ask():\n"
            "    for n in range(30): assert await also.eval(f'{n}') == n\n"
            "async def main():\n"
            "    await ask()\n"
            "    child = forked(lambda: asyncio.run(ask()))\n"
            "    await ask()\n"
            "    assert ended([child]) == [0]\n"
            "asyncio.run(main())",
            id="asyncclient-while-its-loop-runs",
        ),
    ],
)
def test_after_a_fork_each_process_gets_its_own_answers(url: str, program: str) -> None:
    assert output_of(f"{FORKED}\n{program}", url) == ""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(
            "http = httpx.Client(); client = Client(sys.argv[1], http=http)\n"
            "client.eval('1')\n"
            "def child():\n"
            "    try: client.eval('1')\n"
            "    except RuntimeError as error: assert 'make `http` and the client anew' in str(error)\n"
            "    else: raise AssertionError\n"
            "assert ended([forked(child)]) == [0]\n"
            "own_answers(1)",
            id="client",
        ),
        pytest.param(
            "http = httpx.AsyncClient(); also = AsyncClient(sys.argv[1], http=http)\n"
            "async def child():\n"
            "    try: await also.eval('1')\n"
            "    except RuntimeError as error: assert 'make `http` and the client anew' in str(error)\n"
            "    else: raise AssertionError\n"
            "async def main():\n"
            "    await also.eval('1')\n"
            "    assert ended([forked(lambda: asyncio.run(child()))]) == [0]\n"
            "    assert await also.eval('2') == 2\n"
            "    await http.aclose()\n"
            "asyncio.run(main())",
            id="asyncclient",
        ),
    ],
)
def test_an_http_client_of_ones_own_is_refused_after_a_fork(url: str, program: str) -> None:
    assert output_of(f"{FORKED}\n{program}", url) == ""


def test_an_http_client_of_ones_own_that_was_not_used_before_the_fork(url: str) -> None:
    program = (
        "client = Client(sys.argv[1], http=httpx.Client())\n"
        "children = [forked(own_answers, n) for n in range(2)]\n"
        "assert ended(children) == [0, 0]"
    )
    assert output_of(f"{FORKED}\n{program}", url) == ""


IN_SEVERAL_LOOPS = """
import sys
client = AsyncClient(sys.argv[1])

async def ask(number):
    results = {}

    async def one(n):
        results[n] = await client.eval(f"{number} + {n}")

    async with anyio.create_task_group() as group:
        for n in range(150):
            group.start_soon(one, n)
    assert results == {n: number + n for n in range(150)}

async def cancelled():
    with anyio.move_on_after(0.05) as scope:
        await client.eval("new Promise(() => {})", timeout=1)
    assert scope.cancelled_caught
    assert await client.eval("1 + 2") == 3

async def last():
    await ask(9)
    await client.close()
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("for n in range(3): asyncio.run(ask(n))", id="asyncio"),
        pytest.param("for n in range(3): uvloop.run(ask(n))", id="uvloop"),
        pytest.param("for n in range(3): trio.run(ask, n)", id="trio"),
        pytest.param("asyncio.run(ask(1)); trio.run(ask, 2); uvloop.run(ask(3)); trio.run(ask, 4)", id="one-of-each"),
        pytest.param(
            "threads = [threading.Thread(target=lambda: asyncio.run(ask(1))) for _ in range(4)]\n"
            "[thread.start() for thread in threads]\n"
            "asyncio.run(ask(2))\n"
            "[thread.join() for thread in threads]",
            id="at-the-same-time",
        ),
        pytest.param("asyncio.run(cancelled()); asyncio.run(ask(1))", id="cancelled-in-asyncio"),
        pytest.param("trio.run(cancelled); trio.run(ask, 1)", id="cancelled-in-trio"),
    ],
)
def test_an_asyncclient_in_several_loops(url: str, program: str) -> None:
    imports = "import anyio, asyncio, threading, trio, uvloop\nfrom tyrex_pool import AsyncClient"
    assert output_of(f"{imports}\n{IN_SEVERAL_LOOPS}\n{program}\nasyncio.run(last())", url) == ""


async def test_the_cost_of_an_asyncclient_is_linear_in_its_callers(url: str) -> None:
    """CPU time of this thread, in which nothing but the client runs."""

    async def cost(callers: int) -> float:
        async with AsyncClient(url) as client:
            before = time.thread_time()
            assert await asyncio.gather(*(client.eval("1") for _ in range(callers))) == [1] * callers
            return (time.thread_time() - before) / callers

    few = min([await cost(100) for _ in range(3)])
    assert min([await cost(800) for _ in range(2)]) < 3 * few


async def test_more_callers_than_connections_and_some_that_leave(url: str) -> None:
    async with AsyncClient(url) as client:
        tasks = [asyncio.ensure_future(client.eval(f"{n}")) for n in range(300)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        for n, answer in enumerate(answers):
            assert isinstance(answer, asyncio.CancelledError) if n % 3 == 0 else answer == n
        assert await asyncio.gather(*(client.eval(f"{n}") for n in range(150))) == list(range(150))


@pytest.mark.parametrize(("method", "args"), [("eval", ["1"]), ("call", ["Math.max", 1]), ("pool", [])])
async def test_a_closed_client_says_so(url: str, method: str, args: list[Any]) -> None:
    client, also = Client(url), AsyncClient(url)
    getattr(client, method)(*args)
    await getattr(also, method)(*args)
    for _ in range(2):
        client.close()
        await also.close()
        with pytest.raises(RuntimeError, match="the Client is closed"):
            getattr(client, method)(*args)
        with pytest.raises(RuntimeError, match="the AsyncClient is closed"):
            await getattr(also, method)(*args)


ASK = """
import asyncio, sys
from tyrex_pool import AsyncClient, Client, TyrexError

async def awaited():
    async with AsyncClient(sys.argv[1]) as client:
        return await client.eval("1 + 2")

def blocking():
    with Client(sys.argv[1]) as client:
        return client.eval("1 + 2")

for ask in (blocking, lambda: asyncio.run(awaited())):
    try:
        print(ask())
    except TyrexError as error:
        print(error.name, error)
"""
DEAD = "http://user:secret@127.0.0.1:9"


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTP_PROXY": DEAD, "HTTPS_PROXY": DEAD},
        {"http_proxy": DEAD},
        {"ALL_PROXY": DEAD},
        {"ALL_PROXY": "socks5://127.0.0.1:9"},
        {"all_proxy": "socks5h://127.0.0.1:9", "HTTP_PROXY": "nonsense://x"},
        {"HTTP_PROXY": "http://:::"},
        {"HTTP_PROXY": DEAD, "NO_PROXY": "example.com"},
    ],
    ids=str,
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_pool_on_loopback_is_reached_directly(pool: RunningPool, variables: dict[str, str], host: str) -> None:
    assert output_of(ASK, f"http://{host}:{pool.port}", env=variables) == "3\n3"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"HTTP_PROXY": DEAD},
            "no_runtime could not connect to http://pool.invalid through the proxy http://127.0.0.1:9",
        ),
        ({"http_proxy": "127.0.0.1:9"}, "through the proxy http://127.0.0.1:9: "),
        ({"ALL_PROXY": DEAD}, "through the proxy http://127.0.0.1:9: "),
        ({"ALL_PROXY": "socks5://u:secret@h:1080"}, "invalid_request the environment's proxy socks5://h:1080 needs"),
        ({"HTTP_PROXY": "ftp://u:secret@h"}, "invalid_request the environment's proxy ftp://h is of no kind"),
        ({"HTTP_PROXY": "http://a:b"}, "invalid_request the environment's proxy http://a:b is no URL"),
        ({"HTTPS_PROXY": DEAD}, "no_runtime could not connect to http://pool.invalid: "),
        ({"HTTP_PROXY": DEAD, "NO_PROXY": ".invalid"}, "no_runtime could not connect to http://pool.invalid: "),
        ({"HTTP_PROXY": DEAD, "no_proxy": "*"}, "no_runtime could not connect to http://pool.invalid: "),
    ],
    ids=str,
)
def test_a_message_names_the_proxy(variables: dict[str, str], said: str) -> None:
    lines = output_of(ASK, "http://pool.invalid", env=variables).splitlines()
    assert len(lines) == 2
    for line in lines:
        assert said in line
        assert "secret" not in line


class Refusal(BaseHTTPRequestHandler):
    """A proxy that forwards nothing."""

    def do_POST(self) -> None:
        self.send_error(407)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_an_answer_of_the_proxy_itself() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            proxy = f"http://127.0.0.1:{server.server_port}"
            lines = output_of(ASK, "http://pool.invalid", env={"HTTP_PROXY": proxy}).splitlines()
        finally:
            server.shutdown()
    assert len(lines) == 2
    for line in lines:
        assert "407 without a problem document" in line
        assert f"from http://pool.invalid through the proxy {proxy}" in line


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The Unix socket of an agent; a path of one may have 107 bytes only."""
    with TemporaryDirectory() as folder:
        manifest = tmp_path_factory.mktemp("agent") / "pool.yaml"
        manifest.write_text(HELLO)
        path = Path(folder) / "s"
        with command("agent", str(manifest), "--socket", str(path), "--admin-port", "0"):
            yield path


@pytest.mark.parametrize("form", ["unix:{0}", "unix://{0}"])
def test_a_socket(socket: Path, form: str) -> None:
    url = form.format(socket)
    assert output_of(ASK, url) == "3\n3"
    assert output_of(ASK, url, env={"HTTP_PROXY": DEAD, "ALL_PROXY": DEAD}) == "3\n3"
    assert output_of(f"{FORKED}\nassert ended([forked(own_answers, 1), forked(own_answers, 2)]) == [0, 0]", url) == ""
    done = run_module("eval", "--url", url, "1 + 2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")
    assert "hello" in run_module("status", "--url", url).stdout


def test_no_socket_there(tmp_path: Path) -> None:
    url = f"unix:{tmp_path}/none"
    lines = output_of(ASK, url).splitlines()
    assert [line.startswith(f"no_runtime could not connect to {url}: ") for line in lines] == [True, True]
