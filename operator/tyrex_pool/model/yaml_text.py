"""Writes YAML that our own loader and Kubernetes' read alike: the same values, no anchors, long texts unfolded."""

import re
from collections.abc import Iterable
from typing import Any, Final

import yaml

# YAML 1.1 and 1.2 read these unlike: as numbers, as truth values, or as strings
_AMBIGUOUS: Final = re.compile(r"[-+.0-9].*|[yYnN]|")
# a block scalar would lose these: they end a line, or are removed from its end
_LOSSY: Final = re.compile("[\x85\u2028\u2029]")


def dump_documents(documents: Iterable[Any]) -> str:
    """A stream of documents, with the keys in their given order."""
    return yaml.dump_all(
        documents, Dumper=_Dumper, explicit_start=True, sort_keys=False, allow_unicode=True, width=float("inf")
    )


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """An object that occurs twice is written twice."""
        return True

    def text(self, value: str) -> yaml.ScalarNode:
        if _LOSSY.search(value) or _AMBIGUOUS.fullmatch(value):
            return self.represent_scalar("tag:yaml.org,2002:str", value, '"')
        return self.represent_scalar("tag:yaml.org,2002:str", value, "|" if "\n" in value else None)


_Dumper.add_representer(str, _Dumper.text)
