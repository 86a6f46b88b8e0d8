from collections.abc import Iterator

import pytest

from tests.unit.scripted_pool import ScriptedPool


@pytest.fixture
def pool() -> Iterator[ScriptedPool]:
    scripted = ScriptedPool()
    yield scripted
    scripted.close()
