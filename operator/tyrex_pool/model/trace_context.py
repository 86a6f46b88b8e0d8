"""W3C Trace Context: the trace that an eval belongs to, as the header `traceparent` names it.

    version-trace id-parent id-flags    00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01

After `accepted` a trace is 55 bytes of exactly this form, or empty for none.
"""

import re
from typing import Final

_FORM: Final = re.compile(
    rb"(?!ff)([0-9a-f]{2})(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?", re.DOTALL
)
_OURS: Final = b"00"


def accepted(header: bytes) -> bytes:
    """The trace that a caller's header names; empty for a malformed header, which the standard has us ignore.

    A header of a later version is read as one of version 00, as the standard says.
    """
    found = _FORM.fullmatch(header)
    if found is None or (found[1] == _OURS and found[3] is not None):
        return b""
    return _OURS + found[2]


def trace_id(trace: bytes) -> str:
    """32 hexadecimal digits."""
    return trace[3:35].decode()


def span_id(trace: bytes) -> str:
    """16 hexadecimal digits: the id of the eval's span."""
    return trace[36:52].decode()
