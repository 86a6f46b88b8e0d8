"""The log of a process: JSON lines for programs, text for a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

from tyrex_pool.model.text import printable

_LEVELS: Final = {"tyrex_pool": logging.INFO, "opentelemetry": logging.WARNING}
_EXTRAS: Final = ("runtime", "eval", "trace_id", "span_id")
log = logging.getLogger("tyrex_pool")


def configure_logs() -> None:
    """Write the log to stderr: text when stderr is a terminal, JSON lines otherwise."""
    handler = logging.StreamHandler()
    handler.setFormatter(TextFormatter() if sys.stderr.isatty() else JsonFormatter())
    for name, level in _LEVELS.items():
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False


class JsonFormatter(logging.Formatter):
    """One JSON object per record, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {extra: getattr(record, extra) for extra in _EXTRAS if hasattr(record, extra)}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Text with the local time; lines of a message after the first are indented, so that no guest forges a record."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        origin = getattr(record, "eval", None) or getattr(record, "runtime", None) or ""
        text = printable(record.getMessage()).replace("\n", "\n  ")
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return f"{time} {record.levelname.lower():7} {origin + ' ' if origin else ''}{text}"
