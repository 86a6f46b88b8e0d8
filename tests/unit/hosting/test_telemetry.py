from collections.abc import AsyncIterator

import pytest

from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.options import ServerOptions
from tyrex_pool.hosting.telemetry import api_with_telemetry
from tyrex_pool.server.remote.remote_pool import RemotePool
from tyrex_pool.server.service import Address

LISTEN = Address("127.0.0.1", 0, 0)


@pytest.fixture
async def pool() -> AsyncIterator[RemotePool]:
    pool = RemotePool("web")
    yield pool
    await pool.close()


@pytest.mark.parametrize(("access_log", "observers"), [(False, 0), (True, 1)])
async def test_the_access_log_is_written_when_it_is_wanted(
    pool: RemotePool, monkeypatch: pytest.MonkeyPatch, access_log: bool, observers: int
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    async with api_with_telemetry(pool, ServerOptions("proxy", LISTEN, access_log)) as api:
        assert len(api.observers) == observers
        assert not api.traces


async def test_traces_that_cannot_be_made_are_bad_input(pool: RemotePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere")
    with pytest.raises(BadInput, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT: write http://HOST:4318, not 'nowhere'$"):
        async with api_with_telemetry(pool, ServerOptions("proxy", LISTEN)):
            pass
