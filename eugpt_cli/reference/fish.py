"""The completion for fish: completions/eugpt.fish.in with its table filled in."""

from collections.abc import Iterator

from eugpt_cli.reference.tree import Filler, Tree, filler
from eugpt_cli.settings.catalogue import Argument, Command
from eugpt_cli.settings.options import Option

VALUES = {
    "": "-x",
    "file": "-r -F",
    "folder": "-x -a '(__fish_complete_directories (commandline -ct))'",
    "@file": "-x -a '(__eugpt_at_files)'",
    "=file": "-r -F",
    "=folder": "-r -F",
    "conversation": "-x -a '(__eugpt_conversations)'",
    "profile": "-x -a '(__eugpt_profiles)'",
    "command": "-x -a '(__eugpt_subcommand)'",
}


def script(tree: Tree, template: str) -> str:
    return template.replace("@table@\n", "".join(f"complete -c eugpt {line}\n" for line in _lines(tree)))


def _lines(tree: Tree) -> Iterator[str]:
    for option in tree.root:
        yield f"-n __eugpt_no_command {_option(option)}"
    for command in tree.commands:
        yield f"-n __eugpt_no_command -a {command.name} -d {_quoted(command.help)}"
    for group in tree.groups:
        for option in group.options:
            yield f"-n '__eugpt_in {' '.join(group.commands)}' {_option(option)}"
    for command in tree.commands:
        for number, argument in enumerate(command.arguments, 1):
            if filler(argument) != Filler():
                yield f"-n {_place(command, argument, number)} {_value(filler(argument))}"


def _place(command: Command, argument: Argument, number: int) -> str:
    if filler(argument).kind == "command":
        return "__eugpt_after_dashes"
    if len(command.arguments) == 1:
        return f"'__eugpt_in {command.name}'"
    return f"'__eugpt_at {'-ge' if argument.repeatable else '-eq'} {number} {command.name}'"


def _option(option: Option) -> str:
    flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
    value = "" if option.kind == "flag" else f" {_value(filler(option))}"
    return f"{flags}{value} -d {_quoted(option.help)}"


def _value(filled: Filler) -> str:
    return f"-x -a {_quoted(' '.join(filled.words))}" if filled.words else VALUES[filled.kind]


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
