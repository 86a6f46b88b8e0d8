"""What `docs/programs.md` says in words: which bundle loads as what, and what a main module may contain."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.reader import Reader
from tests.local.reader import workshop as workshop
from tests.local.running import RunningPool
from tyrex_pool.model.manifest import Manifest

SPEC = {"size": 1}


class Program(NamedTuple):
    source: str
    function: str
    args: list[Any]
    result: Any


PROGRAMS = {
    "react": Program("react.tsx", "page", ["Bo", []], "<main><h1>Cart of Bo</h1><ul></ul></main>"),
    "vue": Program("vue.ts", "greeting", ["Bo", 0], "<p>Hello Bo<!----></p>"),
    "handlebars": Program("handlebars.ts", "mail", [{"name": "<Bo>"}], "Dear &lt;Bo&gt;, we sent you bye"),
    "zod": Program("zod.ts", "problems", [{"id": 1, "email": "bo@example.org", "items": ["tea"]}], []),
    "date-fns": Program("date-fns.ts", "due", ["2026-02-13", 1], "2026-03-13"),
}
FORMS = {
    "main.js": ["--format=esm"],
    "main.mjs": ["--format=esm"],
    "main.cjs": ["--format=cjs", "--platform=node", "--define:process.env.NODE_ENV='production'"],
    "script.js": ["--format=iife"],
}
BUNDLES = [
    pytest.param(program, name, id=f"{title} as {name}")
    for title, program in PROGRAMS.items()
    for name in FORMS
    if title != "vue" or name == "main.cjs"  # its template needs the build for Node
]


def bundle(workshop: Reader, program: Program, name: str, *options: str) -> Path:
    """The file `name`, made of `program` as FORMS says."""
    file = workshop.folder / "dist" / "forms" / program.source / name
    flags = ["--bundle", "--minify", "--jsx=automatic", *FORMS[name], *options]
    said, status = workshop.run("deno", "x", "esbuild", program.source, *flags, f"--outfile={file}")
    assert status == 0, said
    return file


def works(pool: RunningPool, program: Program) -> None:
    assert pool.status()["ready"], pool.admin.get("/readyz").text
    assert pool.call(program.function, *program.args).json() == {"result": program.result}


@pytest.mark.parametrize(("program", "name"), BUNDLES)
def test_a_bundle_is_a_main_module(workshop: Reader, start: Start, program: Program, name: str) -> None:
    works(start(size=1, mainModule={"path": str(bundle(workshop, program, name))}), program)


@pytest.mark.parametrize(("program", "name"), BUNDLES)
def test_and_so_is_a_key_of_a_config_map(workshop: Reader, start: Start, program: Program, name: str) -> None:
    files = {"source": {name: bundle(workshop, program, name).read_text()}}
    pool = start(config_maps=files, size=1, mainModule={"configMap": {"name": "source", "entrypoint": name}})
    works(pool, program)


@pytest.mark.parametrize("program", [p for title, p in PROGRAMS.items() if title != "vue"], ids=lambda p: p.source)
def test_a_script_is_code_of_an_eval(workshop: Reader, start: Start, program: Program) -> None:
    pool = start(size=1)
    assert pool.eval(bundle(workshop, program, "script.js").read_text()) is None
    works(pool, program)


def test_a_vue_bundle_for_browsers_compiles_no_templates(workshop: Reader, start: Start) -> None:
    pool = start(size=1, mainModule={"path": str(bundle(workshop, PROGRAMS["vue"], "main.js"))})
    problem(pool.call("greeting", "Bo", 0), "promise_rejection", "guest")


@pytest.mark.parametrize("mode", ["production", "development"])
def test_a_bundle_fixes_node_env(workshop: Reader, start: Start, tmp_path: Path, mode: str) -> None:
    (workshop.folder / "mode.js").write_text("globalThis.mode = () => process.env.NODE_ENV")
    minify = ["--minify"] if mode == "production" else []
    file = tmp_path / "mode.js"
    assert workshop.run("deno", "x", "esbuild", "mode.js", "--bundle", *minify, f"--outfile={file}")[1] == 0
    assert start(size=1, mainModule={"path": str(file)}).call("mode").json() == {"result": mode}


def test_a_package_for_node_that_is_commonjs_needs_a_bundle_in_commonjs(workshop: Reader, start: Start) -> None:
    file = bundle(
        workshop, PROGRAMS["react"], "main.mjs", "--platform=node", "--define:process.env.NODE_ENV='production'"
    )
    pool = start(size=1, mainModule={"path": str(file)})
    assert 'Dynamic require of \\"util\\" is not supported' in pool.admin.get("/readyz").text


AMBIGUOUS = (
    "const a = Object.assign((x) => [x], { valueOf: () => 1 }), b = 2, c = 1; globalThis.f = () => [a<b,c>(b??3)]"
)
"""As a minifier writes it: two comparisons in JavaScript, a call with type arguments in TypeScript."""
NAMES = [("js", [True, False]), ("mjs", [True, False]), ("cjs", [True, False]), ("ts", [[2]]), ("tsx", [[2]])]


@pytest.mark.parametrize(("ending", "result"), NAMES)
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


LOADS: dict[str, dict[str, str]] = {
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
    "JSX": {"main.tsx": "const React = { createElement: (_, { n }) => n }; globalThis.f = () => <p n={42} />"},
} | {title: {"main.ts": f"{source}; globalThis.f = a"} for title, source in (TYPESCRIPT | DECORATORS).items()}


@pytest.mark.parametrize("files", [pytest.param(files, id=title) for title, files in LOADS.items()])
def test_a_main_module_may_contain(start: Start, files: dict[str, str]) -> None:
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


def test_old_decorators_are_for_the_bundler(workshop: Reader, start: Start) -> None:
    options = '--tsconfig-raw={"compilerOptions": {"experimentalDecorators": true}}'
    (workshop.folder / "old.ts").write_text(OLD_DECORATOR)
    said, status = workshop.run("deno", "x", "esbuild", "old.ts", "--bundle", options, "--outfile=dist/old.js")
    assert status == 0, said
    assert start(size=1, mainModule={"path": str(workshop.folder / "dist/old.js")}).call("f").json() == {"result": 42}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_the_operator_s_copy_of_a_bundle_is_hardly_larger(workshop: Reader, tmp_path: Path, program: Program) -> None:
    text = bundle(workshop, program, "main.cjs").read_text()
    pool = {
        "apiVersion": "tyrex.dev/v1alpha1",
        "kind": "TyrexPool",
        "metadata": {"name": "copy"},
        "spec": {"mainModule": {"configMap": {"name": "source", "entrypoint": "main.cjs"}}},
    }
    source = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "source"}, "data": {"main.cjs": text}}
    file = tmp_path / "pool.yaml"
    file.write_text(yaml.safe_dump_all([pool, source]))
    printed, status = workshop.run("tyrex-pool", "render", str(file))
    assert status == 0
    (copy,) = [one for one in yaml.safe_load_all(printed) if one["kind"] == "ConfigMap"]
    assert sum(map(len, copy["data"].values())) <= 1.02 * len(text) + 4096


def test_binary_data_is_not_read() -> None:
    data = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, binaryData: {main.js: MQ==}}"
    pool = "{apiVersion: tyrex.dev/v1alpha1, kind: TyrexPool, metadata: {name: a}, spec: {}}"
    assert Manifest.load(f"{pool}\n---\n{data}").config_maps == {"a": {}}
