"""The order in which pools are reconciled: what is urgent first, and the namespaces in turn. Pure.

Nobody starves: of four turns one is for repairs and one for the resync, if there are any. No namespace can have all
workers: one whose pools take long must not hold up the others.
"""

from collections import Counter, OrderedDict
from enum import Enum
from itertools import cycle
from typing import Final, NamedTuple


class Key(NamedTuple):
    """Names a pool."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Urgency(Enum):
    """Why a pool is to be reconciled, the most urgent first."""

    CHANGE = 1
    """Its spec was not reconciled yet, or it is being deleted: a person waits."""
    REPAIR = 2
    """One of its objects has changed, or it is time to check it again."""
    RESYNC = 3
    """Just in case."""


_TURNS: Final = (Urgency.CHANGE, Urgency.REPAIR, Urgency.CHANGE, Urgency.RESYNC)
"""What a turn is for, if there is any; else it is for the most urgent."""


class Turns:
    """Each key is in it once at most. `workers`: how many keys may be taken and not yet returned."""

    def __init__(self, workers: int) -> None:
        self._share = max(1, workers - 1)
        """How many of a namespace's keys may be taken at a time."""
        self._queues = {urgency: _Rotation() for urgency in Urgency}
        self._urgencies: dict[Key, Urgency] = {}
        self._taken: Counter[str] = Counter()
        self._turns = cycle(_TURNS)

    def __len__(self) -> int:
        return len(self._urgencies)

    def add(self, key: Key, urgency: Urgency) -> None:
        """A key that is there already becomes as urgent as the more urgent of both."""
        known = self._urgencies.get(key)
        if known is not None:
            if known.value <= urgency.value:
                return
            self._queues[known].remove(key)
        self._urgencies[key] = urgency
        self._queues[urgency].add(key)

    def take(self) -> Key | None:
        """The next key, until `give_back`; None: there is none, or only keys of namespaces that have their share."""
        if not self._urgencies:
            return None
        favoured = next(self._turns)
        for urgency in (favoured, *(other for other in Urgency if other is not favoured)):
            key = self._queues[urgency].take(self._taken, self._share)
            if key is not None:
                del self._urgencies[key]
                self._taken[key.namespace] += 1
                return key
        return None

    def give_back(self, key: Key) -> None:
        """Its worker is free again."""
        self._taken[key.namespace] -= 1
        if not self._taken[key.namespace]:
            del self._taken[key.namespace]


class _Rotation:
    """Keys, one of each namespace after another, first those that were added first."""

    def __init__(self) -> None:
        self._namespaces: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def add(self, key: Key) -> None:
        self._namespaces.setdefault(key.namespace, OrderedDict())[key.name] = None

    def remove(self, key: Key) -> None:
        names = self._namespaces[key.namespace]
        del names[key.name]
        if not names:
            del self._namespaces[key.namespace]

    def take(self, taken: Counter[str], share: int) -> Key | None:
        """The next key of a namespace of which fewer than `share` are taken; the namespace goes to the end."""
        for namespace, names in self._namespaces.items():
            if taken[namespace] < share:
                key = Key(namespace, next(iter(names)))
                self._namespaces.move_to_end(namespace)
                self.remove(key)
                return key
        return None
