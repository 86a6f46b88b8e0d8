"""What no field grants is not said to be granted by one."""

from typing import Any

import pytest

from tests.local.conftest import Start
from tests.local.test_messages import IN_ONE_FILE, said_first

CLOSED = [
    pytest.param("Deno.umask()", '"umask"', id="umask"),
    pytest.param("process.setuid(0)", '"setuid"', id="setuid"),
    pytest.param("Deno.umask.call(null, 0)", '"umask"', id="umask, set"),
    pytest.param("import('node:os').then((os) => os.setPriority(3))", '"setPriority"', id="setPriority"),
    pytest.param("Deno.readTextFileSync('/proc/self/environ')", '"/proc/self/environ"', id="proc"),
    pytest.param("[...Deno.readDirSync('/proc')]", '"/proc"', id="proc itself"),
    pytest.param("Deno.writeTextFileSync('/proc/self/comm', 'x')", '"/proc/self/comm"', id="proc, written"),
    pytest.param("import('file:///dev/fd/2', {with: {type: 'text'}})", '"/dev/fd/2"', id="a descriptor"),
    pytest.param("import('node:fs').then((fs) => fs.readlinkSync('/etc/mtab'))", '"/etc/mtab"', id="mounts"),
]


@pytest.mark.parametrize(("code", "what"), CLOSED)
@pytest.mark.parametrize("permissions", [{}, {"default": "AllowAll"}], ids=["nothing", "AllowAll"])
def test_what_no_field_grants(start: Start, permissions: dict[str, Any], code: str, what: str) -> None:
    detail = said_first(start(size=1, permissions=permissions).post(code).json()["detail"])
    assert detail.endswith(f"No pool gives access to {what}")


def test_files_of_pools_that_no_field_grants(start: Start) -> None:
    pool = start(size=1, permissions={"default": "AllowAll"}, mainModule={"inline": "export const f = () => 1"})
    folder = "Deno.mainModule.slice(7).split('/').slice(0, -3).join('/')"
    assert IN_ONE_FILE in said_first(pool.post(f"Deno.readTextFileSync({folder} + '/private/x')").json()["detail"])
    for name in ("private", "modules"):
        said = said_first(pool.post(f"Deno.writeTextFileSync({folder} + '/{name}/x', '')").json()["detail"])
        assert "No pool gives access to" in said
        assert said.endswith(f'/{name}/x"')
