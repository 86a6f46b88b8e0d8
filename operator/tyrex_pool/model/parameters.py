"""The parameters of `eval` and `call` in Python, checked alike by Client, AsyncClient and LocalPool.

A wrong type raises WrongType (an InvalidRequest and a TypeError), a wrong value InvalidRequest; both name the
parameter and say what to write.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import msgspec

from tyrex_pool.model.arguments import check_arguments, check_inputs
from tyrex_pool.model.durations import LONGEST
from tyrex_pool.model.errors import InvalidRequest, WrongType
from tyrex_pool.model.text import is_well_formed
from tyrex_pool.model.validation_errors import one_of, quote
from tyrex_pool.model.wire import CallRequest, EvalRequest, encode_json

Language = Literal["javascript", "typescript"]

_EPOCH_DIGITS: Final = 18
_LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)


def eval_parameters(
    code: str,
    key: str | None,
    language: Language,
    inputs: Mapping[str, Any] | None = None,
    epoch: int | str | None = None,
    console: bool = False,
) -> EvalRequest:
    """The request for an eval; its deadline is not part of it. Raises InvalidRequest.

    Its `inputs` are JSON already, as the caller may change them.
    """
    code, key = _text("code", code), checked_key(key)
    if inputs is None and epoch is None:
        return EvalRequest(code, key, None, _checked_language(language), None, None, _checked_console(console))
    encoded = None if inputs is None else _encoded_inputs(inputs)
    epoch = checked_epoch(epoch)
    return EvalRequest(code, key, None, _checked_language(language), encoded, epoch, _checked_console(console))


def call_parameters(
    function: str,
    args: tuple[Any, ...],
    key: str | None,
    epoch: int | str | None = None,
    console: bool = False,
) -> CallRequest:
    """The request for a call. Its `args` are JSON already, as the caller may change them. Raises InvalidRequest."""
    function, key = _text("function", function), checked_key(key)
    check_arguments(args)
    try:
        encoded = [_as_json(arg) for arg in args]
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"args: an argument cannot travel as JSON: {error}") from error
    return CallRequest(function, encoded, key, None, checked_epoch(epoch), _checked_console(console))


def _encoded_inputs(inputs: Mapping[str, Any]) -> Any:
    if not isinstance(inputs, Mapping):
        raise WrongType(f"inputs: write a dict of names and values, or None, not {type(inputs).__name__}")
    members = dict(inputs)
    check_inputs(members)
    try:
        return _as_json(members)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"inputs: they cannot travel as JSON: {error}") from error


def _as_json(value: object) -> msgspec.Raw:
    """Raises TypeError and ValueError."""
    return msgspec.Raw(encode_json(value))


def checked_epoch(epoch: int | str | None) -> int | None:
    """`epoch` as a number; a text of digits, such as that of an Answer, is one too. Raises InvalidRequest."""
    if epoch is None:
        return None
    if isinstance(epoch, bool) or not isinstance(epoch, int | str):
        raise WrongType(f"epoch: write the epoch of an Answer, or None, not {type(epoch).__name__}")
    text = str(epoch)
    if not (text.isascii() and text.isdigit() and len(text) <= _EPOCH_DIGITS):
        raise InvalidRequest(f"epoch: write the epoch of an Answer, a whole number from 0 on, not {quote(epoch)}")
    return int(text)


def _checked_language(language: Language) -> Language:
    for known in _LANGUAGES:
        if known is language:
            return known
    given = _text("language", language)
    for known in _LANGUAGES:
        if known == given:
            return known
    raise InvalidRequest(f"language: write {one_of(_LANGUAGES, given)}, not {quote(given)}")


def _checked_console(console: bool) -> bool:
    if console is True or console is False:
        return console
    raise WrongType(f"console: write True or False, not {type(console).__name__}")


def checked_key(key: str | None) -> str | None:
    """`key`. Raises InvalidRequest."""
    return None if key is None else _text("key", key, " or None")


def checked_timeout(timeout: float) -> float:
    """`timeout`, in seconds. Raises InvalidRequest for what no pool allows; a pool's own limit may be lower."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise WrongType(f"timeout: write a number of seconds such as 2.5, or None, not {type(timeout).__name__}")
    if not 0 < timeout < float("inf"):
        raise InvalidRequest(f"timeout: write a number of seconds above 0, not {_shown(timeout)}")
    if timeout > LONGEST:
        raise InvalidRequest(f"timeout: write a number of seconds up to {int(LONGEST)}, the longest that a pool allows")
    return timeout


def _shown(number: float) -> str:
    return quote(number) if isinstance(number, int) else str(number)  # JSON has no nan


def _text(name: str, value: str, alternative: str = "") -> str:
    """`value` as a plain str, without a subclass that JSON cannot carry."""
    if type(value) is str and value.isascii():
        return value
    if not isinstance(value, str):
        raise WrongType(f"{name}: write a str{alternative}, not {type(value).__name__}{_hint(value)}")
    if not is_well_formed(value):
        raise InvalidRequest(f"{name}: write it without lone surrogates")
    return value if type(value) is str else str.__str__(value)


def _hint(value: object) -> str:
    return "; decode it, as in value.decode()" if isinstance(value, bytes | bytearray | memoryview) else ""
