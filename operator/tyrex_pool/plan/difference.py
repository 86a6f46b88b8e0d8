"""Compares a manifest with an object of the cluster by the rules of server-side apply.

Fields that the manifest does not mention belong to others: defaults of the API server, labels of a mesh, a sidecar.
But a list without keys and a selector are one value each, which belongs to the manifest as a whole. What decides how
pods run and where requests go is closed: nobody else may add to it.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from tyrex_pool.model.validation_errors import quote
from tyrex_pool.plan.amounts import same_amount

Path = tuple[str, ...]
"""Names of fields, and the identity of an item in brackets."""

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
    {
        "hostNetwork", "hostPID", "hostIPC", "paused", "stdin", "stdinOnce", "tty", "readOnly",
        "publishNotReadyAddresses", "value",
    }
)  # fmt: skip
"""Fields that the API server leaves out when they are false or empty."""

_AMOUNTS: Final = frozenset({"requests", "limits", "overhead", "sizeLimit", "divisor"})
"""Fields that hold quantities, or mappings to them."""

_USUAL: Final[Mapping[str, tuple[object, ...]]] = {
    "progressDeadlineSeconds": (600,), "restartPolicy": ("Always",), "dnsPolicy": ("ClusterFirst",),
    "schedulerName": ("default-scheduler",), "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",), "imagePullPolicy": ("IfNotPresent", "Always"), "scheme": ("HTTP",),
    "successThreshold": (1,), "failureThreshold": (3,), "periodSeconds": (10,), "timeoutSeconds": (1,),
    "defaultMode": (420,), "volumeMode": ("Filesystem",), "sessionAffinity": ("None",),
    "internalTrafficPolicy": ("Cluster",), "externalTrafficPolicy": ("Cluster",),
    "allocateLoadBalancerNodePorts": (True,), "type": ("",), "service": ("",),
    **{name: (value,) for name, value in _DEFAULTS.items()},
}  # fmt: skip
"""Defaults that the API server adds to what nobody but the manifest may fill."""

_ASSIGNED: Final = frozenset(
    {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "nodePort", "healthCheckNodePort"}
)
"""Fields there that the API server gives a value of its own choice."""

_COPIES: Final = {"serviceAccount": "serviceAccountName"}
"""Deprecated names of fields, which the API server fills with the value of the other one, and takes it from there when
the other one is removed.
"""

_OPEN: Final[Path] = ("spec", "template", "metadata")
"""The labels and annotations of pods belong to others too: `kubectl rollout restart` sets one."""

_SHOWN: Final = 60


class Difference(NamedTuple):
    """`text` for people, as `spec.replicas: 3, not 2`. `extra`: others added what an apply would leave."""

    path: Path
    text: str
    extra: bool = False


class _Rules(NamedTuple):
    """`atomic`: one value as a whole. `closed`: nobody may add fields or items, but the API server's defaults."""

    atomic: bool = False
    closed: bool = False


def difference(desired: Any, observed: Any) -> str | None:
    """The first of `differences` as text; None when there is nothing to apply."""
    return next((found.text for found in differences(desired, observed)), None)


def differences(desired: Any, observed: Any, closed: bool = False) -> Iterator[Difference]:
    """What an apply of `desired` would change. `closed`: and what others have added, which it would leave."""
    return _compare(desired, observed, (), _Rules(closed=closed))


def _compare(desired: Any, observed: Any, path: Path, rules: _Rules) -> Iterator[Difference]:
    field = path[-1] if path else ""
    if desired is None or desired == observed or (_is_unset(desired, field) and _empty(observed)):
        return
    rules = _Rules(rules.atomic or field in _ATOMIC, rules.closed and path != _OPEN)
    if isinstance(desired, dict) and isinstance(observed, dict | None):
        yield from _of_mappings(desired, observed or {}, path, rules)
    elif isinstance(desired, list) and isinstance(observed, list | None):
        keys = () if rules.atomic else _keys(field, desired or observed or [])
        compare = _of_items if keys else _of_lists
        yield from compare(desired, observed or [], path, rules, keys)
    elif not (_is_amount(path) and same_amount(desired, observed)):
        yield Difference(path, _describe(path, desired, observed))


def _of_mappings(
    desired: Mapping[str, Any], observed: Mapping[str, Any], path: Path, rules: _Rules
) -> Iterator[Difference]:
    for name, value in desired.items():
        yield from _compare(value, observed.get(name), (*path, name), rules)
    for name, value in observed.items():
        is_copy = name in _COPIES and value == desired.get(_COPIES[name])
        if name not in desired and not is_copy and not _may_be_added(name, value, rules):
            yield Difference((*path, name), f"{_text((*path, name))}: not wanted", not rules.atomic)


def _may_be_added(name: str, value: Any, rules: _Rules) -> bool:
    if rules.atomic:
        return bool(value == _DEFAULTS.get(name))
    return not rules.closed or name in _ASSIGNED or value in _USUAL.get(name, ()) or _is_unset(value, name)


def _of_items(
    desired: list[Any], observed: list[Any], path: Path, rules: _Rules, keys: tuple[str, ...]
) -> Iterator[Difference]:
    """For lists whose items are identified by `keys`: others may have added items, unless the list is closed."""
    present = {_identity(item, keys): item for item in observed}
    for item in desired:
        identity = _identity(item, keys)
        place = (*path, f"[{identity}]")
        if identity not in present:
            yield Difference(place, f"{_text(place)}: missing")
        else:
            yield from _compare(item, present.pop(identity), place, rules)
    if rules.closed:
        for identity in present:
            place = (*path, f"[{identity}]")
            yield Difference(place, f"{_text(place)}: not wanted", extra=True)


def _of_lists(
    desired: list[Any], observed: list[Any], path: Path, rules: _Rules, keys: tuple[str, ...]
) -> Iterator[Difference]:
    if len(desired) != len(observed):
        yield Difference(path, f"{_text(path)}: {len(desired)} items, not {len(observed)}")
        return
    for index, (item, other) in enumerate(zip(desired, observed, strict=True)):
        yield from _compare(item, other, (*path, f"[{index}]"), _Rules(atomic=True))


def without(manifest: Any, extra: Iterable[Path]) -> Any:
    """The JSON merge patch that removes what is at these paths, and writes `manifest` otherwise: it replaces lists."""
    patch = copy.deepcopy(manifest)
    for path in extra:
        here = patch
        for name in path[:-1]:
            here = here.get(name) if isinstance(here, dict) else None
        if isinstance(here, dict) and not path[-1].startswith("["):
            here[path[-1]] = None
    return patch


def _keys(field: str, items: list[Any]) -> tuple[str, ...]:
    """Ports have other keys in a container than in a Service."""
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
