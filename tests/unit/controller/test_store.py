from typing import Any

from tyrex_pool.controller.store import Store
from tyrex_pool.controller.turns import Key
from tyrex_pool.model import names
from tyrex_pool.plan.declared_pool import Ref

KEY = Key("web", "p")


def pool(version: int, uid: str = "1", name: str = "p", namespace: str = "web") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version)}}


def child(version: int, uid: str = "c") -> dict[str, Any]:
    metadata = pool(version, uid)["metadata"] | {"labels": {names.LABEL_POOL: "p"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata}


def test_an_answer_that_comes_late_does_not_hide_what_is_newer() -> None:
    store = Store()
    store.set_pool(pool(10))
    store.set_pool(pool(9))
    assert store.pools[KEY] == pool(10)
    store.set_child(child(10))
    store.set_child(child(9))
    assert store.children[KEY][Ref("v1", "Service", "p")] == child(10)


def test_another_pool_of_the_same_name_replaces_the_old_one_and_outlives_its_end() -> None:
    store = Store()
    store.set_pool(pool(10, uid="old"))
    store.set_pool(pool(12, uid="new"))
    store.remove_pool(pool(11, uid="old"))
    assert store.pools[KEY] == pool(12, uid="new")
    store.remove_pool(pool(13, uid="new"))
    assert KEY not in store.pools


def test_a_list_tells_what_went_unseen_but_only_where_it_looked() -> None:
    store = Store()
    for one in (pool(1), pool(2, name="q"), pool(3, namespace="other")):
        store.set_pool(one)
    assert store.replace_pools("web", [pool(4)]) == {KEY, Key("web", "q")}
    assert set(store.pools) == {KEY, Key("other", "p")}
    assert store.replace_pools(None, []) == {KEY, Key("other", "p")}
    assert not store.pools


def test_who_reads_a_config_map_follows_the_references() -> None:
    store = Store()
    store.set_references(KEY, ["a", "b"])
    assert set(store.readers("web/a")) == {KEY}
    store.set_references(KEY, ["b"])
    assert not store.readers("web/a")
    store.forget(KEY)
    assert not store.readers("web/b")
