"""The manual as plain text, where there is no man to show it: those man(7) macros that the page uses, and no others."""

import re
import textwrap
from collections.abc import Callable

SYMBOLS = {"dq": '"', "aq": "'", "ti": "~", "ha": "^", "ga": "`", "em": "—", "bu": "•"}
ESCAPE = re.compile(r"\\(?:\((..)|f.|([-e&|]))")  # symbols, fonts, single characters
PLAIN = {"-": "-", "e": "\\", "&": "", "|": ""}
BODY, BELOW_TAG, HEADING = 7, 7, 3


def text(source: str, width: int) -> str:
    """Lays a page out in lines of at most `width` columns; examples are never broken."""
    page = _Page(width)
    for line in source.splitlines():
        page.take(line)
    return page.whole()


class _Page:
    """Words are collected until a macro ends their paragraph."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lines: list[str] = []
        self._words: list[str] = []
        self._tag: str | None = None  # None: no tag; empty: the next line is one
        self._indent = BODY
        self._shift = 0
        self._fresh = True  # the last line was a heading or empty
        self._as_it_is = False
        self._macros: dict[str, Callable[[list[str]], None]] = {
            "SH": lambda words: self._heading(0, words),
            "SS": lambda words: self._heading(HEADING, words),
            "PP": lambda words: self._paragraph(),
            "TP": lambda words: self._tagged(BELOW_TAG, ""),
            "IP": lambda words: self._tagged(int(words[1].rstrip("n")), words[0]),
            "SY": lambda words: self._tagged(len(words[0]) + 1, words[0]),
            "YS": lambda words: self._flush(),
            "EX": lambda words: self._example(True),
            "EE": lambda words: self._example(False),
            "in": lambda words: self._move(words),
        }

    def whole(self) -> str:
        self._flush()
        return "\n".join(self._lines).strip("\n") + "\n"

    def take(self, line: str) -> None:
        if line.startswith("."):
            name, *words = _words(line[1:])
            if name in self._macros:
                self._macros[name](words)
            elif re.fullmatch("[BIR]{1,2}", name):
                self._put(("" if len(name) == 2 else " ").join(words))
        elif self._as_it_is:
            self._add([" " * (self._indent + self._shift) + _plain(line) if line else ""])
        else:
            self._put(_plain(line))

    def _put(self, words: str) -> None:
        if self._tag == "":
            self._tag = words
        else:
            self._words.append(words)

    def _heading(self, indent: int, words: list[str]) -> None:
        self._paragraph()
        self._lines.append(" " * indent + " ".join(words))
        self._fresh = True

    def _paragraph(self) -> None:
        self._flush()
        self._indent = BODY
        if not self._fresh:
            self._lines.append("")
            self._fresh = True

    def _tagged(self, below: int, tag: str) -> None:
        self._paragraph()
        self._indent = BODY + below
        self._tag = tag

    def _example(self, begins: bool) -> None:
        self._flush()
        self._as_it_is = begins

    def _move(self, words: list[str]) -> None:
        self._flush()
        self._shift = int(words[0].rstrip("n")) if words else 0

    def _flush(self) -> None:
        """Puts the paragraph that ends here, with its tag on the first line where there is room."""
        body = textwrap.wrap(
            " ".join(self._words),
            self._width - self._indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines = [" " * self._indent + line for line in body]
        if self._tag:
            tag = " " * BODY + self._tag
            if lines and len(tag) < self._indent:
                lines[0] = tag.ljust(self._indent) + body[0]
            else:
                lines.insert(0, tag)
        self._add(lines)
        self._words = []
        self._tag = None

    def _add(self, lines: list[str]) -> None:
        self._lines += lines
        self._fresh = self._fresh and not lines


def _words(line: str) -> list[str]:
    """The words of a macro; quotes keep spaces."""
    return [_plain(word.strip('"')) for word in re.findall(r'"[^"]*"|\S+', line)] or [""]


def _plain(line: str) -> str:
    return ESCAPE.sub(lambda match: SYMBOLS[match[1]] if match[1] else PLAIN.get(match[2], ""), line)
