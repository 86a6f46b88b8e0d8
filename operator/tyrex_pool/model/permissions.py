"""What guest code may do: Deno's eight kinds of permission, granted and denied; parsing fails closed."""

from typing import Annotated, Final, Literal

from msgspec import Meta, field

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.schema import Schema
from tyrex_pool.model.validation_errors import quote

KINDS: Final = ("net", "read", "write", "env", "run", "ffi", "sys", "import")
"""In the order of the contract; each is a `--allow-<kind>` and a `--deny-<kind>` of Deno."""

ALL: Final = ("*",)
"""A list that means all of a kind."""

MAX_ENTRIES: Final = 256
MAX_ENTRY_LENGTH: Final = 512

Entry = Annotated[str, Meta(min_length=1, max_length=MAX_ENTRY_LENGTH)]
Entries = Annotated[tuple[Entry, ...], Meta(max_length=MAX_ENTRIES)]


def _check(kind: str, entries: tuple[str, ...]) -> None:
    """Raises InvalidSpec for entries that Deno would read otherwise than their author meant them."""
    if "*" in entries and entries != ALL:
        raise InvalidSpec(f".{kind}[{entries.index('*')}]", '"*" means all of it and stands alone')
    for index, entry in enumerate(entries):
        if problem := _problem(entry):
            raise InvalidSpec(f".{kind}[{index}]", f"{problem}, not {quote(entry)}")


def _problem(entry: str) -> str | None:
    if "," in entry:
        return "write two entries, since Deno separates values at commas"
    if not entry.isprintable():
        return "write an entry without control characters"
    if entry != entry.strip():
        return "write an entry without white space around it"
    return None


class Rules(Schema, frozen=True):
    """One list per kind, in Deno's own value syntax; an empty one grants or denies nothing, `ALL` everything."""

    net: Entries = ()
    read: Entries = ()
    write: Entries = ()
    env: Entries = ()
    run: Entries = ()
    ffi: Entries = ()
    sys: Entries = ()
    import_: Entries = field(default=(), name="import")

    def __post_init__(self) -> None:
        for kind in KINDS:
            _check(kind, self.of(kind))

    def of(self, kind: str) -> tuple[str, ...]:
        """The entries of one of `KINDS`."""
        entries: tuple[str, ...] = getattr(self, "import_" if kind == "import" else kind)
        return entries


class Permissions(Schema, frozen=True):
    """`deny` wins over `allow` and over `default: AllowAll`."""

    default: Literal["None", "AllowAll"] = "None"
    allow: Rules = Rules()
    deny: Rules = Rules()
