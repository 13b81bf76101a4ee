"""The journal's lines of a batch's items, written by the workers and, where the run ends at once, for them."""

from threading import Lock

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.batch.items import Item
from eugpt_cli.errors import EugptError, Stopped
from eugpt_cli.output.journal import Journal


class ItemJournal:
    """Each item that was sent or has failed has one line, also if the run ends before its answer does."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = Lock()
        self._in_flight: dict[int, tuple[Item, Outcome]] = {}
        self._closed = False

    def begin(self, item: Item, outcome: Outcome) -> None:
        """The item is about to be sent."""
        with self._lock:
            self._in_flight[item.line] = item, outcome

    def end(self, item: Item, outcome: Outcome, fault: EugptError | None) -> None:
        """Raises OutputError."""
        with self._lock:
            self._in_flight.pop(item.line, None)
            if not self._closed:
                self._write(item, outcome, fault)

    def close(self, end: EugptError | Stopped) -> None:
        """Adds a line for each item in flight: the run ends now. Raises OutputError."""
        with self._lock:
            self._closed = True
            for item, outcome in self._in_flight.values():
                self._write(item, outcome, end)

    def _write(self, item: Item, outcome: Outcome, end: EugptError | Stopped | None) -> None:
        self._journal.add(outcome, end, custom_id=item.custom_id, line=item.line)
