"""The completion for bash: completions/eugpt.bash.in with its tables filled in."""

from collections.abc import Iterable
from shlex import quote

from eugpt_cli.reference.tree import Filler, Tree, filler
from eugpt_cli.settings.catalogue import Command
from eugpt_cli.settings.options import Option


def script(tree: Tree, template: str) -> str:
    tables = {
        "options": "\n".join(f"  {command.name})\n{_options(command)}\n    ;;" for command in tree.commands),
        "arguments": "\n".join(f"  {command.name})\n{_arguments(command)}\n    ;;" for command in tree.commands),
        "flags": "\n".join(
            f"  {command.name}) choices={quote(_flags(command.options))} ;;" for command in tree.commands
        ),
        "root": _flags(tree.root),
        "commands": " ".join(command.name for command in tree.commands),
    }
    for name, table in tables.items():
        template = template.replace(f"@{name}@", table)
    return template


def _flags(options: Iterable[Option]) -> str:
    return " ".join(flag for option in options for flag in option.flags)


def _options(command: Command) -> str:
    """The options that take a value, those together that are completed alike."""
    alike: dict[Filler, list[str]] = {}
    for option in command.options:
        if option.kind != "flag":
            alike.setdefault(filler(option), []).extend(option.flags)
    return _case("$2", ((" | ".join(flags), filled) for filled, flags in alike.items()))


def _arguments(command: Command) -> str:
    rows = (("*" if a.repeatable else str(number), filler(a)) for number, a in enumerate(command.arguments))
    return _case("$2", rows)


def _case(word: str, rows: Iterable[tuple[str, Filler]]) -> str:
    lines = [f"    {pattern}) {_filled(filled)} ;;" for pattern, filled in rows]
    return "\n".join([f"    case {word} in", *lines, "    esac"]) if lines else "    :"


def _filled(filled: Filler) -> str:
    return f"kind={filled.kind or 'none'}" + (f" choices={quote(' '.join(filled.words))}" if filled.words else "")
