"""No code finds the guest side to import it, and `boot` works once."""

import pytest

from tests.local.others import check_others
from tests.local.running import RunningPool

SPEC = {"size": 1}
CALL_SITES = """(() => {
    const {prepareStackTrace} = Error;
    Error.prepareStackTrace = (_, sites) => sites;
    try {
        return new Error().stack.flatMap((site) =>
            [site.getFileName(), site.getScriptNameOrSourceURL(), site.getEvalOrigin()]).filter(Boolean);
    } finally { Error.prepareStackTrace = prepareStackTrace }
})()"""
STACKS = [
    pytest.param("[new Error('x').stack]", id="an error"),
    pytest.param("const o = {}; Error.captureStackTrace(o); [o.stack]", id="captureStackTrace"),
    pytest.param("Error.stackTraceLimit = 200; [new Error('x').stack]", id="a long stack"),
    pytest.param("(async () => { await null; return [new Error('x').stack] })()", id="an async stack"),
    pytest.param("new Promise((ok) => setTimeout(() => ok([new Error('x').stack])))", id="a timer"),
    pytest.param("new Promise((ok) => queueMicrotask(() => ok([new Error('x').stack])))", id="a microtask"),
    pytest.param("try { null.x } catch (e) { [e.stack] }", id="an error of V8"),
    pytest.param("try { Deno.readFileSync('/x') } catch (e) { [e.stack] }", id="an error of Deno"),
    pytest.param("[eval('new Error().stack')]", id="an eval in it"),
    pytest.param("[new Function('return new Error().stack')()]", id="a function of text"),
    pytest.param("[process.getBuiltinModule('node:util').inspect(new Error('x'))]", id="inspect"),
    pytest.param("try { JSON.stringify({toJSON() { throw new Error() }}) } catch (e) { [e.stack] }", id="a toJSON"),
    pytest.param(CALL_SITES, id="call sites"),
]


@pytest.mark.parametrize("code", STACKS)
def test_no_stack_names_a_file_of_ours(pool: RunningPool, code: str) -> None:
    shown = pool.eval(code)
    assert shown
    for text in shown:
        assert "file:" not in text
        assert "isolate.js" not in text
        assert "/guest/" not in text


IMPORTS = [
    pytest.param("import('tyrex:isolate')", id="the name in stacks"),
    pytest.param("import('./isolate.js')", id="relative"),
    pytest.param("import('./channel.ts')", id="relative, a module"),
    pytest.param("import('ext:tyrex/isolate.js')", id="as a part of Deno"),
    pytest.param("import(Deno.mainModule)", id="the entry file, which exports nothing"),
    pytest.param("import(Deno.mainModule + '?again')", id="the entry file, again"),
    pytest.param("import(Deno.mainModule + '#again')", id="the entry file, with a fragment"),
    pytest.param("import('file://' + process.argv[1] + '?again')", id="the entry file, by argv"),
    pytest.param("import(new URL('./isolate.js', Deno.mainModule))", id="beside the entry file"),
    pytest.param("import(Deno.mainModule.replace('file:', 'FILE:'))", id="the entry file, in capitals"),
    pytest.param(
        "process.getBuiltinModule('node:module').createRequire(Deno.mainModule)(Deno.mainModule)", id="require"
    ),
    pytest.param(
        "new Promise((ok, no) => { const w = new Worker(Deno.mainModule, {type: 'module'});"
        " w.onerror = (e) => { e.preventDefault(); no(new Error(e.message)) }; w.onmessage = ok })",
        id="in a worker",
    ),
]


@pytest.mark.parametrize("code", IMPORTS)
def test_no_code_can_import_it(pool: RunningPool, code: str) -> None:
    names = pool.eval(
        f"(async () => {{ try {{ return Object.keys(await {code}) }} catch (e) {{ return [String(e)].slice(1) }} }})()",
        timeoutMs=5000,
    )
    assert names == []
    check_others(pool)


@pytest.mark.parametrize(
    "name", ["boot", "module", "run", "require", "hello", "channel", "start", "withEval", "failure"]
)
def test_no_global_leads_to_it(pool: RunningPool, name: str) -> None:
    assert pool.eval(f"typeof {name}") == "undefined"
