"""Section: a batch of 100,000 lines beside the same evals over keep-alive connections, in turns."""

import os
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from tests.bench import targets
from tests.bench.load import measure as measure_load
from tests.bench.samples import Sample, rate, ratio, spread
from tests.bench.section import Aim, Plan, Progress, Section, Table
from tests.bench.turns import warm
from tyrex_pool.dispatch.window import BEHIND
from tyrex_pool.model import names

SIZE = 2
CONNECTIONS = SIZE * (1 + BEHIND)
"""As many evals at once as a batch has at most."""
LINES, QUICK_LINES = 100_000, 20_000
BOUND = 0.9
_LINE = b'{"code":"1 + 2"}\n'
_RESULT = b'"result":3}\n'
_PIECE = 1000
_HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"

TEXT = f"""\
`tyrex-pool serve` with {SIZE} runtimes: `1 + 2` over {CONNECTIONS} keep-alive connections (wrk), and in one batch with
as many lines in flight (a client in Python, which sends and reads at the same time). Memory is the resident memory of
the server after the batch, beyond that before it."""


def measure(plan: Plan, progress: Progress) -> Section:
    lines = QUICK_LINES if plan.quick else LINES
    progress.begin("batches", 2 * plan.rounds)
    alone: list[Sample] = []
    batches: list[Sample] = []
    grown: list[float] = []
    with warm(lambda: targets.serve(size=SIZE)) as running:
        (server,) = running.roles
        for _ in range(plan.rounds):
            alone.append(measure_load(running.url, CONNECTIONS, plan.seconds, running.roles))
            progress.show(f"{CONNECTIONS} connections", alone[-1])
            before = resident(server)
            batches.append(batch(running.url, lines))
            grown.append((resident(server) - before) / (1 << 20))
            progress.show(f"a batch of {lines:,} lines", batches[-1])
    shown = {f"{CONNECTIONS} connections": alone, f"a batch of {lines:,} lines": batches}
    beside = ratio(batches, alone)
    errors = sum(sample.errors for sample in [*alone, *batches])
    what = f"a batch of {lines:,} lines: evals per second, times those over {CONNECTIONS} connections"
    return Section(
        "Batches",
        TEXT,
        tables=[_table(shown, max(grown))],
        aims=[Aim(what, beside.middle, BOUND, True, f"{beside.text(2)} times", errors=errors)],
        data={name: [sample.rate for sample in samples] for name, samples in shown.items()},
    )


def _table(shown: Mapping[str, list[Sample]], grown: float) -> Table:
    rows = [[name, spread(samples, rate).text(), "–"] for name, samples in shown.items()]
    rows[-1][-1] = f"{grown:.1f}"
    return Table(["evals over", "evals per second", "memory MiB, at most"], rows)


def batch(url: str, lines: int) -> Sample:
    """One batch; the errors are the lines without the right answer."""
    address = (urlsplit(url).hostname or "", urlsplit(url).port or 80)
    with socket.create_connection(address, timeout=60) as connection:
        size = lines * len(_LINE)
        head = _HEAD.format(path=names.PATH_BATCH, kind=names.TYPE_LINES, size=size)

        def send() -> None:
            connection.sendall(head.encode())
            for sent in range(0, lines, _PIECE):
                connection.sendall(_LINE * min(_PIECE, lines - sent))

        began = monotonic()
        sending = threading.Thread(target=send)
        sending.start()
        right, last = 0, b""
        while not last.endswith(b"\r\n0\r\n\r\n"):
            data = connection.recv(1 << 18)
            if not data:
                break
            right += (last + data).count(_RESULT) - last.count(_RESULT)
            last = (last + data)[-64:]
        seconds = monotonic() - began
        sending.join()
    return Sample(rate=lines / seconds, p50=0.0, p99=0.0, errors=lines - right)


def resident(process: int) -> float:
    """Bytes of its resident memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
