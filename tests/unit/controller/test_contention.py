"""How often a field is repaired that somebody else changes each time."""

import pytest

from tyrex_pool.controller.contention import FREE, LONGEST, QUIET, Contention, Place
from tyrex_pool.controller.turns import Key
from tyrex_pool.plan.declared_pool import Ref

KEY = Key("web", "p")
REF = Ref("v1", "Service", "p")
PLACE, OTHER = Place(REF, "spec.type"), Place(REF, "spec.selector")


def repairs(contention: Contention, until: float, place: Place = PLACE, step: float = 0.1) -> list[float]:
    """The times of the repairs of a field that is changed back at once."""
    steps = range(round(until / step))
    return [step * number for number in steps if contention.wait(KEY, place, step * number) == 0]


def test_the_first_repairs_are_made_at_once_and_the_others_further_and_further_apart() -> None:
    found = repairs(Contention(), 300)
    assert found[:FREE] == pytest.approx([0.1 * number for number in range(FREE)])
    gaps = [round(later - earlier) for earlier, later in zip(found[FREE - 1 :], found[FREE:], strict=False)]
    assert gaps[:7] == [1, 2, 4, 8, 16, 32, LONGEST]
    assert set(gaps[7:]) <= {LONGEST}


def test_each_field_counts_by_itself() -> None:
    contention = Contention()
    repairs(contention, 10)
    assert contention.wait(KEY, OTHER, 10) == 0
    assert contention.wait(Key("web", "q"), PLACE, 10) == 0


def test_after_a_quiet_time_it_is_forgotten() -> None:
    contention = Contention()
    repairs(contention, 10)
    assert [place for place, _ in contention.contested(KEY, 10)] == [PLACE]
    assert list(contention.contested(KEY, 10 + QUIET)) == []
    assert len(repairs(contention, 0.5)) == 0, "not in the past"
    assert contention.wait(KEY, PLACE, 20 + QUIET) == 0


def test_a_change_on_purpose_ends_it() -> None:
    contention = Contention()
    repairs(contention, 10)
    contention.forget(KEY, REF)
    assert (contention.wait(KEY, PLACE, 10), list(contention.contested(KEY, 10))) == (0, [])


def test_a_single_repair_is_no_contention() -> None:
    contention = Contention()
    assert contention.wait(KEY, PLACE, 0) == 0
    assert list(contention.contested(KEY, 0)) == []


def test_a_place_as_text() -> None:
    assert (str(PLACE), str(Place(REF, ""))) == ("Service p: spec.type", "Service p")
