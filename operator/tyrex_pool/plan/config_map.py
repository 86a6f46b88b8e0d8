"""The ConfigMap with the agents' manifest. It is one object, so that an agent never reads half of a change."""

from typing import Final

from tyrex_pool.model import names
from tyrex_pool.model.config_maps import CONTENT_LIMIT
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan.agent_manifest import agent_manifest
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform

_ELSEWHERE: Final = "put large files into the runtime image or a volume and write spec.mainModule.path"


def build(pool: DeclaredPool, platform: Platform) -> Manifest:
    """Raises InvalidSpec when a file of the main module is missing, or when all is more than a ConfigMap can hold."""
    text = agent_manifest(pool, platform)
    size = len(text.encode())
    if size > CONTENT_LIMIT:
        path, advice = _largest(pool.spec)
        takes = f"takes {size:,} bytes as runtimes read it, indented, bytes in base64, with the rest of the spec"
        raise InvalidSpec(path, f"{takes}, and a ConfigMap holds {CONTENT_LIMIT:,}: {advice}")
    return {"data": {names.CONFIG_FILE: text}}


def _largest(spec: PoolSpec) -> tuple[str, str]:
    """The path of the part that makes it so large, and what to write instead."""
    module = spec.main_module
    if module is not None and module.config_map is not None:
        return "spec.mainModule.configMap", f"remove keys that no module imports, or {_ELSEWHERE}"
    if module is not None and module.inline is not None:
        return "spec.mainModule.inline", f"shorten it, or {_ELSEWHERE}"
    return "spec.permissions", "write fewer entries: a suffix, a range or a folder instead of each host and path"
