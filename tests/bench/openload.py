"""Evals at a fixed rate, some of them slow, whether or not the server keeps up: what wrk, which waits, cannot do.

`python -m tests.bench.openload URL RATE SECONDS SLOW_SHARE SEED` prints what the fast ones took, as JSON.
"""

import asyncio
import json
import random
import sys
from collections import deque
from collections.abc import Sequence
from time import perf_counter
from urllib.parse import urlsplit

import httptools
import uvloop

FAST, SLOW = "1 + 2", "new Promise((resolve) => setTimeout(resolve, 200, 3))"
CONNECTIONS = 64
"""More than are ever in use while the server keeps up; past them a request waits, and its clock runs."""
WARM_UP, LAST_CALL = 1.0, 5.0
"""Seconds: before anything counts, and for the answers after the last request."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
_REQUEST = (
    "POST /v1/eval HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
)


class Caller(asyncio.Protocol):
    """One connection, which has one request at a time."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self._sent: tuple[float, bool] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sent is not None:
            self._load.errors += 1

    def send(self, due: float, slow: bool) -> None:
        self._sent = (due, slow)
        self._transport.write(self._load.requests[slow])  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        assert self._sent is not None
        (due, slow), self._sent = self._sent, None
        self._load.answered(self, due, slow, self._parser.get_status_code() == 200)


class Load:
    """All callers, and what their requests took in seconds."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.requests = [self._request(FAST), self._request(SLOW)]
        self.idle: list[Caller] = []
        self.errors = 0
        self.took: list[float] = []
        self._waiting: deque[tuple[float, bool]] = deque()
        self._open = 0

    def _request(self, code: str) -> bytes:
        body = json.dumps({"code": code})
        return _REQUEST.format(host=f"{self.host}:{self.port}", length=len(body), body=body).encode()

    async def run(self, rate: float, seconds: float, slow_share: float, chance: random.Random) -> None:
        """Requests come at random, `rate` in a second."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            await loop.create_connection(lambda: Caller(self), self.host, self.port)
        start = perf_counter()
        due = start
        while due < start + seconds:
            while due <= perf_counter():
                # Its clock starts when it is sent: timers tick in ms, and that is not the server's lateness.
                self._send(perf_counter(), chance.random() < slow_share)
                due += chance.expovariate(rate)
            await asyncio.sleep(0.001)
        end = perf_counter() + LAST_CALL
        while self._open and perf_counter() < end:
            await asyncio.sleep(0.01)
        self.errors += self._open

    def _send(self, now: float, slow: bool) -> None:
        self._open += 1
        if self.idle:
            self.idle.pop().send(now, slow)
        else:
            self._waiting.append((now, slow))

    def answered(self, caller: Caller, due: float, slow: bool, well: bool) -> None:
        self._open -= 1
        self.errors += not well
        if not slow:
            self.took.append(perf_counter() - due)
        if self._waiting:
            caller.send(*self._waiting.popleft())
        else:
            self.idle.append(caller)


def percentile(ordered: Sequence[float], percent: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


async def main(url: str, rate: float, seconds: float, slow_share: float, seed: int) -> None:
    await Load(url).run(rate, WARM_UP, slow_share, random.Random(seed))
    load = Load(url)
    await load.run(rate, seconds, slow_share, random.Random(seed))
    ordered = sorted(load.took)
    shown = {f"{percent:g}": round(percentile(ordered, percent) * 1e6, 1) for percent in PERCENTILES}
    print(json.dumps({"rate": len(ordered) / seconds, "errors": load.errors, "percentiles": shown}))


if __name__ == "__main__":
    rate, seconds, slow_share = map(float, sys.argv[2:5])
    uvloop.run(main(sys.argv[1], rate, seconds, slow_share, seed=int(sys.argv[5])))
