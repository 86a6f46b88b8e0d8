"""The imports of the operator's command: its packages may be missing, and then the command says so."""

import subprocess
import sys

PROGRAM = """
import sys; sys.path[:] = {path!r}
from tyrex_pool.hosting.operator import require_extra
print(sorted({{'kopf', 'kubernetes'}} & set(sys.modules)))
sys.modules['kopf'] = None
try:
    require_extra()
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_missing_package_is_reported_before_anything_starts() -> None:
    command = [sys.executable, "-c", PROGRAM.format(path=sys.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    imported, report = done.stdout.splitlines()
    assert imported == "[]"
    assert report.startswith("BadInput a cluster needs more packages: pip install 'tyrex-pool[operator]' (")
