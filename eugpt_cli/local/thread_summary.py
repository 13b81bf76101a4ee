"""The incremental summary of a conversation: weighs each sentence that leaves the window once, and keeps the heaviest.

Every message keeps its best sentence before any keeps a second, so that long turns displace no early facts. The weight
is Edmundson's (1969, "New Methods in Automatic Extracting"): cue words (here first-person and defining phrases), key
content (names, numbers, capitalised terms), and position (the opening turns).
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from eugpt_cli.local.answers.prose import sentences, terms
from eugpt_cli.local.answers.reading import bare

BUDGET = 200
"""The most sentences of a summary."""
LONGEST = 500
"""The longest sentence, in characters; a longer one is cut at a word."""

_CUE = re.compile(
    r"\b(my|our|i|we|i'm|is called|is named|called|named|means|remember|important|must|always|never|decided)\b", re.I
)
_KEY = re.compile(r"\d|(?<=\s)[A-ZÄÖÜÉÈ][\w-]+")


class SummarySentence(NamedTuple):
    """A sentence of the summary: from which message, which sentence of it, who said it, its text and weight."""

    position: int
    sentence: int
    role: str
    text: str
    weight: float


def fold(
    held: Sequence[SummarySentence], leaving: Sequence[tuple[int, str, str]]
) -> tuple[list[SummarySentence], list[SummarySentence]]:
    """(lines to add, lines to drop) when the messages (position, role, text) leave the window."""
    fresh = [line for message in leaving for line in _lines(*message)]
    kept = set(_ranked([*held, *fresh])[:BUDGET])
    return [line for line in fresh if line in kept], [line for line in held if line not in kept]


def _ranked(lines: Sequence[SummarySentence]) -> list[SummarySentence]:
    """The best line of each message, then each second best, and so on; lines without weight come last."""
    ordered = sorted(lines, key=lambda line: (-line.weight, line.position, line.sentence))
    seen: Counter[int] = Counter()
    ranks: dict[SummarySentence, tuple[bool, int]] = {}
    for line in ordered:
        ranks[line] = (line.weight == 0.0, seen[line.position])
        seen[line.position] += 1
    return sorted(ordered, key=ranks.__getitem__)


def _lines(position: int, role: str, text: str) -> list[SummarySentence]:
    lines = []
    for number, sentence in enumerate(sentences(bare(text))[:BUDGET]):
        said = sentence.text if len(sentence.text) <= LONGEST else sentence.text[:LONGEST].rsplit(" ", 1)[0] + " …"
        lines.append(SummarySentence(position, number, role, said, _weight(said, position, role)))
    return lines


def _weight(sentence: str, position: int, role: str) -> float:
    if role != "user" or sentence.endswith("?"):
        return 0.0
    cue = min(len(_CUE.findall(sentence)), 3)
    key = min(len(_KEY.findall(sentence)), 4)
    return 1.0 + cue + 0.5 * key + (0.5 if position < 4 else 0.0) + min(len(terms(sentence)), 10) * 0.05
