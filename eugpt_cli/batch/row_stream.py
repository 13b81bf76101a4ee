"""Rows to standard output or a pipe: as they come, or held back until those before them have been written."""

from collections import deque
from collections.abc import Callable
from threading import Condition

from eugpt_cli.batch.items import Item
from eugpt_cli.batch.name_index import NameIndex

HELD = 1000  # rows that wait for the one before them


class RowStream:
    """One whole row at a time."""

    def __init__(self, put: Callable[[bytes], None], sync: Callable[[], None], *, ordered: bool) -> None:
        self._put = put
        self.sync = sync
        self._ordered = ordered
        self._index = NameIndex()
        self._condition = Condition()
        self._expected: deque[int] = deque()
        self._held: dict[int, bytes] = {}
        self._open = False

    def has_come(self, name: int) -> bool:
        return self._index.find(name) is not None

    def come(self, item: Item) -> None:
        self._index.add(item.name)

    def is_done(self, item: Item) -> bool:
        return False

    def is_held(self, item: Item) -> bool:
        return False

    def says_so(self, item: Item) -> bool:
        return False

    def keep(self, item: Item) -> None:
        """No row was here before."""

    def mark(self, item: Item, unfinished: Callable[[], bytes]) -> None:
        """Nobody can resume it."""

    def expect(self, item: Item) -> None:
        """This item is the next in order."""
        if self._ordered:
            with self._condition:
                self._expected.append(item.line)

    def write(self, item: Item, row: bytes) -> None:
        """In order, a worker that is too far ahead waits here: so few rows are held that memory stays flat."""
        with self._condition:
            if not self._ordered:
                self._put(row)
                return
            while len(self._held) >= HELD and self._expected[0] != item.line and not self._open:
                self._condition.wait()
            self._held[item.line] = row
            while self._expected and self._expected[0] in self._held:
                self._put(self._held.pop(self._expected.popleft()))
            self._condition.notify_all()

    def release(self) -> None:
        """Stops waiting: the rows before some held rows may never arrive."""
        with self._condition:
            self._open = True
            self._condition.notify_all()

    def settle(self, *, complete: bool) -> None:
        with self._condition:
            for line in sorted(self._held):
                self._put(self._held.pop(line))
        self.sync()

    def seal(self, seconds: float) -> None:
        self._condition.acquire(timeout=seconds)
        self.sync()
