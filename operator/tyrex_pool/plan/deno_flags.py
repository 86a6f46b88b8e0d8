"""Deno's command line and environment for an isolate, from the pool's permissions.

Deno's own defaults grant too much: it asks a terminal, reads configuration files, imports from a list of public
hosts, and downloads npm packages without any permission and past every `--deny-import`. So each is closed
here unless the pool grants it. Measured with Deno 2.9.8.
"""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import msgspec

from tyrex_pool.model.permissions import ALL, KINDS, Permissions, Rules
from tyrex_pool.plan.denials import covers_host, every_loopback, granted, refused

_ALWAYS: Final = ("--no-prompt", "--no-config", "--no-lock", "--quiet")
_MEBIBYTE: Final = 1 << 20

ENVIRONMENT: Final[Mapping[str, str]] = {
    "DENO_NO_PACKAGE_JSON": "1",
    "DENO_NO_UPDATE_CHECK": "1",
    "DENO_WEBGPU_BACKEND": "noop",  # no permission guards the GPU, and its drivers are the host's
    "NO_COLOR": "1",
}
"""Variables that every isolate's process has."""

_KEPT: Final = frozenset({"DENO_DIR", "DENO_CERT", "DENO_TLS_CA_STORE"})
# All else of Deno's own steers Deno past the flags: DENO_PERMISSION_BROKER_PATH replaces them altogether,
# DENO_COMPAT and DENO_UNSTABLE_* add features, DENO_COVERAGE_DIR and DENO_AUDIT_PERMISSIONS write files,
# DENO_V8_FLAGS precedes our heap limit, DENO_AUTH_TOKENS and DENO_KV_ACCESS_TOKEN are the platform's secrets, and so
# are those of OpenTelemetry (OTEL_EXPORTER_OTLP_HEADERS): they are for the server's own traces.
_REMOVED_PREFIXES: Final = ("DENO_", "OTEL_")
# Node's way to load code, to write files, and to speak to a parent; and one that writes TLS keys to a file.
_REMOVED: Final = frozenset({"NODE_CHANNEL_FD", "NODE_OPTIONS", "NODE_UNIQUE_ID", "NODE_V8_COVERAGE", "SSLKEYLOGFILE"})


Closed: TypeAlias = Mapping[str, tuple[str, ...]]
"""Entries of permissions that no guest gets, whatever is granted, by kind."""
_NOTHING: Final[Closed] = {}
_ALWAYS_GRANTED: Final[Mapping[str, tuple[str, ...]]] = {"env": ("NODE_ENV",)}
"""What every pool grants that does not deny it, by kind: packages for Node read this variable when they load."""
_NEVER_GRANTED: Final[Closed] = {
    "sys": ("inspector", "setPriority", "umask", "setuid", "seteuid", "setgid", "setegid"),
}
"""An eval with an inspector of its own process could rewrite the answers of others; what the others set stays set for
all evals after, and their priority is below the server's for a reason."""
_WRITE_ALL: Final = ("/",)
"""What `write: ["*"]` becomes. With all of `write` and `read` code may make symbolic links, which lead past every
denied path: Deno compares paths as they are written."""


_WRITING: Final = ("write", "import", "run", "ffi")


class ModuleNeeds(msgspec.Struct, frozen=True):
    """What the cached static graph of the main module needs beside local files.

    `npm`: some npm package. `hosts`: the `host:port` (or `host`) of its remote modules, jsr's included.
    """

    npm: bool = False
    hosts: tuple[str, ...] = ()


NO_NEEDS: Final = ModuleNeeds()


class _Written(Rules, frozen=True):
    """Rules with entries of our own, which are no user's and need no check: a path may have a comma in it."""

    def __post_init__(self) -> None:
        pass


def deno_flags(
    permissions: Permissions,
    heap: int,
    modules: ModuleNeeds = NO_NEEDS,
    directory: str = "/",
    closed: Closed = _NOTHING,
) -> tuple[str, ...]:
    """The flags of `deno run` for an isolate with `heap` bytes (whole MiB are used), started in `directory`.

    `closed` is denied whatever the permissions say.
    """
    permissions = _deny_first(_each_kind(permissions), directory, closed)
    return (
        *_ALWAYS,
        f"--v8-flags=--max-old-space-size={heap // _MEBIBYTE},--expose-gc",
        *_permission_flags(permissions, modules),
        *_loading_flags(permissions, modules),
    )


def child_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of an isolate's process: `inherited` without variables that undo the flags, and `ENVIRONMENT`.
    `NODE_ENV` is `production` where nothing else is inherited."""
    kept = {name: value for name, value in inherited.items() if name in _KEPT or not _undoes_flags(name)}
    return {"NODE_ENV": "production", **kept, **ENVIRONMENT}


def loads_modules(permissions: Permissions, modules: ModuleNeeds = NO_NEEDS) -> bool:
    """Whether isolates may read from Deno's cache of downloads, or write to it."""
    return modules != NO_NEEDS or bool(_granted_imports(_each_kind(permissions)))


def writes_files(permissions: Permissions) -> bool:
    """Whether guests may write files, download modules to Deno's cache, or start what writes files."""
    return _grants(permissions, _WRITING)


def reads_or_writes(permissions: Permissions) -> bool:
    """Whether some paths are granted, so that others must be denied."""
    return _grants(permissions, ("read", "write"))


def _grants(permissions: Permissions, kinds: tuple[str, ...]) -> bool:
    permissions = _each_kind(permissions)
    return any(permissions.allow.of(kind) and permissions.deny.of(kind) != ALL for kind in kinds)


def _each_kind(permissions: Permissions) -> Permissions:
    """The same permissions without `AllowAll`: Deno refuses `--allow-all` beside a narrower `--allow-*`."""
    if permissions.default == "None":
        return permissions
    return Permissions(allow=Rules(*[ALL] * len(KINDS)), deny=permissions.deny)


def _deny_first(permissions: Permissions, directory: str, closed: Closed) -> Permissions:
    """The same permissions, written so that Deno's precedence cannot turn a denial around."""
    allow, deny = {}, {}
    for kind, field in zip(KINDS, permissions.allow.__struct_fields__, strict=True):
        allowed, denied = permissions.allow.of(kind), every_loopback(kind, permissions.deny.of(kind))
        if allowed != ALL:
            allowed = tuple(dict.fromkeys((*allowed, *_ALWAYS_GRANTED.get(kind, ()))))
        if allowed and denied != ALL:
            denied = tuple(dict.fromkeys((*denied, *_NEVER_GRANTED.get(kind, ()), *closed.get(kind, ()))))
        if kind == "write" and allowed == ALL:
            allowed = _WRITE_ALL
        allow[field] = granted(kind, allowed, denied, directory)
        deny[field] = refused(kind, allowed, denied)
    return msgspec.structs.replace(
        permissions,
        allow=_Written(**allow),
        deny=_Written(**deny),
    )


def _undoes_flags(name: str) -> bool:
    return name in _REMOVED or name.startswith(_REMOVED_PREFIXES)


def _permission_flags(permissions: Permissions, modules: ModuleNeeds) -> Iterator[str]:
    imports, no_imports = _imports(permissions, modules)
    for kind in KINDS:
        yield from _flag("allow", kind, imports if kind == "import" else permissions.allow.of(kind))
    for kind in KINDS:
        yield from _flag("deny", kind, no_imports if kind == "import" else permissions.deny.of(kind))


def _flag(verb: str, kind: str, entries: tuple[str, ...]) -> Iterator[str]:
    if entries == ALL:
        yield f"--{verb}-{kind}"
    elif entries:
        yield f"--{verb}-{kind}={','.join(entries)}"


def _granted_imports(permissions: Permissions) -> tuple[str, ...]:
    return () if permissions.deny.import_ == ALL else permissions.allow.import_


def _imports(permissions: Permissions, modules: ModuleNeeds) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The entries of `--allow-import` and of `--deny-import`.

    The main module's static imports need no permission of the pool, but Deno checks them, cached or not: so
    their hosts are added, and `_loading_flags` prevents that anything is downloaded from them.
    """
    granted, denied = _granted_imports(permissions), permissions.deny.import_
    if granted == ALL:
        return ALL, denied
    if granted or modules.hosts:
        added = (host for host in modules.hosts if host not in granted)
        return (*granted, *added), () if denied == ALL else denied
    # without the flag Deno would allow its list of public hosts
    return (), ALL


def _loading_flags(permissions: Permissions, modules: ModuleNeeds) -> Iterator[str]:
    """Where modules may be loaded from: hosts that are granted, else at most the image's cache."""
    granted = _granted_imports(permissions)
    if granted == ALL and not permissions.deny.import_:
        return
    if not granted and not modules.hosts:
        yield "--no-remote"
    if not modules.npm:
        yield "--no-npm"
    if modules.npm or not all(_covers(granted, host) for host in modules.hosts):
        yield "--cached-only"


def _covers(granted: tuple[str, ...], host: str) -> bool:
    """Whether one of the granted entries is for this host and port."""
    return granted == ALL or any(covers_host(entry, host) for entry in granted)
