"""Renews the reference blocks of README.md, each between `<!-- NAME: generated -->` and `<!-- end -->`."""

import re
from collections.abc import Callable, Iterable

from eugpt_cli.reference.tree import HELP, Tree, help_text

BLOCK = re.compile(r"(<!-- ([a-z ]+): generated -->\n).*?(<!-- end -->)", re.DOTALL)


def renewed(tree: Tree, text: str) -> str:
    return BLOCK.sub(lambda match: f"{match[1]}{BLOCKS[match[2]](tree)}{match[3]}", text)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _codes(tree: Tree) -> str:
    rows = ((str(code.number), code.label, code.when, code.again) for code in tree.codes)
    return _table(("code", "name", "when", "worth trying again"), rows)


def _settings(tree: Tree) -> str:
    """The options that more than one command has."""
    rows = (
        (
            ", ".join(f"`{flag}`" for flag in option.flags),
            f"`{option.variable}`" if option.variable else "",
            "yes" if option.in_profile else "",
            help_text(option),
        )
        for group in tree.groups
        for option in group.options
        if len(group.commands) > 1 and option != HELP
    )
    return _table(("option", "variable", "in a profile", "what it sets"), rows)


def _variables(tree: Tree) -> str:
    optional = {option.variable for group in tree.groups for option in group.options}
    rows = ((f"`{fact.name}`", fact.text) for fact in tree.variables if fact.name not in optional)
    return _table(("variable", "what it says"), rows)


BLOCKS: dict[str, Callable[[Tree], str]] = {"exit codes": _codes, "settings": _settings, "variables": _variables}
