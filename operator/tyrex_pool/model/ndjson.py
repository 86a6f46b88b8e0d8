"""Lines of JSON (NDJSON) from bytes that come in pieces, as batches and their answers have them. No I/O."""

from typing import Final

from tyrex_pool.model.errors import PayloadTooLarge

_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = b" \t\r"
_SLACK: Final = 16
"""Bytes around a line that are not counted: blanks, and the mark of the byte order."""


class LineReader:
    """Gives one line after another, without the blanks around it; blank lines are left out.

    Lines end with LF or CR LF, the last one also with `end`. A mark of the byte order is allowed at the very beginning.
    `limit` bounds a line in bytes and may change.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = bytearray()
        self._at = 0
        """Where the next line begins in what is held."""
        self._seen = 0
        """Up to where there is no LF."""
        self._first = True
        self._skipping = False
        self._ended = False

    @property
    def held(self) -> int:
        """Bytes that were fed and not given."""
        return len(self._held) - self._at

    @property
    def waiting(self) -> int:
        """The same, but 0 while no line is whole."""
        return self.held if self._end_of_line() is not None else 0

    def feed(self, data: bytes) -> None:
        del self._held[: self._at]
        self._seen -= self._at
        self._at = 0
        self._held += data

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True

    def clear(self) -> None:
        """Forget what is held, and give no more lines."""
        self._held = bytearray()
        self._at = self._seen = 0
        self._ended = True

    def next(self) -> bytes | None:
        """The next line; None when there is none that is whole. Raises PayloadTooLarge once for one over the limit."""
        while (end := self._end_of_line()) is not None:
            with memoryview(self._held) as held:
                line = bytes(held[self._at : end])
            self._at = self._seen = min(end + 1, len(self._held))
            if self._first:
                self._first = False
                line = line.removeprefix(_BOM)
            line = line.strip(_BLANK)
            skipped, self._skipping = self._skipping, False
            if skipped:
                continue
            if len(line) > self.limit:
                raise self._too_large()
            if line:
                return line
        if not self._skipping and self.held > self.limit + _SLACK:
            self._skipping = True
            self._drop()
            raise self._too_large()
        if self._skipping:
            self._drop()
        return None

    def _end_of_line(self) -> int | None:
        end = self._held.find(b"\n", max(self._seen, self._at))
        if end >= 0:
            return end
        self._seen = len(self._held)
        return self._seen if self._ended and self._at < self._seen else None

    def _drop(self) -> None:
        self._at = self._seen = len(self._held)

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"send lines of at most {self.limit} bytes (limits.request)")
