"""Slows down the repair of a field that somebody else changes again and again, so that it is not a fight."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tyrex_pool.controller.turns import Key
from tyrex_pool.plan.declared_pool import Ref

FREE = 5
"""Repairs of one field that are made at once."""
LONGEST = 60.0
"""Seconds between repairs of a contested field, at most; they double from 1."""
QUIET = 2 * LONGEST
"""Seconds without a repair after which a field is not contested any more."""


class Place(NamedTuple):
    """One field of one object; empty when it is the object that disappears, or appears, again and again."""

    ref: Ref
    field: str

    def __str__(self) -> str:
        return f"{self.ref.kind} {self.ref.name}" + (f": {self.field}" if self.field else "")


@dataclass(slots=True)
class _Repairs:
    number: int
    last: float


class Contention:
    """Of all pools. `now`: monotonic seconds."""

    def __init__(self) -> None:
        self._repairs: dict[Key, dict[Place, _Repairs]] = {}

    def wait(self, key: Key, place: Place, now: float) -> float:
        """The seconds until the field may be repaired again; 0: it may be now, and this counts as a repair."""
        places = self._repairs.setdefault(key, {})
        known = places.get(place)
        if known is None or now - known.last > QUIET:
            places[place] = _Repairs(1, now)
            return 0.0
        left = known.last + _pause(known.number) - now
        if left > 0:
            return left
        known.number, known.last = known.number + 1, now
        return 0.0

    def contested(self, key: Key, now: float) -> Iterator[tuple[Place, int]]:
        """The fields whose repair is slowed down, with the number of repairs."""
        for place, repairs in self._repairs.get(key, {}).items():
            if repairs.number >= FREE and now - repairs.last <= QUIET:
                yield place, repairs.number

    def forget(self, key: Key, ref: Ref | None = None) -> None:
        """The pool does not exist any more; with `ref`: that child is changed on purpose."""
        if ref is None:
            self._repairs.pop(key, None)
        else:
            places = self._repairs.get(key, {})
            self._repairs[key] = {place: repairs for place, repairs in places.items() if place.ref != ref}


def _pause(number: int) -> float:
    return 0.0 if number < FREE else min(2.0 ** (number - FREE), LONGEST)
