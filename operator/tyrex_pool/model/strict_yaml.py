"""YAML as Kubernetes reads it (JSON's types only: no dates, no tags), and stricter where a mistake would go
unnoticed: a duplicate key, or a key that is not a string, is refused, with its line.
"""

from collections.abc import Hashable
from typing import Any, ClassVar

import yaml
from yaml.constructor import ConstructorError

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.text import LONE_SURROGATE, find_surrogate, join_surrogates
from tyrex_pool.model.validation_errors import quote

_TAG = "tag:yaml.org,2002:"


def load_documents(text: str, path: str) -> list[object]:
    """The documents of `text` that are not empty.

    Raises InvalidSpec, whose path is `line 3`, or `path` where no line is known; for a lone surrogate it is that of
    the field, as in `document 2.data.main.ts` (without a number if there is one document).
    """
    documents = _load(text, path)
    for number, document in enumerate(documents, 1):
        if wrong := find_surrogate(document, f"document {number}" if len(documents) > 1 else ""):
            raise InvalidSpec(wrong, LONE_SURROGATE)
    return documents


def _load(text: str, path: str) -> list[object]:
    try:
        return [document for document in yaml.load_all(text, _Loader) if document is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}" if mark else path
        raise InvalidSpec(where, str(error.problem or error.context)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidSpec(path, f"write YAML; {error}") from error


class _Loader(yaml.SafeLoader):
    """Builds every node at once (`deep`): an alias to an enclosing node is an error then, not a cycle."""

    yaml_constructors: ClassVar[dict[str | None, Any]] = {
        _TAG + kind: yaml.SafeLoader.yaml_constructors[_TAG + kind] for kind in ("null", "bool", "int", "float", "str")
    }
    yaml_implicit_resolvers = {  # noqa: RUF012 -- the type stubs have it as an instance's
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TAG + "timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        """JSON writes one character as two escapes: a surrogate pair, which YAML's own escapes do not have."""
        node = super().compose_scalar_node(anchor)
        node.value = join_surrogates(node.value)
        return node

    def mapping(self, node: yaml.MappingNode) -> dict[Hashable, Any]:
        # before merge keys (<<) are expanded, since keys beside one may override its keys
        _refuse_bad_keys(node)
        self.flatten_mapping(node)
        return self.construct_mapping(node, deep=True)

    def sequence(self, node: yaml.SequenceNode) -> list[Any]:
        return self.construct_sequence(node, deep=True)

    def unknown(self, node: yaml.Node) -> None:
        raise ConstructorError(None, None, f"leave out the tag {node.tag}", node.start_mark)


_Loader.add_constructor(_TAG + "map", _Loader.mapping)
_Loader.add_constructor(_TAG + "seq", _Loader.sequence)
_Loader.add_constructor(None, _Loader.unknown)


def _refuse_bad_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.tag == _TAG + "merge":
            continue
        if not isinstance(key, yaml.ScalarNode) or key.tag != _TAG + "str":
            written = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
            raise ConstructorError(None, None, f"write the key as a string, in quotes, not {written}", key.start_mark)
        if key.value in seen:
            raise ConstructorError(
                None, None, f"the key {quote(key.value)} stands twice; write it once", key.start_mark
            )
        seen.add(key.value)
