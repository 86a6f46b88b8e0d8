"""What a pool is to be: as its spec and the ConfigMaps that it names say, or, while they are wrong, as it was."""

from dataclasses import dataclass, replace

from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.controller.apply import RefusedError
from tyrex_pool.controller.store import Store, ref_to
from tyrex_pool.controller.turns import Key
from tyrex_pool.model import names
from tyrex_pool.model.config_maps import Files, files_of
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.kinds import CONFIG_MAP
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan import kept_spec
from tyrex_pool.plan.children import Desired, desired
from tyrex_pool.plan.declared_pool import DeclaredPool, Platform
from tyrex_pool.plan.reasons import INVALID_SPEC, Reason


@dataclass(frozen=True, slots=True)
class Declaration:
    """`spec` None: it is invalid; `failure`: why it cannot be applied. `children`: what is to be applied nevertheless;
    None: nothing, since nothing was ever applied.
    """

    spec: PoolSpec | None
    failure: Reason | None
    pool: DeclaredPool | None
    children: Desired | None


class Declarations:
    """One for all pools. Remembers what was applied last; an operator that has just started reads it there."""

    def __init__(self, cluster: ClusterApi, store: Store, platform: Platform) -> None:
        self._cluster = cluster
        self._store = store
        self._platform = platform
        self._applied: dict[Key, DeclaredPool] = {}

    async def read(self, key: Key, raw: Object) -> Declaration:
        """Raises ClusterError."""
        pool: DeclaredPool | None = None
        try:
            spec = PoolSpec.parse(raw.get("spec"))
            labels = raw["metadata"].get("labels", {})
            pool = DeclaredPool(key.name, key.namespace, raw["metadata"]["uid"], spec, labels=labels)
            pool = replace(pool, config_maps=await self._config_maps(key, spec))
            return Declaration(spec, None, pool, desired(pool, self._platform))
        except InvalidSpec as error:
            failure = Reason(INVALID_SPEC, str(error))
        except RefusedError as error:
            failure = error.reason
        kept = self._kept(key, raw, pool)
        children = None if kept is None else desired(kept, self._platform)
        return Declaration(None if pool is None else pool.spec, failure, kept, children)

    def applied(self, key: Key, pool: DeclaredPool) -> None:
        """This is what the cluster has now."""
        self._applied[key] = pool

    def forget(self, key: Key) -> None:
        """The pool does not exist any more."""
        self._applied.pop(key, None)

    def _kept(self, key: Key, raw: Object, pool: DeclaredPool | None) -> DeclaredPool | None:
        """What was applied last; with the present spec, if only the files of its main module are missing."""
        known = self._applied.get(key)
        if known is None or known.uid != raw["metadata"]["uid"]:
            started = ref_to(CONFIG_MAP, names.component_name(key.name, names.COMPONENT_RUNTIME))
            known = kept_spec.recall(raw, self._store.children.get(key, {}).get(started))
        if known is None:
            return None
        self._applied[key] = known  # its source may disappear
        same = None if pool is None else kept_spec.with_known_files(pool, known)
        return kept_spec.scaled(known, raw.get("spec")) if same is None else same

    async def _config_maps(self, key: Key, spec: PoolSpec) -> dict[str, Files]:
        """The files of the main module's ConfigMap, by its name. The strategy's is read by the proxies alone.

        Raises RefusedError when the ConfigMap or its entrypoint is missing.
        """
        module = spec.main_module.config_map if spec.main_module else None
        custom = spec.strategy.custom
        references = (module, custom.config_map if custom else None)
        self._store.set_references(key, [reference.name for reference in references if reference])
        if module is None:
            return {}
        path = "spec.mainModule.configMap"
        found = await self._cluster.get(CONFIG_MAP, key.namespace, module.name)
        if found is None:
            raise RefusedError("ConfigMapNotFound", f"{path}.name: there is no ConfigMap {module.name}: create it")
        files = files_of(found, f"ConfigMap/{module.name}")
        if module.entrypoint not in files:
            wanted = f"write a key of ConfigMap {module.name} ({', '.join(sorted(files)) or 'it has none'})"
            raise RefusedError("ConfigMapNotFound", f"{path}.entrypoint: {wanted}, not {module.entrypoint}")
        return {module.name: files}
