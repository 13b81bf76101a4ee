"""The answer on a screen: what arrives is shown at once, and each line is painted over with its style when it is whole.

Nothing but the lines not yet finished is ever touched again, and those only while the screen has its size and they fit
on it: so a resize, or a line longer than the screen, costs the style and never the text.
"""

from collections.abc import Callable
from typing import Protocol

TAB = "    "


class Style(Protocol):
    """See `markdown.Markdown`."""

    def take(self, line: str, width: int) -> str | None: ...

    def end(self, width: int) -> str: ...


class Screen:
    """Takes the text of one answer, as a file does; `close` ends its last line."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        size: Callable[[], tuple[int, int]],
        cells: Callable[[str], int],
        style: Style,
    ) -> None:
        self._write = write
        self._size = size
        self._cells = cells
        self._style = style
        self._waiting = ""  # text whose style is not known yet: lines that the style holds back, and the last one
        self._held = 0  # how much of it are lines held back
        self._shown = 0  # how much of it is on the screen
        self._size_then = size()

    def write(self, data: bytes) -> None:
        self._waiting += data.decode().replace("\t", TAB)
        out = ""
        while (end := self._waiting.find("\n", self._held)) >= 0:
            painted = self._style.take(self._waiting[self._held : end], self._size()[0])
            if painted is None:
                self._held = end + 1
            else:
                out += self._settle(end + 1, painted)
        self._put(out + self._rest())

    def close(self) -> None:
        """Nothing more comes: paints what was held back, and ends a last line that was cut."""
        if self._waiting and not self._waiting.endswith("\n"):
            self.write(b"\n")
        if self._waiting:
            self._put(self._settle(len(self._waiting), self._style.end(self._size()[0])))

    def _settle(self, end: int, painted: str) -> str:
        """What turns the waiting text up to `end` into its painted form, or just finishes it as it is."""
        text, shown = self._waiting[:end], self._waiting[: self._shown]
        self._waiting, self._held, self._shown = self._waiting[end:], 0, 0
        width, height = self._size()
        if not shown:
            self._size_then = (width, height)
            return painted
        up = sum(_rows(line, width, self._cells) for line in shown.split("\n")) - 1
        if self._size_then != (width, height) or up >= height - 1:
            self._size_then = (width, height)
            return text[len(shown) :]
        return "\r\x1b[K" + "\x1b[A\x1b[K" * up + painted

    def _rest(self) -> str:
        new = self._waiting[self._shown :]
        if not self._shown:
            self._size_then = self._size()
        self._shown = len(self._waiting)
        return new

    def _put(self, text: str) -> None:
        if text:
            self._write(text.encode())


def _rows(line: str, width: int, cells: Callable[[str], int]) -> int:
    """How many rows a terminal needs for the line: a wide character that does not fit goes to the next."""
    rows, column = 1, 0
    for character in line:
        size = cells(character)
        if column + size > width:
            rows, column = rows + 1, 0
        column += size
    return rows
