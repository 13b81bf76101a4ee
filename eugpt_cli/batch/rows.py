"""The row of an item as one line of NDJSON, and the protocol of where rows are written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from eugpt_cli.api.answer_text import AnswerText
from eugpt_cli.api.events import Event
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.batch.identity import Arrivals
from eugpt_cli.batch.items import Item
from eugpt_cli.batch.row_json import line_of
from eugpt_cli.errors import EugptError
from eugpt_cli.output.report import error_fields, measures, utc
from eugpt_cli.output.writers import encode
from eugpt_cli.text.json_members import members, one_json_line
from eugpt_cli.text.redaction import SHORTEST_IN_ANSWERS, redact, redact_raw_answer

if TYPE_CHECKING:
    from eugpt_cli.api.delta_runs import DeltaRun

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
    """The writer of one attempt: keeps the text, and the bytes of the response or of the last event."""

    def __init__(self) -> None:
        self._answer = AnswerText(keep=True)
        self.text = ""
        self.accepted: str | None = None  # what the checks made of the text
        self.is_refused = False
        self._raw: bytes | None = None  # the response
        self._last = b""  # the last event

    @property
    def output(self) -> str:
        """The result of a complete answer."""
        return self.text if self.accepted is None else self.accepted

    def write_events(self, chunk: bytes, events: "Sequence[Event | DeltaRun]") -> None:
        self._answer.read(events, [])
        if events and isinstance(events[-1], Event):
            self._last = events[-1].raw

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._answer.document(document)
        self._raw = raw

    def finish(self, response: Mapping[str, Any]) -> None:
        if self._raw is None:
            self._raw = (self._last and members(self._last).get("response")) if response else b"{}"
        self.text = self._answer.whole(response)

    @property
    def response(self) -> bytes | None:
        """The response in one line, as the service wrote it."""
        return None if self._raw is None else one_json_line(self._raw)

    def write_tail(self, chunks: Iterator[bytes]) -> None:
        """The answer is complete."""

    def fail(self) -> None:
        """Only a complete answer is one."""


def maker(full: bool, secret: str, *, usage: bool = False, value: bool = False) -> MakeRow:
    """The function that makes rows: what the service said never has the key, and what is ours stays as it is.

    They have the response document if `full`, its `usage`, and the `value` where answers are checked to be JSON.
    """

    long = secret if len(secret) >= SHORTEST_IN_ANSWERS else ""

    def theirs(text: str | None) -> str | None:
        return text and redact_raw_answer(encode(text), secret).decode()

    def conversation(told: str | None, item: Item) -> str | None:
        asked = item.request and item.request.conversation_id
        return asked if told in (None, asked) else theirs(told)

    def row(item: Item, outcome: Outcome, answer: AnswerRecorder, fault: EugptError | None, seconds: float) -> bytes:
        fields: dict[str, Any] = {
            "custom_id": item.custom_id,
            "ok": fault is None,
            "output_text": None if fault else theirs(answer.output),
            "response_id": theirs(outcome.response_id),
            "model": theirs(outcome.model),
            "conversation_id": conversation(outcome.conversation_id, item),
            "error": _error(fault, secret) if fault else None,
            "attempts": outcome.all_attempts,
            "seconds": round(seconds, 3),
            "at": utc(outcome.at),
            **measures(outcome),
            **_identity(item, fault),
        }
        if fault:
            fields["error"]["conversation_id"] = conversation(fault.conversation_id, item)
        if value:
            accepted = answer.accepted and redact_raw_answer(encode(answer.accepted), secret)
            fields["value"] = accepted and orjson.Fragment(accepted)
        if answer.is_refused:
            fields["rejected_text"] = theirs(answer.text)
        if usage:
            fields["usage"] = _redacted(outcome.all_usage, long)
        if full:
            response = answer.response
            fields["response"] = response and orjson.Fragment(redact_raw_answer(response, secret))
        fields["line"] = item.line  # the last, where the ledger changes it
        return line_of(fields)

    return row


def _error(fault: EugptError, secret: str) -> dict[str, Any]:
    """What went wrong, in words without the key; its `kind` is a word of ours."""
    fields = error_fields(fault)
    return {name: value if name == "kind" else _redacted(value, secret) for name, value in fields.items()}


def _redacted(value: Any, secret: str) -> Any:
    if isinstance(value, Mapping):
        return {redact(name, secret): _redacted(member, secret) for name, member in value.items()}
    if isinstance(value, list):
        return [_redacted(member, secret) for member in value]
    return redact(value, secret) if isinstance(value, str) else value


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
