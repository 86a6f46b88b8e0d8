"""A load of everything that happens to a pool: evals of several kinds, errors, guests that lose their isolate, callers
that leave. It comes in rounds with fixed numbers of each, and every answer is checked."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tyrex_pool.model import names

CALLERS = 16
PATIENCE = 30.0
"""Seconds for one answer: none takes a tenth of that."""
LARGE = 65_536


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request: `statuses` are what it may be answered with. With `leaves` the caller goes after so many
    seconds, and no answer comes."""

    name: str
    request: bytes
    statuses: tuple[int, ...] = (200,)
    leaves: float | None = None


def _post(path: str, **members: object) -> bytes:
    body = json.dumps(members).encode()
    headers = f"Host: localhost\r\nContent-Type: {names.TYPE_JSON}\r\nContent-Length: {len(body)}"
    return f"POST {path} HTTP/1.1\r\n{headers}\r\n\r\n".encode() + body


def _eval(code: str, **members: object) -> bytes:
    return _post(names.PATH_EVAL, code=code, **members)


_COMPUTE = "const end = performance.now() + 1; while (performance.now() < end); 3"
_AWAIT = "new Promise((done) => setTimeout(done, 5))"
_HOG = "const all = []; for (;;) all.push(new Array(1e5).fill(1.5))"
_LOOP = "for (;;) {}"
USUAL: dict[Kind, int] = {
    Kind("trivial", _eval("1 + 2")): 60,
    Kind("1 ms of computing", _eval(_COMPUTE)): 8,
    Kind("5 ms of awaiting", _eval(_AWAIT)): 4,
    Kind("64 KiB in and out", _eval(f"'{'x' * LARGE}'")): 6,
    Kind("a key", _eval("1 + 2", key="user-1")): 4,
    Kind("TypeScript", _eval("const n: number = 3; n", language="typescript")): 2,
    Kind("a throw", _eval("throw new Error('no')"), (422,)): 4,
    Kind("a rejection", _eval("Promise.reject(7)"), (422,)): 2,
    Kind("no JSON", _eval("() => 1"), (422,)): 2,
    Kind("an unknown function", _post(names.PATH_CALL, function="nowhere"), (404,)): 2,
    Kind("a bad request", _post(names.PATH_EVAL, cod="1"), (400,)): 2,
    Kind("the caller leaves", _eval(_AWAIT), leaves=0.002): 4,
}
"""By their share, in percent."""
ENDS = (
    Kind("a deadline kills", _eval(_LOOP, timeoutMs=100), (504, 503)),
    Kind("the heap limit", _eval(_HOG), (422,)),
    Kind("an exit", _eval("Deno.exit()"), (502,)),
    Kind("the caller of a loop leaves", _eval(_LOOP, timeoutMs=100), leaves=0.02),
)
"""Each takes an isolate with it, but for a loop whose deadline passed while it waited behind another one (503)."""


class Broken(Exception):
    """The connection ended before the answer did."""


class Connection:
    """One caller's connection, which is opened again when it was closed."""

    def __init__(self, url: str) -> None:
        self._address = (urlsplit(url).hostname, urlsplit(url).port)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, kind: Kind) -> int | None:
        """The answer's status; None when the caller left. Raises Broken."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._address)
        try:
            self._writer.write(kind.request)
            if kind.leaves is not None:
                await asyncio.sleep(kind.leaves)
                await self.close()
                return None
            return await self._answer(self._reader)
        except (OSError, EOFError) as error:
            await self.close()
            raise Broken(str(error)) from error

    async def _answer(self, reader: asyncio.StreamReader) -> int:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        await reader.readexactly(int(fields[b"content-length"]))
        if fields.get(b"connection") == b"close":
            await self.close()
        return int(head.split(b" ", 2)[1])

    async def close(self) -> None:
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def deck(evals: int, chance: random.Random) -> list[Kind]:
    """A round's requests in their order: so many usual ones, and each end once."""
    cards = [kind for kind, share in USUAL.items() for _ in range(evals * share // 100)] + list(ENDS)
    chance.shuffle(cards)
    return cards


class Mix:
    """The load against one server. `outcomes` counts what came of each kind; `wrong` is what should not have come."""

    def __init__(self, url: str, seed: int = 1) -> None:
        self.outcomes: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._connections = [Connection(url) for _ in range(CALLERS)]

    async def round(self, evals: int) -> None:
        """So many usual requests, and each end once, from all callers together."""
        cards = iter(deck(evals, self._chance))
        await asyncio.gather(*(self._call(connection, cards) for connection in self._connections))

    async def _call(self, connection: Connection, cards: Iterable[Kind]) -> None:
        for kind in cards:
            self.outcomes[kind.name] += 1
            try:
                async with asyncio.timeout(PATIENCE):
                    status = await connection.ask(kind)
            except (Broken, TimeoutError) as error:
                self.wrong[f"{kind.name}: {type(error).__name__} {error}".rstrip()] += 1
                await connection.close()
            else:
                if status is not None and status not in kind.statuses:
                    self.wrong[f"{kind.name}: {status}"] += 1

    async def close(self) -> None:
        for connection in self._connections:
            await connection.close()
