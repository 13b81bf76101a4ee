"""What a question wants: a number, the time, a summary, a page, and in which form."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from eugpt_cli.local.answers.languages import (
    BULLETS,
    CODE,
    GREETING,
    HOW_MUCH,
    NEEDS_A_MODEL,
    NUMBERS,
    POINT,
    SENTENCE,
    SHOWING,
    SUMMARY,
    TIMES,
)
from eugpt_cli.local.answers.prose import ENDED

_COUNT = re.compile(
    rf"(?<!\w)({'|'.join(NUMBERS)}|\d{{1,2}}|a single)\s+(?:\w+\s+)?(?:({SENTENCE})|({POINT}))(?!\w)", re.I
)
_WEB = re.compile(r"\b(web|internet|online|search|look up|google|latest|news)\b", re.I)
_ORDER_TO_SEARCH = re.compile(
    r"^\s*(?:please\s+)?(?:search|look up|google|find)(?:\s+(?:(?:on|in)\s+)?(?:the\s+)?(?:web|internet|online))?"
    r"(?:\s+for)?:?\s+",
    re.I,
)
_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")

LONGEST_INTRODUCTION = 500
"""Characters before a block of code that count as its description."""

_FUNCTION = r"(?:sqrt|abs|round|floor|ceil|min|max|sin|cos|tan|exp|ln|log|pi|mod|π|e|tau)(?![a-z])|(?:sum|avg)(?=\()"
_RUN = re.compile(rf"(?:(?<![a-z])(?:{_FUNCTION})|[\d.,_()+\-*/%^!\u00d7\u00f7\u00b7\u2212]|\s)+", re.I)
_ENGLISH = "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_SPELT = {word: str(number) for number, word in enumerate(_ENGLISH.split("|"))}
_SPELT_OUT = re.compile(rf"\b({_ENGLISH})(?=\s+(?:plus|minus|times|multiplied|divided)\b)", re.I)
_SPELT_AFTER = re.compile(rf"\b(plus|minus|times|by)\s+({_ENGLISH})\b", re.I)
_LISTED = r"((?:[\d.]+(?:\s*,\s*(?:and\s+)?|\s+and\s+)){1,50}[\d.]+)"
_FUNCTIONS_OF = {"sum": "sum", "total": "sum", "average": "avg", "mean": "avg", "maximum": "max", "minimum": "min"}
_OF_NUMBERS = re.compile(rf"\b(?:the )?({'|'.join(_FUNCTIONS_OF)})\s*(?:of\b|:)?\s*{_LISTED}", re.I)
_WORDS = (
    *((re.compile(rf"(?<=[\d)%!])\s*\b(?:{words})\b\s*(?=[\d(.\-])", re.I), f" {symbol} ") for words, symbol in TIMES),
    (re.compile(r"(?<=\d)x(?=\d)", re.I), " * "),
    (re.compile(r"\bto the power of\b", re.I), "**"),
    (re.compile(r"\s*\bsquared\b", re.I), "**2"),
    (re.compile(r"\s*\bcubed\b", re.I), "**3"),
    (re.compile(r"\b(?:the )?square root of\s+(\d+(?:\.\d+)?)", re.I), r"sqrt(\1)"),
    (re.compile(r"(?<=\d)\s+factorial\b", re.I), "!"),
    (re.compile(r"\bhalf of\s+(?=[\d(])", re.I), "1/2 * "),
    (re.compile(r"(\d+(?:\.\d+)?)\s*(?:%|per ?cent) off\s+(\d+(?:\.\d+)?)", re.I), r"\2 - \1%"),
    (re.compile(r"(?:%|\bper ?cent|\bprozent)\s+(?:of|von|de|di|van|z|av|af)\b", re.I), "/100 *"),
    (re.compile(r"(?<=\d),(?=\d{3}\b)"), ""),
)
_POINTED = re.compile(r"(?<![\d.,])(\d{1,3}(?:\.\d{3})+),(\d+)(?![\d.,])")
_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d{1,2}|\d{4,})(?![\d,.])")
_LEAD = re.compile(rf"^[¿¡\s]*(?:please\s+)?(?:{HOW_MUCH})?\s*", re.I)
_ORDER = re.compile(
    r"\b(calculate|compute|evaluate|work out|calculator|solve|berechne|rechne|calcule[rz]?|calcula|calcola|oblicz"
    r"|bereken)\b",
    re.I,
)
_OPERATION = re.compile(r"\d\s*[)!%]*\s*(?:[-+*/^\u00d7\u00f7\u00b7\u2212]|%\s*\d|mod)|\d!|[a-z]\(", re.I)
_DATE = re.compile(r"^\s*\d{4}-\d{1,2}-\d{1,2}\s*$|^\s*\d{1,4}/\d{1,2}/\d{1,4}\s*$")


@dataclass(frozen=True)
class AnswerForm:
    """The requested form of an answer: the number of sentences (None: as many as fit), and whether it is a list."""

    count: int | None
    bullets: bool

    def laid_out(self, lines: Sequence[str]) -> str:
        """The sentences as a paragraph or a list."""
        if self.bullets:
            return "\n".join(f"- {line}" for line in lines)
        if any("\n" in line for line in lines):
            return "\n\n".join(lines)
        return (" " if all(ENDED.search(line) for line in lines) else "\n").join(lines)


def wish(text: str) -> AnswerForm:
    """The form that the question or the instructions ask for; the first mention counts."""
    match = _COUNT.search(text)
    bullets = bool(BULLETS.search(text))
    if match is None:
        return AnswerForm(None, bullets)
    word = match.group(1).lower()
    count = int(word) if word.isdigit() else NUMBERS.get(word, 1)
    return AnswerForm(max(count, 1), bullets or match.group(3) is not None)


def asks_for_summary(question: str) -> bool:
    """Whether the question is about the whole text and not about a place in it."""
    return bool(SUMMARY.search(question) or BULLETS.search(question))


def asks_for_code(question: str) -> bool:
    """Whether a block of code of the text is the answer."""
    return bool(CODE.search(question) and SHOWING.search(question))


def needs_a_model(question: str) -> bool:
    """Whether it asks for new text, which only a model could write."""
    return bool(NEEDS_A_MODEL.search(question))


def greets(text: str) -> bool:
    """Whether a message says nothing but hello, thanks or help."""
    return len(text) < 60 and (bool(GREETING.match(text)) or not re.search(r"\w", text))


def asks_the_web(question: str) -> bool:
    """Whether the web folder answers before all other sources."""
    return bool(_WEB.search(question))


def web_query(question: str) -> str:
    """The search terms, without the order to search."""
    return _ORDER_TO_SEARCH.sub("", question).strip() or question


def code_blocks(text: str) -> list[tuple[str, str]]:
    """(the paragraph before, the block) of each block of code: fenced ones, or else those indented after a colon."""
    lines = text.split("\n")
    return _fenced(lines) or _indented(lines)


def _fenced(lines: Sequence[str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    held: list[str] = []
    before = ""
    for line in lines:
        mark = line[:3]
        if held:
            held.append(line)
            if mark == held[0][:3] and not line[3:].strip():
                found.append((before, "\n".join(held)))
                held = []
        elif mark in ("```", "~~~"):
            held.append(line)
        else:
            before = _paragraph(before, line)
    return found


def _paragraph(before: str, line: str) -> str:
    """The paragraph that a line continues or begins; a blank line does not end it, because its block may follow."""
    if not line.strip():
        return before.rstrip("\n") + "\n"
    return line if before.endswith("\n") else f"{before} {line}"[-LONGEST_INTRODUCTION:]


def _indented(lines: Sequence[str]) -> list[tuple[str, str]]:
    found, before = [], ""
    for number, line in enumerate(lines):
        if line.startswith("    "):
            continue
        before = _paragraph(before, line)
        block = indented_after(lines, number + 1) if line.endswith(":") else ""
        if block:
            found.append((before, f"```\n{block}\n```"))
    return found


def indented_after(lines: Sequence[str], start: int) -> str:
    """The indented block that begins at or below a line, without its indent; empty if other text comes first."""
    block: list[str] = []
    for line in lines[start:]:
        if line.strip() and not line.startswith("    "):
            break
        block.append(line[4:])
    return "\n".join(block).strip("\n")


def url_in(question: str) -> str | None:
    """The first URL of the question."""
    match = _URL.search(question)
    return match.group() if match else None


def arithmetic(question: str) -> str | None:
    """The expression to compute, in the calculator's spelling; None if the question is not about one."""
    text = _in_figures(question)
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


def _in_figures(question: str) -> str:
    """The question with numbers in figures, decimal points, and operators as signs."""
    text = _SPELT_OUT.sub(lambda match: _SPELT[match[1].lower()], question)
    text = _SPELT_AFTER.sub(lambda match: f"{match[1]} {_SPELT[match[2].lower()]}", text)
    text = _OF_NUMBERS.sub(lambda match: f"{_FUNCTIONS_OF[match[1].lower()]}({_commas(match[2])})", text)
    text = _POINTED.sub(lambda match: f"{match[1].replace('.', '')}.{match[2]}", text)
    if not re.search(r"[a-z]\(", text):
        text = _COMMA.sub(r"\1.\2", text)
    for pattern, symbol in _WORDS:
        text = pattern.sub(symbol, text)
    return text


def _commas(listed: str) -> str:
    return ", ".join(re.findall(r"\d+(?:\.\d+)?", listed))


def _trimmed(run: str) -> str:
    trimmed = " ".join(run.split()).strip(" ,.")
    while trimmed.endswith(("+", "-", "*", "/", "^")):
        trimmed = trimmed[:-1].rstrip()
    return trimmed
