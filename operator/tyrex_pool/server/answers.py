"""The answers to evals as HTTP header lines and bodies, over HTTP and over a proxy's stream alike."""

from typing import Final

from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model import names
from tyrex_pool.server.http.messages import head

JSON_HEAD: Final = head(200, names.TYPE_JSON)
"""The start of every result."""
RESULT_BODY: Final = b'{"result":%b}'
_TIMING: Final = (
    f"{names.HEADER_EPOCH}: %d\r\n{names.HEADER_EVAL}: %b\r\n"
    f"{names.HEADER_SERVER_TIMING}: queue;dur=%.3f, eval;dur=%.3f%b\r\n"
).encode()


def timing_lines(ticket: Ticket) -> bytes:
    """The header lines with the eval's epoch and id, how long it waited and ran, and its CPU time if known (ms)."""
    started = ticket.started or ticket.finished
    return _TIMING % (
        ticket.epoch,
        ticket.id,
        (started - ticket.arrived) * 1000,
        (ticket.finished - started) * 1000 if ticket.finished else 0.0,
        b", cpu;dur=%.3f" % (ticket.cpu * 1000) if ticket.cpu >= 0.0 else b"",
    )
