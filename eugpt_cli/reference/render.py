"""The tables of cli.py, settings.py and errors.py as man page, shell completions and README blocks."""

from collections.abc import Iterator

from eugpt_cli import __version__
from eugpt_cli.catalogue import COMMANDS, Command, Option
from eugpt_cli.errors import ExitCode

NAMES = " ".join(command.name for command in COMMANDS)
BEGIN, END = "<!-- exit codes: generated -->", "<!-- end -->"


def exit_code_rows() -> str:
    rows = [f"| {code.number} | {code.label} | {code.when} | {code.again} |" for code in ExitCode]
    return "\n".join(["| code | name | when | worth trying again |", "|---|---|---|---|", *rows])


def readme(text: str) -> str:
    """README.md with its generated block renewed."""
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n{exit_code_rows()}\n{END}{rest.partition(END)[2]}"


def man(sections: str) -> str:
    """The man page, with sections written by hand before EXIT STATUS."""
    return "\n".join(_man(sections)) + "\n"


def _man(sections: str) -> Iterator[str]:
    yield f'.TH EUGPT 1 "" "eugpt {__version__}" "User Commands"'
    yield ".SH NAME\neugpt \\- a Unix\\-style client for the EU GPT API"
    yield ".SH SYNOPSIS\n.B eugpt\n.I COMMAND\n.RI [ OPTIONS ]\n.RI [ PROMPT ]"
    yield ".SH DESCRIPTION\nExit status 0 means a complete answer, and nothing else does."
    yield "Standard output carries the answer and nothing else; standard error carries one line per problem."
    yield ".SH COMMANDS"
    for command in COMMANDS:
        yield f".SS {_roff(command.name)}\n{_roff(command.help)}"
        for option in command.options:
            yield f".TP\n.B {_roff(', '.join(option.flags))}\n{_roff(option.help)}"
    yield sections.rstrip()
    yield ".SH EXIT STATUS"
    for code in ExitCode:
        yield f".TP\n.B {code.number}\n{_roff(code.label)}: {_roff(code.when)}"
    yield ".SH ENVIRONMENT"
    for name in sorted({o.variable for c in COMMANDS for o in c.options if o.variable} | {"EUGPT_API_KEY"}):
        yield f".TP\n.B {name}\n{'The API key.' if name == 'EUGPT_API_KEY' else 'The default of the option.'}"


def _roff(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def bash() -> str:
    cases = "\n".join(f"    {c.name}) words='{_flags(c)}' ;;" for c in COMMANDS)
    return f"""# bash completion for eugpt; generated
_eugpt() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} words='{NAMES}'
  if ((COMP_CWORD > 1)); then
    case ${{COMP_WORDS[1]}} in
{cases}
    esac
    [[ $current == -* ]] || {{ COMPREPLY=($(compgen -f -- "$current")); return; }}
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o filenames -F _eugpt eugpt
"""


def zsh() -> str:
    names = " ".join(f"'{c.name}:{_quiet(c.help)}'" for c in COMMANDS)
    cases = "\n".join(
        f"    {c.name}) _arguments {' '.join(_zsh(o) for o in c.options)} '*:file:_files' ;;" for c in COMMANDS
    )
    return f"""#compdef eugpt
# zsh completion for eugpt; generated
_eugpt() {{
  local -a commands=({names})
  if ((CURRENT == 2)); then _describe command commands; return; fi
  case $words[2] in
{cases}
  esac
}}
_eugpt "$@"
"""


def _zsh(option: Option) -> str:
    value = "" if option.kind == "flag" else ":value:_files"
    return " ".join(f"'{'*' if option.many else ''}{flag}[{_quiet(option.help)}]{value}'" for flag in option.flags)


def fish() -> str:
    lines = ["# fish completion for eugpt; generated"]
    for c in COMMANDS:
        lines.append(f"complete -c eugpt -n __fish_use_subcommand -a {c.name} -d '{_quiet(c.help)}'")
        lines += [f"complete -c eugpt -n '__fish_seen_subcommand_from {c.name}'{_fish(o)}" for o in c.options]
    return "\n".join(lines) + "\n"


def _fish(option: Option) -> str:
    flags = "".join(f" -l {f[2:]}" if f.startswith("--") else f" -s {f[1:]}" for f in option.flags)
    return f"{flags}{'' if option.kind == 'flag' else ' -r'} -d '{_quiet(option.help)}'"


def _flags(command: Command) -> str:
    return " ".join(flag for option in command.options for flag in option.flags)


def _quiet(text: str) -> str:
    return text.replace("'", "").replace(":", ";").replace("[", "(").replace("]", ")")
