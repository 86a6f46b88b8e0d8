"""`traceparent`: from the caller through every server to the guest's log lines, and back in the answer."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.local.commands import Command, command, logging_to
from tests.local.running import until

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACE = f"00-{ID}-{SPAN}-01"
MANIFEST = """\
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: traced}
spec: {size: 1}
"""


class Hop:
    """`front` takes evals, `lines` are those of the log of the server that runs them."""

    def __init__(self, front: Command, log: Path) -> None:
        self.front = front
        self._log = log

    def lines(self, message: str) -> list[dict[str, str]]:
        written = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in written if line["message"].startswith(message)]

    def post(self, code: str, trace: str | None) -> httpx.Response:
        headers = {} if trace is None else {"traceparent": trace}
        return self.front.http.post("/v1/eval", json={"code": code}, headers=headers)


PORTS = ("--port", "0", "--admin-port", "0")


@pytest.fixture(params=["serve", "proxy"], scope="module")
def hop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hop]:
    folder = tmp_path_factory.mktemp("traced")
    (folder / "pool.yaml").write_text(MANIFEST)
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("w"))

        def start(*words: str) -> Command:
            return stack.enter_context(logging_to(log, *words, *PORTS))

        if request.param == "serve":
            front = start("serve", str(folder / "pool.yaml"))
        else:
            agent = start("agent", str(folder / "pool.yaml"))
            front = start("proxy", "--runtime", agent.url)
        until(lambda: front.status()["ready"])
        yield Hop(front, folder / "log")


def one(lines: Callable[[], list[dict[str, str]]]) -> dict[str, str]:
    until(lambda: len(lines()) == 1)
    return lines()[0]


def test_the_log_lines_of_an_eval_and_its_answer_carry_its_trace(hop: Hop) -> None:
    answer = hop.post("console.log('traced'); setTimeout(() => console.log('after it'), 10); 7", TRACE)
    assert (answer.json(), answer.headers["traceparent"]) == ({"result": 7}, TRACE)
    for message in ("traced", "after it"):
        line = one(lambda message=message: hop.lines(message))  # type: ignore[misc]
        assert (line["eval"], line["trace_id"], line["span_id"]) == (answer.headers["tyrex-eval"], ID, SPAN)


@pytest.mark.parametrize("trace", [None, "00-nonsense-01", f"ff-{ID}-{SPAN}-01"], ids=["none", "malformed", "version"])
def test_without_a_trace(hop: Hop, trace: str | None) -> None:
    message = f"not traced: {trace}"
    answer = hop.post(f"console.log({message!r}); 7", trace)
    assert answer.json() == {"result": 7}
    assert "traceparent" not in answer.headers
    line = one(lambda: hop.lines(message))
    assert not {"trace_id", "span_id"} & set(line)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        pytest.param("throw 1", "execution_error", id="of the guest"),
        pytest.param("for(;;){}", "timeout", id="of the server"),
    ],
)
def test_errors_carry_it_too(hop: Hop, code: str, name: str) -> None:
    answer = hop.front.http.post("/v1/eval", json={"code": code, "timeoutMs": 300}, headers={"traceparent": TRACE})
    assert (answer.json()["name"], answer.headers["traceparent"]) == (name, TRACE)


def test_a_refusal_carries_it_too(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(MANIFEST.replace("size: 1", "size: 0"))
    with command("serve", str(tmp_path / "pool.yaml"), *PORTS) as parked:
        answer = parked.http.post("/v1/eval", json={"code": "1"}, headers={"traceparent": TRACE})
    assert (answer.json()["name"], answer.headers["traceparent"]) == ("no_runtime", TRACE)
