"""The command `serve`: what it prints, how it ends, and that nothing is left behind."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.local.running import result, until
from tests.local.serving import HELLO, Serving
from tyrex_pool.model.names import SERVE_PORT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
Serve = Callable[..., Serving]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    started: list[Serving] = []

    def serve(manifest: str = HELLO, *options: str) -> Serving:
        started.append(Serving(tmp_path, manifest, *options))
        return started[-1]

    yield serve
    for serving in started:
        serving.close()


def leaves_nothing(serving: Serving) -> None:
    assert serving.wait() == 0, serving.log_file.read_text()
    assert serving.gone()
    assert list(serving.files.iterdir()) == []
    assert "Traceback" not in serving.log_file.read_text()


def test_it_prints_where_it_is(serve: Serve) -> None:
    serving = serve()
    facts = serving.start()
    assert set(facts) == {"url", "admin", "pool", "ready", "size"}
    assert (facts["pool"], facts["ready"], facts["size"]) == ("hello", True, 2)
    assert result(serving.post("1 + 2")) == 3
    with httpx.Client(base_url=facts["admin"], trust_env=False) as admin:
        assert admin.get("/readyz").status_code == 200
        assert "tyrex_evals_total" in admin.get("/metrics").text


def working(serving: Serving) -> None:
    assert result(serving.post("1 + 2")) == 3


def idle(serving: Serving) -> None:
    pass


def main_module_files(serving: Serving) -> None:
    assert list(serving.files.iterdir()), "the entry file lies there while it runs"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("before", [idle, working, main_module_files])
def test_a_signal_ends_it(serve: Serve, before: Callable[[Serving], None], number: signal.Signals) -> None:
    serving = serve()
    serving.start()
    before(serving)
    serving.signal(number)
    leaves_nothing(serving)


def test_a_signal_while_it_starts(serve: Serve) -> None:
    serving = serve(HELLO + "spec: {mainModule: {inline: 'for (;;) {}'}}")
    serving.spawn()
    until(serving.isolates)
    serving.signal(signal.SIGTERM)
    leaves_nothing(serving)


def test_draining_lets_evals_end(serve: Serve) -> None:
    serving = serve(HELLO + "spec: {size: 1}")
    serving.start()
    slow = "new Promise((ok) => setTimeout(ok, 400, 'done'))"
    with ThreadPoolExecutor() as threads:
        running = threads.submit(serving.post, slow)
        until(lambda: serving.status()["inFlight"] == 1)
        waiting = threads.submit(serving.post, "'waited'")
        until(lambda: serving.status()["queued"] == 1)
        serving.signal(signal.SIGTERM)
        assert result(running.result()) == "done"
        assert result(waiting.result()) == "waited"
    leaves_nothing(serving)


def test_draining_has_an_end(serve: Serve) -> None:
    serving = serve(HELLO + "spec: {size: 1, timeouts: {drain: 300ms, eval: 30s}}")
    serving.start()
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(serving.post, "for (;;) {}")
        until(lambda: serving.status()["inFlight"] == 1)
        begin = monotonic()
        serving.signal(signal.SIGTERM)
        leaves_nothing(serving)
        assert monotonic() - begin < 3
        with pytest.raises(httpx.TransportError):
            answer.result()


def test_a_second_signal_ends_it_at_once(serve: Serve) -> None:
    serving = serve(HELLO + "spec: {size: 1, timeouts: {eval: 30s}}")
    serving.start()
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(serving.post, "for (;;) {}")
        until(lambda: serving.status()["inFlight"] == 1)
        serving.signal(signal.SIGINT)
        until(lambda: refused(serving))
        serving.signal(signal.SIGINT)
        assert serving.wait() == 130
        assert serving.gone()
        assert list(serving.files.iterdir()) == []
        with pytest.raises(httpx.TransportError):
            answer.result()


def refused(serving: Serving) -> bool:
    url = serving.http.base_url
    try:
        socket.create_connection((url.host, url.port or 80), timeout=5).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # it was closed between the kernel's accept and its own
    return False


@pytest.mark.parametrize("code", [pytest.param("1", id="idle"), pytest.param("for (;;) {}", id="while one loops")])
def test_kill_9_ends_its_isolates(serve: Serve, code: str) -> None:
    serving = serve(HELLO + "spec: {timeouts: {eval: 30s}}")
    serving.start()
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(serving.post, code)
        until(lambda: serving.status()["inFlight"] == 1 or answer.done())
        assert len(until(serving.isolates)) >= 2
        serving.signal(signal.SIGKILL)
        assert serving.wait() == -signal.SIGKILL
        assert serving.gone()
        if not answer.done() or answer.exception():
            with pytest.raises(httpx.TransportError):
                answer.result()


def test_isolates_that_are_killed_meanwhile(serve: Serve) -> None:
    serving = serve()
    serving.start()
    before = {runtime["epoch"] for runtime in serving.status()["runtimes"]}
    killed = until(lambda: serving.isolates() if len(serving.isolates()) == 3 else [])
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    until(lambda: before.isdisjoint(runtime["epoch"] for runtime in serving.status()["runtimes"]))
    until(lambda: serving.status()["ready"] and len(serving.isolates()) == 3)
    assert set(killed).isdisjoint(serving.isolates())
    assert [result(serving.post("1 + 2")) for _ in range(4)] == [3] * 4
    os.kill(serving.isolates()[0], signal.SIGKILL)
    serving.signal(signal.SIGTERM)
    leaves_nothing(serving)


def test_what_guests_started_goes_with_them(serve: Serve) -> None:
    serving = serve(HELLO + "spec: {size: 1, permissions: {default: AllowAll}}")
    serving.start()
    assert result(serving.post("new Deno.Command('sleep', {args: ['1000']}).spawn().pid > 0"))
    until(lambda: "sleep" in serving.processes().values())
    serving.signal(signal.SIGTERM)
    leaves_nothing(serving)


BAD = [
    pytest.param(HELLO + "spec: {permissions: {dney: {}}}", "spec.permissions.dney: unknown field", id="misspelled"),
    pytest.param(HELLO + "spec: {size: two}", "spec.size", id="a wrong type"),
    pytest.param(HELLO + "spec: {size: 1\n", "line", id="broken YAML"),
    pytest.param("", "exactly one document of kind TyrexPool", id="empty"),
    pytest.param(HELLO.replace("hello", "Hello"), "metadata.name", id="a bad name"),
    pytest.param(
        HELLO + r'spec: {mainModule: {inline: "\ud83d"}}',
        "spec.mainModule.inline: write it without lone",
        id="half a pair",
    ),
    pytest.param(HELLO + "spec: {mainModule: {path: nowhere.ts}}", "spec.mainModule.path", id="no such module"),
    pytest.param(
        HELLO + "spec: {mainModule: {configMap: {name: a, entrypoint: b}}}", "spec.mainModule.configMap", id="no map"
    ),
    pytest.param(
        HELLO + "spec: {strategy: {type: Custom, custom: {configMap: {name: a, key: b}, class: C}}}",
        "ConfigMap 'a'",
        id="no strategy",
    ),
]


@pytest.mark.parametrize(("manifest", "said"), BAD)
def test_a_bad_manifest(serve: Serve, manifest: str, said: str) -> None:
    serving = serve(manifest)
    ended = serving.run()
    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    assert list(serving.files.iterdir()) == []


def test_no_manifest(serve: Serve, tmp_path: Path) -> None:
    serving = serve()
    (tmp_path / "pool.yaml").unlink()
    ended = serving.run()
    assert ended.returncode == 2
    assert "pool.yaml" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("option", ["--port", "--admin-port"])
def test_a_port_in_use(serve: Serve, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        other = "--admin-port" if option == "--port" else "--port"
        serving = serve(HELLO, option, port, other, "0")
        ended = serving.run()
    assert ended.returncode not in (0, -signal.SIGKILL)
    assert port in ended.stderr
    assert "in use" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert serving.gone()
    assert list(serving.files.iterdir()) == []


def test_a_default_port_in_use_is_no_obstacle(serve: Serve) -> None:
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", SERVE_PORT)):  # or somebody else has it
        serving = serve(HELLO, "--admin-port", "0")
        assert not serving.start()["url"].endswith(f":{SERVE_PORT}")
        assert result(serving.post("1 + 2")) == 3
        serving.signal(signal.SIGTERM)
        leaves_nothing(serving)


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        pytest.param("'é' + 6 * 7", 0, '= "é42"', id="a result"),
        pytest.param("throw new Error('no')", 1, "execution_error: Error: no", id="an error"),
    ],
)
def test_try_ends_off_a_terminal(serve: Serve, code: str, status: int, said: str) -> None:
    serving = serve(HELLO, "--port", "0", "--admin-port", "0", "--try", code)
    ended = serving.run()
    assert ended.returncode == status, ended.stderr
    assert said in ended.stdout + ended.stderr
    assert serving.gone()
    assert list(serving.files.iterdir()) == []


def test_a_pool_that_does_not_start_goes_on_serving_the_reason(serve: Serve) -> None:
    serving = serve(HELLO + "spec: {size: 1, mainModule: {inline: 'throw new Error(\"not today\")'}}")
    facts = serving.start()
    assert facts["ready"] is False
    assert serving.post("1").json()["name"] == "no_runtime"
    assert any("not today" in line["message"] for line in serving.log())
    serving.signal(signal.SIGINT)
    leaves_nothing(serving)


def test_a_manifest_in_ascii_json(serve: Serve) -> None:
    source = "globalThis.smile = '😀'"
    pool = {
        "apiVersion": "tyrex.dev/v1alpha1",
        "kind": "TyrexPool",
        "metadata": {"name": "hello", "annotations": {"note": "😀"}},
        "spec": {"size": 1, "mainModule": {"configMap": {"name": "src", "entrypoint": "main.js"}}},
    }
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "src"}, "data": {"main.js": source}}
    manifest = "\n---\n".join(map(json.dumps, (pool, config_map)))
    assert manifest.isascii()
    serving = serve(manifest)
    assert serving.start()["ready"] is True
    assert result(serving.post("smile + [...smile].length")) == "😀1"
    serving.signal(signal.SIGTERM)
    leaves_nothing(serving)


def test_a_parked_pool(serve: Serve) -> None:
    serving = serve(HELLO + "spec: {size: 0}")
    assert serving.start()["ready"] is True
    assert serving.post("1").json()["name"] == "no_runtime"
    assert serving.isolates() == []
    serving.signal(signal.SIGTERM)
    leaves_nothing(serving)


def test_logs_are_json_off_a_terminal(serve: Serve) -> None:
    serving = serve()
    serving.start()
    answer = serving.post("console.warn('hello é')")
    until(lambda: "hello" in serving.log_file.read_text())
    (line,) = [line for line in serving.log() if line["message"] == "hello é"]
    assert (line["level"], line["logger"]) == ("warning", "tyrex_pool.guest")
    assert line["runtime"] == answer.headers["Tyrex-Runtime"]
    assert line["eval"] == answer.headers["Tyrex-Eval"]
    serving.signal(signal.SIGTERM)
    leaves_nothing(serving)


def test_a_unix_socket(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "pool.sock"
    serving = serve(HELLO, "--socket", str(path), "--admin-port", "0")
    serving.spawn()
    assert serving.facts()["url"] == f"unix:{path}"
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://pool") as client:
        assert result(client.post("/v1/eval", json={"code": "1 + 2"})) == 3
    serving.signal(signal.SIGTERM)
    leaves_nothing(serving)
    assert not path.exists()


class Terminal:
    """A terminal that `serve` runs on."""

    def __init__(self, serving: Serving) -> None:
        self._main, its_end = pty.openpty()
        login = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
        command = [sys.executable, "-c", login, *serving.command]
        serving.process = subprocess.Popen(
            command, stdin=its_end, stdout=subprocess.PIPE, env=serving.environment | {"TERM": "xterm"}, text=True
        )
        os.close(its_end)
        self.shown = ""

    def read(self) -> str:
        """All that was shown until now."""
        while select.select([self._main], [], [], 0)[0]:
            try:
                self.shown += os.read(self._main, 65_536).decode()
            except OSError:  # the other end is closed
                break
        return self.shown

    def type(self, keys: bytes) -> None:
        os.write(self._main, keys)

    def close(self) -> None:
        os.close(self._main)


def test_on_a_terminal(serve: Serve) -> None:
    serving = serve()
    terminal = Terminal(serving)
    until(lambda: "/v1/eval" in terminal.read() and terminal.shown.endswith("\n"))
    lines = re.split(r"[\r\n]+|\x1b\[2K", terminal.shown)
    assert any(re.fullmatch(r"starting the runtimes of hello: \d of 2 ready", line) for line in lines)
    assert "hello: 2 of 2 runtimes ready, RoundRobin" in lines
    assert "{" not in terminal.shown
    url = re.search(r"http://\S+(?=/v1/eval)", terminal.shown)
    assert url is not None
    code = "console.log('from the guest')"
    result(httpx.post(f"{url[0]}/v1/eval", json={"code": code}, trust_env=False))
    until(lambda: "from the guest" in terminal.read())
    terminal.type(b"\x03")
    assert serving.wait() == 0
    assert serving.gone()
    assert "Traceback" not in terminal.read()
    assert list(serving.files.iterdir()) == []
    terminal.close()
