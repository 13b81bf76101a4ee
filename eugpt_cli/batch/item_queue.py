"""Hands items to the workers one by one; those of one conversation in order, the next when the one before has ended."""

from collections import deque
from collections.abc import Iterator
from threading import Condition, Lock

from eugpt_cli.batch.items import Item

LOOK_AHEAD = 1000  # items read that wait for their conversation


class ItemQueue:
    """Two locks: whoever waits for a slow input must not keep the others from ending what they have."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._reading = Lock()
        self._state = Condition()
        self._waiting: dict[str, deque[Item]] = {}  # a conversation under way, and what comes after
        self._free: deque[Item] = deque()  # the one before has ended
        self._parked = 0
        self._stopped = False
        self.running = 0

    def take(self) -> Item | None:
        """Returns the next item, or None: what is left belongs to other workers."""
        item = self._freed()
        if item or self._stopped:
            return item
        with self._reading:
            while not self._stopped:
                item = next(self._items, None)
                if item is None or self._start(item):
                    return None if self._stopped else item
        return None

    def done(self, item: Item) -> None:
        conversation = _conversation(item)
        with self._state:
            self.running -= 1
            if conversation is None:
                return
            after = self._waiting[conversation]
            if after:
                self._free.append(after.popleft())
                self._parked -= 1
            else:
                del self._waiting[conversation]
            self._state.notify_all()

    def stop(self) -> None:
        """From now on nothing is handed out; what has been read and not begun is forgotten."""
        with self._state:
            self._stopped = True
            self._state.notify_all()

    def _freed(self) -> Item | None:
        with self._state:
            if self._stopped or not self._free:
                return None
            self.running += 1
            return self._free.popleft()

    def _start(self, item: Item) -> bool:
        """Whether the item can begin; otherwise it is parked, at most so many."""
        conversation = _conversation(item)
        with self._state:
            if self._stopped:
                return False
            if conversation is None or conversation not in self._waiting:
                if conversation is not None:
                    self._waiting[conversation] = deque()
                self.running += 1
                return True
            self._waiting[conversation].append(item)
            self._parked += 1
            while self._parked >= LOOK_AHEAD and not self._stopped:
                self._state.wait()
            return False


def _conversation(item: Item) -> str | None:
    conversation = item.request.conversation_id if item.request else None
    return conversation and conversation.lower()
