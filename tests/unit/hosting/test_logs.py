"""The log as text and as JSON: no message of a guest may look like a record of its own."""

import json
import logging
import re
import sys

import pytest

from tyrex_pool.hosting.logs import JsonFormatter, TextFormatter

FORGERIES = [
    pytest.param("a\n12:00:00 error   forged", id="a new line"),
    pytest.param("a\r12:00:00 error   forged", id="a carriage return"),
    pytest.param("a\r\n12:00:00 error   forged", id="both"),
    pytest.param("a\x1b]0;title\x07", id="a terminal's title"),
    pytest.param("a\x1b[2J\x1b[1;1H", id="a cleared screen"),
    pytest.param("a\x9b2J", id="one byte for two"),
    pytest.param("a\x08\x08\x08b", id="backspaces"),
    pytest.param("a\v\f\x85\u2028\u2029b", id="other ends of a line"),
    pytest.param("a\u202eb", id="right to left"),
    pytest.param("a\ud800b", id="half a surrogate pair"),
]
BEGIN = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2} info    render-0\.5\.1 a")


def record(message: str) -> logging.LogRecord:
    made = logging.LogRecord("tyrex_pool.guest", logging.INFO, "", 0, "%s", (message,), None)
    made.__dict__.update(runtime="render-0", eval="render-0.5.1")
    return made


@pytest.mark.parametrize("message", FORGERIES)
def test_a_guest_s_message_on_a_terminal(message: str) -> None:
    first, *others = TextFormatter().format(record(message)).splitlines()
    assert BEGIN.match(first)
    assert all(line.startswith("  ") for line in others)
    assert all(char.isprintable() for line in (first, *others) for char in line)


def test_a_message_of_two_lines_is_still_read_easily() -> None:
    assert TextFormatter().format(record("a\n  b: ü 😀")).endswith("render-0.5.1 a\n    b: ü 😀")


@pytest.mark.parametrize("message", FORGERIES)
def test_a_guest_s_message_for_a_program(message: str) -> None:
    line = JsonFormatter().format(record(message))
    assert "\n" not in line
    told = json.loads(line)
    assert (told["message"], told["runtime"], told["eval"]) == (message, "render-0", "render-0.5.1")


@pytest.mark.parametrize("kind", [TextFormatter, JsonFormatter])
def test_a_mistake_of_ours_says_where(kind: type[logging.Formatter]) -> None:
    try:
        raise OverflowError("nobody thought of this")
    except OverflowError:
        failed = logging.LogRecord("tyrex_pool", logging.ERROR, "", 0, "it failed", (), sys.exc_info())
    assert "nobody thought of this" in kind().format(failed)
