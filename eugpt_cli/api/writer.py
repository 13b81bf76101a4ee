"""What the pull loop asks of whoever writes an answer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from eugpt_cli.api.events import Event

if TYPE_CHECKING:
    from eugpt_cli.api.delta_runs import DeltaRun


class Writer(Protocol):
    def write_events(self, chunk: bytes, events: "Sequence[Event | DeltaRun]") -> None:
        """One network read, and the events which it completed."""

    def document(self, document: Mapping[str, Any], raw: bytes) -> None: ...

    def finish(self, response: Mapping[str, Any]) -> None:
        """The answer is complete; `response` is the whole one, where the service sent it.

        Raises Truncated, NotTheApi or Failed where the text says otherwise.
        """

    def write_tail(self, chunks: Iterator[bytes]) -> None:
        """What follows the terminal event in the same body, for whoever wants it: reading it may take its time."""

    def fail(self) -> None:
        """Called when the answer is not complete and no attempt follows."""
