"""One partial Kubernetes object over another, as `spec.runtime.pod` lies over our own PodSpec."""

from typing import Any, Final

_KEYS: Final = {"volumeMounts": "mountPath", "volumeDevices": "devicePath"}
"""The field that identifies an item of a list, where that is not `name`."""


def laid_over(base: Any, over: Any, field: str = "") -> Any:
    """A new value: `base` with the fields of `over`; neither argument is changed.

    Mappings are merged, and so are lists whose items have names: an item of a new name, or of none, is added. A null
    removes what `base` has there. Any other value replaces it. `field` is the name of the field that holds both.
    """
    if isinstance(over, dict):
        return _merged(base if isinstance(base, dict) else {}, over)
    key = _KEYS.get(field, "name")
    if isinstance(over, list) and isinstance(base, list) and base and all(_has(item, key) for item in base):
        return _joined(base, over, key)
    return over


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = {name: value for name, value in base.items() if over.get(name, value) is not None}
    for name, value in over.items():
        if value is not None:
            merged[name] = laid_over(base.get(name), value, name)
    return merged


def _joined(base: list[Any], over: list[Any], key: str) -> list[Any]:
    joined = {item[key]: item for item in base}
    nameless = []
    for item in over:
        if _has(item, key):
            joined[item[key]] = laid_over(joined.get(item[key]), item)
        else:
            nameless.append(item)
    return [*joined.values(), *nameless]


def _has(item: Any, key: str) -> bool:
    return isinstance(item, dict) and isinstance(item.get(key), str)
