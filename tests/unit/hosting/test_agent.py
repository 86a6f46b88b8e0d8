import asyncio
from pathlib import Path

import pytest

from tyrex_pool.hosting.agent import drain_time, manifest_of_revision
from tyrex_pool.hosting.errors import BadInput

MANIFEST = """
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: p, annotations: {tyrex.dev/spec-hash: REVISION}}
spec: {permissions: {allow: {net: [REVISION]}}}
"""


def write(file: Path, revision: str) -> None:
    file.write_text(MANIFEST.replace("REVISION", revision))


async def test_an_agent_waits_for_the_manifest_of_its_own_revision(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    write(file, "old")
    reading = asyncio.ensure_future(manifest_of_revision(str(file), "new", asyncio.Event()))
    await asyncio.wait([reading], timeout=0.3)
    assert not reading.done()
    write(file, "new")
    manifest, _ = await asyncio.wait_for(reading, 10)
    assert manifest.spec.permissions.allow.net == ("new",)


async def test_it_does_not_start_with_another_one(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    write(file, "old")
    with pytest.raises(BadInput, match=r"is of revision old, and this runtime of new"):
        await manifest_of_revision(str(file), "new", asyncio.Event(), patience=0.0)


async def test_without_a_revision_any_manifest_will_do(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    write(file, "old")
    manifest, _ = await manifest_of_revision(str(file), None, asyncio.Event())
    assert manifest.name == "p"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param(MANIFEST.replace("{permissions", "{timeouts: {drain: 7s}, permissions"), 7.0, id="changed"),
        pytest.param("kind: TyrexPool", 30.0, id="not valid"),
        pytest.param(None, 30.0, id="no file"),
    ],
)
def test_the_drain_time_is_the_present_one(tmp_path: Path, text: str | None, seconds: float) -> None:
    file = tmp_path / "pool.yaml"
    if text is not None:
        file.write_text(text.replace("REVISION", "new"))
    assert drain_time(file, 30.0) == seconds
