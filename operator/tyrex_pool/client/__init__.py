"""Clients of a pool's HTTP interface: `Client` blocks, `AsyncClient` is awaited."""

from tyrex_pool.client.asynchronous import AsyncClient
from tyrex_pool.client.blocking import Client
from tyrex_pool.model.answer import Answer
from tyrex_pool.model.batch import BatchAnswer

__all__ = ["Answer", "AsyncClient", "BatchAnswer", "Client"]
