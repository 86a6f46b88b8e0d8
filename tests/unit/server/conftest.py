"""`server` and `client`: a listener for one test, and a connection to it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.server.listening import (
    LIMIT,
    Client,
    Server,
)
from tyrex_pool.server.http.listener import Listener


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    server.listener = await Listener.open(server.routes, LIMIT, "127.0.0.1", 0)
    yield server
    await server.listener.close()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", server.listener.port))
    yield client
    client.writer.close()
