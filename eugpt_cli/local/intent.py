"""What a question wants: a number, the time, a summary, a page, and in which form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNT = re.compile(rf"\b({'|'.join(_NUMBERS)}|\d{{1,2}}|a single)\s+(?:\w+\s+)?(sentence|bullet|point|line)s?\b", re.I)
_BULLETS = re.compile(r"\b(bullet(s|ed)?|bullet points|key points|main points)\b", re.I)
_SUMMARY = re.compile(
    r"\b(summar\w*|tl;?dr|sum up|gist|main points|key points|in short|outline|overview|condense|shorten|abstract"
    r"|what is this( text| file| document)? about|what('s| is) in (this|it)|zusammen\w*|résum\w*)\b",
    re.I,
)
_TIME = re.compile(
    r"\b(what(?:'s| is) the (?:current )?(?:date|time|day)|what time|current[ _]?(?:date|time)|date ?time|today'?s date"
    r"|(?:what|which) (?:day|date|year|month)(?: of the week)? is it|what (?:day|date) is today|(?:day|date|time) is it"
    r"|welche[rs]? (?:tag|datum)|wie spät|quelle heure)\b",
    re.I,
)
_CODE = re.compile(r"\b(code|snippet|function|script|fenced)\b", re.I)
_WEB = re.compile(r"\b(web|internet|online|search|look up|google|latest|news)\b", re.I)
_ORDER_TO_SEARCH = re.compile(
    r"^\s*(?:please\s+)?(?:search|look up|google|find)(?:\s+(?:(?:on|in)\s+)?(?:the\s+)?(?:web|internet|online))?"
    r"(?:\s+for)?:?\s+",
    re.I,
)
_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")

_FUNCTION = r"(?:sqrt|abs|round|floor|ceil|min|max|sin|cos|tan|exp|ln|log|pi|mod|π|e|tau)"
_RUN = re.compile(rf"(?:{_FUNCTION}(?![a-z])|[\d.,_()+\-*/%^!\u00d7\u00f7\u00b7\u2212]|\s)+", re.I)
_WORDS = (
    (re.compile(r"\bplus\b", re.I), "+"),
    (re.compile(r"\bminus\b", re.I), "-"),
    (re.compile(r"\b(times|multiplied by|mal|fois)\b|(?<=\d)\s*x\s*(?=\d)", re.I), "*"),
    (re.compile(r"\b(divided by|geteilt durch)\b", re.I), "/"),
    (re.compile(r"\bto the power of\b", re.I), "**"),
    (re.compile(r"\bsquared\b", re.I), "**2"),
    (re.compile(r"\bcubed\b", re.I), "**3"),
    (re.compile(r"\b(?:the )?square root of\s+(\d+(?:\.\d+)?)", re.I), r"sqrt(\1)"),
    (re.compile(r"(?:%|\bper ?cent)\s+(?:of|von|de)\b", re.I), "/100 *"),
    (re.compile(r"(?<=\d),(?=\d{3}\b)"), ""),
)
_LEAD = re.compile(
    r"^(?:please\s+)?(?:what(?:'s| is| are| does)|how much (?:is|are)|was ist|combien font|and)?\s*", re.I
)
_ORDER = re.compile(r"\b(calculate|compute|evaluate|work out|calculator|solve|rechne|calcule[rz]?)\b", re.I)
_OPERATION = re.compile(r"\d\s*[)!%]*\s*(?:[-+*/^\u00d7\u00f7\u00b7\u2212]|%\s*\d|mod)|\d!|[a-z]\(", re.I)
_DATE = re.compile(r"^\s*\d{4}-\d{1,2}-\d{1,2}\s*$|^\s*\d{1,4}/\d{1,2}/\d{1,4}\s*$")


@dataclass(frozen=True)
class Wish:
    """The form an answer shall have: how many sentences (None: as many as fit) and whether as a list."""

    count: int | None
    bullets: bool

    def laid_out(self, lines: Sequence[str]) -> str:
        """The sentences as a paragraph or a list."""
        return "\n".join(f"- {line}" for line in lines) if self.bullets else " ".join(lines)


def wish(text: str) -> Wish:
    """The form asked for in question and instructions; the first mention counts."""
    match = _COUNT.search(text)
    bullets = bool(_BULLETS.search(text))
    if match is None:
        return Wish(None, bullets)
    word = match.group(1).lower()
    count = int(word) if word.isdigit() else _NUMBERS.index(word) + 1 if word in _NUMBERS else 1
    return Wish(max(count, 1), bullets or match.group(2).lower() in ("bullet", "point"))


def asks_for_summary(question: str) -> bool:
    """Whether the text as a whole is wanted rather than a place in it."""
    return bool(_SUMMARY.search(question))


def asks_for_time(question: str) -> bool:
    """Whether the clock answers it."""
    return bool(_TIME.search(question))


def asks_for_code(question: str) -> bool:
    """Whether a fenced block of the text may be the answer."""
    return bool(_CODE.search(question))


def asks_the_web(question: str) -> bool:
    """Whether the web folder is asked before all else."""
    return bool(_WEB.search(question))


def web_query(question: str) -> str:
    """What to look for, without the order to look for it."""
    return _ORDER_TO_SEARCH.sub("", question).strip() or question


def fenced(text: str) -> str | None:
    """The first fenced block of a text, fences included."""
    lines: list[str] = []
    for line in text.split("\n"):
        mark = line[:3]
        if lines:
            lines.append(line)
            if mark == lines[0][:3] and not line[3:].strip():
                return "\n".join(lines)
        elif mark in ("```", "~~~"):
            lines.append(line)
    return None


def url_in(question: str) -> str | None:
    """The first URL of the question."""
    match = _URL.search(question)
    return match.group() if match else None


def arithmetic(question: str) -> str | None:
    """The expression to compute, in the calculator's spelling; None if the question is not about one."""
    text = question
    for pattern, symbol in _WORDS:
        text = pattern.sub(symbol, text)
    if _ORDER.search(text):
        runs = [_trimmed(match.group()) for match in _RUN.finditer(_ORDER.sub(" ; ", text))]
        return max((run for run in runs if _OPERATION.search(run) and not _DATE.match(run)), key=len, default=None)
    for sentence in re.split(r"(?<=[?!.])\s+(?=[A-Z])", text.strip()):
        rest = _LEAD.sub("", sentence).strip(" \t\n=?.:")
        match = _RUN.match(rest)
        run = match.group() if match else ""
        ends_there = len(run) == len(rest) or run.rstrip().endswith(",") or rest[len(run) :].startswith("and ")
        if run and ends_there and _OPERATION.search(run) and not _DATE.match(run):
            return _trimmed(run)
    return None


def _trimmed(run: str) -> str:
    trimmed = " ".join(run.split()).strip(" ,.")
    while trimmed.endswith(("+", "-", "*", "/", "^")):
        trimmed = trimmed[:-1].rstrip()
    return trimmed
