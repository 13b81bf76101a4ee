"""What an item has come to, as one line of NDJSON, and what is asked of the place where such rows go."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from eugpt_cli.api.answer_text import AnswerText, document_text
from eugpt_cli.api.delta_runs import DeltaRun
from eugpt_cli.api.events import Event
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.batch.items import Item
from eugpt_cli.errors import EugptError
from eugpt_cli.output.report import error_fields
from eugpt_cli.output.writers import encode
from eugpt_cli.text.redaction import MASK, SHORTEST

MakeRow = Callable[[Item, Outcome, "AnswerRecorder", EugptError | None, float], bytes]


class Rows(Protocol):
    """Where the rows go."""

    def is_done(self, item: Item) -> bool:
        """Whether the row of an earlier run is there."""

    def may_be_stored(self, item: Item) -> bool:
        """Whether an earlier run has failed with this turn in a way that may have stored it."""

    def expect(self, item: Item) -> None:
        """This item comes next."""

    def begin(self, item: Item, unfinished: Callable[[], bytes]) -> None:
        """A turn of a conversation is being sent; `unfinished` makes its row, should the run end before the answer."""

    def write(self, item: Item, row: bytes) -> None: ...

    def release(self) -> None:
        """The run is being stopped: no row waits for another."""

    def sync(self) -> None: ...

    def settle(self) -> None:
        """Every row has been written."""

    def seal(self, seconds: float) -> None:
        """From now on no row is written, and none is half written if that ends within so many seconds."""


class AnswerRecorder:
    """The writer of one attempt: keeps the text, and the response as a document or as the last event has it."""

    def __init__(self) -> None:
        self._texts = AnswerText()
        self._parts: list[str] = []
        self.text = ""
        self.response: Mapping[str, Any] | None = None

    def write_events(self, chunk: bytes, events: Sequence[Event | DeltaRun]) -> None:
        self._parts.extend(self._texts.of(events))

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._parts.append(document_text(document))
        self.response = document

    def finish(self, response: Mapping[str, Any]) -> None:
        self.text = "".join(self._parts) or document_text(response)
        self.response = response

    def fail(self) -> None:
        """Only a complete answer is one."""


def maker(full: bool, secret: str) -> MakeRow:
    """The function that makes rows: with the response document if `full`, and never with the key."""
    shown = secret.encode()
    masked = MASK.encode()

    def row(item: Item, outcome: Outcome, answer: AnswerRecorder, fault: EugptError | None, seconds: float) -> bytes:
        fields: dict[str, Any] = {
            "custom_id": item.custom_id,
            "ok": fault is None,
            "output_text": None if fault else answer.text,
            "response_id": outcome.response_id,
            "model": outcome.model,
            "conversation_id": outcome.conversation_id or (item.request and item.request.conversation_id),
            "error": error_fields(fault) if fault else None,
            "attempts": outcome.attempts,
            "seconds": round(seconds, 3),
            "line": item.line,
            "request": item.digest,
        }
        if fault and fault.stored:
            fields["may_be_stored"] = True
        if full:
            fields["response"] = answer.response
        line = _line(fields)
        return line.replace(shown, masked) if len(secret) >= SHORTEST else line

    return row


def _line(fields: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a surrogate pair, or a number of more than 64 bits
        import json

        return encode(json.dumps(fields, ensure_ascii=False) + "\n")
