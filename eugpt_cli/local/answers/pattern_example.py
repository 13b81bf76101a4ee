"""A short text that a regular expression matches, from Python's own parse of it."""

import re
from collections.abc import Sequence
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

ALPHABET = "a0A _-.@/:%+,;!?#é\n\tbcdefghijklmnopqrstuvwxyz123456789BCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Characters to choose from if a class allows several."""
MOST_REPEATED = 1000
"""The most repetitions of a part."""


def example(pattern: str, more: int = 0) -> str | None:
    """A text that the pattern matches, each loop run `more` times beyond its minimum; None if it is not understood."""
    try:
        return _text(parser.parse(pattern), more, {})
    except (re.error, OverflowError, RecursionError, KeyError):
        return None


def _text(parts: Sequence[Any], more: int, groups: dict[int, str]) -> str:
    return "".join(_part(str(kind), said, more, groups) for kind, said in parts)


def _part(kind: str, said: Any, more: int, groups: dict[int, str]) -> str:
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = said
        return "".join(_text(inner, more, groups) for _ in range(min(least + more, most, MOST_REPEATED)))
    if kind == "SUBPATTERN":
        text = _text(said[3], more, groups)
        groups[said[0]] = text
        return text
    if kind == "ATOMIC_GROUP":
        return _text(said, more, groups)
    if kind == "BRANCH":
        return _text(said[1][0], more, groups)
    if kind == "GROUPREF":
        return groups[said]
    if kind in ("AT", "ASSERT", "ASSERT_NOT", "GROUPREF_EXISTS"):
        return ""
    return _character(kind, said)


def _character(kind: str, said: Any) -> str:
    """One character of a literal or a class."""
    if kind == "LITERAL":
        return chr(said)
    members = said if kind == "IN" else [(kind, said)]
    negated = bool(members) and str(members[0][0]) == "NEGATE"
    listed = [(str(name), value) for name, value in members if str(name) != "NEGATE"]
    literals = [chr(value) if name == "LITERAL" else chr(value[0]) for name, value in listed if name in _NAMED]
    fitting = (one for one in [*literals, *ALPHABET] if any(_holds(*member, one) for member in listed) != negated)
    return next(fitting, "")


_NAMED = ("LITERAL", "RANGE")


def _holds(name: str, value: Any, one: str) -> bool:
    if name == "RANGE":
        return bool(value[0] <= ord(one) <= value[1])
    if name == "CATEGORY":
        found = {"DIGIT": one.isdigit(), "SPACE": one.isspace(), "WORD": one.isalnum() or one == "_"}
        kind = str(value).removeprefix("CATEGORY_")
        return found[kind.removeprefix("NOT_")] != kind.startswith("NOT_")
    return (name == "ANY" and one != "\n") or (
        one == chr(value) if name == "LITERAL" else name == "NOT_LITERAL" and one != chr(value)
    )
