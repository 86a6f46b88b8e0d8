"""The ConfigMap with the agents' manifest. It is one object, so that an agent never reads half of a change."""

from tyrex_pool.model import names
from tyrex_pool.plan.agent_manifest import agent_manifest
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform


def build(pool: DeclaredPool, platform: Platform) -> Manifest:
    """Raises InvalidSpec when a file of the main module is missing."""
    return {"data": {names.CONFIG_FILE: agent_manifest(pool, platform)}}
