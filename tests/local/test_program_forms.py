"""The bundles that `docs/programs.md` speaks of: each program as each form, and the positions in their stacks."""

from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.reader import Reader
from tests.local.reader import workshop as workshop
from tests.local.running import RunningPool


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
LATE = {"late.cjs": ["--format=cjs", "--platform=node"]}
"""What reads NODE_ENV when it loads."""
BUNDLES = [
    pytest.param(program, name, id=f"{title} as {name}")
    for title, program in PROGRAMS.items()
    for name in FORMS
    if title != "vue" or name == "main.cjs"  # its template needs the build for Node
]


def bundle(workshop: Reader, program: Program, name: str, *options: str) -> Path:
    """The file `name`, made of `program` as FORMS says."""
    file = workshop.folder / "dist" / "forms" / program.source / name
    flags = ["--bundle", "--minify", "--jsx=automatic", *(FORMS | LATE)[name], *options]
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


def test_but_it_renders_what_a_render_function_says(workshop: Reader, start: Start, tmp_path: Path) -> None:
    (workshop.folder / "render.js").write_text(
        "import { createSSRApp, h } from 'vue'; import { renderToString } from 'vue/server-renderer';\n"
        "globalThis.greeting = (name) => renderToString(createSSRApp({ render: () => h('p', `Hello ${name}`) }))"
    )
    file = tmp_path / "render.js"
    said, status = workshop.run("deno", "x", "esbuild", "render.js", "--bundle", "--minify", f"--outfile={file}")
    assert status == 0, said
    pool = start(size=1, mainModule={"path": str(file)})
    assert pool.call("greeting", "<Bo>").json() == {"result": "<p>Hello &lt;Bo&gt;</p>"}


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


def position(response: httpx.Response) -> str:
    """Name, line and column of the file in the first frame of a stack."""
    stack: str = problem(response, "execution_error", "guest")["stack"]
    return stack.splitlines()[1].rpartition("/")[2].rstrip(")")


MAPS = [
    pytest.param("main.js", [], "main.js:1:", id="none"),
    pytest.param("main.js", ["--sourcemap=inline"], "formatISO.js:47:11", id="in the file"),
    pytest.param("main.js", ["--sourcemap"], "formatISO.js:47:11", id="beside it"),
    pytest.param("main.mjs", ["--sourcemap=inline", "--keep-names"], "formatISO.js:47:11", id="with names"),
    pytest.param("main.cjs", ["--sourcemap=inline"], "formatISO.js:47:11", id="of CommonJS"),
    pytest.param("script.js", ["--sourcemap=inline"], "formatISO.js:47:11", id="of a script"),
]


@pytest.mark.parametrize(("name", "options", "where"), MAPS)
def test_positions_follow_the_source_map(
    workshop: Reader, start: Start, name: str, options: list[str], where: str
) -> None:
    file = bundle(workshop, PROGRAMS["date-fns"], name, *options)
    pool = start(size=1, mainModule={"path": str(file)})
    assert position(pool.call("due", "tomorrow", 1)).startswith(where)


def test_but_not_that_of_an_eval(workshop: Reader, start: Start) -> None:
    pool = start(size=1)
    pool.eval(bundle(workshop, PROGRAMS["date-fns"], "script.js", "--sourcemap=inline").read_text())
    stack = problem(pool.call("due", "tomorrow", 1), "execution_error", "guest")["stack"]
    assert "(<anonymous>:1:" in stack
    assert "formatISO" not in stack


@pytest.mark.parametrize("title", PROGRAMS)
@pytest.mark.parametrize("mode", [None, "production", "development"])
def test_a_bundle_may_read_node_env_when_it_loads(
    workshop: Reader, start: Start, monkeypatch: pytest.MonkeyPatch, title: str, mode: str | None
) -> None:
    monkeypatch.delenv("NODE_ENV", raising=False)
    if mode:
        monkeypatch.setenv("NODE_ENV", mode)
    file = bundle(workshop, PROGRAMS[title], "late.cjs")
    pool = start(size=1, mainModule={"path": str(file)})
    works(pool, PROGRAMS[title])
    assert pool.eval("process.env.NODE_ENV") == (mode or "production")
