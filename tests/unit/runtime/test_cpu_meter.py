"""The charges of a meter, from transcripts: what the isolate used in all, and when evals begin and end."""

import pytest

from tyrex_pool.runtime.cpu_meter import ASK, CpuMeter


class System:
    """Says what the isolate has used, and counts how often it was asked."""

    def __init__(self) -> None:
        self.used = 10.0
        self.asked = 0

    def read(self) -> float:
        self.asked += 1
        return self.used


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
def meter(system: System) -> CpuMeter:
    meter = CpuMeter(system.read)
    meter.begin(100.0)
    return meter


def test_one_that_computes(system: System, meter: CpuMeter) -> None:
    system.used += 0.3
    assert meter.charge(0.3, 100.3) == pytest.approx(0.3)


def test_one_that_waits(system: System, meter: CpuMeter) -> None:
    system.used += 0.001
    assert meter.charge(5.0, 105.0) == pytest.approx(0.001)


def test_one_with_threads(system: System, meter: CpuMeter) -> None:
    system.used += 0.6
    assert meter.charge(0.3, 100.3) == pytest.approx(0.6)


def test_short_ones_ask_the_system_seldom(system: System, meter: CpuMeter) -> None:
    system.asked = 0
    for number in range(1000):
        system.used += 0.00002
        charged = meter.charge(0.00002, 100.0 + number * 0.00002)
        assert charged == pytest.approx(0.00002)
    assert system.asked <= 1000 * 0.00002 / ASK


def test_a_long_one_is_not_charged_with_short_ones_before(system: System, meter: CpuMeter) -> None:
    for number in range(5):
        system.used += 0.0001
        meter.charge(0.0001, 100.0001 + number * 0.0001)
    system.used += 0.05
    assert meter.charge(0.5, 100.6) == pytest.approx(0.05)


def test_short_ones_that_wait_do_not_hide_a_long_one(system: System, meter: CpuMeter) -> None:
    for number in range(100):
        meter.charge(0.0015, 100.0 + number * 0.0015)
    system.used += 0.05
    assert meter.charge(0.05, 101.0) == pytest.approx(0.05, abs=ASK)


def test_what_was_used_while_nothing_ran_is_nobodys(system: System, meter: CpuMeter) -> None:
    system.used += 3.0
    meter.begin(200.0)
    system.used += 0.01
    assert meter.charge(0.01, 200.01) == pytest.approx(0.01)


def test_an_isolate_that_is_gone(system: System, meter: CpuMeter) -> None:
    system.used = 0.0
    assert meter.charge(0.5, 100.5) == 0.0
