"""Reads in, events out: the stream decoder, JSON, and the short ways past both for deltas."""

from collections.abc import Iterator

from eugpt_cli.api.delta_runs import DeltaRun, delta_run
from eugpt_cli.api.events import TERMINAL, Event, decode
from eugpt_cli.api.next_delta import NextDelta, next_delta
from eugpt_cli.api.sse import Decoder, FrameRun, TooLong
from eugpt_cli.errors import NotTheApi

MISSES = 3  # after so many, deltas have something else that changes, such as OpenAI's `obfuscation`


class EventReader:
    """The events of one stream."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._next: NextDelta | None = None
        self._misses = 0  # that followed each other

    def read(self, chunk: bytes, events: list[Event | DeltaRun]) -> Event | None:
        """Adds the events of one read, up to the terminal one, which it returns.

        Raises NotTheApi after the good ones.
        """
        if self._next and (one := self._next.take(chunk)):
            events.append(one)
            return None
        if self._next:
            self._next = None
            self._misses += 1
        try:
            runs = self._decoder.runs(chunk)
        except TooLong:
            raise NotTheApi("the service sent an event over the size limit") from None
        for event in _decoded(runs):
            events.append(event)
            if isinstance(event, Event) and event.type in TERMINAL:
                return event
        return None

    def expect(self, chunk: bytes, events: list[Event | DeltaRun]) -> None:
        """Prepares for the next read. Call it when the events of this one are written: it may take its time."""
        if self._next:
            self._next.advance()
            self._misses = 0
        elif self._misses < MISSES and len(events) == 1:
            self._next = next_delta(chunk, events[0])


def _decoded(runs: list[FrameRun]) -> Iterator[Event | DeltaRun]:
    for run in runs:
        if len(run.each) > 1 and (many := delta_run(run.each)):
            yield many
            continue
        for data in run.each:
            if data.strip() not in (b"", b"[DONE]"):
                yield decode(data, run.event)
