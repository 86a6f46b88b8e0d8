"""What guests printed, as the log records that a test can wait for."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tests.local.running import until


class Log(logging.Handler):
    """Keeps every record of the guests' logger."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def containing(self, text: str) -> list[logging.LogRecord]:
        return [record for record in self.records if text in record.getMessage()]

    def wait(self, text: str) -> logging.LogRecord:
        """The first record that contains `text`."""
        until(lambda: self.containing(text))
        return self.containing(text)[0]


@contextmanager
def guest_logs() -> Iterator[Log]:
    """Collects all levels while the block runs."""
    log = Log()
    logger = logging.getLogger("tyrex_pool.guest")
    logger.addHandler(log)
    logger.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        logger.removeHandler(log)
        logger.setLevel(logging.NOTSET)
