"""Evals that go on in the background while a test changes something, and what came of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from tests.cluster.caller import Caller, Where

COUNT = "COUNT"
"""In a load's code: a number, which the eval must give back."""
_LONGEST = 240.0
_NUMBERS = count()


@dataclass(slots=True)
class Load:
    """What the evals came to; filled when the load has ended."""

    told: dict[str, int] = field(default_factory=dict)
    """`right`, `wrong`, or the name of an error -> how often."""
    refused: int = 0
    """Of those errors, how many were retryable: evals that certainly never started."""
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
    timeout: float | None = None,
) -> Iterator[Load]:
    """Evals go on from before the block to after it: each worker sends one after another on a client of its own,
    with `pause` seconds in between. What lasts for minutes is told as `no_end`.
    """
    found = Load()
    mark = f"/tmp/load-{next(_NUMBERS)}"
    url = caller.reach(where)
    with ThreadPoolExecutor(1) as thread:
        ran = thread.submit(caller.run, evaluate_until, url, code, mark, workers, pause, timeout, _LONGEST)
        try:
            caller.cluster.wait(lambda: ran.done() or caller.has(f"{mark}-began"), 20, "the load's first answer")
            yield found
        finally:
            caller.touch(f"{mark}-stop")
            found.told, found.refused, found.details = ran.result()


def evaluate_until(
    url: str,
    code: str,
    mark: str,
    workers: int,
    pause: float,
    timeout: float | None,
    longest: float,
) -> tuple[dict[str, int], int, list[str]]:
    """In the pod. The first answer makes a file, and it goes on until there is another one."""
    import time
    from collections import Counter
    from pathlib import Path
    from threading import Event, Thread

    from tyrex_pool import Client, TyrexError

    start, stop = time.monotonic(), Event()
    told: list[str] = []
    errors: list[TyrexError] = []
    details: list[str] = []

    def work(number: int) -> None:
        with Client(url) as client:
            evals = 0
            while not stop.is_set():
                evals += 1
                try:
                    result = client.eval(code.replace("COUNT", str(evals)), key=str(number), timeout=timeout)
                    told.append("right" if result == evals or "COUNT" not in code else "wrong")
                except TyrexError as error:
                    told.append(error.name)
                    errors.append(error)
                    details.append(f"{time.monotonic() - start:.2f} s: {error.name}: {error.detail}")
                Path(f"{mark}-began").touch()
                stop.wait(pause)

    threads = [Thread(target=work, args=[number]) for number in range(workers)]
    for thread in threads:
        thread.start()
    while not Path(f"{mark}-stop").exists():
        if time.monotonic() > start + longest:
            told.append("no_end")
            break
        stop.wait(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    return Counter(told), sum(error.retryable for error in errors), details[:20]
