"""Values near a property's name in a text: 340 for `total` in `Total: 340 euros`."""

import re
from collections.abc import Iterator

AFTER, BEFORE = 80, 30
"""Characters after and before a name that count as near it."""
MOST_TEXT = 200_000
"""Characters of the text that are searched."""

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:[.,]\d{3})*(?:[.,]\d+)?(?![\w])")
_GROUPED = re.compile(r"[.,](?=\d{3}(?:\D|$))")
_LEAD = re.compile(
    r"\s*(?:number|no\.?|id)?\s*(?:[:=]|\b(?:is|are|was|were|called|named|of|by|from|for|ist|war|heißt)\b)\s*", re.I
)
_QUOTED = re.compile(r"[\"“„'«]([^\"”“'»\n]{1,200})[\"”“'»]")
_CODE = re.compile(r"[ \t]+#?(\w[\w./-]*\w|\d)")
_CLAUSE = re.compile(r"[^,.;\n!?|]{1,200}(?:\.\d[^,.;\n!?|]*)*")
_YES = re.compile(r"\b(?:true|yes|ja|oui|on|enabled)\b", re.I)
_NO = re.compile(r"\b(?:false|no|not|nein|non|off|disabled)\b", re.I)
_BY_FORMAT = {
    "date": re.compile(r"\b\d{4}-\d\d-\d\d\b"),
    "date-time": re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"),
    "time": re.compile(r"\b\d\d:\d\d(?::\d\d)?\b"),
    "email": re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"),
    "uri": re.compile(r"\bhttps?://[^\s<>\"']+[^\s<>\"'.,;:!?)]"),
    "uuid": re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.I),
    "ipv4": re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
}


def numbers_near(name: str, text: str) -> Iterator[float | int]:
    """Numbers near the name, the nearest first; thousands may be grouped."""
    for after, before in _surroundings(name, text):
        for match in [*_NUMBER.finditer(after), *reversed([*_NUMBER.finditer(before)])]:
            yield _value(match.group())


def truths_near(name: str, text: str) -> Iterator[bool]:
    """Yes or no near the name."""
    for after, _ in _surroundings(name, text):
        yes, no = _YES.search(after), _NO.search(after)
        if yes or no:
            yield bool(yes and (not no or yes.start() < no.start()))


def texts_near(name: str, text: str, form: str | None) -> Iterator[str]:
    """Texts near the name: of a format, anywhere in the text; otherwise what follows `name:` or `name is`.

    A word with a figure in it may follow the name at once, as in `invoice number A-7`.
    """
    pattern = _BY_FORMAT.get(form or "")
    for after, before in _surroundings(name, text):
        if pattern:
            yield from (match.group() for match in [*pattern.finditer(after), *pattern.finditer(before)])
            continue
        lead, code = _LEAD.match(after), _CODE.match(after)
        if not lead and code and any(map(str.isdigit, code[1])):
            yield code[1]
        rest = after[lead.end() :] if lead else ""
        quoted, clause = _QUOTED.match(rest), _CLAUSE.match(rest)
        if quoted or clause:
            yield quoted[1] if quoted else _told(clause.group().strip() if clause else "")
    if pattern:
        yield from (match.group() for match in pattern.finditer(text[:MOST_TEXT]))


def lists_near(name: str, text: str) -> Iterator[list[str]]:
    """The entries of `name: one, two and three`."""
    for after, _ in _surroundings(name, text):
        lead = _LEAD.match(after)
        line = re.split(r"\n|\.(?:\s|$)", after[lead.end() :])[0] if lead else ""
        entries = [entry.strip() for entry in re.split(r",|;|\band\b|\bund\b|\bet\b", line) if entry.strip()]
        if entries:
            yield entries


def _surroundings(name: str, text: str) -> Iterator[tuple[str, str]]:
    """(what follows, what precedes) each occurrence of a name's words, within one paragraph."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+", name)
    if not words:
        return
    spelt = re.compile(r"(?<![^\W_])" + r"[\s_-]*".join(map(re.escape, words)) + r"s?(?![^\W_])", re.I)
    searched = text[:MOST_TEXT]
    for match in spelt.finditer(searched):
        after = searched[match.end() : match.end() + AFTER].partition("\n\n")[0]
        before = searched[max(match.start() - BEFORE, 0) : match.start()].rpartition("\n")[2]
        yield after, before


def _told(clause: str) -> str:
    """A clause as a value; if it begins with figures or a code, only its first word."""
    first = clause.partition(" ")[0]
    return first if any(map(str.isdigit, first)) else clause


def _value(figures: str) -> float | int:
    plain = _GROUPED.sub("", figures).replace(",", ".")
    try:
        return int(plain)
    except ValueError:
        return float(plain) if plain.count(".") < 2 else 0
