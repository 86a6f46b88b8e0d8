"""The manifest that an agent in a pod reads: the fields of its pool that concern a runtime, and its module's files."""

from typing import Any, Final

from tyrex_pool.model import names
from tyrex_pool.model.config_maps import members_of
from tyrex_pool.model.durations import LONGEST
from tyrex_pool.model.schema import unconvert
from tyrex_pool.model.yaml_text import dump_documents
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform
from tyrex_pool.plan.metadata import digest
from tyrex_pool.plan.module_files import module_files

_READ: Final = ("permissions", "mainModule", "isolation", "concurrency", "queue", "timeouts", "limits", "recycle")
"""Fields of a spec that an agent needs; the others concern proxies and pods."""

_ROLLING: Final = ("permissions", "mainModule", "isolation", "concurrency", "limits", "recycle")
"""Fields that a runtime reads once: a change of them replaces its pod."""

_ROLLING_RUNTIME: Final = ("image", "imagePullPolicy", "resources", "pod")
"""The same of `spec.runtime`; the rest concerns other objects than its container."""


def agent_manifest(pool: DeclaredPool, platform: Platform) -> str:
    """A stream of YAML documents for `Manifest.load`. Raises InvalidSpec when a file of the main module is missing.

    The proxies follow `timeouts.maxEval` and `queue` live and send them with each eval: an agent must not refuse what a
    proxy has accepted by a newer spec, so its own limit is the longest possible one. The agent compares the hash in the
    manifest with that of its pod: a node may still have an older version of the ConfigMap, with older permissions.
    """
    spec = {name: value for name, value in unconvert(pool.spec).items() if name in _READ}
    spec["timeouts"] |= {"maxEval": str(LONGEST)}
    document = _document(pool, names.API_VERSION, names.KIND, pool.name, spec=spec)
    document["metadata"]["annotations"] = {names.ANNOTATION_SPEC_HASH: spec_hash(pool, platform)}
    return dump_documents([document, *_files(pool)])


def spec_hash(pool: DeclaredPool, platform: Platform) -> str:
    """A digest of everything that a runtime must be restarted for. Raises InvalidSpec as `agent_manifest` does."""
    raw = unconvert(pool.spec)
    image = pool.spec.runtime.image or platform.runtime_image
    runtime = {name: value for name, value in raw["runtime"].items() if name in _ROLLING_RUNTIME}
    rolling = {name: raw.get(name) for name in _ROLLING} | {"runtime": runtime}
    if (cpu := raw["timeouts"].get("cpu")) is not None:  # the one of `timeouts` that a proxy does not send along
        rolling["cpu"] = cpu
    return digest(rolling, _files(pool), image)


def _files(pool: DeclaredPool) -> list[Manifest]:
    """The ConfigMap of the main module; empty when the module is not in one."""
    module = pool.spec.main_module
    if module is None or module.config_map is None:
        return []
    members = members_of(module_files(module.config_map, pool.config_maps))
    return [_document(pool, "v1", "ConfigMap", module.config_map.name, **members)]


def _document(pool: DeclaredPool, api_version: str, kind: str, name: str, **body: Any) -> Manifest:
    metadata = {"name": name, "namespace": pool.namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}
