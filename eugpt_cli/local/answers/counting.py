"""Counts words and lines, adds numbers, and picks addresses out of a text."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from eugpt_cli.local.answers.calculator import shown
from eugpt_cli.local.answers.prose import sentences

_COUNTED = re.compile(
    r"^\W*(?:how many|count(?: all)?(?: the)?|number of)\s+(lines|words|characters|letters|sentences|paragraphs)\b"
    r"(?!\s+(?:contain|with|about|start|end|mention))",
    re.I,
)
_ADDED = re.compile(
    r"\b(sum|add up|total|average|mean|largest|smallest|maximum|minimum)\b.{0,20}\bnumbers\b"
    r"|^\W*(sum|add)\W*(?:up|it|them)?\W*$",
    re.I,
)
_PICKED = re.compile(
    r"^\W*(?:please )?(?:extract|list|find|show|give me|print|get)\b.{0,30}?\b(e-?mails?|urls?|links|numbers)\b", re.I
)
_NUMBER = re.compile(r"(?<![\w.,-])-?\d+(?:\.\d+)?(?![\w.,]*\w)")
_URL = re.compile(r"https?://[^\s<>\"'()]+[^\s<>\"'.,;:!?()]")
_MAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_FORMS = {"e": _MAIL, "u": _URL, "l": _URL, "n": _NUMBER}


def measured(question: str, text: str) -> str | None:
    """The answer to a question about counts, sums or addresses; None for any other."""
    if match := _COUNTED.search(question):
        kind = match[1].lower()
        return f"The text has {_COUNTS[kind](text)} {kind}."
    if match := _ADDED.search(question):
        return _added((match[1] or match[2]).lower(), text)
    if match := _PICKED.search(question):
        found = dict.fromkeys(piece.group() for piece in _FORMS[match[1][0].lower()].finditer(text))
        return "\n".join(found) or f"The text contains no {match[1].lower()}."
    return None


def _added(how: str, text: str) -> str | None:
    numbers = [Fraction(piece.group()) for piece in _NUMBER.finditer(text) if len(piece.group()) <= 30]
    name, function = _SUMS.get(how, ("sum", sum))
    return f"The {name} of the {len(numbers)} numbers is {shown(function(numbers))}." if numbers else None


def _average(numbers: Sequence[Fraction]) -> Fraction:
    return sum(numbers, Fraction()) / len(numbers)


_COUNTS: dict[str, Callable[[str], int]] = {
    "lines": lambda text: len(text.split("\n")),
    "words": lambda text: len(text.split()),
    "characters": len,
    "letters": lambda text: sum(map(str.isalpha, text)),
    "sentences": lambda text: len(sentences(text)),
    "paragraphs": lambda text: sum(bool(part.strip()) for part in re.split(r"\n\s*\n", text)),
}
_SUMS: dict[str, tuple[str, Callable[[Sequence[Fraction]], Fraction]]] = {
    "average": ("average", _average),
    "mean": ("average", _average),
    "largest": ("largest", max),
    "maximum": ("largest", max),
    "smallest": ("smallest", min),
    "minimum": ("smallest", min),
}
