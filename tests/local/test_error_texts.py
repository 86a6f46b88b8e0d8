"""Whatever text a guest throws, rejects with or prints is data: it ends no isolate and touches no other eval."""

import logging
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.local.conftest import Start
from tests.local.guest_logs import Log, guest_logs
from tests.local.problems import problem
from tests.local.running import RunningPool, result

SPEC = {"size": 1, "concurrency": 4}
HALF = "'😀'[0]"
OTHER_HALF = "'😀'[1]"


@pytest.fixture
def log() -> Iterator[Log]:
    with guest_logs() as log:
        yield log


THROWN = [
    pytest.param("throw new Error('no user ' + 'Ann 😀'.slice(0, 5))", "Error: no user Ann \ufffd", id="half a pair"),
    pytest.param("throw new Error('😀'.repeat(4100))", "Error: " + "😀" * 4092 + "…", id="a cut inside a pair"),
    pytest.param("throw new Error('x' + '😀'.repeat(4100))", "Error: x" + "😀" * 4092 + "…", id="a cut between pairs"),
    pytest.param(f"throw new Error({OTHER_HALF} + 'b')", "Error: \ufffdb", id="the second half"),
    pytest.param(f"throw new Error({OTHER_HALF} + {HALF})", "Error: \ufffd\ufffd", id="both halves, swapped"),
    pytest.param(f"throw {HALF}", "\ufffd", id="a string"),
    pytest.param("throw '😀'.repeat(5000)", "😀" * 4096 + "…", id="a long string"),
    pytest.param("throw 'x' + '😀'.repeat(5000)", "x" + "😀" * 4095 + "…", id="a long string, cut inside a pair"),
    pytest.param(f"throw {{[{HALF}]: {HALF}}}", '{"\\ufffd":"\\ufffd"}', id="keys and values of an object"),
    pytest.param(f"throw [{HALF}, '😀', {OTHER_HALF}]", '["\\ufffd","😀","\\ufffd"]', id="an array"),
    pytest.param(f"throw Symbol({HALF})", "Symbol(\ufffd)", id="a symbol's description"),
    pytest.param(f"throw eval('() => \"' + {HALF} + '\"')", '() => "\ufffd"', id="a function's text"),
    pytest.param(f"throw Object.assign(new Error('m'), {{name: {HALF}}})", "\ufffd: m", id="a name"),
    pytest.param("throw Object.assign(new Error('m'), {name: '😀'.repeat(9000)})", "😀" * 4096 + "…", id="a long name"),
    pytest.param(
        f"throw Object.assign(new Error('m'), {{message: {HALF}}})", "Error: \ufffd", id="a message set later"
    ),
    pytest.param(f"throw Object.assign(new Error('m'), {{stack: {HALF}}})", "Error: m", id="a stack"),
    pytest.param(
        "throw Object.assign(new Error('m'), {stack: 'x' + '😀'.repeat(20000)})", "Error: m", id="a long stack"
    ),
    pytest.param(f"throw Object.assign(new Error('m'), {{toString() {{ return {HALF} }}}})", "\ufffd", id="a toString"),
    pytest.param(f"throw new Error('m', {{cause: new Error({HALF})}})", "Error: m", id="a cause"),
    pytest.param(f"throw new Error('m', {{cause: {HALF}}})", "Error: m", id="a string as cause"),
    pytest.param(f"throw new AggregateError([{HALF}, new Error({HALF})], 'm')", "AggregateError: m", id="errors"),
    pytest.param(f"throw Object.assign(new Error('m'), {{get a() {{ throw {HALF} }}}})", None, id="a getter"),
    pytest.param(f"({{get a() {{ throw new Error({HALF}) }}}}).a", "Error: \ufffd", id="an error of a getter"),
    pytest.param(
        "throw new Error('a\\0b\\u2028c\\u2029d\\ne\\r\\x85f')", "Error: a\0b\u2028c\u2029d\ne\r\x85f", id="lines"
    ),
    pytest.param("throw new Error('\\ufeff\\ufffe\\uffff')", "Error: \ufeff\ufffe\uffff", id="no characters"),
    pytest.param("throw new Error('\\\\ud83d')", "Error: \\ud83d", id="text that looks like an escape"),
    pytest.param("throw ['\\\\ud83d', '\\\\\\\\ud83d']", '["\\\\ud83d","\\\\\\\\ud83d"]', id="escapes of escapes"),
    pytest.param("throw JSON.rawJSON('\"\\\\uD83D\\\\uDE00\"')", '"\\ufffd\\ufffd"', id="raw JSON"),
    pytest.param(f"JSON.parse({HALF})", None, id="a parser's message"),
    pytest.param(f"eval('a ' + {HALF})", None, id="a syntax error's message"),
    pytest.param(f"null[{HALF}]", None, id="a TypeError's message"),
    pytest.param(f"decodeURIComponent.call(null, '%'); {HALF}", "URIError: URI malformed", id="a URIError"),
    pytest.param(f"throw new DOMException({HALF}, {HALF})", None, id="a DOMException"),
    pytest.param(
        f"const C = {{[{HALF}]: class extends Error {{}}}}[{HALF}]; throw new C('m')", "Error: m", id="a class's name"
    ),
]


@pytest.mark.parametrize("how", ["{0}", "(async () => {{ await null; {0} }})()"], ids=["thrown", "rejected"])
@pytest.mark.parametrize(("code", "detail"), THROWN)
def test_a_text_that_is_thrown(pool: RunningPool, code: str, detail: str | None, how: str) -> None:
    epochs = pool.epochs()
    pool.eval("globalThis.kept = 1")
    beside = pool.later("new Promise((ok) => setTimeout(ok, 60, 'innocent'))")
    pool.wait_busy()
    name = "execution_error" if how == "{0}" else "promise_rejection"
    document = problem(pool.post(how.format(code)), name)
    if detail is not None:
        assert document["detail"] == detail
    assert well_formed(document)
    assert result(beside.result()) == "innocent"
    assert pool.eval("typeof kept") == "number"
    assert pool.epochs() == epochs


def well_formed(value: object) -> bool:
    """Whether all text in `value` is Unicode that can be encoded."""
    if isinstance(value, dict):
        return all(well_formed(key) and well_formed(member) for key, member in value.items())
    if isinstance(value, list):
        return all(map(well_formed, value))
    return not isinstance(value, str) or not any(0xD800 <= ord(character) <= 0xDFFF for character in value)


def test_stacks_are_cut_between_characters(pool: RunningPool) -> None:
    code = "throw Object.assign(new Error('m'), {stack: 'x' + '😀'.repeat(20000)})"
    assert problem(pool.post(code), "execution_error")["stack"] == "x" + "😀" * 8191 + "…"


UNCONVERTIBLE = [
    pytest.param(f"({{toJSON() {{ throw new Error({HALF}) }}}})", "Error: \ufffd", id="an error of toJSON"),
    pytest.param(f"({{get a() {{ throw {HALF} }}}})", "\ufffd", id="a text of a getter"),
    pytest.param("({toJSON() { throw new Error('😀'.repeat(9000)) }})", "😀…", id="a long error of toJSON"),
]


@pytest.mark.parametrize(("code", "end"), UNCONVERTIBLE)
def test_a_text_in_the_way_of_a_result(pool: RunningPool, code: str, end: str) -> None:
    epochs = pool.epochs()
    assert problem(pool.post(code), "conversion_error")["detail"].endswith(end)
    assert pool.epochs() == epochs


PRINTED = [
    pytest.param(f"console.log('p1' + {HALF})", "p1\ufffd", id="half a pair"),
    pytest.param("console.log('p2' + 'x'.repeat(8189) + '😀')", "p2" + "x" * 8189 + "…", id="cut inside a pair"),
    pytest.param("console.log('p3' + 'x'.repeat(8188) + '😀')", "p3" + "x" * 8188 + "😀", id="just the limit"),
    pytest.param(f"console.error('p4', Symbol({HALF}))", "p4 Symbol('\ufffd')", id="a symbol"),
    pytest.param(f"console.warn('p5 %s', {OTHER_HALF})", "p5 \ufffd", id="formatted"),
    pytest.param("console.log('p6\\0\\u2028\\nb')", "p6\0\u2028\nb", id="lines"),
    pytest.param(f"console.debug('p7', {{[{HALF}]: 1}})", None, id="a key"),
    pytest.param(f"console.info('p8', new Error({HALF}, {{cause: {HALF}}}))", None, id="an error"),
]


@pytest.mark.parametrize(("code", "message"), PRINTED)
def test_a_text_that_is_printed(pool: RunningPool, log: Log, code: str, message: str | None) -> None:
    answer = pool.post(f"{code}; 7")
    assert result(answer) == 7
    record = log.wait(f"p{code.split('p')[-1][0]}" if message is None else message[:2])
    assert message is None or record.getMessage() == message
    assert well_formed(record.getMessage())
    assert record.__dict__["eval"] == answer.headers["Tyrex-Eval"]


def test_results_keep_their_halves(pool: RunningPool) -> None:
    """A result is JSON as JavaScript writes it, and JSON can say half a pair."""
    answer = pool.post(HALF)
    assert answer.content == b'{"result":"\\ud83d"}'


MODULES = [
    pytest.param("throw new Error('bad c' + '😀'[0])", "Error: bad c\ufffd", id="half a pair"),
    pytest.param("throw 'bad c' + '😀'[0]", "bad c\ufffd", id="a string"),
    pytest.param("throw {['😀'[0]]: 'bad c' + '😀'[1]}", "bad c", id="an object"),
    pytest.param("await Promise.reject(new Error('bad c' + '😀'[0]))", "Error: bad c\ufffd", id="a rejection"),
    pytest.param("throw new Error('bad c' + '😀'.repeat(9000))", "Error: bad c😀", id="a long one"),
    pytest.param("throw Object.assign(new Error('bad c'), {stack: 'bad c' + '😀'[0]})", "bad c", id="a stack"),
    pytest.param("throw Object.assign(new Error('bad c'), {name: '😀'[0]})", "bad c", id="a name"),
]


@pytest.mark.parametrize(("module", "reason"), MODULES)
def test_a_main_module_that_throws_such_a_text(
    start: Start, caplog: pytest.LogCaptureFixture, module: str, reason: str
) -> None:
    begun = monotonic()
    with caplog.at_level(logging.WARNING):
        pool = start(size=1, mainModule={"inline": module}, timeouts={"startup": "30s"})
    assert monotonic() - begun < 10, "at once"
    assert reason in pool.status()["runtimes"][0]["reason"]
    problem(pool.post("1"), "no_runtime")
    assert not [record for record in caplog.records if record.exc_info or "Traceback" in record.getMessage()]
