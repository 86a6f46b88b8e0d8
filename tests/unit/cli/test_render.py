import json
from pathlib import Path

import pytest

from tyrex_pool.cli.main import main
from tyrex_pool.model import names
from tyrex_pool.model.strict_yaml import load_documents
from tyrex_pool.resources import image

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
MANIFEST = """
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: p, namespace: web}
spec: {proxy: {image: "mine:1"}}
---
kind: Deployment
metadata: {name: other}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "pool.yaml"
    path.write_text(MANIFEST)
    return str(path)


def test_every_object_as_yaml(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", file, "--runtime-image", "runtime:1"]) == 0
    out, err = capsys.readouterr()
    items = [item for item in load_documents(out, "out") if isinstance(item, dict)]
    assert [(item["kind"], item["metadata"]["name"]) for item in items] == [
        ("ServiceAccount", "p-proxy"),
        ("Role", "p-proxy"),
        ("RoleBinding", "p-proxy"),
        ("NetworkPolicy", "p-proxy"),
        ("NetworkPolicy", "p-runtime"),
        ("Service", "p"),
        ("Service", "p-runtime"),
        ("ConfigMap", "p-runtime"),
        ("Deployment", "p-runtime"),
        ("Deployment", "p-proxy"),
        ("PodDisruptionBudget", "p-runtime"),
        ("PodDisruptionBudget", "p-proxy"),
    ]
    assert {item["metadata"]["namespace"] for item in items} == {"web"}
    assert "ownerReferences" not in out
    assert "image: runtime:1\n" in out
    assert "image: mine:1\n" in out
    assert "not used here: Deployment/other" in err


def test_the_same_as_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", file]) == 0
    documents = load_documents(capsys.readouterr().out, "out")
    assert main(["render", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"apiVersion": "v1", "kind": "List", "items": documents}


def test_images_of_this_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(EXAMPLES / "hello.yaml")]) == 0
    out = capsys.readouterr().out
    assert f"image: {image(names.RUNTIME_IMAGE)}\n" in out
    assert f"image: {image(names.OPERATOR_IMAGE)}\n" in out


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_examples(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(example)]) == 0
    assert "kind: Deployment" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param("{sise: 1}", "error: spec.sise: unknown field", id="invalid"),
        pytest.param("{isolation: PerEval}", "error: spec.isolation: PerEval is not available yet", id="not built yet"),
        pytest.param(
            "{mainModule: {configMap: {name: src, entrypoint: main.ts}}}",
            "error: spec.mainModule.configMap.name: there is no ConfigMap 'src'; put it into the same file",
            id="a file missing",
        ),
    ],
)
def test_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], spec: str, said: str) -> None:
    path = tmp_path / "pool.yaml"
    path.write_text(f"apiVersion: tyrex.dev/v1alpha1\nkind: TyrexPool\nmetadata: {{name: p}}\nspec: {spec}\n")
    assert main(["render", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)
