"""What a manifest may ask for and this version does not do: it is refused, wherever a pool is run."""

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.spec import PoolSpec


def require_supported(spec: PoolSpec) -> None:
    """What is promised but not built yet must not run with less: raises InvalidSpec."""
    if spec.isolation != "Shared":
        raise InvalidSpec("spec.isolation", f"{spec.isolation} is not available yet; write Shared, or wait for it")
    if spec.access.authentication != "None":
        problem = f"{spec.access.authentication} is not available yet; write None, and keep others away yourself"
        raise InvalidSpec("spec.access.authentication", problem)
