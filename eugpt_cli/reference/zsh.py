"""The completion for zsh: completions/_eugpt.in with its tables filled in."""

import re

from eugpt_cli.reference.tree import Filler, Tree, bare, filler
from eugpt_cli.settings.catalogue import Argument, Command
from eugpt_cli.settings.options import Option

ACTIONS = {
    "": " ",
    "file": "_files",
    "folder": "_files -/",
    "@file": "_eugpt_at_files",
    "=file": "_eugpt_pairs",
    "=folder": "_eugpt_pairs -/",
    "conversation": "_eugpt_conversations",
    "profile": "_eugpt_profiles",
}


def script(tree: Tree, template: str) -> str:
    groups = {group.commands: f"group{number}" for number, group in enumerate(tree.groups, 1)}
    tables = {
        "commands": "\n".join(f"    {_quoted(f'{c.name}:{_plain(c.help)}')}" for c in tree.commands),
        "groups": "\n".join(
            f"  local -a {groups[group.commands]}=(\n{_lines(group.options)}\n  )" for group in tree.groups
        ),
        "root": _lines(tree.root).replace("\n", " \\\n"),
        "cases": "\n".join(_case(c, [name for who, name in groups.items() if c.name in who]) for c in tree.commands),
    }
    for name, table in tables.items():
        template = template.replace(f"@{name}@", table)
    return template


def _case(command: Command, groups: list[str]) -> str:
    runs = any(filler(argument).kind == "command" for argument in command.arguments)
    own = () if runs else command.arguments
    specs = [f"${name}" for name in groups] + [_quoted(_argument(argument)) for argument in own]
    arguments = f"_arguments -s -S {' '.join(specs)}"
    return f"    {command.name}) {f'_eugpt_command || {arguments}' if runs else arguments} && ret=0 ;;"


def _lines(options: tuple[Option, ...]) -> str:
    return "\n".join(f"    {_option(option)}" for option in options)


def _option(option: Option) -> str:
    """Words for `_arguments`: a flag excludes its other spelling, unless it may be repeated."""
    takes = option.kind != "flag"
    before = (
        "*" if option.repeatable else "(- *)" if option.name in ("help", "version") else f"({' '.join(option.flags)})"
    )
    flags = [flag + (("=" if flag.startswith("--") else "+") if takes else "") for flag in option.flags]
    spelled = f"{{{','.join(flags)}}}" if len(flags) > 1 else flags[0]
    value = f":{_plain(option.value_name)}:{_action(filler(option))}" if takes else ""
    return f"{_quoted(before)}{spelled}{_quoted(f'[{_plain(option.help)}]{value}')}"


def _argument(argument: Argument) -> str:
    filled = filler(argument)
    action = _action(filled) if filled != Filler() else "_eugpt_text"
    return f"{'*' if argument.repeatable else ''}:{_plain(bare(argument.metavar).lower())}:{action}"


def _action(filled: Filler) -> str:
    return f"({' '.join(filled.words)})" if filled.words else ACTIONS[filled.kind]


def _plain(text: str) -> str:
    return re.sub(r"([\\:\[\]])", r"\\\1", text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
