"""Watches as transcripts: what the API server answers, request by request, and the changes that come of it."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tyrex_pool.cluster.errors import ClusterError, ClusterUnavailable, Forbidden, Gone
from tyrex_pool.cluster.watch import Change, What, changes, current, key_of
from tyrex_pool.model.kinds import CONFIG_MAP

Object = dict[str, Any]
Answer = Object | ClusterError | list[bytes | ClusterError]


def item(name: str, version: int) -> Object:
    return {"metadata": {"namespace": "web", "name": name, "resourceVersion": str(version)}}


def page(version: int, *items: Object) -> Object:
    return {"metadata": {"resourceVersion": str(version)}, "items": list(items)}


def event(type: str, object: Object) -> bytes:
    return json.dumps({"type": type, "object": object}).encode()


LOST = event("ERROR", {"kind": "Status", "message": "too old resource version", "code": 410})
BOOKMARK = event("BOOKMARK", {"metadata": {"resourceVersion": "9"}})


class OverError(Exception):
    """The script is over."""


class Scripted:
    """Answers lists and watches with `script` in turn; `asked` has the version that each watch starts at, or "list"."""

    def __init__(self, *script: Answer) -> None:
        self._script = list(script)
        self.asked: list[str] = []
        self.queries: list[Mapping[str, str]] = []
        self.open = 0

    def _next(self, asked: str, query: Mapping[str, str]) -> Any:
        if not self._script:
            raise OverError
        self.asked.append(asked)
        self.queries.append(query)
        answer = self._script.pop(0)
        if isinstance(answer, ClusterError):
            raise answer
        return answer

    async def list_page(self, path: str, query: Mapping[str, str], metadata_only: bool) -> Object:
        answer = self._next("list", query)
        assert isinstance(answer, dict)
        return answer

    async def watch_lines(
        self, path: str, query: Mapping[str, str], metadata_only: bool, silence: float
    ) -> AsyncIterator[bytes]:
        self.open += 1
        try:
            for line in self._next(query["resourceVersion"], query):
                if isinstance(line, ClusterError):
                    raise line
                yield line
        finally:
            self.open -= 1


async def told(source: Scripted) -> list[tuple[What, str]]:
    """All changes until the script is over."""
    found: list[Change] = []
    with pytest.raises(OverError):
        await _collect(source, found)
    assert source.open == 0
    return [(change.what, change.key.removeprefix("web/")) for change in found]


async def _collect(source: Scripted, found: list[Change]) -> None:
    async for change in changes(source, CONFIG_MAP, "web"):
        found.append(change)  # noqa: PERF401 - what came before the end counts


LISTING, SYNCED = (What.LISTING, ""), (What.SYNCED, "")
SET_A, SET_B, SET_C = ((What.SET, name) for name in "abc")
DELETED_A = (What.DELETED, "a")
WATCHED_A = [LISTING, SET_A, SYNCED]


@pytest.mark.parametrize(
    ("script", "expected", "asked"),
    [
        pytest.param(
            [page(5, item("a", 3)), [event("ADDED", item("b", 6)), event("DELETED", item("a", 7))], []],
            [*WATCHED_A, SET_B, DELETED_A], ["list", "5", "7"], id="a watch that ends is continued",
        ),
        pytest.param(
            [page(5, item("a", 3)), [event("MODIFIED", item("a", 6)), BOOKMARK], []],
            [*WATCHED_A, SET_A], ["list", "5", "9"], id="a bookmark moves the version on",
        ),
        pytest.param(
            [page(5, item("a", 3), item("b", 4)), [LOST], page(20, item("b", 4), item("c", 19)), []],
            [LISTING, SET_A, SET_B, SYNCED, LISTING, DELETED_A, SET_B, SET_C, SYNCED], ["list", "5", "list", "20"],
            id="what was deleted while the history was lost",
        ),
        pytest.param(
            [page(5, item("a", 3)), Gone("too old", 410), page(6), []],
            [*WATCHED_A, LISTING, DELETED_A, SYNCED], ["list", "5", "list", "6"], id="410 in place of the watch",
        ),
        pytest.param(
            [page(5, item("a", 3)), [event("ADDED", item("b", 6)), ClusterUnavailable("broken")], []],
            [*WATCHED_A, SET_B], ["list", "5", "6"], id="a broken connection loses nothing",
        ),
        pytest.param(
            [page(5, item("a", 3)), [event("ADDED", item("b", 6)), b'{"type'], []],
            [*WATCHED_A, SET_B], ["list", "5", "6"], id="half a line at the end",
        ),
        pytest.param(
            [page(5, item("a", 3)), Forbidden("no", 403), page(6, item("a", 3)), []],
            [*WATCHED_A, *WATCHED_A], ["list", "5", "list", "6"], id="a right that comes and goes",
        ),
        pytest.param(
            [Forbidden("no", 403), ClusterUnavailable("down"), page(5, item("a", 3)), []],
            WATCHED_A, ["list", "list", "list", "5"], id="lists are tried again",
        ),
    ],
)  # fmt: skip
async def test_transcripts(script: list[Answer], expected: list[tuple[What, str]], asked: list[str]) -> None:
    source = Scripted(*script)
    assert await told(source) == expected
    assert source.asked == asked


async def test_a_failure_is_logged_but_lost_history_is_not(caplog: pytest.LogCaptureFixture) -> None:
    await told(Scripted(page(5), [LOST], page(6), ClusterUnavailable("the API server does not answer: x"), []))
    (record,) = caplog.records
    assert record.getMessage().startswith("the watch of configmaps broke, it begins again in 0.")
    assert record.getMessage().endswith(" s: the API server does not answer: x")


async def test_what_a_watch_asks_for() -> None:
    source = Scripted(page(5), [])
    watch = changes(source, CONFIG_MAP, "web", labels="a=b", fields="metadata.name=m")
    for _ in range(2):
        await anext(watch)
    with pytest.raises(OverError):
        await anext(watch)
    chosen = {"labelSelector": "a=b", "fieldSelector": "metadata.name=m"}
    watching = {"watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": "240", "resourceVersion": "5"}
    assert source.queries == [chosen, chosen | watching]


async def test_the_object_of_a_deletion_is_the_newest_that_is_known() -> None:
    newer = item("a", 6) | {"data": {"k": "v"}}
    source = Scripted(page(5, item("a", 3)), [event("MODIFIED", newer), LOST], page(9))
    found: list[Change] = []
    with pytest.raises(OverError):
        await _collect(source, found)
    assert [change.object for change in found if change.what is What.DELETED] == [newer]


async def test_all_objects_after_each_change() -> None:
    script: list[Answer] = [page(5, item("a", 3), item("b", 4)), [event("DELETED", item("a", 6)), LOST]]
    script += [page(9, item("b", 4), item("c", 8)), [event("ADDED", item("d", 10))]]
    seen = []
    states = current(Scripted(*script), CONFIG_MAP, "web")
    for _ in range(4):
        seen.append(sorted(await anext(states)))  # noqa: PERF401 - an async comprehension would not end
    assert seen == [["web/a", "web/b"], ["web/b"], ["web/b", "web/c"], ["web/b", "web/c", "web/d"]]


def test_a_key_of_an_object_without_a_namespace() -> None:
    assert key_of({"metadata": {"name": "n"}}) == "/n"
