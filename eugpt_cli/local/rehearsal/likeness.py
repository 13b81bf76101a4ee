"""Compares requests: finds the nearest recording, and a scenario's words in a body."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from typing import Any

MOST_COMPARED = 500
"""How many recordings are compared with a request that has none."""
COMPARED = 500
"""Characters of two texts that are compared."""
_STRUCTURE = frozenset({"type", "role"})
"""Members whose text the API defines, not the caller."""


@dataclass(frozen=True)
class Likeness:
    """The recording that is most like a request, and the members in which it differs."""

    name: str
    differs: list[str]


def texts_in(body: str) -> str:
    """The decoded texts of a JSON body, a line each; any other body unchanged."""
    try:
        return "\n".join(_texts(json.loads(body)))
    except (ValueError, RecursionError):
        return body


def said_in(body: str) -> str:
    """The input of a request in one line; without one, all of its body."""
    try:
        value = json.loads(body)
        said = value["input"] if isinstance(value, dict) and "input" in value else value
        return " ".join(" ".join(_texts(said)).split()) or body
    except (ValueError, RecursionError):
        return body


def nearest(body: str, known: Iterable[tuple[str, str]]) -> Likeness | None:
    """The most similar of the (name, request body) pairs; None if there are none, or a body is no JSON object."""
    asked = _members(body)
    scored = [(_score(asked, members), name, members) for name, members in _candidates(known)]
    if not scored or asked is None:
        return None
    _, name, members = max(scored, key=lambda entry: entry[0])
    differs = sorted(key for key in asked.keys() | members.keys() if asked.get(key) != members.get(key))
    return Likeness(name, differs)


def _candidates(known: Iterable[tuple[str, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, request in islice(known, MOST_COMPARED):
        members = _members(request)
        if members is not None:
            yield name, members


def _members(body: str) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return {key: member for key, member in value.items() if key != "stream"} if isinstance(value, dict) else None


def _score(asked: dict[str, Any] | None, known: dict[str, Any]) -> float:
    """The share of members that agree; texts that differ count by their similarity (Ratcliff and Obershelp)."""
    pairs = [((asked or {}).get(key), known.get(key)) for key in {*(asked or {}), *known}]
    return sum(_likeness(*pair) for pair in pairs) / max(len(pairs), 1)


def _likeness(one: Any, other: Any) -> float:
    if one == other:
        return 1.0
    first, second = ("\n".join(_texts(value))[:COMPARED] for value in (one, other))
    return 0.9 * SequenceMatcher(None, first, second, autojunk=False).quick_ratio()


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, in order, except those of its structure."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
    elif isinstance(value, dict):
        for key, entry in value.items():
            if key not in _STRUCTURE:
                yield from _texts(entry)
