"""Renews the reference blocks of README.md, each between `<!-- NAME: generated -->` and `<!-- end -->`."""

import re
from collections.abc import Callable, Iterable

from eugpt_cli.reference.tree import Tree

BLOCK = re.compile(r"(<!-- ([a-z ]+): generated -->\n).*?(<!-- end -->)", re.DOTALL)


def renewed(tree: Tree, text: str) -> str:
    return BLOCK.sub(lambda match: f"{match[1]}{BLOCKS[match[2]](tree)}{match[3]}", text)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _families(tree: Tree) -> str:
    """The exit codes by their tens, with the codes of each family."""
    rows = []
    for (pattern, belongs), meaning in FAMILIES.items():
        codes = [code for code in tree.codes if belongs(code.number)]
        names = ", ".join(f"{code.number} {code.label}" for code in codes if len(codes) > 1)
        rows.append((f"`{pattern}`", meaning + (f": {names}" if names else "")))
    return _table(("exit code", "meaning"), rows)


FAMILIES: dict[tuple[str, Callable[[int], bool]], str] = {
    ("0", lambda number: number == 0): "the answer is complete",
    ("1", lambda number: number == 1): "a defect in eugpt",
    ("2", lambda number: number == 2): "wrong options, or nothing to send",
    ("3?", lambda number: number // 10 == 3): "this machine",
    ("4?", lambda number: number // 10 == 4): "the request",
    ("5?", lambda number: number // 10 == 5): "the service; worth trying again",
    ("6?", lambda number: number // 10 == 6): "the connection; worth trying again, except 63",
    ("8?", lambda number: number // 10 == 8): "the answer",
    ("9?", lambda number: number // 10 == 9): "the batch is not finished; `--resume` continues it",
    ("128+n", lambda number: number > 128): "ended by signal n",
}
BLOCKS: dict[str, Callable[[Tree], str]] = {"exit codes": _families}
