"""The row of an item as one line of NDJSON, and the protocol of where rows are written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import orjson

from eugpt_cli.api.answer_text import AnswerText
from eugpt_cli.api.delta_runs import DeltaRun
from eugpt_cli.api.events import Event
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.batch.identity import Arrivals
from eugpt_cli.batch.items import Item
from eugpt_cli.errors import EugptError
from eugpt_cli.output.report import error_fields, measures, utc
from eugpt_cli.output.writers import encode
from eugpt_cli.text.redaction import MASK, SHORTEST, SHORTEST_IN_ANSWERS

MakeRow = Callable[[Item, Outcome, "AnswerRecorder", EugptError | None, float], bytes]


class Rows(Arrivals, Protocol):
    """Where the rows go."""

    def is_done(self, item: Item) -> bool:
        """Whether the row of a complete answer to this request is there."""

    def is_held(self, item: Item) -> bool:
        """Whether an earlier run has posted this turn, or may have."""

    def says_so(self, item: Item) -> bool:
        """Whether the item's row is for this request."""

    def keep(self, item: Item) -> None:
        """The item is not asked; its row stays."""

    def expect(self, item: Item) -> None:
        """Called for each item in the order of the input."""

    def mark(self, item: Item, unfinished: Callable[[], bytes]) -> None:
        """A turn of a conversation is about to be sent; `unfinished` makes the row that says that it may be stored."""

    def write(self, item: Item, row: bytes) -> None: ...

    def release(self) -> None:
        """The run is being stopped: no row waits for another."""

    def sync(self) -> None: ...

    def settle(self, *, complete: bool) -> None:
        """Every row has been written; `complete`: the input has been read to its end."""

    def seal(self, seconds: float) -> None:
        """From now on no row is written, and none is half written if that ends within so many seconds."""


class AnswerRecorder:
    """The writer of one attempt: keeps the text, and the response as a document or as the last event has it."""

    def __init__(self) -> None:
        self._answer = AnswerText(keep=True)
        self.text = ""
        self.accepted: str | None = None  # what the checks made of the text
        self.is_refused = False
        self.response: Mapping[str, Any] | None = None

    @property
    def output(self) -> str:
        """The result of a complete answer."""
        return self.text if self.accepted is None else self.accepted

    def write_events(self, chunk: bytes, events: Sequence[Event | DeltaRun]) -> None:
        for _ in self._answer.of(events):
            pass

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._answer.document(document)
        self.response = document

    def finish(self, response: Mapping[str, Any]) -> None:
        self.response = response
        self.text = self._answer.whole(response)

    def write_tail(self, chunks: Iterator[bytes]) -> None:
        """The answer is complete."""

    def fail(self) -> None:
        """Only a complete answer is one."""


def maker(full: bool, secret: str, *, usage: bool = False, value: bool = False) -> MakeRow:
    """The function that makes rows, never with the key.

    They have the response document if `full`, its `usage`, and the `value` where answers are checked to be JSON.
    """
    plain = secret.encode()
    masked = MASK.encode()

    def row(item: Item, outcome: Outcome, answer: AnswerRecorder, fault: EugptError | None, seconds: float) -> bytes:
        fields: dict[str, Any] = {
            "custom_id": item.custom_id,
            "ok": fault is None,
            "output_text": None if fault else answer.output,
            "response_id": outcome.response_id,
            "model": outcome.model,
            "conversation_id": outcome.conversation_id or (item.request and item.request.conversation_id),
            "error": error_fields(fault) if fault else None,
            "attempts": outcome.all_attempts,
            "seconds": round(seconds, 3),
            "at": utc(outcome.at),
            **measures(outcome),
            **_identity(item, fault),
        }
        if value:
            fields["value"] = answer.accepted and orjson.Fragment(answer.accepted)
        if answer.is_refused:
            fields["rejected_text"] = answer.text
        if usage:
            fields["usage"] = outcome.all_usage
        if full:
            fields["response"] = answer.response
        fields["line"] = item.line  # the last, where the ledger changes it
        line = _line(fields)
        is_long = len(secret) >= (SHORTEST if fault else SHORTEST_IN_ANSWERS)
        return line.replace(plain, masked) if is_long else line

    return row


def _identity(item: Item, fault: EugptError | None) -> dict[str, Any]:
    """What the next run needs to know: the item of a row, the request of the item, and the turns that were posted."""
    fields: dict[str, Any] = {} if item.custom_id is not None else {"item": f"{item.name:016x}"}
    fields["request"] = item.digest
    posted = fault.stored or item.short_digest in item.earlier if fault else item.is_turn
    if posted:
        fields["may_be_stored" if fault else "stored"] = True
    if others := [turn for turn in item.earlier if turn != item.short_digest]:
        fields["earlier_turns"] = others
    return fields


def _line(fields: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a surrogate pair, or a number of more than 64 bits
        import json

        parsed = lambda fragment: json.loads(fragment.contents)  # noqa: E731
        return encode(json.dumps(fields, ensure_ascii=False, default=parsed) + "\n")
