"""One runtime in a pod of its own: a pool of one, whose proxies know better than its manifest how long its queue is."""

from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidRequest
from tyrex_pool.runtime.isolate_pool import IsolatePool


class AgentPool(IsolatePool):
    """A backend for `Api` alone: it reads the request that a ticket came with.

    Queues follow a TyrexPool without a restart this way: a proxy that sees another length there than the one that
    `GET /v1/pool` shows here sends it along with each eval.
    """

    def submit(self, ticket: Ticket) -> None:
        """Raises NoRuntime, Overloaded, StrategyError, InvalidRequest."""
        told: bytes | None = ticket.request.head.queue
        if told is None:
            return super().submit(ticket)
        slot = self.runtimes[0].slot
        usual, slot.queue = slot.queue, _length(told)
        try:
            super().submit(ticket)
        finally:
            slot.queue = usual


def _length(raw: bytes) -> int:
    if not raw.isdigit() or len(raw) > 6:
        raise InvalidRequest(f"{names.HEADER_QUEUE}: write a whole number; got {raw.decode('latin-1')!r}")
    return int(raw)
