"""The answers to evals as HTTP header lines and bodies, over HTTP and over a proxy's stream alike."""

from typing import Final

from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model import names
from tyrex_pool.model.wire import console_members, encode_json
from tyrex_pool.server.http.messages import head

JSON_HEAD: Final = head(200, names.TYPE_JSON)
"""The start of every result."""
_RESULT_BODY: Final = b'{"result":%b}'
_WITH_CONSOLE: Final = b'{"result":%b,%b'
_TIMING: Final = (
    f"{names.HEADER_EPOCH}: %d\r\n{names.HEADER_EVAL}: %b\r\n"
    f"{names.HEADER_SERVER_TIMING}: queue;dur=%.3f, eval;dur=%.3f%b\r\n"
).encode()


def result_body(ticket: Ticket, result: bytes) -> bytes:
    """The body for a `result` in JSON."""
    console = ticket.console
    if console is None:
        return _RESULT_BODY % result
    return _WITH_CONSOLE % (result, encode_json(console_members(console.lines, console.truncated))[1:])


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
