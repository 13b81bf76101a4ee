"""The output file as the truth about the items: which have their row, what it says, and what may not be asked again.

The file holds rows only, one an id. A turn of a conversation has its row before it is sent: it says that the turn may
be stored, and is what the file tells if the process dies. Each later row of an id is appended first and then takes the
place of the one before, which is blanked out. `row_repair` repairs what a kill has left.

When a run ends, the file is written anew if a row was replaced, or tells a line of the input which is another one now.
"""

import re
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from heapq import merge
from threading import Lock
from typing import Any

from eugpt_cli.batch.identity import name_of_id
from eugpt_cli.batch.items import Item
from eugpt_cli.batch.name_index import NameIndex
from eugpt_cli.batch.row_file import Line, RowFile
from eugpt_cli.batch.row_json import ROW_START, is_sound, row_of, with_line
from eugpt_cli.batch.row_repair import begins_a_row, repaired
from eugpt_cli.errors import InputError, OutputError, UsageError
from eugpt_cli.system.replacement import Replacement

NOWHERE = (1 << 63) - 1  # the line of what is not in today's input
SORTED_AT_ONCE = 1 << 16  # Python's own integers take four times the room of an array's
COPIED_AT_ONCE = 1 << 20
OK, POSTED = 1, 2  # flags of a place


class Ledger:
    """The rows of one file. Of each it keeps 40 bytes in memory. Raises Busy, UsageError or OutputError."""

    def __init__(self, path: str, *, resume: bool, ordered: bool, prune: bool) -> None:
        self._ordered = ordered
        self._prune = prune
        self._write_lock = Lock()
        self._index = NameIndex()
        self._places = array("Q")  # (offset + 1) * 4 and the flags; 0 without a row
        self._requests = array("Q")  # the first eight bytes of the row's request
        self._lines = array("q")  # in today's input; until it has come, minus the line that the row tells
        self._earlier: dict[int, list[str]] = {}  # other turns that the id has posted; few have any
        self._stale = False  # the file has a BOM or blanks in it, or wrong lines
        self._unreadable = 0  # the number of a line that was a row of ours
        self._in_order = True
        self._last_place = 0  # of the rows that stay
        self._last_line = 0
        self._appended = False
        self._file = RowFile(path)
        if self._file.size():
            if not resume:
                raise UsageError(f"{path} is not empty", hint="use --resume to continue it, or remove it")
            if not any(begins_a_row(line.text) or row_of(line.text) for line in self._file.lines()):
                raise UsageError(f"{path} contains no rows of a batch", hint="give -o another file")
            self._recover()

    def has_come(self, name: int) -> bool:
        number = self._index.find(name)
        return number is not None and self._lines[number] > 0

    def come(self, item: Item) -> None:
        number = self._number(item.name)
        place = self._places[number]
        if self._unreadable and item.is_turn and not place:
            raise InputError(
                f"{self._file.path}, line {self._unreadable}: this row cannot be read, perhaps of a turn that was sent",
                hint="mend the line, or remove it to send its item again",
            )
        if place and -self._lines[number] != item.line:
            self._stale = True
        self._lines[number] = item.line
        item.earlier = self._earlier.get(number, [])
        if place & POSTED:
            item.earlier = [*item.earlier, f"{self._requests[number]:016x}"]

    def is_done(self, item: Item) -> bool:
        return bool(self._place_of(item) & OK)

    def is_held(self, item: Item) -> bool:
        return item.is_turn and item.short_digest in item.earlier

    def says_so(self, item: Item) -> bool:
        return bool(self._place_of(item))

    def keep(self, item: Item) -> None:
        place = self._place_of(item)
        if place < self._last_place or self._appended:
            self._in_order = False
        self._last_place = place
        self._last_line = max(self._last_line, item.line)

    def expect(self, item: Item) -> None:
        """Does nothing: rows are sorted when the run ends, so that a kill loses no answer."""

    def mark(self, item: Item, unfinished: Callable[[], bytes]) -> None:
        with self._write_lock:
            self._put(item, unfinished(), POSTED)
            self._file.sync()

    def write(self, item: Item, row: bytes) -> None:
        with self._write_lock:
            self._put(item, row, 0)

    def _put(self, item: Item, row: bytes, flags: int) -> None:
        """Appends a row, then blanks its predecessor. `flags` say whether the row is a mark."""
        number = self._number(item.name)
        before = self._places[number]
        offset = self._file.append(row)
        self._places[number] = (offset + 1) << 2 | flags
        self._requests[number] = int(item.short_digest, 16)
        self._appended = True
        if item.line < self._last_line:
            self._in_order = False
        self._last_line = max(self._last_line, item.line)
        if before:
            self._stale = True
            if before & POSTED:  # a power cut must not keep the blanks and lose the row
                self._file.sync()
            self._file.blank((before >> 2) - 1)

    def release(self) -> None:
        """No row waits here."""

    def sync(self) -> None:
        self._file.sync()

    def settle(self, *, complete: bool) -> None:
        self.sync()
        prune = self._prune and complete and min(self._lines, default=0) < 0
        if self._stale or prune or (self._ordered and not self._in_order):
            self._rewrite(prune=prune)

    def seal(self, seconds: float) -> None:
        """A turn in flight has the row that says so."""
        self._write_lock.acquire(timeout=seconds)
        with suppress(OutputError):  # which is why it ends
            self.sync()

    def _number(self, name: int) -> int:
        number = self._index.add(name)
        if number == len(self._places):
            for column in (self._places, self._requests, self._lines):
                column.append(0)
        return number

    def _place_of(self, item: Item) -> int:
        """The place and flags of the row for today's request, 0 without one."""
        number = self._number(item.name)
        return self._places[number] if self._requests[number] == int(item.short_digest, 16) else 0

    def _recover(self) -> None:
        self._stale = self._file.has_bom
        for number, (line, row) in enumerate(repaired(self._file), 1):
            if row is not None and is_sound(row) and _name(row) is not None:
                self._learn(line.offset, row)
            elif row is not None or (line.text.startswith(ROW_START) and not line.follows_blanks):
                self._unreadable = self._unreadable or number
            self._stale = self._stale or line.follows_blanks

    def _learn(self, offset: int, row: dict[str, Any]) -> None:
        name = _name(row)
        if name is None:
            return
        number = self._number(name)
        before = self._places[number]
        digest = str(row.get("request"))[:16]
        posted = row.get("stored") is True or row.get("may_be_stored") is True
        if earlier := row.get("earlier_turns"):
            self._earlier[number] = [str(turn) for turn in earlier]
        self._places[number] = (offset + 1) << 2 | bool(row["ok"]) * OK | posted * POSTED
        self._requests[number] = int(digest, 16) if re.fullmatch("[0-9a-f]{16}", digest) else 0
        line = max(1, _line(row))
        self._lines[number] = -line
        if line < self._last_line:
            self._in_order = False
        self._last_line = max(self._last_line, line)
        if before:
            self._stale = True
            self._file.blank((before >> 2) - 1)

    def _rewrite(self, *, prune: bool) -> None:
        """The lines that stay, into a new file that takes the place of the old one at once."""
        new = Replacement(self._file.path)
        held: list[bytes] = []
        size = 0
        try:
            for today, text in self._sorted(prune) if self._ordered else self._kept(prune):
                held.append(text if today == NOWHERE else with_line(text, today))
                size += len(text)
                if size >= COPIED_AT_ONCE:
                    new.write(b"".join(held))
                    held, size = [], 0
            new.write(b"".join(held))
            new.commit()
        finally:
            new.discard()

    def _kept(self, prune: bool) -> Iterator[tuple[int, bytes]]:
        """Each line that stays, and which line of the input it is for."""
        return ((today, line.text) for today, line in self._staying(prune))

    def _sorted(self, prune: bool) -> Iterator[tuple[int, bytes]]:
        """Yields the same in the order of the input; rows of other items follow."""
        todays, offsets, sizes = array("Q"), array("Q"), array("Q")
        for today, line in self._staying(prune):
            todays.append(today)
            offsets.append(line.offset)
            sizes.append(len(line.text))
        pieces = [
            array("Q", sorted(range(start, min(start + SORTED_AT_ONCE, len(todays))), key=todays.__getitem__))
            for start in range(0, len(todays), SORTED_AT_ONCE)
        ]
        for number in merge(*pieces, key=todays.__getitem__):
            yield todays[number], self._file.read(offsets[number], sizes[number])

    def _staying(self, prune: bool) -> Iterator[tuple[int, Line]]:
        for line in self._file.lines():
            row = row_of(line.text)
            name = None if row is None else _name(row)
            number = None if name is None else self._index.find(name)
            today = NOWHERE if number is None or self._lines[number] < 0 else self._lines[number]
            if line.text.strip() and not (prune and row is not None and today == NOWHERE):
                yield today, line


def _name(row: dict[str, Any]) -> int | None:
    """The name of a row's item; None for a row that no item of ours can have."""
    if row.get("custom_id") is not None:
        with suppress(TypeError):  # half a surrogate pair, or a number of more than 64 bits
            return name_of_id(row["custom_id"])
        return None
    item = row.get("item")
    return int(item, 16) if isinstance(item, str) and re.fullmatch("[0-9a-f]{16}", item) else None


def _line(row: dict[str, Any]) -> int:
    line = row.get("line")
    return line if isinstance(line, int) and 0 <= line < NOWHERE else 0
