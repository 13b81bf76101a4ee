"""The answer on a screen: what arrives is shown at once, and each line is painted over with its style when it is whole.

Nothing but the lines not yet finished is ever touched again, and those only while the screen has its size and they fit
on it: so a resize, or a line longer than the screen, costs the style and never the text.
"""

from collections.abc import Callable
from typing import Protocol

TAB = "    "
Size = Callable[[], tuple[int, int]]


class Plain:
    """A sink for one answer, shown as it arrives."""

    terminal = True

    def __init__(self, write: Callable[[bytes], None], size: Size) -> None:
        self.emitted = False
        self._write = write
        self._size = size
        self._in_line = False

    def write(self, data: bytes) -> None:
        self.emitted = True
        self._in_line = not data.endswith(b"\n")
        self._show(data.decode())

    def restart(self) -> None:
        """Nothing has been shown."""

    def keep(self) -> None:
        self.emitted = False

    def commit(self) -> None:
        self.discard()

    def discard(self) -> None:
        """Ends a last line that was cut; nothing follows."""
        if self._in_line:
            self.write(b"\n")

    def _show(self, text: str) -> None:
        self._put(text)

    def _put(self, text: str) -> None:
        if text:
            self._write(text.encode())


class Style(Protocol):
    """See `markdown.Markdown`."""

    def take(self, line: str, width: int) -> str | None: ...

    def end(self, width: int) -> str: ...

    def cells(self, character: str) -> int: ...


class Styled(Plain):
    """Each line is painted over with its style as soon as it is whole."""

    def __init__(self, write: Callable[[bytes], None], size: Size, style: Style) -> None:
        super().__init__(write, size)
        self._style = style
        self._waiting = ""  # text whose style is not known yet: lines that the style holds back, and the last one
        self._held = 0  # how much of it are lines held back
        self._seen = 0  # how much of it is on the screen
        self._size_then = size()

    def discard(self) -> None:
        super().discard()
        if self._waiting:
            self._put(self._settle(len(self._waiting), self._style.end(self._size()[0])))

    def _show(self, text: str) -> None:
        self._waiting += text.replace("\t", TAB)
        out = ""
        while (end := self._waiting.find("\n", self._held)) >= 0:
            painted = self._style.take(self._waiting[self._held : end], self._size()[0])
            if painted is None:
                self._held = end + 1
            else:
                out += self._settle(end + 1, painted)
        self._put(out + self._rest())

    def _settle(self, end: int, painted: str) -> str:
        """What turns the waiting text up to `end` into its painted form, or just finishes it as it is."""
        text, seen = self._waiting[:end], self._waiting[: self._seen]
        self._waiting, self._held, self._seen = self._waiting[end:], 0, 0
        width, height = self._size()
        if not seen:
            return painted
        up = sum(self._rows(line, width) for line in seen.split("\n")) - 1
        if self._size_then != (width, height) or up >= height - 1:
            return text[len(seen) :]
        return "\r\x1b[K" + "\x1b[A\x1b[K" * up + painted

    def _rest(self) -> str:
        new = self._waiting[self._seen :]
        if not self._seen:
            self._size_then = self._size()
        self._seen = len(self._waiting)
        return new

    def _rows(self, line: str, width: int) -> int:
        """How many rows a terminal needs for the line: a wide character that does not fit goes to the next."""
        rows, column = 1, 0
        for character in line:
            cells = self._style.cells(character)
            if column + cells > width:
                rows, column = rows + 1, 0
            column += cells
        return rows
