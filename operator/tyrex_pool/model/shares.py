"""How many of some pods: a number, or a percentage, as in Kubernetes' own Deployments and budgets."""

import re
from typing import Final

PATTERN: Final = r"^(100|[1-9]?[0-9])%\Z"
"""A percentage; the CRD has the same."""
MAX_LENGTH: Final = 16
MOST: Final = 1000

_PERCENTAGE: Final = re.compile(PATTERN)


class Share(str):
    """`2`, or `25%` of the pods."""

    __slots__ = ()

    @property
    def wire(self) -> int | str:
        """The value in a manifest."""
        return str(self) if self.endswith("%") else int(self)

    @property
    def is_none(self) -> bool:
        return self in ("0", "0%")


def parse_share(raw: object) -> Share:
    """Raises ValueError, which says what to write instead."""
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= MOST:
        return Share(raw)
    if isinstance(raw, str) and _PERCENTAGE.match(raw):
        return Share(raw)
    raise ValueError(f"write a number of pods from 0 to {MOST}, such as 1, or a percentage from 0% to 100%")
