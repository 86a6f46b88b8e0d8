import os

from tyrex_pool.runtime.memory import Memory

MEBI = 1 << 20
NO_PROCESS = 1 << 22
"""Above the highest process id that Linux gives."""


def test_a_process_within_its_limit() -> None:
    memory = Memory(os.getpid(), heap=1 << 40)
    assert not memory.over_limit
    memory.limit = 1
    assert memory.over_limit
    memory.close()
    assert not memory.over_limit, "closed"


def test_the_limit_counts_from_the_memory_after_loading() -> None:
    memory = Memory(os.getpid(), heap=32 * MEBI)
    memory.limit = 1
    memory.main_module_loaded()
    assert memory.limit > (32 + 96) * MEBI
    assert not memory.over_limit
    memory.close()


def test_a_process_that_is_gone_is_never_over_its_limit() -> None:
    memory = Memory(NO_PROCESS, heap=1)
    memory.limit = -1
    assert memory.over_limit, "0 bytes, and the limit is lower"
    memory.limit = 0
    assert not memory.over_limit
    memory.close()
