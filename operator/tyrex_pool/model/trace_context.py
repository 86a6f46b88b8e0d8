"""W3C Trace Context: which trace an eval belongs to, as the header `traceparent` tells it.

    version-trace id-parent id-flags    00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01

Past `accepted` a trace is 55 bytes of exactly this form, or empty for none.
"""

import re
from typing import Final

_FORM: Final = re.compile(
    rb"(?!ff)([0-9a-f]{2})(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?", re.DOTALL
)
_OURS: Final = b"00"


def accepted(header: bytes) -> bytes:
    """The trace that a caller's header names; empty for a malformed one, which counts as none (so the standard says).

    Of a version that is not known yet it is what the known one says.
    """
    found = _FORM.fullmatch(header)
    if found is None or (found[1] == _OURS and found[3] is not None):
        return b""
    return _OURS + found[2]


def trace_id(trace: bytes) -> str:
    """32 hexadecimal digits."""
    return trace[3:35].decode()


def span_id(trace: bytes) -> str:
    """16 hexadecimal digits: of the span that the eval belongs to."""
    return trace[36:52].decode()
