"""What `docs/programs.md` says of the text of main modules and evals: names, imports, types, decorators, globals."""

from typing import Any

import pytest

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.reader import Reader
from tests.local.reader import workshop as workshop
from tests.local.running import RunningPool
from tyrex_pool import Client, InvalidSpec
from tyrex_pool.model.spec import PoolSpec

SPEC = {"size": 1}


AMBIGUOUS = (
    "const a = Object.assign((x) => [x], { valueOf: () => 1 }), b = 2, c = 1; globalThis.f = () => [a<b,c>(b??3)]"
)
"""As a minifier writes it: two comparisons in JavaScript, a call with type arguments in TypeScript."""
IN_JAVASCRIPT = [("js", [True, False]), ("mjs", [True, False]), ("cjs", [True, False])]
IN_TYPESCRIPT = [("ts", [[2]]), ("mts", [[2]]), ("tsx", [[2]])]


@pytest.mark.parametrize(("ending", "result"), [*IN_JAVASCRIPT, *IN_TYPESCRIPT])
def test_the_ending_decides_how_a_bundle_is_read(start: Start, ending: str, result: Any) -> None:
    main = {"configMap": {"name": "source", "entrypoint": f"main.{ending}"}}
    pool = start(config_maps={"source": {f"main.{ending}": AMBIGUOUS}}, size=1, mainModule=main)
    assert pool.call("f").json() == {"result": result}


def test_a_minifier_does_write_that(workshop: Reader) -> None:
    (workshop.folder / "ambiguous.js").write_text("f = [a < b, c > (d ?? e)]")
    assert "[a<b,c>(d??e)]" in workshop.run("deno", "x", "esbuild", "ambiguous.js", "--minify")[0]


def test_inline_is_typescript(start: Start) -> None:
    assert start(size=1, mainModule={"inline": AMBIGUOUS}).call("f").json() == {"result": [[2]]}


TYPESCRIPT = {
    "a wrong type": "function a(): string { return 42 }",
    "an enum": "enum A { B = 42 }; function a() { return A.B }",
    "a const enum": "const enum A { B = 42 }; function a() { return A.B }",
    "a namespace": "namespace A { export const b = 42 }; function a() { return A.b }",
    "a parameter property": "class A { constructor(readonly b = 42) {} }; function a() { return new A().b }",
    "an assertion": "function a() { return 42 as unknown as string satisfies string }",
    "overloads": "function a(b?: string): void; function a(): unknown { return 42 }",
}
DECORATORS = {
    "a decorator of a method": "const d = (m: any, _: any) => () => 2 * m(); class A { @d b() { return 21 } };\n"
    "function a() { return new A().b() }",
    "a decorator of a class": "const d = (c: any) => { c.b = 42 }; @d class A {}; function a() { return A.b }",
    "a decorator of a field": "const d = () => (n: number) => 2 * n; class A { @d b = 21 };\n"
    "function a() { return new A().b }",
}


WASM = bytes.fromhex("0061736d01000000 01050160 00017f 03020100 070501 01660000 0a0601 0400412a0b")
"""A module that exports `f`, which returns 42."""

FILES: dict[str, dict[str, str | bytes]] = {
    "a sibling": {"main.ts": "import { a } from './a.ts'; globalThis.f = () => a", "a.ts": "export const a = 42"},
    "a sibling in JavaScript": {
        "main.js": "import a from './a.js'; globalThis.f = () => a",
        "a.js": "export default 42",
    },
    "a CommonJS sibling": {"main.js": "import a from './a.cjs'; globalThis.f = () => a.b", "a.cjs": "exports.b = 42"},
    "JSON": {"main.js": "import a from './a.json' with { type: 'json' }; globalThis.f = () => a", "a.json": "42"},
    "text": {"main.js": "import a from './a.txt' with { type: 'text' }; globalThis.f = () => +a", "a.txt": "42"},
    "a Node module": {"main.js": "import { inspect } from 'node:util'; globalThis.f = () => +inspect(42)"},
    "a required Node module": {"main.cjs": "const { inspect } = require('util'); globalThis.f = () => +inspect(42)"},
    "WebAssembly": {"main.ts": "import { f } from './a.wasm'; globalThis.f = f", "a.wasm": WASM},
    "bytes that are text": {"main.js": b"globalThis.f = () => 42"},
    "JSX": {"main.tsx": "const React = { createElement: (_, { n }) => n }; globalThis.f = () => <p n={42} />"},
}
SOURCES: dict[str, dict[str, str | bytes]] = {
    title: {"main.ts": f"{source}; globalThis.f = a"} for title, source in (TYPESCRIPT | DECORATORS).items()
}


@pytest.mark.parametrize("files", [pytest.param(files, id=title) for title, files in (FILES | SOURCES).items()])
def test_a_main_module_may_contain(start: Start, files: dict[str, str | bytes]) -> None:
    main = {"configMap": {"name": "source", "entrypoint": next(iter(files))}}
    assert start(config_maps={"source": files}, size=1, mainModule=main).call("f").json() == {"result": 42}


OLD_DECORATOR = (
    "const d = (_: any, name: string): any => ({ value: () => 41 + name.length }); class A { @d a() {} }\n"
    "(globalThis as any).f = () => (new A() as any).a()"
)
FAILS: dict[str, tuple[dict[str, str], str]] = {
    "require in a module": ({"main.js": "require('node:util')"}, "require is not defined"),
    "require of a sibling": ({"main.cjs": "require('./a.cjs')", "a.cjs": ""}, "NotCapable"),
    "a Node module by its short name": ({"main.js": "import 'util'"}, "node:util"),
    "a sibling without its ending": ({"main.ts": "import './a'", "a.ts": ""}, "Module not found"),
    "JSON without its type": ({"main.ts": "import './a.json'", "a.json": "1"}, "json"),
    "a decorator in JavaScript": ({"main.js": "const d = () => {}; @d class A {}"}, "SyntaxError"),
    "a decorator of a parameter": ({"main.ts": "const d = () => {}; class A { a(@d b: number) {} }"}, "SyntaxError"),
    "an old decorator": (
        {"main.ts": OLD_DECORATOR},
        "decorators must return a function",
    ),
    "JSX without React": ({"main.tsx": "<p />"}, "React is not defined"),
    "JSX in .ts": ({"main.ts": "globalThis.f = () => <p></p>"}, "main.ts:1"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "said"), [pytest.param(*case, id=title) for title, case in FAILS.items()])
def test_a_main_module_may_not_contain(start: Start, files: dict[str, str], said: str) -> None:
    main = {"configMap": {"name": "source", "entrypoint": next(iter(files))}}
    pool = start(config_maps={"source": files}, size=1, mainModule=main)
    assert not pool.status()["ready"]
    assert said in pool.admin.get("/readyz").text


@pytest.mark.parametrize("source", [pytest.param(source, id=title) for title, source in TYPESCRIPT.items()])
def test_an_eval_may_contain_the_same_typescript(pool: RunningPool, source: str) -> None:
    assert pool.eval(f"{source}; a()", language="typescript") == 42


@pytest.mark.parametrize("source", [*DECORATORS.values(), "<p />", "const d = () => {}; class A { a(@d b) {} }"])
def test_but_no_decorator_and_no_jsx(pool: RunningPool, source: str) -> None:
    problem(pool.post(source, language="typescript"), "execution_error", "guest")


@pytest.mark.parametrize("source", DECORATORS.values(), ids=DECORATORS)
def test_a_bundle_has_no_decorators_left(workshop: Reader, start: Start, source: str) -> None:
    (workshop.folder / "new.ts").write_text(f"{source}; globalThis.f = a")
    assert workshop.run("deno", "x", "esbuild", "new.ts", "--target=es2022", "--outfile=dist/new.js")[1] == 0
    assert start(size=1, mainModule={"path": str(workshop.folder / "dist/new.js")}).call("f").json() == {"result": 42}


def test_old_decorators_are_for_the_bundler(workshop: Reader, start: Start) -> None:
    options = '--tsconfig-raw={"compilerOptions": {"experimentalDecorators": true}}'
    (workshop.folder / "old.ts").write_text(OLD_DECORATOR)
    said, status = workshop.run("deno", "x", "esbuild", "old.ts", "--bundle", options, "--outfile=dist/old.js")
    assert status == 0, said
    assert start(size=1, mainModule={"path": str(workshop.folder / "dist/old.js")}).call("f").json() == {"result": 42}


def test_other_bytes_are_files(start: Start) -> None:
    """Which code with the permission to read may read."""
    source = "const bytes = Deno.readFileSync(new URL('a.bin', import.meta.url)); globalThis.f = () => [...bytes]"
    pool = start(
        config_maps={"source": {"main.ts": source, "a.bin": b"\xff\0\x80"}},
        size=1,
        mainModule={"configMap": {"name": "source", "entrypoint": "main.ts"}},
        permissions={"allow": {"read": ["*"]}},
    )
    assert pool.call("f").json() == {"result": [255, 0, 128]}


def test_inline_code_may_be_as_long_as_the_page_says() -> None:
    PoolSpec.parse({"mainModule": {"inline": ";" * 524_288}})
    with pytest.raises(InvalidSpec, match="524288"):
        PoolSpec.parse({"mainModule": {"inline": ";" * 524_289}})


@pytest.mark.parametrize("name", ["fetch", "URL", "ReadableStream", "crypto", "MessageChannel", "TextEncoder", "atob"])
def test_bundles_for_browsers_find(pool: RunningPool, name: str) -> None:
    assert pool.eval(f"typeof {name}") in ("function", "object")


@pytest.mark.parametrize("name", ["document", "window", "HTMLElement", "DOMParser", "XMLHttpRequest", "require"])
def test_but_there_is_no(pool: RunningPool, name: str) -> None:
    assert pool.eval(f"typeof {name}") == "undefined"


def test_typescript_that_is_no_bundle_has_its_own_positions(start: Start) -> None:
    source = "interface A {\n  b: number;\n}\n\n  globalThis.f = (a: A): never => { throw new Error(`${a.b}`) };\n"
    pool = start(config_maps={"a": {"a.ts": source}}, mainModule={"configMap": {"name": "a", "entrypoint": "a.ts"}})
    assert "/a.ts:5:43)" in problem(pool.call("f", {"b": 1}), "execution_error", "guest")["stack"]


def test_python_reads_whole_numbers_exactly(pool: RunningPool) -> None:
    with Client(str(pool.http.base_url)) as client:
        assert client.eval("JSON.rawJSON('123456789012345678901234567890')") == 123456789012345678901234567890
