"""Consistent hashing: a key belongs to the first ready name at or after the key's place on a ring.

Places come from SHAKE-128 and BLAKE2b, so every process agrees on them. A name that leaves costs nothing:
its points stay, are passed over, and are used again when it comes back, as after the replacement of an isolate.
"""

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from hashlib import blake2b, shake_128
from typing import TypeVar

T = TypeVar("T")

POINTS = 64
"""Points per name. The share of a name varies by 1/sqrt(POINTS), about 12 %; a ring of 1,000 takes 50 ms."""

_FEW = 8
"""New names that are inserted one by one: a merge costs as much as building the whole ring."""
_PART = 5
"""A part of the ring has 16 to 32 points: 2**_PART at most."""
_UNPACK = struct.Struct(f"<{POINTS}Q").unpack


def place(key: str) -> int:
    """The key's place on the ring, 0 .. 2**64 - 1."""
    # surrogatepass: JSON can carry half a surrogate pair, and it is as good a key as any other.
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def points(name: str) -> tuple[int, ...]:
    """The name's places on the ring."""
    return _UNPACK(shake_128(name.encode("utf-8", "surrogatepass")).digest(8 * POINTS))


class Ring:
    """The points of every name that was added and not yet forgotten.

    Points and their owners are in parallel arrays, and `_starts` has the index in them at which each equal part of the
    ring begins: a look-up reads a few bytes in one place, on a large ring as on a small one.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._names: dict[str, None] = {}
        self._by_number: list[str] = []
        self._places = array("Q")
        self._owners = array("I")
        self._index()

    def update(self, names: Iterable[str]) -> None:
        """Have `names` on the ring; other names are removed once they are more than half of it."""
        wanted = set(names)
        if len(self._names.keys() | wanted) > 2 * len(wanted):
            self._forget()
        # Sorted, so that should two names ever share a point (1 in 10**10), fresh rings settle it alike.
        new = sorted(wanted - self._names.keys())
        if not new:
            return
        added = [(point, number) for number, name in enumerate(new, len(self._by_number)) for point in points(name)]
        self._names.update(dict.fromkeys(new))
        self._by_number += new
        if len(new) > _FEW:
            self._merge(added)
        else:
            self._insert(added)
        self._index()

    def _merge(self, added: list[tuple[int, int]]) -> None:
        both = sorted([*zip(self._places, self._owners, strict=True), *added])
        self._places = array("Q", [point for point, _ in both])
        self._owners = array("I", [number for _, number in both])

    def _insert(self, added: list[tuple[int, int]]) -> None:
        for point, number in added:
            position = bisect_right(self._places, point)
            self._places.insert(position, point)
            self._owners.insert(position, number)

    def _index(self) -> None:
        parts = max(0, len(self._places).bit_length() - _PART)
        self._shift = 64 - parts
        self._starts = [bisect_left(self._places, part << self._shift) for part in range(1 << parts)]
        self._starts.append(len(self._places))

    def find(self, key: str, ready: Mapping[str, T]) -> T | None:
        """The value of the ready name that `key` belongs to; None when no name on the ring is ready."""
        owners, names, starts = self._owners, self._by_number, self._starts
        wanted = place(key)
        part = wanted >> self._shift
        position = bisect_left(self._places, wanted, starts[part], starts[part + 1])
        for _ in range(len(owners)):
            if position == len(owners):
                position = 0
            found = ready.get(names[owners[position]])
            if found is not None:
                return found
            position += 1
        return None
