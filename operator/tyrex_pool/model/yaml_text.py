"""Writes YAML that our own loader and Kubernetes' read alike: the same values, no anchors, long texts as they are."""

import re
from collections.abc import Iterable
from typing import Any, Final

import yaml

# YAML 1.1 and 1.2 differ in what else these are: numbers to one, a truth to the other
_AMBIGUOUS: Final = re.compile(r"[-+.0-9].*|[yYnN]|")
# a block would lose these: they end a line, or are cut from its end
_LOSSY: Final = re.compile("[\x85\u2028\u2029]")


def dump_documents(documents: Iterable[Any]) -> str:
    """A stream of documents, the keys in the order they have."""
    return yaml.dump_all(
        documents, Dumper=_Dumper, explicit_start=True, sort_keys=False, allow_unicode=True, width=float("inf")
    )


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """What stands twice is written twice."""
        return True

    def text(self, value: str) -> yaml.ScalarNode:
        if _LOSSY.search(value) or _AMBIGUOUS.fullmatch(value):
            return self.represent_scalar("tag:yaml.org,2002:str", value, '"')
        return self.represent_scalar("tag:yaml.org,2002:str", value, "|" if "\n" in value else None)


_Dumper.add_representer(str, _Dumper.text)
