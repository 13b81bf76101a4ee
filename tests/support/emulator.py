"""A terminal with a person in front of it: eugpt on a pty, what the screen shows, keys, and other sizes."""

import termios
from collections.abc import Callable, Mapping
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pyte
from wcwidth import wcwidth

from tests.support.program import EUGPT, environment

PATIENCE_SECONDS = 30


class Screen(pyte.HistoryScreen):
    """With what terminals do and pyte does not: a wide character that does not fit goes to the next row."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows, history=5000)

    def draw(self, data: str) -> None:
        for character in data:
            if self.cursor.x == self.columns - 1 and wcwidth(character) == 2:
                self.cursor.x = self.columns
            super().draw(character)

    def text(self) -> list[str]:
        """Everything on the screen and above it, up to the last line that is not blank."""
        rows = [*self.history.top, *(self.buffer[y] for y in range(self.lines))]
        text = ["".join(row[x].data for x in range(self.columns)).rstrip() for row in rows]
        while text and not text[-1]:
            text.pop()
        return text


class Terminal:
    """Runs until it is closed; a context manager that leaves no process behind."""

    def __init__(
        self,
        *arguments: str,
        base_url: str | None = None,
        env: Mapping[str, str | None] | None = None,
        size: tuple[int, int] = (80, 24),
        program: str = EUGPT,
    ) -> None:
        variables = environment(base_url, {"TERM": "xterm", "LANG": "C.UTF-8", **(env or {})})
        self._child = pexpect.spawn(program, list(arguments), env=variables, dimensions=size[::-1])
        self._child.delaybeforesend = None
        self._screen = Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        self.cooked = False  # whether it was left as a shell wants to find it: echoing, and editing lines

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close(force=True)

    def type(self, keys: str) -> None:
        self._child.send(keys)

    def say(self, text: str) -> None:
        self.type(f"{text}\r")

    def until(self, text: str | Callable[[], bool]) -> None:
        """Reads until the last lines hold the text, or it is so."""
        there = text if callable(text) else lambda: text in "\n".join(self.lines())
        while not there():
            self._read()

    def prompt(self) -> None:
        """Reads until it waits for a message: the cursor is behind the mark."""
        self.until(lambda: self.lines()[-1:] == [">"] and self._screen.cursor.x == 2)

    def end(self) -> tuple[int | None, int | None]:
        """The exit code and the signal, once it has ended."""
        try:
            while True:
                self._read()
        except pexpect.EOF:
            flags = termios.tcgetattr(self._child.child_fd)[3]
            self.cooked = bool(flags & termios.ECHO and flags & termios.ICANON)
            self._child.close()
        return self._child.exitstatus, self._child.signalstatus

    def resize(self, columns: int, rows: int) -> None:
        self._child.setwinsize(rows, columns)
        self._screen.resize(rows, columns)

    def kill(self, signum: int) -> None:
        self._child.kill(signum)

    def lines(self) -> list[str]:
        return self._screen.text()

    def _read(self) -> None:
        try:
            data = self._child.read_nonblocking(65536, PATIENCE_SECONDS)
        except pexpect.TIMEOUT:
            raise AssertionError("nothing more comes; the screen:\n" + "\n".join(self.lines())) from None
        self.raw += data
        self._stream.feed(data)


def without(folder: Path, *modules: str) -> dict[str, str | None]:
    """The environment of a Python in which these are not installed."""
    folder.mkdir()
    lines = [f"sys.modules[{name!r}] = None" for name in modules]
    (folder / "sitecustomize.py").write_text("\n".join(["import sys", *lines]))
    return {"PYTHONPATH": str(folder)}
