"""Words, sentences and ranking, by small published methods.

Ranking is Okapi BM25 (Robertson & Zaragoza 2009, k1 = 1.2, b = 0.75); summaries are Luhn's (1958): a sentence weighs
as much as its densest cluster of significant words.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from eugpt_cli.local.answers.languages import MONTHS_AFTER_A_DOT, STOP_WORDS

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_CAPITALS = "".join(letter for letter in map(chr, range(0xC0, 0x530)) if letter.isupper())
_BREAK = re.compile(
    rf"(?<=[.!?…])[\"'”\u2019)\]]*\s+(?=[\"'“\u2018(\[¿¡„«]?[A-Z{_CAPITALS}0-9#*-])"
    r"|\n\s*\n|\n(?=\s*(?:(?:[-*•]|\d+[.)]|#)\s|\|))"
    r"|\n(?=[\[(]?(?:\d{2,4}[-:/.]\d\d|[A-Z][a-z]{2} +\d{1,2} \d\d:|(?:[A-Z]{4,8}|error|warning|info|debug)\b))"
    r"|(\n)"
)
MOST_SENTENCES = 50_000
"""The most sentences of a text that are read; a million characters of prose have fewer."""
FILLED = 40
"""A line of at least this many characters was broken at a margin; a shorter one (record, verse, code) is whole."""
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|etc|cf|vs|Dr|Mr|Mrs|Ms|Prof|No|Nr|z\.B|bzw|ca|St|Art|Abs|Hr|Fr|Sr|Sra|Dott|Sig"
    r"|bijv|dhr|mevr|mgr|św|ul|[A-Z])\.$"
)
ENDED = re.compile(r"[.!?…:;][\"'”’)\]`*_]*$")
"""The end of a whole sentence; titles and records do not have one."""
_ORDINAL = re.compile(r"(?<!\d)\d{1,2}\.$")
_COMMENT = re.compile(r"<!--[^>\n]{0,300}-->")
_MARKUP = re.compile(r"^\s*(?:#{1,6}\s+|[-*•]\s+|\d+[.)]\s+|>\s+|\|\s*)")
_PROSE = re.compile(r"(?! {4}|\t|\s*[|#`<])")


@dataclass(frozen=True)
class Sentence:
    """A sentence and the line of its text on which it starts, counted from 1."""

    text: str
    line: int


def terms(text: str) -> list[str]:
    """Content words, lower case, stemmed with Harman's S-stemmer (1991), stop words left out."""
    return [_stem(word) for word in content_words(text)]


def content_words(text: str) -> list[str]:
    """Words in lower case, stop words left out."""
    words = (word.lower().replace("\u2019", "'") for word in _WORD.findall(text))
    return [word for word in words if word not in STOP_WORDS]


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    if word.endswith("ies") and len(word) > 4 and word[-4] not in "ea":
        return word[:-3] + "y"
    if word.endswith("es") and len(word) > 3 and word[-3] not in "aeo":
        return word[:-1]
    if word.endswith("s") and len(word) > 3 and word[-2] not in "us":
        return word[:-1]
    return word


def count_tokens(text: str) -> int:
    """The tokens of a text, at four characters each: the unit of usage and quotas here."""
    return -(-len(text) // 4)


def sentences(text: str, first_line: int = 1) -> list[Sentence]:
    """The sentences of plain text or Markdown; headings, list items, table rows and log lines count as sentences."""
    text = _COMMENT.sub("", text)
    found: list[Sentence] = []
    start, held = 0, 0
    line = first_line
    for match in [*_BREAK.finditer(text), None]:
        end = match.start() if match else len(text)
        if match and _goes_on(text, end, match):
            continue
        piece = text[start:end]
        lead = len(piece) - len(piece.lstrip())
        line += text.count("\n", held, start + lead)
        held = start + lead
        if piece.strip():
            found.append(Sentence(" ".join(_MARKUP.sub("", piece).split()).removesuffix("|").rstrip(), line))
        if len(found) == MOST_SENTENCES:
            break
        start = match.end() if match else end
    return [sentence for sentence in found if _WORD.search(sentence.text)]


def _goes_on(text: str, end: int, match: re.Match[str]) -> bool:
    """Whether the sentence continues after the line: it is full, or its last dot ends an abbreviation or ordinal."""
    if match.group(1):
        return end - text.rfind("\n", 0, end) > FILLED
    before = text[max(0, end - 6) : end]
    if _ORDINAL.search(before) and MONTHS_AFTER_A_DOT.match(text, match.end()):
        return True
    return "\n" not in match.group() and bool(_ABBREVIATION.search(before))


def bm25(query: Sequence[str], documents: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.75) -> list[float]:
    """The BM25 score of each tokenised document for the query terms."""
    if not documents:
        return []
    counts = [Counter(document) for document in documents]
    average = sum(map(len, documents)) / len(documents) or 1.0
    wanted = set(query)
    found = {term: sum(term in count for count in counts) for term in wanted}
    idf = {term: math.log(1 + (len(documents) - n + 0.5) / (n + 0.5)) for term, n in found.items()}
    return [
        sum(
            idf[term] * count[term] * (k1 + 1) / (count[term] + k1 * (1 - b + b * len(document) / average))
            for term in wanted
            if term in count
        )
        for document, count in zip(documents, counts, strict=True)
    ]


def coverage(query: Sequence[str], document: Sequence[str]) -> float:
    """The share of the query's terms that occur in the document, 0 to 1."""
    wanted = set(query)
    return len(wanted & set(document)) / len(wanted) if wanted else 0.0


def summarise(text: str, count: int) -> list[Sentence]:
    """Luhn's extract: the `count` weightiest sentences, in the order of the text; prose before tables and code.

    Of several, one is the first of the text, which mostly says what it is about (Baxendale 1958); a title is none.
    """
    lines = text.split("\n")
    all_sentences = sentences(text)
    all_sentences = [s for s in all_sentences if _PROSE.match(lines[s.line - 1])] or all_sentences
    tokenised = [terms(sentence.text) for sentence in all_sentences]
    frequency = Counter(term for tokens in tokenised for term in tokens)
    least = max(2, min(7, len(all_sentences) // 25 + 2))
    significant = {term for term, n in frequency.items() if n >= least} or set(frequency)
    weights = [_luhn(tokens, significant) for tokens in tokenised]
    lead = next((i for i, s in enumerate(all_sentences) if ENDED.search(s.text)), None) if count > 1 else None
    order = sorted(range(len(all_sentences)), key=lambda i: (i != lead, -weights[i], i))
    return [all_sentences[i] for i in sorted(order[:count])]


def _luhn(tokens: Sequence[str], significant: set[str], gap: int = 4) -> float:
    """Luhn's factor of the best cluster: (its significant words)² / its length; it bridges gaps of `gap` words."""
    places = [i for i, token in enumerate(tokens) if token in significant]
    best, start, inside = 0.0, 0, 0
    for n, place in enumerate(places):
        if n and place - places[n - 1] > gap:
            start, inside = n, 0
        inside += 1
        best = max(best, inside * inside / (place - places[start] + 1))
    return best
