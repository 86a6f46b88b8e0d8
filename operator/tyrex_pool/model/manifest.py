"""A file of YAML documents: the TyrexPool in it and the ConfigMaps that it refers to."""

import re
from dataclasses import dataclass, field
from typing import Any, Final, Self

from tyrex_pool.model import names
from tyrex_pool.model.config_maps import Files, files_of
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.strict_yaml import load_documents
from tyrex_pool.model.validation_errors import one_of, quote

DEFAULT_NAMESPACE: Final = "default"

_ROOT: Final = "manifest"
_MEMBERS: Final = ["apiVersion", "kind", "metadata", "spec", "status"]
# RFC 1035, not 1123: the Service that users call has the pool's name, and may not begin with a digit
_LABEL: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?\Z")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One pool. `config_maps`: the files of each by its name, of the pool's namespace only.

    `ignored` are the other objects in the file, as `Deployment/web`: a manifest for a cluster may contain objects
    that have no meaning on one machine, so they are no error, but callers should report them.
    """

    name: str
    namespace: str
    spec: PoolSpec
    config_maps: dict[str, Files] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    annotations: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, text: str) -> Self:
        """Raises InvalidSpec: broken YAML (path `line 3`), not exactly one TyrexPool, a wrong field."""
        documents = [_mapping(document, _ROOT) for document in load_documents(text, _ROOT)]
        pools = [document for document in documents if document.get("kind") == names.KIND]
        if len(pools) != 1:
            found = ", ".join(map(_label, documents)) or "no document"
            raise InvalidSpec(_ROOT, f"write exactly one document of kind {names.KIND}; there is {found}")
        name, namespace, spec, annotations, labels = _pool(pools[0])
        config_maps: dict[str, Files] = {}
        ignored = []
        for document in documents:
            if _is_config_map(document, namespace):
                _add(config_maps, document)
            elif document is not pools[0]:
                ignored.append(_label(document))
        return cls(name, namespace, spec, config_maps, tuple(ignored), annotations, labels)


def _pool(document: Document) -> tuple[str, str, PoolSpec, dict[str, str], dict[str, str]]:
    """Name, namespace, spec, annotations and labels of a TyrexPool."""
    for member in document:
        if member not in _MEMBERS:
            raise InvalidSpec(member, f"unknown field; write {one_of(_MEMBERS, member)}")
    if document.get("apiVersion") != names.API_VERSION:
        raise InvalidSpec("apiVersion", f"write {names.API_VERSION}, not {quote(document.get('apiVersion'))}")
    metadata = _mapping(document.get("metadata"), "metadata")
    name = _dns_label(metadata.get("name"), "metadata.name")
    namespace = _dns_label(metadata.get("namespace", DEFAULT_NAMESPACE), "metadata.namespace")
    annotations = _mapping(metadata.get("annotations") or {}, "metadata.annotations")
    labels = _mapping(metadata.get("labels") or {}, "metadata.labels")
    return name, namespace, PoolSpec.parse(document.get("spec")), annotations, labels


def _is_config_map(document: Document, namespace: str) -> bool:
    if document.get("kind") != "ConfigMap":
        return False
    metadata = _mapping(document.get("metadata"), "ConfigMap.metadata")
    return bool(metadata.get("namespace", DEFAULT_NAMESPACE) == namespace)


def _add(config_maps: dict[str, Files], document: Document) -> None:
    label, name = _label(document), document["metadata"].get("name")
    if not isinstance(name, str) or not name:
        raise InvalidSpec("ConfigMap.metadata.name", f"write a name, not {quote(name)}")
    if name in config_maps:
        raise InvalidSpec(label, "stands twice; write one ConfigMap of a name")
    config_maps[name] = files_of(document, label)


def _mapping(value: object, path: str) -> Document:
    if not isinstance(value, dict):
        raise InvalidSpec(path, f"write a mapping, not {quote(value)}")
    return value


def _dns_label(value: object, path: str) -> str:
    if not isinstance(value, str) or len(value) > names.DNS_LABEL_MAX or not _LABEL.match(value):
        wanted = f"a name of a-z, 0-9 and -, first a letter, at most {names.DNS_LABEL_MAX} characters"
        raise InvalidSpec(path, f"write {wanted}, not {quote(value, 80)}")
    return value


def _label(document: Document) -> str:
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{document.get('kind')}/{name}"
