"""The files of a main module that is in a ConfigMap."""

from collections.abc import Mapping

from tyrex_pool.model.config_maps import Files
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.spec import ConfigMapModule


def module_files(module: ConfigMapModule, config_maps: Mapping[str, Files]) -> Files:
    """The entrypoint is one of them. Raises InvalidSpec."""
    files = config_maps.get(module.name)
    if files is None:
        problem = f"there is no ConfigMap {module.name!r}; put it into the same file"
        raise InvalidSpec("spec.mainModule.configMap.name", problem)
    if module.entrypoint not in files:
        keys = ", ".join(sorted(files)) or "nothing"
        problem = f"ConfigMap {module.name!r} has no key {module.entrypoint!r}; it has {keys}"
        raise InvalidSpec("spec.mainModule.configMap.entrypoint", problem)
    return files
