"""The main module: every form, what it may import, and how a pool shows that it does not load."""

import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

import deno
import pytest

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool, until

ADD = "globalThis.add = (a: number, b: number): number => a + b;\n"
SOURCES = {
    "main.ts": 'import { add } from "./math.ts";\nimport list from "./list.json" with { type: "json" };\n'
    "globalThis.total = () => list.reduce(add);\n",
    "math.ts": "export const add = (a: number, b: number): number => a + b;\n",
    "list.json": "[1, 2, 39]",
}

LOADED = [
    pytest.param("globalThis.f = () => 42", id="JavaScript"),
    pytest.param("(globalThis as any).f = (): number => 42", id="TypeScript"),
    pytest.param("enum Answer { Yes = 42 }\nglobalThis.f = () => Answer.Yes", id="an enum"),
    pytest.param("const found = await Promise.resolve(42)\nglobalThis.f = () => found", id="top-level await"),
    pytest.param("await new Promise((ok) => setTimeout(ok, 20))\nglobalThis.f = () => 42", id="a timer"),
    pytest.param("import { inspect } from 'node:util'\nglobalThis.f = () => Number(inspect(42))", id="a node module"),
    pytest.param("import { a } from 'data:text/javascript,export const a = 42'\nglobalThis.f = () => a", id="data:"),
    pytest.param("export const unused = 1\nglobalThis.f = () => 42", id="an export"),
    pytest.param("var f = 1; globalThis.f = () => typeof f === 'number' ? 42 : 0", id="its own scope"),
    pytest.param("globalThis.f = () => import.meta.main ? 0 : 42", id="it is not the entry"),
]


@pytest.mark.parametrize("source", LOADED)
def test_inline(start: Start, source: str) -> None:
    pool = start(size=1, mainModule={"inline": source})
    assert pool.call("f").json() == {"result": 42}
    assert pool.status()["ready"]


def test_it_loads_once_per_runtime_and_again_after_a_replacement(start: Start) -> None:
    pool = start(size=1, mainModule={"inline": "globalThis.loads = (globalThis.loads ?? 0) + 1; globalThis.n = 0"})
    assert [pool.eval("[loads, ++n]") for _ in range(2)] == [[1, 1], [1, 2]]
    problem(pool.post("Deno.exit(0)"), "dead_runtime_error", "guest")
    assert pool.eval("[loads, ++n]") == [1, 1]


def test_a_path_beside_the_manifest(start: Start, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for name, text in SOURCES.items():
        (tmp_path / "src" / name).write_text(text)
    pool = start(directory=tmp_path, size=1, mainModule={"path": "src/main.ts"})
    assert pool.call("total").json() == {"result": 42}


def test_an_absolute_path(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a b.ts").write_text(ADD)
    pool = start(size=1, mainModule={"path": str(tmp_path / "a b.ts")})
    assert pool.call("add", 40, 2).json() == {"result": 42}


def test_files_of_a_config_map(start: Start) -> None:
    main = {"configMap": {"name": "src", "entrypoint": "main.ts"}}
    pool = start(config_maps={"src": SOURCES, "other": {"main.ts": "throw 1"}}, size=1, mainModule=main)
    assert pool.call("total").json() == {"result": 42}


FAILURES = [
    pytest.param("throw new Error('not today')", "Error: not today", id="throws"),
    pytest.param("throw {code: 7}", '{"code":7}', id="throws an object"),
    pytest.param("await Promise.reject(new Error('not today'))", "Error: not today", id="rejects"),
    pytest.param("const = 1", "main.ts:1", id="syntax error"),
    pytest.param("import './nowhere.ts'", "nowhere.ts", id="missing import"),
    pytest.param("import { nothing } from 'node:util'; nothing()", "nothing", id="missing export"),
    pytest.param("nowhere()", "nowhere is not defined", id="unknown name"),
    pytest.param("Deno.exit(3)", "exited with status 3 before it was ready", id="exits"),
    pytest.param("Deno.kill(Deno.pid, 'SIGKILL')", "ended by SIGKILL before it was ready", id="kills itself"),
    pytest.param("import 'npm:is-number@7.0.0'", "is-number", id="npm package that is not cached"),
    pytest.param("import 'jsr:@std/assert@1.0.0'", "assert", id="jsr package that is not cached"),
    pytest.param("Deno.readTextFileSync('/etc/hostname')", "NotCapable", id="no permission"),
    pytest.param(
        # a literal would belong to the static graph, as Deno sees it
        "await import('file:///etc/' + 'hostname')",
        'Requires read access to "/etc/hostname"',
        id="no permission for a dynamic import",
    ),
]


@pytest.mark.parametrize(("source", "said"), FAILURES)
def test_it_does_not_load(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    monkeypatch.setenv("DENO_DIR", str(tmp_path / "empty"))
    not_ready(start(size=2, mainModule={"inline": source}), said)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("for (;;) {}", id="a loop"),
        pytest.param("await new Promise((ok) => setTimeout(ok, 1e6))", id="a timer"),
        pytest.param("await new Promise(() => {})", id="a promise that nobody keeps"),
    ],
)
def test_it_never_finishes(start: Start, source: str) -> None:
    pool = start(size=1, mainModule={"inline": source}, timeouts={"startup": "1s"})
    not_ready(pool, "did not load within timeouts.startup (1 s)")


def not_ready(pool: Any, said: str) -> None:
    """Everywhere the same, readable, reason."""
    answer = pool.admin.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["ready"] is False
    reason = answer.json()["reason"]
    assert said in reason
    assert "\x1b" not in reason
    status = pool.status()
    assert (status["ready"], status["readyRuntimes"]) == (False, 0)
    assert said in status["lastError"]["detail"]
    for runtime in status["runtimes"]:
        assert runtime["state"] == "Failed"
        assert said in runtime["reason"]
    assert problem(pool.post("1"), "no_runtime")["retryable"]
    assert pool.admin.get("/healthz").status_code == 200


def test_it_breaks_later_and_is_repaired(start: Start, tmp_path: Path) -> None:
    (tmp_path / "main.ts").write_text(ADD)
    pool = start(directory=tmp_path, size=1, mainModule={"path": "main.ts"})
    (tmp_path / "main.ts").write_text("throw new Error('not today')")

    def kill() -> bool:
        """End the isolate; true when none is left, which callers learn at once."""
        answer = pool.post("Deno.exit(0)")
        assert answer.json()["name"] in ("dead_runtime_error", "no_runtime")
        assert answer.elapsed.total_seconds() < 1
        return bool(answer.json()["name"] == "no_runtime")

    until(kill)
    until(lambda: "not today" in pool.admin.get("/readyz").json()["reason"])  # a spare may have begun to load the other
    not_ready(pool, "not today")
    (tmp_path / "main.ts").write_text(ADD)
    until(lambda: pool.admin.get("/readyz").status_code == 200)
    assert pool.call("add", 1, 2).json() == {"result": 3}
    assert pool.status()["runtimes"][0]["reason"] is None


SLOW = """
Deno.writeTextFileSync(%r, "");
while (!Deno.readTextFileSync(%r)) await new Promise((ok) => setTimeout(ok, 10));
await import("./main.ts");
"""


def test_it_is_changed_while_an_isolate_loads_it(start: Start, tmp_path: Path) -> None:
    """Deno has read all modules before it runs the first. To read one anew it wants a permission."""
    main, here, go = (tmp_path / name for name in ("main.ts", "here", "go"))
    main.write_text(ADD)
    go.write_text("")
    (tmp_path / "slow.ts").write_text(SLOW % (str(here), str(go)))

    def change() -> None:
        until(here.exists)
        main.write_text("globalThis.add = () => 'changed'")
        go.write_text("on")

    thread = threading.Thread(target=change)
    thread.start()
    permissions = {"allow": {"read": [str(go)], "write": [str(here)]}}
    pool = start(directory=tmp_path, size=1, mainModule={"path": "slow.ts"}, permissions=permissions)
    thread.join()
    error = until(lambda: pool.status()["lastError"])
    assert f'"{main}" was changed while the isolate loaded it: the next one loads it anew' in error["detail"]
    until(lambda: pool.admin.get("/readyz").status_code == 200)
    assert pool.call("add").json() == {"result": "changed"}


def replacements(pool: RunningPool) -> float:
    """How many isolates were replaced, for whatever cause."""
    lines = pool.admin.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("tyrex_isolate_replacements_total{"))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("setTimeout(() => { Deno.exit(7) }, 5)", id="soon"),
        pytest.param("queueMicrotask(() => setTimeout(() => { Deno.exit(7) }))", id="at once"),
    ],
)
def test_one_that_schedules_its_own_death_is_not_started_again_and_again(start: Start, source: str) -> None:
    begin = monotonic()
    pool = start(size=1, mainModule={"inline": source})
    (reason,) = until(lambda: {runtime["reason"] for runtime in pool.status()["runtimes"]} - {None}, 5)
    assert "status 7" in reason
    assert replacements(pool) < 10
    until(lambda: replacements(pool) >= 5)
    assert monotonic() - begin > 1, "it waits longer and longer"


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("setInterval(() => {}, 1000); await new Promise(() => {})", id="and waits"),
        pytest.param("for (;;) {}", id="and loops"),
    ],
)
def test_one_that_takes_too_much_memory_before_it_is_ready(start: Start, rest: str) -> None:
    source = "globalThis.keep = []; for (let i = 0; i < 75; i++) keep.push(new Uint8Array(8 << 20).fill(7)); " + rest
    begin = monotonic()
    pool = start(size=1, limits={"heap": "32Mi"}, timeouts={"startup": "20s"}, mainModule={"inline": source})
    not_ready(pool, "limits.heap")
    assert monotonic() - begin < 10, "it is seen at once, and not when the start takes too long"


def test_many_runtimes_that_fail_at_once_are_tried_again_soon(start: Start, tmp_path: Path) -> None:
    starts, size = tmp_path / "starts", 6
    broken = f"Deno.writeTextFileSync({str(starts)!r}, 'x', {{ append: true }}); throw new Error('not today')"
    (tmp_path / "main.ts").write_text(broken)
    allow = {"write": [str(starts)]}
    pool = start(directory=tmp_path, size=size, mainModule={"path": "main.ts"}, permissions={"allow": allow})
    until(lambda: len(starts.read_text()) >= 2 * (size + 1))
    (tmp_path / "main.ts").write_text(ADD)
    until(lambda: pool.admin.get("/readyz").status_code == 200)


# Modules from elsewhere


class Site:
    """An HTTP server with one module, that counts who asks for it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                body = b"export const answer = 42;\n"
                self.send_response(200)
                self.send_header("Content-Type", "text/javascript")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/mod.js"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


def cache(specifier: str, directory: Path) -> None:
    environment = os.environ | {"DENO_DIR": str(directory), "NO_PROXY": "127.0.0.1", "DENO_NO_UPDATE_CHECK": "1"}
    command = [deno.find_deno_bin(), "cache", "--no-lock", "--no-config", "--allow-import", specifier]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)


def uses(specifier: str, name: str = "answer") -> dict[str, str]:
    return {"inline": f"import * as it from {specifier!r};\nglobalThis.f = (x: any) => it.{name}(x);\n"}


def test_a_cached_remote_module(start: Start, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache(site.url, tmp_path)
    site.asked.clear()
    monkeypatch.setenv("DENO_DIR", str(tmp_path))
    inline = f"import {{ answer }} from {site.url!r};\nglobalThis.f = () => answer;\n"
    pool = start(size=1, mainModule={"inline": inline})
    assert pool.call("f").json() == {"result": 42}
    problem(pool.post(f"import({site.url + '?other'!r})"), "promise_rejection")
    assert site.asked == [], "nothing is downloaded"


def test_a_remote_module_that_is_not_cached(
    start: Start, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENO_DIR", str(tmp_path))
    not_ready(start(size=1, mainModule={"inline": f"import {site.url!r}"}), site.url)
    assert site.asked == [], "nothing is downloaded"


def test_a_remote_module_of_a_host_that_is_granted(
    start: Start, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENO_DIR", str(tmp_path))
    inline = f"import {{ answer }} from {site.url!r};\nglobalThis.f = () => answer;\n"
    host = site.url.split("/")[2]
    pool = start(size=1, mainModule={"inline": inline}, permissions={"allow": {"import": [host]}})
    assert pool.call("f").json() == {"result": 42}
    assert site.asked


def test_a_cached_npm_package(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache("npm:is-number@7.0.0", tmp_path)
    monkeypatch.setenv("DENO_DIR", str(tmp_path))
    pool = start(size=1, mainModule=uses("npm:is-number@7.0.0", "default"))
    assert [pool.call("f", value).json() for value in (7, "x")] == [{"result": True}, {"result": False}]
    problem(pool.post("import('npm:is-odd@3.0.1')"), "promise_rejection")
    assert not list(tmp_path.glob("npm/*/is-odd")), "nothing is downloaded"
