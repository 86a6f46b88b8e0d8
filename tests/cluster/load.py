"""Evals that go on in the background while a test changes something, and what came of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.cluster.caller import Caller, Where

COUNT = "COUNT"
"""In a load's code: a number, which the eval must give back."""
_NUMBERS = count()


@dataclass(slots=True)
class Load:
    """What the evals came to; filled when the load has ended."""

    told: dict[str, int] = field(default_factory=dict)
    """`right`, `wrong`, or the name of an error -> how often."""
    refused: int = 0
    """Of those errors, how many were retryable: evals that certainly never started."""
    runtimes: dict[str, int] = field(default_factory=dict)
    """Answers by runtime."""
    details: list[str] = field(default_factory=list)
    """The first errors, each with the seconds since the load's start."""

    def assert_flawless(self) -> None:
        """There were evals, and all of them were answered rightly."""
        assert set(self.told) == {"right"}, "\n".join([str(self.told), *self.details])


@contextmanager
def load(
    caller: Caller,
    where: Where,
    code: str = COUNT,
    *,
    workers: int = 4,
    pause: float = 0.02,
    retries: int = 0,
    timeout: float | None = None,
    longest: float = 120,
) -> Iterator[Load]:
    """Evals go on from before the block to after it: each worker sends one after another on a client of its own,
    which tries again what never started `retries` times. Ends by itself after `longest` seconds.
    """
    found = Load()
    mark = f"/tmp/load-{next(_NUMBERS)}"
    with ThreadPoolExecutor(1) as thread:
        ran = thread.submit(
            caller.run, evaluate_until, caller.reach(where), code, mark, workers, pause, retries, timeout, longest
        )
        try:
            caller.cluster.wait(lambda: ran.done() or caller.has(f"{mark}-began"), 20, "the load's first answer")
            yield found
        finally:
            caller.touch(f"{mark}-stop")
            outcome: dict[str, Any] = ran.result(longest)
            found.told, found.refused = outcome["told"], outcome["refused"]
            found.runtimes, found.details = outcome["runtimes"], outcome["details"]


def evaluate_until(
    url: str,
    code: str,
    mark: str,
    workers: int,
    pause: float,
    retries: int,
    timeout: float | None,
    longest: float,
) -> dict[str, Any]:
    """In the pod. The first answer makes a file, and it goes on until there is another one."""
    import time
    from collections import Counter
    from pathlib import Path
    from threading import Event, Thread

    from tyrex_pool import Client, TyrexError

    start, stop = time.monotonic(), Event()
    told: Counter[str] = Counter()
    runtimes: Counter[str] = Counter()
    errors: list[TyrexError] = []
    details: list[str] = []

    def work(number: int) -> None:
        with Client(url, retries=retries) as client:
            evals = 0
            while not stop.is_set():
                evals += 1
                try:
                    answer = client.eval_response(code.replace("COUNT", str(evals)), key=str(number), timeout=timeout)
                    told["right" if "COUNT" not in code or answer.result == evals else "wrong"] += 1
                    runtimes[answer.runtime] += 1
                except TyrexError as error:
                    told[error.name] += 1
                    errors.append(error)
                    details.append(f"{time.monotonic() - start:.2f} s: {error.name}: {error.detail}")
                Path(f"{mark}-began").touch()
                stop.wait(pause)

    threads = [Thread(target=work, args=[number]) for number in range(workers)]
    for thread in threads:
        thread.start()
    while time.monotonic() < start + longest and not Path(f"{mark}-stop").exists():
        stop.wait(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    refused = sum(error.retryable for error in errors)
    return {"told": told, "refused": refused, "runtimes": runtimes, "details": details[:20]}
