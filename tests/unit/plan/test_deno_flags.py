import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.model.permissions import ALL, KINDS, Permissions, Rules
from tyrex_pool.plan.deno_flags import (
    ENVIRONMENT,
    NO_NEEDS,
    ModuleNeeds,
    child_environment,
    deno_flags,
    loads_modules,
    writes_files,
)

HEAP = 128 << 20
ALWAYS = ["--no-prompt", "--no-config", "--no-lock", "--quiet", "--v8-flags=--max-old-space-size=128,--expose-gc"]
CLOSED = ["--deny-import", "--no-remote", "--no-npm"]

NPM = ModuleNeeds(npm=True)
HOST = ModuleNeeds(hosts=("esm.sh:443",))
BOTH = ModuleNeeds(npm=True, hosts=("esm.sh:443",))

NOTHING = Permissions()
NEVER = ("inspector", "setPriority", "umask", "setuid", "seteuid", "setgid", "setegid")
NO_SYS = "--deny-sys=" + ",".join(NEVER)
ANYTHING = Permissions(default="AllowAll")


def importing(*hosts: str, deny: tuple[str, ...] = ()) -> Permissions:
    return Permissions(allow=Rules(import_=hosts), deny=Rules(import_=deny))


def not_importing(*hosts: str) -> Permissions:
    return Permissions(default="AllowAll", deny=Rules(import_=hosts))


def own_flags(permissions: Permissions, modules: ModuleNeeds = NO_NEEDS) -> list[str]:
    """Those that depend on the pool, without the one that only lets NODE_ENV be read."""
    flags = list(deno_flags(permissions, HEAP, modules))
    assert flags[: len(ALWAYS)] == ALWAYS
    return [flag for flag in flags[len(ALWAYS) :] if flag != "--allow-env=NODE_ENV"]


def allow_each(*but: str) -> list[str]:
    return [f"--allow-{kind}" + ("=/" if kind == "write" else "") for kind in KINDS if kind not in but]


@pytest.mark.parametrize(
    ("permissions", "flags"),
    [
        pytest.param(NOTHING, CLOSED, id="nothing"),
        pytest.param(ANYTHING, [*allow_each(), NO_SYS], id="anything"),
        pytest.param(
            Permissions(default="AllowAll", allow=Rules(net=("a",))),
            [*allow_each(), NO_SYS],
            id="anything-anyway",
        ),
        pytest.param(
            Permissions(default="AllowAll", deny=Rules(net=("10.0.0.0/8",), run=ALL)),
            [*allow_each("run"), "--deny-net=10.0.0.0/8", "--deny-run", NO_SYS],
            id="anything-but",
        ),
        pytest.param(
            Permissions(allow=Rules(net=("a:443", "b"), read=("/data",), env=ALL)),
            ["--allow-net=a:443,b", "--allow-read=/data", "--allow-env", *CLOSED],
            id="lists",
        ),
        pytest.param(
            Permissions(allow=Rules(net=ALL), deny=Rules(net=("169.254.169.254",), sys=ALL)),
            ["--allow-net", "--deny-net=169.254.169.254", "--deny-sys", *CLOSED],
            id="deny-beside-allow",
        ),
        pytest.param(
            Permissions(allow=Rules(sys=("hostname", "inspector"))),
            ["--allow-sys=hostname", NO_SYS, *CLOSED],
            id="the-inspector-is-not-granted",
        ),
        pytest.param(Permissions(allow=Rules(sys=("inspector",))), [NO_SYS, *CLOSED], id="nothing-but-the-inspector"),
        pytest.param(
            Permissions(allow=Rules(sys=ALL), deny=Rules(sys=("inspector", "uid"))),
            ["--allow-sys", f"--deny-sys=inspector,uid,{','.join(NEVER[1:])}", *CLOSED],
            id="the-inspector-is-denied-once",
        ),
        pytest.param(Permissions(deny=Rules(write=("/etc",))), ["--deny-write=/etc", *CLOSED], id="only-denied"),
        pytest.param(Permissions(allow=Rules(write=ALL)), ["--allow-write=/", *CLOSED], id="all-of-write"),
        pytest.param(Permissions(allow=Rules(write=("/", "a"))), ["--allow-write=/,a", *CLOSED], id="write-anywhere"),
        pytest.param(
            Permissions(allow=Rules(write=ALL), deny=Rules(write=("/",))),
            ["--deny-write=/", *CLOSED],
            id="all-of-write-but-everything",
        ),
        pytest.param(
            Permissions(allow=Rules(sys=("setuid", "umask", "uid"))),
            ["--allow-sys=uid", NO_SYS, *CLOSED],
            id="what-changes-the-process",
        ),
        pytest.param(
            Permissions(allow=Rules(ALL, ALL, ALL, ALL, ALL, ALL, ALL)),
            [*allow_each("import"), NO_SYS, *CLOSED],
            id="all-but-import",
        ),
    ],
)
def test_permissions(permissions: Permissions, flags: list[str]) -> None:
    assert own_flags(permissions) == flags


@pytest.mark.parametrize(
    ("permissions", "flags"),
    [
        pytest.param(NOTHING, ["--allow-env=NODE_ENV"], id="nothing"),
        pytest.param(Permissions(allow=Rules(net=ALL)), ["--allow-env=NODE_ENV"], id="another-kind"),
        pytest.param(Permissions(allow=Rules(env=("A",))), ["--allow-env=A,NODE_ENV"], id="another-variable"),
        pytest.param(Permissions(allow=Rules(env=("NODE_ENV",))), ["--allow-env=NODE_ENV"], id="granted-anyway"),
        pytest.param(Permissions(allow=Rules(env=ALL)), ["--allow-env"], id="all"),
        pytest.param(ANYTHING, ["--allow-env"], id="anything"),
        pytest.param(
            Permissions(deny=Rules(env=("SECRET",))), ["--allow-env=NODE_ENV", "--deny-env=SECRET"], id="another-denied"
        ),
        pytest.param(Permissions(deny=Rules(env=("NODE_ENV",))), ["--deny-env=NODE_ENV"], id="denied"),
        pytest.param(Permissions(deny=Rules(env=("NODE_*",))), ["--deny-env=NODE_*"], id="denied-by-its-beginning"),
        pytest.param(Permissions(deny=Rules(env=ALL)), ["--deny-env"], id="all-denied"),
        pytest.param(
            Permissions(allow=Rules(env=("A",)), deny=Rules(env=ALL)), ["--deny-env"], id="all-denied-beside-allow"
        ),
    ],
)
def test_node_env_is_granted_unless_it_is_denied(permissions: Permissions, flags: list[str]) -> None:
    assert [flag for flag in deno_flags(permissions, HEAP) if "-env" in flag] == flags


@pytest.mark.parametrize(("inherited", "value"), [({}, "production"), ({"NODE_ENV": "test"}, "test")])
def test_node_env_is_production_unless_the_environment_says_otherwise(inherited: dict[str, str], value: str) -> None:
    assert child_environment(inherited)["NODE_ENV"] == value


@pytest.mark.parametrize(
    ("permissions", "modules", "flags"),
    [
        pytest.param(NOTHING, NPM, ["--deny-import", "--no-remote", "--cached-only"], id="closed-npm"),
        pytest.param(NOTHING, HOST, ["--allow-import=esm.sh:443", "--no-npm", "--cached-only"], id="closed-host"),
        pytest.param(NOTHING, BOTH, ["--allow-import=esm.sh:443", "--cached-only"], id="closed-both"),
        pytest.param(
            importing(deny=("evil",)),
            HOST,
            ["--allow-import=esm.sh:443", "--deny-import=evil", "--no-npm", "--cached-only"],
            id="closed-host-denied-another",
        ),
        pytest.param(importing("a", deny=ALL), NO_NEEDS, CLOSED, id="granted-but-all-denied"),
        pytest.param(
            importing("a", deny=ALL),
            HOST,
            ["--allow-import=esm.sh:443", "--no-npm", "--cached-only"],
            id="granted-but-all-denied-host",
        ),
        pytest.param(importing("a"), NO_NEEDS, ["--allow-import=a", "--no-npm"], id="granted"),
        pytest.param(importing("a"), NPM, ["--allow-import=a", "--cached-only"], id="granted-npm"),
        pytest.param(
            importing("a"),
            HOST,
            ["--allow-import=a,esm.sh:443", "--no-npm", "--cached-only"],
            id="granted-another-host",
        ),
        pytest.param(importing("esm.sh:443"), HOST, ["--allow-import=esm.sh:443", "--no-npm"], id="granted-that-host"),
        pytest.param(
            importing("esm.sh"),
            HOST,
            ["--allow-import=esm.sh,esm.sh:443", "--no-npm"],
            id="granted-that-host-on-any-port",
        ),
        pytest.param(importing("*.sh"), HOST, ["--allow-import=*.sh,esm.sh:443", "--no-npm"], id="granted-by-wildcard"),
        pytest.param(
            importing("esm.sh:8443"),
            HOST,
            ["--allow-import=esm.sh:8443,esm.sh:443", "--no-npm", "--cached-only"],
            id="granted-another-port",
        ),
        pytest.param(importing("*"), BOTH, ["--allow-import"], id="granted-all"),
        pytest.param(
            importing("*", deny=("evil",)),
            HOST,
            ["--allow-import", "--deny-import=evil", "--no-npm"],
            id="granted-all-but",
        ),
        pytest.param(ANYTHING, BOTH, [*allow_each(), NO_SYS], id="anything"),
        pytest.param(
            not_importing("evil"),
            HOST,
            [*allow_each(), NO_SYS, "--deny-import=evil", "--no-npm"],
            id="anything-but",
        ),
        pytest.param(
            not_importing("evil"),
            NPM,
            [*allow_each(), NO_SYS, "--deny-import=evil", "--cached-only"],
            id="anything-but-npm",
        ),
        pytest.param(not_importing("*"), NO_NEEDS, [*allow_each("import"), NO_SYS, *CLOSED], id="anything-but-import"),
        pytest.param(
            not_importing("*"),
            BOTH,
            [*allow_each("import"), "--allow-import=esm.sh:443", NO_SYS, "--cached-only"],
            id="anything-but-import-both",
        ),
    ],
)
def test_modules(permissions: Permissions, modules: ModuleNeeds, flags: list[str]) -> None:
    assert own_flags(permissions, modules) == flags


SHUT = {"read": ("/pools/private", "/proc"), "write": ("/pools", "/proc")}
NO_READ, NO_WRITE = "--deny-read=/pools/private,/proc", "--deny-write=/pools,/proc"


@pytest.mark.parametrize(
    ("permissions", "flags"),
    [
        pytest.param(NOTHING, CLOSED, id="nothing"),
        pytest.param(Permissions(allow=Rules(read=ALL)), ["--allow-read", NO_READ, *CLOSED], id="read"),
        pytest.param(Permissions(allow=Rules(write=ALL)), ["--allow-write=/", NO_WRITE, *CLOSED], id="write"),
        pytest.param(Permissions(allow=Rules(read=("/pools",))),
                     ["--allow-read=/pools", NO_READ, *CLOSED], id="above"),
        pytest.param(Permissions(allow=Rules(read=("/pools/private/a", "/data"))),
                     ["--allow-read=/data", NO_READ, *CLOSED],
                     id="below"),
        pytest.param(Permissions(allow=Rules(write=("x/../b",))), [NO_WRITE, *CLOSED], id="below, relative"),
        pytest.param(Permissions(allow=Rules(read=("/proc/meminfo",))), [NO_READ, *CLOSED], id="a file of /proc"),
        pytest.param(Permissions(allow=Rules(read=ALL), deny=Rules(read=ALL)), ["--deny-read", *CLOSED], id="denied"),
        pytest.param(Permissions(allow=Rules(read=("/",)), deny=Rules(read=("/etc",))),
                     ["--allow-read=/", "--deny-read=/etc,/pools/private,/proc", *CLOSED], id="beside others"),
        pytest.param(ANYTHING, [*allow_each(), NO_READ, NO_WRITE, NO_SYS], id="anything"),
    ],
)  # fmt: skip
def test_what_is_closed_is_denied_whatever_is_granted(permissions: Permissions, flags: list[str]) -> None:
    made = list(deno_flags(permissions, HEAP, NO_NEEDS, "/pools/a", SHUT))[len(ALWAYS) :]
    assert [flag for flag in made if flag != "--allow-env=NODE_ENV"] == flags


@pytest.mark.parametrize(
    ("permissions", "writes", "loads"),
    [
        pytest.param(NOTHING, False, False, id="nothing"),
        pytest.param(ANYTHING, True, True, id="anything"),
        pytest.param(Permissions(allow=Rules(read=ALL, net=ALL, env=ALL, sys=ALL)), False, False,
                     id="what writes nothing"),
        pytest.param(Permissions(allow=Rules(write=("/data",))), True, False, id="write"),
        pytest.param(Permissions(allow=Rules(write=("/data",)), deny=Rules(write=ALL)), False, False,
                     id="write denied"),
        pytest.param(Permissions(allow=Rules(run=("git",))), True, False, id="programs write"),
        pytest.param(Permissions(allow=Rules(ffi=ALL)), True, False, id="libraries write"),
        pytest.param(importing("a"), True, True, id="downloads are written"),
        pytest.param(importing("a", deny=ALL), False, False, id="downloads denied"),
        pytest.param(Permissions(default="AllowAll", deny=Rules(write=ALL, run=ALL, ffi=ALL, import_=ALL)),
                     False, False, id="all but those"),
    ],
)  # fmt: skip
def test_who_writes_files_and_who_loads_modules(permissions: Permissions, writes: bool, loads: bool) -> None:
    assert writes_files(permissions) is writes
    assert loads_modules(permissions) is loads
    assert loads_modules(permissions, NPM)


@pytest.mark.parametrize(("heap", "mebibytes"), [(32 << 20, 32), ((64 << 20) - 1, 63), (1 << 30, 1024), (10**9, 953)])
def test_heap_is_in_whole_mebibytes(heap: int, mebibytes: int) -> None:
    assert f"--v8-flags=--max-old-space-size={mebibytes},--expose-gc" in deno_flags(NOTHING, heap)


LISTS = st.sampled_from([(), ("a",), ("b",), ("a", "b"), ALL])
RULES = st.builds(Rules, *[LISTS] * len(KINDS))
PERMISSIONS = st.builds(Permissions, st.sampled_from(["None", "AllowAll"]), RULES, RULES)
NEEDS = st.builds(ModuleNeeds, st.booleans(), st.sampled_from([(), ("a:443",), ("c:443",)]))


@given(PERMISSIONS, NEEDS)
def test_what_holds_for_every_pool(permissions: Permissions, modules: ModuleNeeds) -> None:
    flags = own_flags(permissions, modules)
    names = [flag.partition("=")[0] for flag in flags]
    assert len(set(names)) == len(names), "no flag twice"
    assert "--allow-all" not in flags, "Deno refuses any other beside it"
    assert "--allow-write" not in flags, "code with all of it makes links past what is denied"
    assert not any(flag.endswith("=") for flag in flags), "an empty value would not mean nothing"
    for kind in KINDS:
        denied = permissions.deny.of(kind)
        granted = permissions.default == "AllowAll" or permissions.allow.of(kind)
        if kind == "sys" and granted and denied != ALL:
            denied = (*denied, *NEVER)
        if denied and kind != "import":
            assert f"--deny-{kind}" + ("" if denied == ALL else "=" + ",".join(denied)) in flags
        if permissions.default == "None" and not permissions.allow.of(kind) and kind != "import":
            assert not any(flag.startswith(f"--allow-{kind}") for flag in flags)


@given(PERMISSIONS, NEEDS)
def test_nothing_is_downloaded_that_is_not_granted(permissions: Permissions, modules: ModuleNeeds) -> None:
    flags = own_flags(permissions, modules)
    granted = ALL if permissions.default == "AllowAll" else permissions.allow.import_
    denied = permissions.deny.import_
    cached = "--cached-only" in flags
    if granted != ALL or denied:
        assert cached or "--no-npm" in flags, "npm heeds no --deny-import"
    if not granted or denied == ALL:
        assert cached or {"--no-remote", "--deny-import"} <= set(flags)
    else:
        strange = [host for host in modules.hosts if granted != ALL and host[0] not in granted]
        assert cached or not strange, "what only the main module needs comes from the cache"


def test_the_environment_loses_what_undoes_the_flags() -> None:
    inherited = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "NODE_ENV": "test",
        "DENO_DIR": "/cache",
        "DENO_CERT": "/ca.pem",
        "NO_COLOR": "",
        "DENO_PERMISSION_BROKER_PATH": "/tmp/broker",
        "DENO_V8_FLAGS": "--max-old-space-size=9999",
        "DENO_AUTH_TOKENS": "secret@example.com",
        "DENO_COVERAGE_DIR": "/tmp",
        "DENO_UNSTABLE_SLOPPY_IMPORTS": "1",
        "OTEL_DENO": "true",
        "OTEL_DENO_CONSOLE": "replace",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret",
        "NODE_OPTIONS": "--require /tmp/x.cjs",
        "NODE_CHANNEL_FD": "3",
        "SSLKEYLOGFILE": "/tmp/keys",
    }
    assert child_environment(inherited) == {
        "PATH": "/bin",
        "HOME": "/home/me",
        "NODE_ENV": "test",
        "DENO_DIR": "/cache",
        "DENO_CERT": "/ca.pem",
        **ENVIRONMENT,
    }
