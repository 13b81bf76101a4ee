"""The concurrency of a batch: halved when the service pushes back, one more after a run of successes."""

from collections.abc import Callable
from threading import Condition


class Limiter:
    """Additive increase, multiplicative decrease (RFC 5681 does it for packets), never above `most`.

    What was in flight when the concurrency fell says nothing about the new pace: each slot carries the number of falls
    that it has seen, and only one that has seen them all can make it fall again.
    """

    def __init__(self, most: int, changed: Callable[[int], None], *, one_first: bool = False) -> None:
        """`one_first`: no other request begins before the way of the first is known to be open."""
        self._most = most
        self._one_first = one_first
        self._changed = changed
        self._condition = Condition()
        self._stopped = False
        self._falls = 0
        self._successes = 0
        self.limit = 1 if one_first else most
        self.active = 0

    def enter(self) -> int | None:
        """Waits for a slot; None when the run has been stopped."""
        with self._condition:
            while self.active >= self.limit and not self._stopped:
                self._condition.wait()
            if self._stopped:
                return None
            self.active += 1
            return self._falls

    def open(self) -> None:
        """The first request has found its way."""
        if self._one_first:
            with self._condition:
                self._one_first = False
                self.limit = self._most
                self._condition.notify_all()

    def leave(self) -> None:
        with self._condition:
            self.active -= 1
            self._condition.notify()

    def success(self) -> None:
        if self.limit == self._most:
            return
        with self._condition:
            self._successes += 1
            if self._successes >= self.limit:
                self._set(self.limit + 1)
                self._condition.notify()

    def push_back(self, slot: int) -> None:
        """The service has said that this is too much."""
        with self._condition:
            if slot == self._falls:
                self._falls += 1
                self._set(max(1, self.limit // 2))

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def _set(self, limit: int) -> None:
        self._successes = 0
        if limit != self.limit:
            self.limit = limit
            self._changed(limit)
