"""Styles Markdown for a terminal, a line at a time, while it arrives.

Prose is wrapped between words; code is left to the terminal, so that what is copied from it is what the model wrote.
Colours are the terminal's own.
"""

import io
import re
from collections.abc import Iterator, Mapping
from typing import Literal

from markdown_it import MarkdownIt
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
from pygments.token import Token, _TokenType  # type: ignore[import-untyped]
from pygments.util import ClassNotFound  # type: ignore[import-untyped]
from rich import box
from rich.cells import get_character_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*(([\w+#.-]*)[^`]*)")
HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*")
RULE = re.compile(r" {0,3}([-*_])(?:\s*\1){2,}\s*")
LEAD = re.compile(r"(\s*(?:>\s?)*\s*)(?:([-*+]|\d{1,9}[.)])(\s+))?")
ROW = re.compile(r"\s*\|.*\|\s*")
DASHES = re.compile(r"[\s|:-]+")
CELLS = re.compile(r"(?<!\\)\|")
TRAILING = re.compile(r" +(?=(?:\x1b\[0m)?\n)")
STARS = re.compile(  # 2*3*4, 2**3 and x**n are no emphasis, unlike the group: a**b**c, **a b**c
    r"((?<![0-9_)])\*\*[^\s*0-9()]+\*\*(?![0-9_(])|(?<![\w)])\*\*(?=\S)[^*]+\*\*)"
    r"|(?<=[0-9A-Za-z_)])\*+(?=[0-9A-Za-z_(])"
)
STAR = "\ue000"
CODE_CONTEXT = 200

HEADINGS = {1: "bold underline", 2: "bold", 3: "bold"}
INLINE = {"strong_open": "bold", "em_open": "italic", "s_open": "strike", "link_open": "underline"}
CODE = "magenta"
TOKENS: Mapping[_TokenType, str] = {  # of the eight colours, these two can be read on black and on white
    Token.Keyword: "magenta",
    Token.Name.Function: "bold",
    Token.Name.Class: "bold",
    Token.Literal.String: "red",
    Token.Comment: "dim",
}


class Markdown:
    """Call `take` for each line; what it returns replaces the lines taken since it last returned something."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._console = Console(
            file=io.StringIO(), force_terminal=True, legacy_windows=False, _environ=environ, markup=False, emoji=False
        )
        self._inline = MarkdownIt("zero").enable(["backticks", "emphasis", "strikethrough", "link", "escape"])
        self._fence = ""
        self._language = ""
        self._code: list[str] = []
        self._rows: list[str] = []

    def take(self, line: str, width: int) -> str | None:
        """The line with its style, ended by a newline; None while it is not known (a table has to end first)."""
        if not self._fence and ROW.fullmatch(line):
            self._rows.append(line)
            return None
        return self.end(width) + self._render(self._line(line, width), width)

    def end(self, width: int) -> str:
        """What `take` has kept back."""
        rows, self._rows = self._rows, []
        if len(rows) < 2 or not DASHES.fullmatch(rows[1]):
            return "".join(self._render(self._text(row), width) for row in rows)
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        dashes = iter(_cells(rows[1]))
        for cell in _cells(rows[0]):
            table.add_column(self._text(cell), overflow="fold", justify=_side(next(dashes, "")))
        for row in rows[2:]:
            table.add_row(*map(self._text, _cells(row)[: len(table.columns)]))
        return self._render(table, width)

    def cells(self, character: str) -> int:
        return get_character_cell_size(character)

    def _render(self, what: Text | Table, width: int) -> str:
        file = self._console.file = io.StringIO()
        self._console.width = max(width, 1)
        self._console.print(what, soft_wrap=isinstance(what, Text) and what.no_wrap is True)
        return TRAILING.sub("", file.getvalue())

    def _line(self, line: str, width: int) -> Text:
        fence = FENCE.fullmatch(line)
        if self._fence:
            ends = fence and not fence[2].strip() and fence[1].startswith(self._fence)
            return self._close() if ends else self._code_line(line)
        if fence:
            self._fence, self._language = fence[1], fence[3]
            return Text(f"─── {fence[2]}".rstrip(), style="dim")
        if RULE.fullmatch(line):
            return Text("─" * min(width, 40), style="dim")
        if heading := HEADING.fullmatch(line):
            return self._text(heading[2], HEADINGS.get(len(heading[1]), "bold"))
        return self._hung(line, width)

    def _close(self) -> Text:
        self._fence, self._code = "", []
        return Text("───", style="dim")

    def _hung(self, line: str, width: int) -> Text:
        """Wraps the line of a paragraph or an item; continuation lines align with its first word."""
        lead = LEAD.match(line)
        before = lead[1].replace(">", "│") + (_bullet(lead[2]) + lead[3] if lead[2] else "") if lead else ""
        text = self._text(line[lead.end() :] if lead else line)
        if not before:
            return text
        below = before if not lead or not lead[2] else lead[1].replace(">", "│") + " " * (len(lead[2]) + len(lead[3]))
        lines = text.wrap(self._console, max(width - len(before), 10))
        hung = Text(no_wrap=True)
        for number, part in enumerate(lines or [Text()]):
            part.rstrip()
            hung.append("\n" if number else "").append(below if number else before, style="dim").append(part)
        return hung

    def _code_line(self, line: str) -> Text:
        """Coloured in the light of the lines before it."""
        self._code = [*self._code[-CODE_CONTEXT:], line]
        text = Text(no_wrap=True)
        try:
            lexer = get_lexer_by_name(self._language, stripnl=False)
        except ClassNotFound:
            return text.append(line)
        start = sum(map(len, self._code)) + len(self._code) - 1 - len(line)
        for at, kind, value in lexer.get_tokens_unprocessed("\n".join(self._code)):
            if at + len(value) > start:
                text.append(value[max(start - at, 0) :], style=_style(kind))
        return text

    def _text(self, source: str, style: str = "") -> Text:
        text = Text(style=style)
        for piece, styles in self._pieces(source):
            text.append(piece, style=" ".join(styles))
        return text

    def _pieces(self, source: str) -> Iterator[tuple[str, list[str]]]:
        styles: list[str] = []
        links: list[str] = []
        starless = STARS.sub(lambda match: match[1] or STAR * len(match[0]), source)
        for token in self._inline.parseInline(starless)[0].children or []:
            if token.type == "link_open":
                links.append(str(token.attrGet("href") or ""))
            if token.type.endswith("_open"):
                styles.append(INLINE.get(token.type, ""))
            elif token.type.endswith("_close"):
                styles.pop()
                if token.type == "link_close":
                    yield f" ({links.pop()})", ["dim"]
            else:
                content = token.content.replace(STAR, "*")
                yield content, [*styles, CODE] if token.type == "code_inline" else list(styles)


def _bullet(mark: str) -> str:
    return mark if mark[0].isdigit() else "•"


def _side(dashes: str) -> Literal["left", "center", "right"]:
    return "left" if dashes[-1:] != ":" else "center" if dashes[:1] == ":" else "right"


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in CELLS.split(row.strip().strip("|"))]


def _style(kind: _TokenType) -> str:
    while kind not in TOKENS and kind.parent:
        kind = kind.parent
    return TOKENS.get(kind, "")
