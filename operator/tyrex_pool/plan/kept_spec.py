"""The spec that was last applied as a whole: what an operator keeps while the present one cannot be applied.

It is noted in the pool's status, but for the source of the main module, which the runtimes' ConfigMap has.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.manifest import Manifest as PoolManifest
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest
from tyrex_pool.plan.metadata import digest, labels

_MODULE: Final = "mainModule"
_OUR_LABELS: Final = frozenset(labels("", ""))
"""All others of a child are the pool's, and a part of what its hash is of."""


def note(spec: object) -> str:
    """The spec as JSON, without an inline main module."""
    raw = dict(spec) if isinstance(spec, dict) else {}
    if "inline" in (raw.get(_MODULE) or {}):
        del raw[_MODULE]
    return msgspec.json.encode(raw, order="deterministic").decode()


def recall(pool: Mapping[str, Any], config_map: Manifest | None) -> DeclaredPool | None:
    """The pool with the spec that its status notes; `config_map` is that of its runtimes.

    None when nothing was noted, or the source of its main module is lost.
    """
    noted = pool.get("status", {}).get(names.STATUS_APPLIED)
    if noted is None:
        return None
    metadata = pool["metadata"]
    try:
        spec = PoolSpec.parse(msgspec.json.decode(noted))
        started = _manifest(config_map)
    except (InvalidSpec, msgspec.DecodeError):  # noted by an operator of another version
        return None
    if started is None:
        return None
    if spec.main_module is None:
        spec = msgspec.structs.replace(spec, main_module=started.spec.main_module)
    own = metadata.get("labels", {})
    return DeclaredPool(metadata["name"], metadata["namespace"], metadata["uid"], spec, started.config_maps, own)


def scaled(pool: DeclaredPool, spec: object) -> DeclaredPool:
    """The pool with the numbers of runtimes and proxies of `spec`, as far as these are valid: nothing else of a wrong
    spec is applied, since a mixture of two specs is one that nobody has written.
    """
    raw = spec if isinstance(spec, dict) else {}
    proxy = raw.get("proxy") if isinstance(raw.get("proxy"), dict) else {}
    size = _number({"size": raw.get("size")})
    replicas = _number({"proxy": {"replicas": (proxy or {}).get("replicas")}})
    changed = pool.spec
    if size is not None:
        changed = msgspec.structs.replace(changed, size=size.size)
    if replicas is not None:
        own = msgspec.structs.replace(changed.proxy, replicas=replicas.proxy.replicas)
        changed = msgspec.structs.replace(changed, proxy=own)
    return replace(pool, spec=changed)


def with_known_files(pool: DeclaredPool, known: DeclaredPool) -> DeclaredPool | None:
    """The pool with the files that `known` has of its main module; None if that is another module."""
    same = pool.spec.main_module == known.spec.main_module
    return replace(pool, config_maps=known.config_maps) if same else None


def _number(spec: Mapping[str, Any]) -> PoolSpec | None:
    try:
        return PoolSpec.parse(spec)
    except InvalidSpec:
        return None


def _manifest(config_map: Manifest | None) -> PoolManifest | None:
    """What runtimes start from; None for a ConfigMap that somebody has edited since. Raises InvalidSpec."""
    if config_map is None:
        return None
    body = {name: config_map[name] for name in ("data", "binaryData") if config_map.get(name)}
    metadata = config_map["metadata"]
    given = {name: value for name, value in metadata.get("labels", {}).items() if name not in _OUR_LABELS}
    if metadata.get("annotations", {}).get(names.ANNOTATION_MANIFEST_HASH) not in (digest(body), digest(body, given)):
        return None
    return PoolManifest.load(body["data"][names.CONFIG_FILE])
