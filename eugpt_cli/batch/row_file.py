"""A file of rows, byte by byte: rows are appended, and a row that another has replaced is blanked out where it is.

Blanked means: each of its bytes, its line's end too, becomes a space. So the file holds one row a line at any time,
however the process ends, without being written anew: a replaced row is but white space before the next one.
"""

import fcntl
import os
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from eugpt_cli.errors import Busy, OutputError
from eugpt_cli.system.files import to_disk
from eugpt_cli.system.replacement import remove_leftovers
from eugpt_cli.system.streams import reason

PIECE = 1 << 20


class Line(NamedTuple):
    """One line: where it begins, its bytes, and whether blanked bytes come before it."""

    offset: int
    text: bytes
    follows_blanks: bool


class RowFile:
    """One regular file, locked for this process; nobody else writes it. Raises Busy or OutputError.

    A BOM at its start, which some editors write, is no part of its lines.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with self._worded():
            self.path = os.path.realpath(path)
        self._fd = _locked(self.path)
        self._dirty = False
        self.has_bom = self.read(0, len(BOM_UTF8)) == BOM_UTF8
        remove_leftovers(self.path)

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def append(self, row: bytes) -> int:
        """Where the row is now. One that does not fit leaves nothing behind."""
        with self._worded():
            offset = os.lseek(self._fd, 0, os.SEEK_END)
            self._dirty = True
            try:
                self._put(row, offset)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._fd, offset)
                raise
        return offset

    def blank(self, offset: int) -> None:
        """Overwrites a row with blanks. A kill may leave its end: `lines` yields that as a line that follows blanks."""
        end = False
        while not end and (piece := self.read(offset, PIECE)):
            size = piece.find(b"\n") + 1
            end = size > 0
            with self._worded():
                self._dirty = True
                self._put(b" " * (size or len(piece)), offset)
            offset += len(piece)

    def read(self, offset: int, size: int) -> bytes:
        with self._worded():
            return os.pread(self._fd, size, offset)

    def truncate(self, size: int) -> None:
        with self._worded():
            self._dirty = True
            os.ftruncate(self._fd, size)

    def sync(self) -> None:
        if self._dirty:
            self._dirty = False
            with self._worded():
                to_disk(self._fd)

    def lines(self) -> Iterator[Line]:
        """Every line, the last one with or without its end; blanks take no memory, however many they are."""
        with self._worded(), open(self._fd, "rb", closefd=False) as file:
            offset = file.seek(len(BOM_UTF8) if self.has_bom else 0)
            held: list[bytes] = []
            blanks = False
            while piece := file.readline(PIECE):
                if not held:
                    text = piece.lstrip(b" ")
                    blanks = blanks or len(text) < len(piece)
                    offset += len(piece) - len(text)
                    piece = text
                if not piece:
                    continue
                held.append(piece)
                if piece.endswith(b"\n"):
                    line = b"".join(held)
                    yield Line(offset, line, blanks)
                    offset, held, blanks = offset + len(line), [], False
            if held:
                yield Line(offset, b"".join(held), blanks)

    def _put(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:
            count = os.pwrite(self._fd, view, offset)
            view, offset = view[count:], offset + count

    @contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {reason(error)}") from None


def _locked(path: str) -> int:
    """The file opened and locked; the lock goes with the process."""
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {reason(error)}") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise Busy(f"another run is writing to {path}", hint="give each run its own -o FILE") from None
        except OSError:  # a file system without locks
            return fd
        with suppress(OSError):
            if os.path.samestat(os.stat(path), os.fstat(fd)):
                return fd
        os.close(fd)  # the other run has put a new file in its place meanwhile
