"""The sequence numbers of a stream: which events came twice, and whether any are missing."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eugpt_cli.api.events import Event

if TYPE_CHECKING:
    from eugpt_cli.api.delta_runs import DeltaRun

REMEMBERED = 16  # events and runs; a service or a proxy that repeats one does so at once
HELD_BYTES = 1 << 16  # of one event; a longer one is remembered by its hash


class SequenceNumbers:
    """The numbers of the events as they come. An event without one counts for nothing.

    Numbers mean something only where most of them step by one, or where together they are a row without a hole: some
    services send a constant, some a clock.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._single = 0  # steps by one
        self._other = 0
        self._repeated = 0
        self._count = 0
        self._lowest = self._highest = 0
        self._in_order = True
        self._gap: tuple[int, int] | None = None
        self._recent: deque[tuple[int, int, Sequence[bytes | int]]] = deque(maxlen=REMEMBERED)

    @property
    def missing(self) -> str | None:
        """What the numbers say is missing or doubtful, in words; None for nothing."""
        if not self._in_order and self._highest - self._lowest == self._count - 1:
            return "its events arrived out of order"
        if self._single < self._other or not self._single:
            return "the service repeats its sequence numbers" if self._repeated else None
        return (
            f"events are missing between the sequence numbers {self._gap[0]} and {self._gap[1]}" if self._gap else None
        )

    def follows(self, run: "DeltaRun") -> bool:
        """Takes a whole run if its numbers continue those before, or if it has none."""
        if run.numbers is None:
            return True
        first = run.numbers.start
        if self._last is not None and first != self._last + 1:
            return False
        self._single += run.length - (self._last is None)
        self._take(first, run.length)
        self._recent.append((first, run.length, run.each))
        return True

    def is_new(self, event: Event) -> bool:
        """Takes an event; returns False for an exact repeat, sequence number included."""
        number = number_of(event.fields)
        if number is None:
            return True
        if self._last is not None:
            step = number - self._last
            if step <= 0 and self._single >= self._other and self._came(number, event.raw):
                self._repeated += 1
                return False
            self._single += step == 1
            self._other += step != 1
            self._in_order = self._in_order and step > 0
            if step > 1 and not self._gap:
                self._gap = (self._last, number)
        self._take(number, 1)
        self._recent.append((number, 1, [event.raw if len(event.raw) <= HELD_BYTES else hash(event.raw)]))
        return True

    def _take(self, first: int, length: int) -> None:
        self._last = last = first + length - 1
        if first < self._lowest or not self._count:
            self._lowest = first
        if last > self._highest or not self._count:
            self._highest = last
        self._count += length

    def _came(self, number: int, raw: bytes) -> bool:
        for first, length, seen in self._recent:
            if first <= number < first + length:
                return seen[number - first] in (raw, hash(raw))
        return False


def number_of(fields: Mapping[str, Any]) -> int | None:
    number = fields.get("sequence_number")
    return number if type(number) is int else None
