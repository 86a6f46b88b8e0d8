import pytest

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.permissions import ALL, KINDS, MAX_ENTRIES, MAX_ENTRY_LENGTH, Permissions, Rules
from tyrex_pool.model.schema import convert

PATH = "spec.permissions"


def parse(raw: object) -> Permissions:
    return convert(raw, Permissions, PATH)


def test_nothing_is_granted_unless_said() -> None:
    assert parse({}) == Permissions(default="None", allow=Rules(), deny=Rules())
    assert all(Rules().of(kind) == () for kind in KINDS)


@pytest.mark.parametrize("side", ["allow", "deny"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read(kind: str, side: str) -> None:
    rules: Rules = getattr(parse({side: {kind: ["a", "b"]}}), side)
    assert rules.of(kind) == ("a", "b")
    assert all(rules.of(other) == () for other in KINDS if other != kind)


@pytest.mark.parametrize(
    ("raw", "rules"),
    [
        pytest.param({"net": ["*"]}, Rules(net=ALL), id="all"),
        pytest.param({"net": []}, Rules(), id="empty-list"),
        pytest.param({"net": ["a", "a"]}, Rules(net=("a", "a")), id="duplicates"),
        pytest.param({"net": ["*.example.com"]}, Rules(net=("*.example.com",)), id="wildcard-host"),
        pytest.param({"env": ["AWS_*"]}, Rules(env=("AWS_*",)), id="wildcard-name"),
        pytest.param({"net": ["[::1]:80"]}, Rules(net=("[::1]:80",)), id="ipv6"),
        pytest.param({"read": ["/a dir/ü"]}, Rules(read=("/a dir/ü",)), id="space-inside"),
        pytest.param({"read": ["x"] * MAX_ENTRIES}, Rules(read=("x",) * MAX_ENTRIES), id="as-many-as-may-be"),
        pytest.param({"read": ["x" * MAX_ENTRY_LENGTH]}, Rules(read=("x" * MAX_ENTRY_LENGTH,)), id="as-long-as-may-be"),
    ],
)
def test_accepts(raw: object, rules: Rules) -> None:
    assert parse({"allow": raw, "deny": raw}) == Permissions(allow=rules, deny=rules)


@pytest.mark.parametrize(
    ("raw", "path", "problem"),
    [
        pytest.param(None, "", "write a mapping, not null", id="null"),
        pytest.param("AllowAll", "", "write a mapping", id="a-string"),
        pytest.param([], "", "write a mapping", id="a-list"),
        pytest.param({"dney": {}}, ".dney", "did you mean deny?", id="unknown-key"),
        pytest.param({"allow": {"nte": []}}, ".allow.nte", "did you mean net?", id="unknown-kind"),
        pytest.param({"allow": {"Net": []}}, ".allow.Net", "unknown field", id="capital-kind"),
        pytest.param({"allow": {"import_": []}}, ".allow.import_", "unknown field", id="python-name"),
        pytest.param({"allow": {"hrtime": []}}, ".allow.hrtime", "unknown field", id="no-kind"),
        pytest.param({1: {}}, "", "every key as a string", id="key-is-a-number"),
        pytest.param({"allow": {True: []}}, ".allow", "every key as a string", id="key-is-a-bool"),
        pytest.param({"default": "All"}, ".default", "one of AllowAll, None", id="unknown-default"),
        pytest.param({"default": None}, ".default", "one of AllowAll, None", id="null-default"),
        pytest.param({"default": True}, ".default", "one of AllowAll, None", id="bool-default"),
        pytest.param({"deny": None}, ".deny", "write a mapping, not null", id="null-rules"),
        pytest.param({"deny": ["net"]}, ".deny", "write a mapping", id="rules-are-a-list"),
        pytest.param({"deny": {"net": None}}, ".deny.net", "write a list, not null", id="null-list"),
        pytest.param({"deny": {"net": True}}, ".deny.net", "write a list, not true", id="list-is-a-bool"),
        pytest.param({"deny": {"net": "*"}}, ".deny.net", 'write a list, not "*"', id="list-is-a-string"),
        pytest.param({"deny": {"net": {}}}, ".deny.net", "write a list", id="list-is-a-mapping"),
        pytest.param({"deny": {"net": [None]}}, ".deny.net[0]", "write a string", id="null-entry"),
        pytest.param({"deny": {"net": ["a", 80]}}, ".deny.net[1]", "write a string", id="entry-is-a-number"),
        pytest.param({"deny": {"net": [["a"]]}}, ".deny.net[0]", "write a string", id="entry-is-a-list"),
        pytest.param({"allow": {"net": ["a", "*"]}}, ".allow.net[1]", "stands alone", id="star-after"),
        pytest.param({"allow": {"import": ["*", "a"]}}, ".allow.import[0]", "stands alone", id="star-before"),
        pytest.param({"deny": {"net": ["*", "*"]}}, ".deny.net[0]", "stands alone", id="star-twice"),
        pytest.param({"deny": {"net": ["a", ""]}}, ".deny.net[1]", "at least 1 character", id="empty-entry"),
        pytest.param({"deny": {"net": [" a"]}}, ".deny.net[0]", "white space", id="space-before"),
        pytest.param({"deny": {"net": ["a "]}}, ".deny.net[0]", "white space", id="space-after"),
        pytest.param({"deny": {"net": [" "]}}, ".deny.net[0]", "white space", id="only-space"),
        pytest.param({"deny": {"net": [" *"]}}, ".deny.net[0]", "white space", id="star-with-space"),
        pytest.param({"deny": {"net": ["a,b"]}}, ".deny.net[0]", "two entries", id="comma"),
        pytest.param({"allow": {"net": ["a,*"]}}, ".allow.net[0]", "two entries", id="comma-star"),
        pytest.param({"deny": {"net": ["a\n"]}}, ".deny.net[0]", "control characters", id="new-line"),
        pytest.param({"deny": {"net": ["a\0b"]}}, ".deny.net[0]", "control characters", id="nul"),
        pytest.param({"deny": {"net": ["a\u200b"]}}, ".deny.net[0]", "control characters", id="zero-width"),
        pytest.param({"deny": {"net": ["\ud800"]}}, ".deny.net[0]", "control characters", id="surrogate"),
        pytest.param({"deny": {"net": ["x" * (MAX_ENTRY_LENGTH + 1)]}}, ".deny.net[0]", "at most", id="too-long"),
        pytest.param({"deny": {"net": ["x"] * (MAX_ENTRIES + 1)}}, ".deny.net", "at most", id="too-many"),
    ],
)
def test_fails_closed_and_names_the_place(raw: object, path: str, problem: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parse(raw)
    assert refused.value.path == PATH + path
    assert problem in refused.value.problem


@pytest.mark.parametrize("side", ["allow", "deny"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_checked(kind: str, side: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parse({side: {kind: ["a", "b,c"]}})
    assert refused.value.path == f"{PATH}.{side}.{kind}[1]"
