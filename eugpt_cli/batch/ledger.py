"""The output file: whole rows appended, what a killed run left put right, and what is done known without asking again.

The rule for readers: the last row of an id counts. A failed row that a later one of the same id replaces is dropped
when the run ends, unless its turn may be stored and no good row says otherwise; a successful one never is.
"""

import fcntl
import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from heapq import merge
from threading import Lock
from typing import Any

import orjson

from eugpt_cli.batch.items import Item
from eugpt_cli.errors import Busy, OutputError, UsageError
from eugpt_cli.system.files import Replacement
from eugpt_cli.system.streams import reason, write

PIECE = 1 << 16
ROW_START = b'{"custom_id":'


class Ledger:
    """One regular file, locked for this process. Raises Busy, UsageError or OutputError."""

    def __init__(self, path: str, *, resume: bool, ordered: bool) -> None:
        self._path = os.path.realpath(path)
        self._ordered = ordered
        self._write_lock = Lock()
        self._done = array("Q")
        self._failed: dict[int, int] = {}  # an id whose last row is a failed one, and where that is
        self._unsure: set[int] = set()  # an id and its request, where a failed turn may have been stored
        self._turns: dict[int, tuple[Item, Callable[[], bytes]]] = {}  # under way, by their lines
        self._stale = 0
        self._last_line = 0
        self._in_order = True
        self._dirty = False
        self._fd = _locked(self._path)
        self._size = os.fstat(self._fd).st_size
        if self._size and not resume:
            raise UsageError(f"{path} is not empty", hint="go on with it by --resume, or remove it first")
        with self._worded():
            if self._size and not any(_begins_a_row(line) or _row(line) for _, line in self._lines()):
                raise UsageError(f"{path} holds no rows of a batch", hint="give -o another file")
            self._recover()
        self._start = self._size

    def is_done(self, item: Item) -> bool:
        """Whether a successful row of the same id and the same request is there."""
        wanted = _fingerprint(item.custom_id, item.line, item.digest)
        place = bisect_left(self._done, wanted)
        return place < len(self._done) and self._done[place] == wanted

    def may_be_stored(self, item: Item) -> bool:
        return bool(self._unsure) and _fingerprint(item.custom_id, item.line, item.digest) in self._unsure

    def expect(self, item: Item) -> None:
        """The order is made when the run ends, so that a kill loses nothing that has been answered."""

    def begin(self, item: Item, unfinished: Callable[[], bytes]) -> None:
        self._turns[item.line] = item, unfinished

    def write(self, item: Item, row: bytes) -> None:
        with self._write_lock:
            self._write(item, row)

    def _write(self, item: Item, row: bytes) -> None:
        try:
            write(self._fd, row, self._path)
        except OutputError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(row)
        self._dirty = True
        self._turns.pop(item.line, None)
        self._notice_order(item.line)
        if self._failed and self._failed.pop(_fingerprint(item.custom_id, item.line), None) is not None:
            self._stale += 1
        if self.may_be_stored(item) and (_row(row) or {}).get("ok"):
            self._unsure.discard(_fingerprint(item.custom_id, item.line, item.digest))

    def release(self) -> None:
        """No row waits here."""

    def sync(self) -> None:
        if self._dirty:
            self._dirty = False
            with self._worded():
                os.fsync(self._fd)

    def settle(self) -> None:
        """Makes the file what it should be when the run has ended: no replaced rows, and in order if asked for."""
        self.sync()
        if self._stale or (self._ordered and not self._in_order):
            with self._worded():
                self._rewrite()

    def seal(self, seconds: float) -> None:
        if self._write_lock.acquire(timeout=seconds):
            with suppress(OutputError):  # which is why it ends
                for item, unfinished in list(self._turns.values()):
                    self._write(item, unfinished())
        self.sync()

    def _recover(self) -> None:
        done = array("Q")
        for offset, line in self._lines():
            if not line.endswith(b"\n") and not self._repair(offset, line):
                break
            row = _row(line)
            if row is None:
                continue
            self._notice_order(_line(row))
            custom_id, number = row.get("custom_id"), row.get("line")
            name = _fingerprint(custom_id, number)
            self._stale += self._failed.pop(name, None) is not None
            request = _fingerprint(custom_id, number, row.get("request"))
            if row["ok"]:
                done.append(request)
                self._unsure.discard(request)
            else:
                self._failed[name] = offset
            if row.get("may_be_stored") is True:
                self._unsure.add(request)
        self._size = os.fstat(self._fd).st_size
        self._done = _sorted(done)

    def _repair(self, offset: int, line: bytes) -> bool:
        """A last line without its end: a whole row gets it, half a row goes, and what is none of ours is kept."""
        half = _begins_a_row(line) and _row(line) is None
        if half:
            os.ftruncate(self._fd, offset)
        else:
            write(self._fd, b"\n", self._path)
        self._dirty = True
        return not half

    def _notice_order(self, line: int) -> None:
        self._in_order = self._in_order and line >= self._last_line
        self._last_line = line

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        offset = 0
        with open(self._fd, "rb", closefd=False) as file:
            file.seek(0)
            for line in file:
                yield offset, line
                offset += len(line)

    def _rewrite(self) -> None:
        """The rows that count, into a new file that takes the place of the old one at once."""
        lines, offsets, sizes = self._kept()
        order: Iterable[int] = range(len(offsets))
        if self._ordered:
            order = sorted(order, key=lines.__getitem__)
        new = Replacement(self._path)
        try:
            for n in order:
                new.write(os.pread(self._fd, sizes[n], offsets[n]))
            new.commit()
        finally:
            new.discard()

    def _kept(self) -> tuple["array[int]", "array[int]", "array[int]"]:
        """Of each row that stays: its line in the input, where it is, and its size."""
        lines, offsets, sizes = array("Q"), array("Q"), array("Q")
        number = 0
        for offset, line in self._lines():
            row = _row(line)
            if row is not None:
                number = _line(row)
                if not row["ok"] and offset < self._start and self._is_replaced(row, offset):
                    continue
            lines.append(number)
            offsets.append(offset)
            sizes.append(len(line))
        return lines, offsets, sizes

    def _is_replaced(self, row: dict[str, Any], offset: int) -> bool:
        name = (row.get("custom_id"), row.get("line"))
        return (
            self._failed.get(_fingerprint(*name)) != offset
            and _fingerprint(*name, row.get("request")) not in self._unsure
        )

    @contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {reason(error)}") from None


def _sorted(numbers: "array[int]") -> "array[int]":
    """In pieces, because Python's own integers take four times the room of these."""
    pieces = [array("Q", sorted(numbers[n : n + PIECE])) for n in range(0, len(numbers), PIECE)]
    return array("Q", merge(*pieces))


def _locked(path: str) -> int:
    """The file opened and locked; the lock goes with the process."""
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {reason(error)}") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{path} is being written by another run", hint="give each run its own -o") from None
        except OSError:  # a file system without locks
            return fd
        with suppress(OSError):
            if os.path.samestat(os.stat(path), os.fstat(fd)):
                return fd
        os.close(fd)  # the other run has put a new file in its place meanwhile


def _begins_a_row(line: bytes) -> bool:
    return line.startswith(ROW_START[: len(line)])


def _row(line: bytes) -> dict[str, Any] | None:
    """A row of ours; None for a line that somebody has spoilt."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("ok"), bool) else None


def _line(row: dict[str, Any]) -> int:
    line = row.get("line")
    return line if isinstance(line, int) and 0 <= line < 1 << 63 else 0


def _fingerprint(custom_id: Any, line: Any, digest: Any = None) -> int:
    """Eight bytes that stand for an id, or for an id and its request."""
    name = orjson.dumps([custom_id, line if custom_id is None else None, digest])
    return int.from_bytes(blake2b(name, digest_size=8).digest())
