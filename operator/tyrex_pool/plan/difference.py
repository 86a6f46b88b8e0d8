"""Compares a manifest with an object of the cluster by the rules of server-side apply.

Fields that the manifest does not mention belong to others: defaults of the API server, labels of a mesh, a sidecar.
But a list without keys and a selector are one value each, which belongs to the manifest as a whole.
"""

from collections.abc import Mapping
from typing import Any, Final

from tyrex_pool.model.validation_errors import quote
from tyrex_pool.plan.amounts import same_amount

_NAMED: Final = ("name",)
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": _NAMED, "initContainers": _NAMED, "volumes": _NAMED, "env": _NAMED, "imagePullSecrets": _NAMED,
    "resourceClaims": _NAMED, "schedulingGates": _NAMED, "volumeMounts": ("mountPath",), "hostAliases": ("ip",),
    "volumeDevices": ("devicePath",), "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "ownerReferences": ("uid",),
}  # fmt: skip
"""The fields that identify an item of a list; a list that is not in this table is one value."""

_ATOMIC: Final = frozenset({"selector", "podSelector", "namespaceSelector", "labelSelector", "nodeSelector", "roleRef"})
"""Mappings that are one value."""

_DEFAULTS: Final = {"protocol": "TCP", "apiVersion": "v1", "expirationSeconds": 3600}
"""Defaults that the API server adds inside of such values."""

_DROPPED: Final = frozenset(
    {"hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly", "publishNotReadyAddresses", "value"}
)
"""Fields that the API server leaves out when they are false or empty."""

_AMOUNTS: Final = frozenset({"requests", "limits", "overhead", "sizeLimit", "divisor"})
"""Fields that hold quantities, or mappings to them."""

_SHOWN: Final = 60


Path = tuple[str, ...]
"""Names of fields, and the identity of an item in brackets."""


def difference(desired: Any, observed: Any, path: Path = (), atomic: bool = False) -> str | None:
    """The first difference, as `spec.replicas: 3, not 2`; None when there is nothing to apply.

    `path` is where both values are; `atomic`: every observed field must be desired, too.
    """
    field = path[-1] if path else ""
    if desired is None or desired == observed or (_is_unset(desired, field) and _empty(observed)):
        return None
    atomic = atomic or field in _ATOMIC
    if isinstance(desired, dict) and isinstance(observed, dict | None):
        return _of_mappings(desired, observed or {}, path, atomic)
    if isinstance(desired, list) and isinstance(observed, list | None):
        keys = () if atomic else _keys(field, desired)
        return _of_items(desired, observed or [], path, keys) if keys else _of_lists(desired, observed or [], path)
    if _is_amount(path) and same_amount(desired, observed):
        return None
    return _describe(path, desired, observed)


def _of_mappings(desired: Mapping[str, Any], observed: Mapping[str, Any], path: Path, atomic: bool) -> str | None:
    for name, value in desired.items():
        if (found := difference(value, observed.get(name), (*path, name), atomic)) is not None:
            return found
    if atomic:
        for name, value in observed.items():
            if name not in desired and value != _DEFAULTS.get(name):
                return f"{_text((*path, name))}: not wanted"
    return None


def _of_items(desired: list[Any], observed: list[Any], path: Path, keys: tuple[str, ...]) -> str | None:
    """For lists whose items are identified by `keys`: others may have added items."""
    present = {_identity(item, keys): item for item in observed}
    for item in desired:
        identity = _identity(item, keys)
        place = (*path, f"[{identity}]")
        if identity not in present:
            return f"{_text(place)}: missing"
        if (found := difference(item, present[identity], place)) is not None:
            return found
    return None


def _of_lists(desired: list[Any], observed: list[Any], path: Path) -> str | None:
    if len(desired) != len(observed):
        return f"{_text(path)}: {len(desired)} items, not {len(observed)}"
    pairs = enumerate(zip(desired, observed, strict=True))
    found = (difference(item, other, (*path, f"[{index}]"), atomic=True) for index, (item, other) in pairs)
    return next(filter(None, found), None)


def _keys(field: str, items: list[Any]) -> tuple[str, ...]:
    if field != "ports":
        return _KEYS.get(field, ())
    of_container = all(isinstance(item, dict) and "containerPort" in item for item in items)
    return ("containerPort" if of_container else "port", "protocol")


def _identity(item: Any, keys: tuple[str, ...]) -> str:
    if not isinstance(item, dict):
        return quote(item)
    return "/".join(str(item.get(key, _DEFAULTS.get(key))) for key in keys)


def _is_unset(value: Any, field: str) -> bool:
    return _empty(value) or (not value and field in _DROPPED)


def _empty(value: Any) -> bool:
    return value is None or value == {} or value == []


def _is_amount(path: Path) -> bool:
    return not _AMOUNTS.isdisjoint(path[-2:])


def _describe(path: Path, desired: Any, observed: Any) -> str:
    """Long values, and those of variables, which may be secret, are left out."""
    wanted, found = quote(desired, _SHOWN), quote(observed, _SHOWN)
    if max(len(wanted), len(found)) > _SHOWN or path[-1:] == ("value",):
        return f"{_text(path)}: differs"
    return f"{_text(path)}: {wanted}, not {found}"


def _text(path: Path) -> str:
    return ".".join(path).replace(".[", "[")
