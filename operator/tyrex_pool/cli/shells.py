"""The scripts that complete the command line in bash, zsh and fish, from the arguments that the commands declare."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tyrex_pool.cli.output import PROGRAM

_FILES: Final = ("FILE", "PATH")
"""The metavars of arguments that are files."""
_TOP: Final = {"--help": "list the commands", "--version": "print the version"}
"""Options without a command."""


@dataclass(frozen=True, slots=True)
class Argument:
    """`flags` is empty for a positional one; `value` is the name of its value, None when it takes none."""

    flags: tuple[str, ...]
    value: str | None
    choices: tuple[str, ...]
    help: str
    repeatable: bool

    @property
    def is_file(self) -> bool:
        return self.value in _FILES


@dataclass(frozen=True, slots=True)
class Words:
    """What may follow the name of a command."""

    command: str
    summary: str
    options: tuple[Argument, ...]
    positional: tuple[Argument, ...]

    @property
    def flags(self) -> list[str]:
        return [flag for option in self.options for flag in option.flags]


def bash(commands: list[Words]) -> str:
    """Values of options come first; then options, and the positional arguments that have choices."""
    cases = []
    for words in commands:
        for option in words.options:
            values = "|".join(f"'{words.command} {flag}'" for flag in option.flags)
            if option.choices:
                cases.append(f"{values}) words='{' '.join(option.choices)}' ;;")
            elif option.is_file:
                cases.append(f"{values}) return ;;")
            elif option.value is not None:
                cases.append(f"{values}) no_files=1 ;;")
        choices = [choice for argument in words.positional for choice in argument.choices]
        offered = " ".join([*choices, *words.flags])
        if any(argument.is_file for argument in words.positional):
            cases.append(f"'{words.command} '*) [[ $current != -* ]] && return; words='{offered}' ;;")
        else:
            cases.append(f"'{words.command} '*) words='{offered}' no_files=1 ;;")
    names = " ".join([*(words.command for words in commands), *_TOP])
    return _BASH.format(program=PROGRAM, names=names, cases="\n            ".join(cases))


_BASH: Final = """\
# Completion of {program} for bash:  source <({program} completion bash)
_tyrex_pool() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words= no_files=
    if [[ $current == = ]]; then current=  # --option=
    elif [[ $previous == = ]]; then previous=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then words='{names}' no_files=1
    else
        case "${{COMP_WORDS[1]}} $previous" in
            {cases}
        esac
    fi
    [[ $no_files ]] && compopt +o default +o bashdefault 2>/dev/null  # not in bash 3
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -o bashdefault -F _tyrex_pool {program}
"""


def zsh(commands: list[Words]) -> str:
    names = " ".join(_quoted(f"{words.command}:{words.summary}") for words in commands)
    cases = "\n".join(f"        {words.command}) _arguments {' '.join(_zsh_specs(words))} ;;" for words in commands)
    top = " ".join(_quoted(f"{flag}[{text}]") for flag, text in _TOP.items())
    return _ZSH.format(program=PROGRAM, names=names, cases=cases, top=top)


def _zsh_specs(words: Words) -> Iterator[str]:
    for option in words.options:
        for flag in option.flags:
            takes = "" if option.value is None else "=" if flag.startswith("--") else "+"
            said = f"[{_escaped(option.help)}]" if option.help else ""
            yield _quoted(f"{'*' * option.repeatable}{flag}{takes}{said}{_zsh_value(option)}")
    for argument in words.positional[-1:]:  # zsh takes one rule for all of them
        yield _quoted(f"*{_zsh_value(argument)}")


def _zsh_value(argument: Argument) -> str:
    if argument.value is None:
        return ""
    values = f"({' '.join(argument.choices)})" if argument.choices else "_files" if argument.is_file else "()"
    return f":{_escaped(argument.value)}:{values}"


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in "[]:\\" else char for char in text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_ZSH: Final = """\
#compdef {program}
# Completion of {program} for zsh:  source <({program} completion zsh), or as a file _{program} in a folder of $fpath
_{program}() {{
    if ((CURRENT == 2)); then
        local -a commands=({names})
        if [[ $words[2] == -* ]]; then _arguments {top}; else _describe command commands; fi
        return
    fi
    local command=$words[2]
    shift words
    ((CURRENT--))
    case $command in
{cases}
    esac
}}
if [[ $funcstack[1] == _{program} ]]; then _{program} "$@"; else compdef _{program} {program}; fi
"""


def fish(commands: list[Words]) -> str:
    start = f"complete -c {PROGRAM} -n __fish_use_subcommand"
    lines = [f"# Completion of {PROGRAM} for fish:  {PROGRAM} completion fish | source", f"complete -c {PROGRAM} -f"]
    lines += [f"{start} -l {flag[2:]} -d '{text}'" for flag, text in _TOP.items()]
    for words in commands:
        summary = _fish_quoted(words.summary)
        lines.append(f"{start} -a {words.command} -d {summary}")
        within = f"complete -c {PROGRAM} -n '__fish_seen_subcommand_from {words.command}'"
        lines += [
            f"{within} {_fish_flags(each)}{_fish_value(each)} -d {_fish_quoted(each.help)}" for each in words.options
        ]
        lines += [f"{within}{_fish_value(each)}" for each in words.positional if each.choices or each.is_file]
    return "\n".join(lines) + "\n"


def _fish_flags(option: Argument) -> str:
    return " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)


def _fish_value(argument: Argument) -> str:
    choices = f" -a '{' '.join(argument.choices)}'" if argument.choices else ""
    if not argument.flags:
        return choices or " -F"
    if argument.value is None:
        return ""
    return " -r -F" if argument.is_file else f" -x{choices}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SCRIPTS: Final[dict[str, Callable[[list[Words]], str]]] = {"bash": bash, "zsh": zsh, "fish": fish}
