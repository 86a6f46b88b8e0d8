import pytest

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.manifest import Manifest
from tyrex_pool.model.spec import PoolSpec

HEAD = "apiVersion: tyrex.dev/v1alpha1\nkind: TyrexPool\n"
POOL = HEAD + "metadata: {name: render}\n"
SOURCES = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: src}\ndata: {main.ts: '1', lib.ts: '2'}\n"


@pytest.mark.parametrize("spec", ["", "spec:\n", "spec: {}\n"])
def test_the_smallest_manifest(spec: str) -> None:
    assert Manifest.load(POOL + spec) == Manifest("render", "default", PoolSpec())


def test_a_pool_with_sources() -> None:
    manifest = Manifest.load(POOL + "spec: {size: 3}\n" + SOURCES)
    assert manifest.spec.size == 3
    assert manifest.config_maps == {"src": {"main.ts": "1", "lib.ts": "2"}}
    assert manifest.ignored == ()


def test_what_a_cluster_wrote_is_read_too() -> None:
    text = HEAD + "metadata: {name: a, namespace: web, labels: {x: y}, uid: z}\nstatus: {size: 2}\n"
    assert Manifest.load(text) == Manifest("a", "web", PoolSpec(), labels={"x": "y"})


@pytest.mark.parametrize(
    ("document", "ignored"),
    [
        pytest.param("kind: Namespace\nmetadata: {name: web}", "Namespace/web", id="other-kind"),
        pytest.param("kind: List\nitems: []", "List/None", id="no-metadata"),
        pytest.param("just: data", "None/None", id="no-kind"),
        pytest.param("kind: ConfigMap\nmetadata: {name: src, namespace: web}", "ConfigMap/src", id="elsewhere"),
    ],
)
def test_other_objects_are_left_alone_and_told_of(document: str, ignored: str) -> None:
    manifest = Manifest.load(f"{document}\n---\n{POOL}")
    assert manifest.ignored == (ignored,)
    assert manifest.config_maps == {}


def test_a_config_map_is_looked_for_in_the_pools_namespace() -> None:
    text = HEAD + "metadata: {name: a, namespace: web}\n" + SOURCES.replace("src", "src, namespace: web")
    assert Manifest.load(text).config_maps == {"src": {"main.ts": "1", "lib.ts": "2"}}


ASCII_JSON = r"""{"apiVersion": "tyrex.dev/v1alpha1", "kind": "TyrexPool", "metadata": {"name": "render"},
"spec": {"mainModule": {"inline": "globalThis.x = '\ud83d\ude00'"}, "strategy": {"type": "Custom", "custom":
{"configMap": {"name": "src", "key": "s.py"}, "class": "S", "options": {"\ud83d\ude00": ["\ud83d\ude00"]}}}}}
---
{"kind": "ConfigMap", "metadata": {"name": "src"}, "data": {"s.py": "# \ud83d\ude00"}}"""


def test_surrogate_pairs_of_json_are_characters() -> None:
    manifest = Manifest.load(ASCII_JSON)
    assert manifest.spec.main_module is not None
    assert manifest.spec.main_module.inline == "globalThis.x = '😀'"
    assert manifest.spec.strategy.custom is not None
    assert manifest.spec.strategy.custom.options == {"😀": ["😀"]}
    assert manifest.config_maps == {"src": {"s.py": "# 😀"}}


@pytest.mark.parametrize(
    ("there", "path"),
    [
        pytest.param(r"'\ud83d\ude00'", "document 1.spec.mainModule.inline", id="inline"),
        pytest.param(r'["\ud83d\ude00"]', "document 1.spec.strategy.custom.options.😀[0]", id="option"),
        pytest.param(r'{"\ud83d\ude00"', r"document 1.spec.strategy.custom.options.\ude00", id="name-of-an-option"),
        pytest.param(r"# \ud83d\ude00", "document 2.data.s.py", id="config-map"),
    ],
)
def test_a_lone_surrogate_is_refused_with_its_path(there: str, path: str) -> None:
    assert there in ASCII_JSON
    with pytest.raises(InvalidSpec, match="write it without lone surrogates") as refused:
        Manifest.load(ASCII_JSON.replace(there, there.replace(r"\ud83d", "")))
    assert refused.value.path == path


@pytest.mark.parametrize("name", [r"a\ud83d", r"\ud83d\ude00"])
def test_surrogates_in_a_name(name: str) -> None:
    with pytest.raises(InvalidSpec, match=r"metadata\.name"):
        Manifest.load(HEAD + f'metadata: {{name: "{name}"}}')


@pytest.mark.parametrize(
    "name",
    [pytest.param("a", id="one-letter"), pytest.param("a-1", id="dash"), pytest.param("a" * 63, id="63")],
)
def test_names(name: str) -> None:
    assert Manifest.load(HEAD + f"metadata: {{name: {name}}}").name == name


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        pytest.param("", "manifest", "there is no document", id="empty"),
        pytest.param(SOURCES, "manifest", "there is ConfigMap/src", id="no-pool"),
        pytest.param(f"{POOL}---\n{POOL}", "manifest", "TyrexPool/render, TyrexPool/render", id="two-pools"),
        pytest.param("[]", "manifest", "write a mapping, not []", id="a-list"),
        pytest.param(POOL + "sepc: {}", "sepc", "did you mean spec?", id="unknown-member"),
        pytest.param("kind: TyrexPool", "apiVersion", "not null", id="no-version"),
        pytest.param(POOL.replace("v1alpha1", "v1"), "apiVersion", "v1alpha1", id="other-version"),
        pytest.param(HEAD, "metadata", "write a mapping", id="no-metadata"),
        pytest.param(HEAD + "metadata: {}", "metadata.name", "not null", id="no-name"),
        pytest.param(HEAD + "metadata: {name: 1}", "metadata.name", "write a name", id="name-number"),
        pytest.param(HEAD + "metadata: {name: A}", "metadata.name", "a-z", id="name-capital"),
        pytest.param(HEAD + "metadata: {name: 1a}", "metadata.name", "first a letter", id="name-digit-first"),
        pytest.param(HEAD + "metadata: {name: a-}", "metadata.name", "a-z", id="name-dash-last"),
        pytest.param(HEAD + "metadata: {name: a.b}", "metadata.name", "a-z", id="name-dot"),
        pytest.param(HEAD + 'metadata: {name: "a\\n"}', "metadata.name", "a-z", id="name-new-line"),
        pytest.param(HEAD + f"metadata: {{name: {'a' * 64}}}", "metadata.name", "at most 63", id="name-long"),
        pytest.param(HEAD + "metadata: {name: a, namespace: B}", "metadata.namespace", "a-z", id="namespace"),
        pytest.param(POOL + "spec: {size: '2'}", "spec.size", "a whole number", id="spec"),
        pytest.param(POOL + "spec: []", "spec", "a mapping", id="spec-list"),
        pytest.param(POOL + "spec:\n  size: 1\n  size: 2", "line 6", "stands twice", id="key-twice"),
        pytest.param(POOL + SOURCES + SOURCES, "ConfigMap/src", "stands twice", id="config-map-twice"),
        pytest.param(POOL + "---\nkind: ConfigMap", "ConfigMap.metadata", "mapping", id="config-map-bare"),
        pytest.param(
            POOL + "---\nkind: ConfigMap\nmetadata: {}",
            "ConfigMap.metadata.name",
            "write a name",
            id="config-map-nameless",
        ),
        pytest.param(POOL + SOURCES.replace("'2'", "2"), "ConfigMap/src.data.lib.ts", "a string", id="data-number"),
        pytest.param(
            POOL + "---\nkind: ConfigMap\nmetadata: {name: a}\ndata: []",
            "ConfigMap/a.data",
            "a mapping",
            id="data-list",
        ),
    ],
)
def test_refuses_with_the_path(text: str, path: str, problem: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        Manifest.load(text)
    assert refused.value.path == path
    assert problem in refused.value.problem
