"""What --extract takes out of an answer: the first fenced block, or the one JSON value.

Fences are CommonMark's (sections 4.5, 5.2), in list items too, and only closed ones count. Where models often mean what
CommonMark does not say (a block that leaves its item, a fence indented like code), and in quotations, it is Rejected.

JSON is that of I-JSON (RFC 7493), so that whoever reads it after us reads the same value: no member twice, no NaN or
Infinity, no half of a surrogate pair, no number beyond a double's range, and at most LEVELS arrays and objects inside
each other. It is printed as it was written, without the white space between its tokens.
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from eugpt_cli.errors import Rejected, UsageError

LEVELS = 128
JSON_KIND, CODE_KIND = "json", "code"
BLANK = " \t\r"
FENCE = re.compile(r"((?:>[ \t]*)*)(`{3,}(?=[^`]*$)|~{3,})[ \t]*([^ \t\r]*).*", re.DOTALL)
MARKER = re.compile(r"(?:[-*+]|[0-9]{1,9}[.)])(?=[ \t]|$)")
RULE = re.compile(r"([-*_])(?:[ \t]*\1){2,}")
INTERRUPTS = re.compile(r"(?:[-*+]|0*1[.)])[ \t]+[^ \t]")  # an item that may follow a paragraph's line at once
STARTS_ANEW = re.compile(rf"`{{3}}|~{{3}}|>|{MARKER.pattern}|#{{1,6}}(?:[ \t]|$)|[-*_][ \t]*[-*_][ \t]*[-*_]")
STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
STRING_OR_SPACE = re.compile(rf"({STRING})|[ \t\r\n]+", re.DOTALL)
STRING_OR_BRACKET = re.compile(rf"{STRING}|([\[{{])|([\]}}])", re.DOTALL)
BOM = "\ufeff"


class NotJson(ValueError):
    """A text is not the JSON that is wanted; its message says why."""


Extract = Callable[[str], str]


def extractor(wanted: str | None) -> Extract | None:
    """The function for what --extract names, None for the whole answer. Raises UsageError.

    It raises Rejected for an answer that holds nothing of the kind.
    """
    if wanted is None:
        return None
    kind, _, language = wanted.partition(":")
    if wanted == JSON_KIND:
        return json_value
    if kind == CODE_KIND:
        return lambda text: code_block(text, language or None)
    raise UsageError(f"--extract takes json, code or code:LANG, not {wanted!r}")


def code_block(text: str, language: str | None) -> str:
    """The first fenced block, of that language if one is named. Raises Rejected."""
    for named, block in fenced_blocks(text):
        if language is None or named.lower() == language.lower():
            return block
    raise Rejected(f"the answer contains no {language or 'fenced'} block")


def json_value(text: str) -> str:
    """The one JSON value of an answer, on one line: bare, or in the only fenced block that holds JSON.

    Raises Rejected.
    """
    blocks = [] if _is_like_json(text) else list(fenced_blocks(text, strict=False))
    holding = [block for named, block in blocks if named.lower() == JSON_KIND or _is_like_json(block)]
    if len(holding) > 1:
        raise Rejected(f"the answer contains {len(holding)} fenced blocks of JSON")
    try:
        return compact(holding[0] if holding else text)
    except NotJson as fault:
        raise Rejected(f"the answer {'contains' if holding else 'is'} no JSON value: {fault}") from None


def fenced_blocks(text: str, *, strict: bool = True) -> Iterator[tuple[str, str]]:
    """Language and content of each. Raises Rejected where one may be a block, but it is not sure which.

    Without `strict` a block may have lines that leave its list item: what is in it must prove itself.
    """
    items = _Items()
    fence = language = ""
    column = 0  # of the fence
    block: list[str] = []
    for line in text.split("\n"):
        indent, rest = _indented(line)
        if fence:
            if strict and rest and indent < items.column:
                raise Rejected("a fenced block of the answer does not end in its list item")
            if len(rest) >= len(fence) and not rest.strip(fence[0]) and indent - items.column < 4:
                yield language, "\n".join(block)
                fence = ""
            else:
                block.append(_without(column, line))
        elif found := FENCE.fullmatch(items.entered(indent, rest)):
            if found[1] or items.text_column - items.column >= 4:
                raise Rejected("a fence of the answer is in a quotation, or indented like code")
            fence, language = found[2], found[3]
            column, block = items.text_column, []


class _Items:
    """The list items that are open at a line; `column` is where the content of the innermost begins."""

    def __init__(self) -> None:
        self._columns: list[int] = []
        self._in_paragraph = False
        self.text_column = 0

    @property
    def column(self) -> int:
        return self._columns[-1] if self._columns else 0

    def entered(self, indent: int, rest: str) -> str:
        """Takes a line outside of blocks; returns it from `text_column` on, without the markers that begin items."""
        if not rest:
            self._in_paragraph = False
            return rest
        begins_late = indent >= self.column and MARKER.match(rest) and not INTERRUPTS.match(rest)
        if self._in_paragraph and (begins_late or not STARTS_ANEW.match(rest)):
            return ""  # a paragraph goes on, wherever its lines begin
        while indent < self.column:
            self._columns.pop()
        while indent - self.column < 4 and (marker := MARKER.match(rest)) and not RULE.fullmatch(rest):
            blank, content = _indented(rest[marker.end() :], indent + marker.end())
            indent += marker.end()
            width = blank if content and blank <= 4 else 1
            self._columns.append(indent + width)
            indent, rest = indent + blank, content
        self.text_column = indent
        self._in_paragraph = bool(rest) and indent - self.column < 4 and not STARTS_ANEW.match(rest)
        return rest


def _indented(line: str, column: int = 0) -> tuple[int, str]:
    """How many columns of blanks a line begins with, at a column, and the rest of it without blanks at either end."""
    rest = line.lstrip(" \t")
    end = column
    for blank in line[: len(line) - len(rest)]:
        end += 4 - end % 4 if blank == "\t" else 1
    return end - column, rest.rstrip(BLANK)


def _without(columns: int, line: str) -> str:
    """The line without as many columns of blanks at its start, as far as it has them; half a tab becomes spaces."""
    end = 0
    for place, character in enumerate(line):
        if end >= columns or character not in " \t":
            return " " * max(0, end - columns) + line[place:]
        end += 4 - end % 4 if character == "\t" else 1
    return " " * max(0, end - columns)


def compact(text: str) -> str:
    """A JSON text without the white space between its tokens and around it. Raises NotJson."""
    import json

    text = text.strip().removeprefix(BOM).strip()
    if not text:
        raise NotJson("it is empty")
    _check_depth(text)
    try:
        json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant)
    except json.JSONDecodeError as fault:
        place = f" (line {fault.lineno}, column {fault.colno})"
        raise NotJson(f"{fault.msg[:1].lower()}{fault.msg[1:]}{place}") from None
    text = STRING_OR_SPACE.sub(lambda match: match[1] or "", text)
    if "\\u" in text and not _is_loaded(text):
        raise NotJson("a string contains an unpaired surrogate")
    return text


def _is_like_json(text: str) -> bool:
    """Whether it parses with all that `compact` refuses only later."""
    import json

    try:
        json.loads(text.strip().removeprefix(BOM).strip())
    except (ValueError, RecursionError) as fault:
        return isinstance(fault, RecursionError) or "integer string" in str(fault)
    return True


def _is_loaded(text: str) -> bool:
    """Whether the parser that reads rows takes it too: it refuses lone surrogates."""
    import orjson

    try:
        orjson.loads(text.encode())
    except ValueError:
        return False
    return True


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= LEVELS:
        return
    depth = 0
    for match in STRING_OR_BRACKET.finditer(text):
        depth += bool(match[1]) - bool(match[2])
        if depth > LEVELS:
            raise NotJson(f"it is nested more than {LEVELS} levels deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        last = {name: number for number, (name, _) in enumerate(pairs)}
        twice = next(name for number, (name, _) in enumerate(pairs) if last[name] != number)
        raise NotJson(f"the member {twice!r} occurs twice")
    return members


def _integer(text: str) -> int:
    _number(text)
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotJson(f"a number is out of range: {text[:20]}")
    return number


def _constant(name: str) -> Any:
    raise NotJson(f"{name} is not JSON")
