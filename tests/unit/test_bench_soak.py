"""The section of endurance: which samples count, and that a wrong answer is not overlooked."""

import random
from dataclasses import replace

from tests.bench.mix import ENDS, USUAL, deck
from tests.bench.soak import STEADY, Look, Soaked, aims, requests, table, text

REST = Look(
    at=0, proxy=20, agents=60, isolates=90, proxy_descriptors=15, agent_descriptors=40, processes=4, load=0
)  # fmt: skip


def soaked(last: float, **wrong: int) -> Soaked:
    """Eight minutes, a look each quarter of a minute: the proxy holds 20 MiB at first, 25, and `last` at the end."""
    held = [20.0] * 4 + [25.0] * 24 + [last] * 4
    looks = [replace(REST, at=15.0 * number, proxy=memory) for number, memory in enumerate(held)]
    return Soaked(480, REST, looks, replace(REST, at=520), {ENDS[0].name: 7, "trivial": 9}, wrong)


def test_the_last_minute_is_compared_with_the_second() -> None:
    steady, grown = aims(soaked(27.0)), aims(soaked(30.0))
    assert [(round(aim.measured, 2), aim.reached) for aim in (steady[0], grown[0])] == [(1.08, True), (1.2, False)]
    assert len(steady) == len(STEADY)
    assert all(aim.reached for aim in grown[1:])


def test_a_wrong_answer_misses_every_aim() -> None:
    run = soaked(25.0, trivial=1)
    assert not any(aim.reached for aim in aims(run))
    assert requests(run).rows[-1] == ["**wrong** – trivial", "1"]
    assert "**1 were wrong**" in text(run)


def test_the_page_says_how_it_went() -> None:
    run = soaked(27.0)
    assert table(run).rows[0][1:] == ["20.0", "25.0", "27.0", "20.0"]
    assert "7 isolates were replaced" in text(run)
    assert "for 8 minutes" in text(run)
    assert "40 s after the load" in text(run)


def test_a_round_has_every_kind() -> None:
    cards = deck(200, random.Random(1))
    assert {kind.name for kind in cards} == {kind.name for kind in (*USUAL, *ENDS)}
    assert len(cards) == 200 + len(ENDS)
    assert sum(USUAL.values()) == 100
