"""What an eval comes to, wherever it ran."""

from tyrex_pool.model.errors import TyrexError
from tyrex_pool.model.frames import RemoteAnswer

Outcome = bytes | TyrexError | RemoteAnswer
"""The result as JSON, an error, or the answer of another server (whose `start` is all of its head)."""
