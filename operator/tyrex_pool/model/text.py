"""Makes text of guests and callers safe for a terminal."""


def printable(text: str) -> str:
    """`text` with control characters (but newline and tab) and lone surrogates escaped."""
    return "".join(char if char.isprintable() or char in "\n\t" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else ascii(char)[1:-1]
