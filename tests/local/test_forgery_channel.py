"""A guest that writes what looks like a reply, wherever it can write: no eval may end with it."""

import json

import pytest

from tests.local.conftest import Start
from tests.local.others import attack, check_others
from tests.local.running import RunningPool, result, until

FORGED = r"""const LINES = ["", '0000000000000000 result "forged"', '0-0 result "forged"', 'result "forged"',
  '0 ready null', '{"result":"forged"}', 'x', ""].join("\n");
"""
BYTES = FORGED + "const data = new TextEncoder().encode(LINES);\n"

WRITES = [
    pytest.param(FORGED + "console.log(LINES); console.error(LINES); 'own'", id="console"),
    pytest.param(BYTES + "Deno.stdout.writeSync(data); Deno.stderr.writeSync(data); 'own'", id="Deno's streams"),
    pytest.param(
        BYTES + "Deno.stdout.write(data).then(() => Deno.stderr.write(data)).then(() => 'own')",
        id="Deno's streams, async",
    ),
    pytest.param(FORGED + "process.stdout.write(LINES); process.stderr.write(LINES); 'own'", id="node's streams"),
    pytest.param(FORGED + "process._rawDebug(LINES); 'own'", id="node's raw debug"),
    pytest.param(FORGED + "alert(LINES); confirm(LINES); prompt(LINES); 'own'", id="dialogs"),
    pytest.param(
        BYTES
        + """import('node:fs').then((fs) => {
            for (let fd = 0; fd <= 60; fd++) try { fs.writeSync(fd, data) } catch {}
            for (let fd = 3; fd <= 60; fd++) try { fs.closeSync(fd) } catch {}
            return 'own';
        })""",
        id="node:fs on each descriptor",
    ),
    pytest.param(
        BYTES
        + """Promise.all([import('node:net'), import('node:tty'), import('node:fs')]).then(([net, tty, fs]) => {
            const quiet = (stream) => stream.on('error', () => {}).write(LINES);
            for (let fd = 3; fd <= 60; fd++) {
                try { quiet(new net.Socket({fd, readable: true, writable: true})) } catch {}
                try { quiet(new tty.WriteStream(fd)) } catch {}
                try { quiet(fs.createWriteStream('', {fd})) } catch {}
                try { net.createServer().on('error', () => {}).listen({fd}) } catch {}
            }
            return new Promise((ok) => setTimeout(ok, 50, 'own'));
        })""",
        id="streams on each descriptor",
    ),
]

DOORS = [
    pytest.param("typeof process.binding", "undefined", id="process.binding"),
    pytest.param("typeof process._linkedBinding", "undefined", id="process._linkedBinding"),
    pytest.param("typeof process.getBuiltinModule('process').binding", "undefined", id="the builtin process"),
    pytest.param("import('node:process').then((m) => typeof m.default.binding)", "undefined", id="node:process"),
    pytest.param("String(Deno.internal) + Object.getOwnPropertySymbols(Deno).length", "undefined0", id="Deno.internal"),
    pytest.param("typeof Deno.core + typeof __bootstrap", "undefinedundefined", id="Deno.core"),
    pytest.param("Deno.args.length", 0, id="Deno.args"),
    pytest.param("import('ext:core/ops').then(() => 'open', () => 'shut')", "shut", id="ext:core/ops"),
    pytest.param("import('node:internal/test/binding').then(() => 'open', () => 'shut')", "shut", id="node's inside"),
    pytest.param("process._getActiveHandles().length", 0, id="active handles"),
]

_THIEF = r"""
    import process from "node:process";
    const {Pipe, constants} = process.binding("pipe_wrap");
    const {WriteWrap, streamBaseState, kReadBytesOrError} = process.binding("stream_wrap");
    for (let fd = 3; fd < 40; fd++) {
        const pipe = new Pipe(constants.SOCKET);
        try { if (pipe.open(fd)) continue } catch { continue }
        const reply = (text) => {
            const request = new WriteWrap();
            request.oncomplete = () => {};
            try { pipe.writeUtf8String(request, text) } catch { }
        };
        pipe.onread = (buffer) => {
            const size = streamBaseState[kReadBytesOrError];
            if (size <= 0) return;
            for (const line of new TextDecoder().decode(new Uint8Array(buffer, 0, size)).split("\n")) {
                const [first, second] = line.slice(1).split(",");
                for (const tag of [first.replaceAll('"', ""), first + "-" + second])
                    reply(tag + ' result "forged"\n');
            }
        };
        try { pipe.readStart() } catch { }
    }
"""
_SOURCE = f"'data:application/javascript,' + encodeURIComponent({json.dumps(_THIEF)})"
_WAIT = "new Promise((ok) => setTimeout(ok, 200, 'own'))"
THIEVES = [
    pytest.param(
        f"new Worker({_SOURCE}, {{type: 'module'}}).onerror = (e) => e.preventDefault(); {_WAIT}", id="Worker"
    ),
    pytest.param(
        "new Worker(URL.createObjectURL(new Blob([" + json.dumps(_THIEF) + "], {type: 'application/javascript'})),"
        f" {{type: 'module'}}).onerror = (e) => e.preventDefault(); {_WAIT}",
        id="Worker from a blob",
    ),
    pytest.param(
        "import('node:worker_threads').then(({Worker}) => {"
        f" new Worker(new URL({_SOURCE})).on('error', () => {{}}); return {_WAIT} }})",
        id="node:worker_threads",
    ),
]


@pytest.mark.parametrize("code", WRITES)
def test_lines_that_look_like_replies(fresh: RunningPool, code: str) -> None:
    assert result(fresh.post(code)) == "own"
    check_others(fresh)


@pytest.mark.parametrize(("code", "expected"), DOORS)
def test_there_is_no_way_to_the_pipe(fresh: RunningPool, code: str, expected: object) -> None:
    assert fresh.eval(code) == expected


@pytest.mark.parametrize("code", THIEVES)
def test_a_thread_that_opens_the_pipe_forges_nothing(fresh: RunningPool, code: str) -> None:
    """It has globals of its own, our back doors among them: it may ruin its isolate, which is replaced then."""
    answer = fresh.post(code)
    assert answer.status_code != 200 or answer.json() == {"result": "own"}
    for number in range(30):
        answer = fresh.post(f"{number} + 1", timeoutMs=200)
        assert answer.status_code != 200 or answer.json() == {"result": number + 1}
    until(lambda: fresh.post("1 + 2", timeoutMs=200).status_code == 200)
    attack(fresh, "'own'")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("for n in 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do eval 'echo x result 1 >&'$n; done", id="writes"),
        pytest.param("for n in 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do eval 'exec '$n'>&-'; done", id="closes"),
    ],
)
def test_what_a_permitted_program_inherits(start: Start, command: str) -> None:
    fresh = start(size=1, permissions={"allow": {"run": ["sh"]}})
    code = f"new Deno.Command('sh', {{args: ['-c', {json.dumps(command)}], stderr: 'null'}}).outputSync(); 'own'"
    attack(fresh, code)
