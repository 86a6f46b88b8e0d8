"""How an API server changes the fields of an object: server-side apply by one field manager, and JSON merge patches."""

import copy
from collections.abc import Mapping
from typing import Any, Final

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",), "initContainers": ("name",), "volumes": ("name",), "env": ("name",),
    "imagePullSecrets": ("name",), "volumeMounts": ("mountPath",), "ownerReferences": ("uid",), "conditions": ("type",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"), "ports": ("port", "containerPort", "protocol"),
}  # fmt: skip
"""Lists whose items an apply merges, and by which fields; any other list is one value."""
_ATOMIC: Final = frozenset({"selector", "podSelector", "namespaceSelector", "labelSelector", "nodeSelector", "roleRef"})


def apply(live: Any, manifest: Any, before: Any, field: str = "", atomic: bool = False) -> Any:
    """`live` with the fields of `manifest`. `before` is the manifest that the same manager has applied the last time:
    fields of it that `manifest` does not have any more are removed, fields of others stay.
    """
    atomic = atomic or field in _ATOMIC
    if isinstance(manifest, dict) and not atomic:
        return _mapping(_dict(live), manifest, _dict(before))
    keys = _KEYS.get(field, ())
    if isinstance(manifest, list) and keys and not atomic and all(isinstance(item, dict) for item in manifest):
        return _items(live or [], manifest, before or [], keys)
    return copy.deepcopy(manifest)


def _mapping(live: dict[str, Any], manifest: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    changed = {}
    for name, value in live.items():
        if name in manifest or name not in before:
            changed[name] = value
        elif isinstance(value, dict) and (rest := apply(value, {}, before[name], name)):
            changed[name] = rest
    for name, value in manifest.items():
        if value is not None:
            changed[name] = apply(live.get(name), value, before.get(name), name)
    return changed


def _items(live: list[Any], manifest: list[Any], before: list[Any], keys: tuple[str, ...]) -> list[Any]:
    def by_key(items: list[Any]) -> dict[tuple[Any, ...], Any]:
        return {tuple(item.get(key, "TCP" if key == "protocol" else None) for key in keys): item for item in items}

    present, wanted, owned = by_key(live), by_key(manifest), by_key(before)
    kept = [key for key in present if key in wanted or key not in owned]
    added = [key for key in wanted if key not in present]
    return [
        apply(present.get(key), wanted[key], owned.get(key)) if key in wanted else present[key]
        for key in [*kept, *added]
    ]


def merge(live: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7396): null removes, lists are replaced."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(_dict(live))
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def duplicate_port(value: Any) -> str | None:
    """The name that two ports of one list have: an API server refuses such an object."""
    if isinstance(value, list):
        return next(filter(None, map(duplicate_port, value)), None)
    if not isinstance(value, dict):
        return None
    ports = value.get("ports")
    named = [port["name"] for port in ports if "name" in port] if isinstance(ports, list) else []
    doubles = [name for name in named if named.count(name) > 1]
    return doubles[0] if doubles else next(filter(None, map(duplicate_port, value.values())), None)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
