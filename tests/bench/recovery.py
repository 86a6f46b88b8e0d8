"""The section of recovery: how soon a runtime answers again when its isolate was killed, and when the spare is back."""

import http.client
import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from threading import Event
from time import perf_counter
from urllib.parse import urlsplit

from tests.bench import plots, targets
from tests.bench.section import Aim, Plan, Plot, Progress, Section, Table
from tyrex_pool.model import names
from tyrex_pool.model.errors import DeadRuntimeError, EvalTimeout, HeapLimitError

KILLS = 40
PAUSE = 0.5
"""Seconds between two kills, in which the spare becomes ready: several times what that takes, which is measured too."""
DEADLINE = 0.1
"""Seconds that the guest which never ends is given."""
BOUND = 30.0
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class End:
    """A way in which a guest loses its isolate: its code, and the error that it is answered with."""

    name: str
    code: str
    error: str
    timeout: float


ENDS = (
    End(f"a deadline of {DEADLINE * 1000:g} ms", "for (;;) {}", EvalTimeout.name, DEADLINE),
    End("the heap limit", "const all = []; for (;;) all.push(new Array(1e5).fill(1.5))", HeapLimitError.name, 20.0),
    End("`Deno.exit()`", "Deno.exit()", DeadRuntimeError.name, 5.0),
)
DEADLINE_END, EXIT_END = ENDS[0], ENDS[2]


class Caller:
    """One caller with one connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def eval(self, code: str, timeout: float = 5.0) -> tuple[dict[str, object], float]:
        """The answer's body, and when it was there."""
        body = json.dumps({"code": code, "timeoutMs": round(timeout * 1000)})
        self._connection.request("POST", names.PATH_EVAL, body, {"Content-Type": names.TYPE_JSON})
        answer: dict[str, object] = json.loads(self._connection.getresponse().read())
        return answer, perf_counter()

    def fail(self, end: End) -> float:
        """Lose the isolate; when that was answered."""
        answer, at = self.eval(end.code, end.timeout)
        if answer.get("name") != end.error:
            raise RuntimeError(f"{end.name} was answered with {answer}, and not with {end.error}")
        return at

    def succeed(self) -> float:
        """When an eval was answered."""
        answer, at = self.eval("1 + 2")
        if answer != {"result": 3}:
            raise RuntimeError(f"the eval after a kill was answered with {answer}")
        return at


@dataclass(frozen=True, slots=True)
class Recovery:
    """Milliseconds to the next eval's answer: since the failure was answered, and since the failing eval was sent."""

    since_answer: float
    since_sent: float

    @property
    def since_deadline(self) -> float:
        return self.since_sent - DEADLINE * 1000


def recovery(caller: Caller, end: End) -> Recovery:
    """Of one kill, with the spare in place."""
    sent = perf_counter()
    failed = caller.fail(end)
    answered = caller.succeed()
    Event().wait(PAUSE)
    return Recovery((answered - failed) * 1000, (answered - sent) * 1000)


def without_spare(caller: Caller) -> float:
    """Milliseconds from a kill's answer to the next one's that needs a new isolate: a second kill takes the spare."""
    failed = caller.fail(EXIT_END)
    caller.fail(EXIT_END)
    answered = caller.succeed()
    Event().wait(PAUSE)
    return (answered - failed) * 1000


def spread(values: Sequence[float]) -> str:
    """Median, and in brackets the lowest and the highest."""
    return f"{median(values):.1f} ({min(values):.1f} – {max(values):.1f})"


def aims(after_deadline: Sequence[Recovery]) -> list[Aim]:
    measured = {
        "after its answer": [each.since_answer for each in after_deadline],
        "after the deadline itself": [each.since_deadline for each in after_deadline],
    }
    return [
        Aim(
            what=f"killed at a deadline, a runtime answers the next eval within {BOUND:g} ms {when}",
            measured=median(values),
            bound=BOUND,
            at_least=False,
            shown=f"{spread(values)} ms over {len(values)} kills",
            in_the_way="the server starts the next spare first, and a start (fork, exec) holds its loop for some ms",
        )
        for when, values in measured.items()
    ]


def table(kills: dict[End, list[Recovery]], without: Sequence[float]) -> Table:
    def row(name: str, values: Sequence[float], since_deadline: Sequence[float]) -> list[str]:
        most = sorted(values)[len(values) * 9 // 10]
        cells = [name, str(len(values)), spread(values), f"{most:.1f}"]
        return [*cells, spread(since_deadline) if since_deadline else "–"]

    rows = [
        row(
            end.name,
            [each.since_answer for each in recoveries],
            [each.since_deadline for each in recoveries] if end is DEADLINE_END else [],
        )
        for end, recoveries in kills.items()
    ]
    rows.append(row("two `Deno.exit()` in a row: no spare", without, []))
    return Table(["killed by", "kills", "next answer, ms", "90 % within, ms", "since the deadline, ms"], rows)


def plot(kills: dict[End, list[Recovery]], without: Sequence[float]) -> Plot:
    values = {end.name: [each.since_answer for each in recoveries] for end, recoveries in kills.items()}
    return plots.dots("recovery", "The next answer after a kill", "ms", values | {"no spare": without})


TEXT = f"""\
A pool of one runtime behind `tyrex-pool serve`, one caller with one connection. A guest loses its isolate; the caller
gets the error and sends `1 + 2` at once. *Next answer* is the time from the error's arrival to that result's: the warm
spare takes the lost isolate's place, so no start of a process is in it. *Since the deadline* begins when the deadline
passed, so finding out and killing are in it as well. Between two kills the caller waits {PAUSE:g} s, and the spare is
back. In the last row it is not: a second kill follows the first one's answer at once, so that the eval after it waits
for a process that was started at the first kill; that is how long a pool is without its spare."""


def measure(plan: Plan, progress: Progress) -> Section:
    kills: dict[End, list[Recovery]] = {end: [] for end in ENDS}
    without: list[float] = []
    count = 5 if plan.quick else KILLS
    progress.begin("recovery", len(ENDS) + 1)
    with targets.serve(size=1, limits={"heap": "64Mi"}) as running:
        caller = Caller(running.url)
        for end in ENDS:
            kills[end] += [recovery(caller, end) for _ in range(count)]
            progress.show(end.name, f"next answer after {spread([each.since_answer for each in kills[end]])} ms")
        without += [without_spare(caller) for _ in range(count)]
        progress.show("without a spare", f"next answer after {spread(without)} ms")
    return Section(
        title="After a kill",
        text=TEXT,
        tables=[table(kills, without)],
        aims=aims(kills[DEADLINE_END]),
        plots=[plot(kills, without)],
        data={
            end.name: [[round(each.since_answer, 2), round(each.since_sent, 2)] for each in kills[end]] for end in ENDS
        }
        | {"without spare": [round(each, 2) for each in without]},
    )
