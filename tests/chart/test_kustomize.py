"""What the configuration in examples/gitops/kustomize makes kustomize do with a TyrexPool."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tyrex_pool.model import names
from tyrex_pool.model.spec import PoolSpec

Object = dict[str, Any]
PREFIX = "shop-"


def built(kubectl: str, folder: Path) -> list[Object]:
    """The objects that `kubectl kustomize` prints."""
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def only(objects: list[Object], kind: str) -> Object:
    (found,) = (item for item in objects if item["kind"] == kind)
    return found


@pytest.fixture
def example(root: Path) -> Path:
    return root / "examples" / "gitops" / "kustomize"


def test_the_example_names_the_config_map_that_was_generated(kubectl: str, example: Path) -> None:
    objects = built(kubectl, example)
    pool, config_map = only(objects, names.KIND), only(objects, "ConfigMap")
    spec = PoolSpec.parse(pool["spec"])
    assert spec.main_module is not None
    assert spec.main_module.config_map is not None
    assert config_map["metadata"]["name"].startswith(f"{PREFIX}code-")
    assert spec.main_module.config_map.name == config_map["metadata"]["name"]
    assert spec.main_module.config_map.entrypoint in config_map["data"]
    assert (pool["metadata"]["name"], spec.size) == (f"{PREFIX}render", 3)
    assert spec.runtime.image == "registry.example/tyrex-pool-runtime:0.1.0"


def pod(component: str) -> Object:
    """A partial PodSpec that names every kind of object that one can name."""
    variables = [
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "a"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "b"}}},
    ]
    sources = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}}]
    volumes: list[Object] = [
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "keys", "secret": {"secretName": "keys"}},
    ]
    found: Object = {
        "containers": [{"name": component, "env": variables, "envFrom": sources}],
        "volumes": volumes,
        "imagePullSecrets": [{"name": "keys"}],
    }
    if component == names.COMPONENT_RUNTIME:
        projected = [{"configMap": {"name": "settings"}}, {"secret": {"name": "keys"}}]
        volumes += [
            {"name": "both", "projected": {"sources": projected}},
            {"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}},
        ]
        found["serviceAccountName"] = "guests"
    return found


def test_every_name_that_a_pool_refers_to_follows(kubectl: str, example: Path, tmp_path: Path) -> None:
    spec = {
        "mainModule": {"configMap": {"name": "settings", "entrypoint": "main.ts"}},
        "strategy": {
            "type": "Custom",
            "custom": {"configMap": {"name": "settings", "key": "strategy.py"}, "class": "Mine"},
        },
        **{component: {"pod": pod(component)} for component in (names.COMPONENT_RUNTIME, names.COMPONENT_PROXY)},
    }
    scaler = {"scaleTargetRef": {"apiVersion": names.API_VERSION, "kind": names.KIND, "name": "render"}}
    documents: list[Object] = [
        {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": "render"}, "spec": spec},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "guests"}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "disk"}, "spec": {}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}},
        {
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "render"},
            "spec": scaler,
        },
    ]  # fmt: skip
    shutil.copy(example / "tyrexpool.yaml", tmp_path)
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(documents))
    kustomization = {"namePrefix": PREFIX, "resources": ["all.yaml"], "configurations": ["tyrexpool.yaml"]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    objects = built(kubectl, tmp_path)
    wanted = json.dumps(spec)
    for name in ("settings", "keys", "guests", "disk"):
        for field in ("name", "secretName", "claimName", "serviceAccountName"):
            wanted = wanted.replace(f'"{field}": "{name}"', f'"{field}": "{PREFIX}{name}"')
    # A volume has a name of its own, which refers to nothing.
    for name in ("settings", "keys", "disk"):
        for kind in ("configMap", "secret", "persistentVolumeClaim"):
            wanted = wanted.replace(f'{{"name": "{PREFIX}{name}", "{kind}"', f'{{"name": "{name}", "{kind}"')
    assert only(objects, names.KIND)["spec"] == json.loads(wanted)
    assert only(objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == f"{PREFIX}render"
