"""The pool of one runtime in a pod of its own. Its proxies know the length of its queue better than its manifest."""

from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidRequest
from tyrex_pool.runtime.isolate_pool import IsolatePool
from tyrex_pool.server.ticket import ServerTicket


class AgentPool(IsolatePool):
    """A pool for `Api` and its streams alone: it reads the request of a ticket.

    A change of a TyrexPool's queue length reaches a runtime without a restart this way: a proxy that sees another
    length in this pool's `GET /v1/pool` sends the right one along with each eval.
    """

    def submit(self, ticket: ServerTicket) -> None:  # type: ignore[override]  # servers give it no other tickets
        """Raises NoRuntime, Overloaded, StrategyError, InvalidRequest."""
        header: bytes | None = ticket.request.head.queue
        if header is None:
            return super().submit(ticket)
        slot = self.runtimes[0].slot
        usual, slot.queue = slot.queue, _length(header)
        try:
            super().submit(ticket)
        finally:
            slot.queue = usual


def _length(raw: bytes) -> int:
    if not raw.isdigit() or len(raw) > 6:
        raise InvalidRequest(f"{names.HEADER_QUEUE}: write a whole number; got {raw.decode('latin-1')!r}")
    return int(raw)
