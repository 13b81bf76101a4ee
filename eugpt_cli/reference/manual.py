"""The manual page: the prose of man/eugpt.1.in, with each marker replaced by its part of the tree."""

import re
from collections.abc import Callable, Iterable

from eugpt_cli.reference.tree import HELP, Tree, help_text
from eugpt_cli.reference.words import Fact
from eugpt_cli.settings.catalogue import Command
from eugpt_cli.settings.options import Option

MARKER = re.compile(r"^@([a-z ]+)@\n", re.MULTILINE)


def page(tree: Tree, prose: str, fragments: dict[str, str]) -> str:
    """eugpt.1 from its prose; `fragments` are the markers that other files stand for."""
    parts = {name: make(tree) for name, make in PARTS.items()} | fragments
    return MARKER.sub(lambda match: parts[match[1]], prose).replace("@version@", tree.version)


def roff(text: str) -> str:
    """Escapes words for roff: hyphens stay copyable, and no line looks like a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti")
    return re.sub(r"^([.'])", r"\\&\1", escaped.replace("`", "\\(ga"), flags=re.MULTILINE)


def _entry(term: str, text: str) -> str:
    return f".TP\n{term}\n{roff(text)}\n"


def _bold(word: str) -> str:
    return f"\\fB{roff(word)}\\fR"


def _italic(word: str) -> str:
    return f"\\fI{roff(word)}\\fR"


def _options(options: Iterable[Option]) -> str:
    return "".join(map(_option, options))


def _option(option: Option) -> str:
    value = option.value_name
    flags = ", ".join(map(_bold, option.flags)) + (f" {_italic(value)}" if value else "")
    return _entry(flags, help_text(option, option.variable))


def _groups(tree: Tree) -> str:
    """Options by the commands that have them; --help is listed with --version."""
    parts = []
    for group in tree.groups:
        options = tuple(option for option in group.options if option != HELP)
        whose = "every command" if len(group.commands) == len(tree.commands) else ", ".join(group.commands)
        if options:
            parts.append(f".SS Options of {roff(whose)}\n{_options(options)}")
    return "".join(parts)


def _command(command: Command) -> str:
    arguments = "".join(f" {_italic(argument.metavar)}" for argument in command.arguments)
    return _entry(f"{_bold(command.name)}{arguments}", command.help)


def _facts(facts: Iterable[Fact]) -> str:
    return "".join(_entry(_bold(fact.name), fact.text) for fact in facts)


def _examples(tree: Tree) -> str:
    return "".join(
        f".PP\n{roff(example.purpose)}\n.PP\n.in +4n\n.EX\n{roff(example.command)}\n.EE\n.in\n"
        for example in tree.examples
    )


def _codes(tree: Tree) -> str:
    rows = ((code, f"worth trying again: {code.again}" if code.again else "") for code in tree.codes)
    return "".join(
        _entry(f"{_bold(str(code.number))} {code.label}", f"{code.when}{f' ({again})' if again else ''}")
        for code, again in rows
    )


PARTS: dict[str, Callable[[Tree], str]] = {
    "commands": lambda tree: "".join(map(_command, tree.commands)),
    "options": lambda tree: _options(tree.root) + _groups(tree),
    "exit codes": _codes,
    "variables": lambda tree: _facts(tree.variables),
    "files": lambda tree: _facts(tree.files),
    "examples": _examples,
}
