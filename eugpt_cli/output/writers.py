"""Writers: events or a document in, bytes out. One is chosen at the start; the loop that feeds it is dull."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from eugpt_cli.api.answer_text import AnswerText
from eugpt_cli.api.events import Event, one_line
from eugpt_cli.errors import NotTheApi

if TYPE_CHECKING:
    from eugpt_cli.api.delta_runs import DeltaRun

Write = Callable[[bytes], None]


class TextWriter:
    """Writes text as it arrives (`live`), or all or nothing, then a newline if the text ends without one.

    `visible` makes control characters visible: the text goes to a terminal. `attempts`, if given, keeps what each
    attempt brings; the most of it is written if none brings a complete answer.
    """

    def __init__(
        self, write: Write, visible: Callable[[str], str] | None, live: bool, attempts: list[AnswerText] | None = None
    ) -> None:
        self._write = write
        self._visible = visible
        self._live = live
        self._answer = AnswerText(keep=not live)
        self._attempts = attempts
        if attempts is not None:
            attempts.append(self._answer)
        self._half = ""  # the first half of a surrogate pair whose second half is in the next delta
        self._last = ""

    def write_events(self, chunk: bytes, events: "Sequence[Event | DeltaRun]") -> None:
        texts: list[str] = []
        try:
            self._answer.read(events, texts)
        finally:  # an event that is not sound does not hide those before it
            if self._live:
                self._show("".join(texts))

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._answer.document(document)

    def finish(self, response: Mapping[str, Any]) -> None:
        self._show(self._answer.rest(response) if self._live else self._answer.whole(response))
        if self._half:
            self._half = ""
            self._put("\ufffd")
        self._end_line()

    def write_tail(self, chunks: Iterator[bytes]) -> None:
        """The answer is out."""

    def fail(self) -> None:
        text = max((attempt.so_far() for attempt in self._attempts or ()), key=len, default="")
        if text:
            self._show(text)
            self._end_line()

    def _end_line(self) -> None:
        if self._last != "\n":
            self._put("\n")

    def _show(self, text: str) -> None:
        text = self._half + text
        self._half = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if text:
            self._put(text)

    def _put(self, text: str) -> None:
        self._last = text[-1]
        self._write(encode(self._visible(text) if self._visible else text))


def encode(text: str) -> bytes:
    """UTF-8; surrogate pairs are joined, lone surrogates become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


class DocumentWriter:
    """`ask --json`: the document, byte for byte."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._answer = AnswerText(keep=True)
        self._raw = self._last = b""

    def write_events(self, chunk: bytes, events: "Sequence[Event | DeltaRun]") -> None:
        """The last event of a stream carries the document."""
        self._answer.read(events, [])
        if events and isinstance(events[-1], Event):
            self._last = events[-1].raw

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._answer.document(document)
        self._raw = raw

    def finish(self, response: Mapping[str, Any]) -> None:
        self._answer.whole(response)
        raw = self._raw or (_response(self._last) if response else b"")
        if not raw:
            raise NotTheApi("the stream ended without the response document")
        self._write(raw if raw.endswith(b"\n") else raw + b"\n")

    def write_tail(self, chunks: Iterator[bytes]) -> None:
        """The answer is out."""

    def fail(self) -> None:
        """All or nothing."""


def _response(event: bytes) -> bytes:
    """The response in an event's data, in one line."""
    from eugpt_cli.text.json_members import members

    return one_line(members(event)["response"])


class NdjsonWriter:
    """Every event's data as one line, as it came; `seen` are the types of events until one `matched`."""

    def __init__(self, write: Write, types: tuple[str, ...]) -> None:
        self._write = write
        self._types = types
        self.seen: dict[str, None] = {}
        self.matched = not types

    def write_events(self, chunk: bytes, events: "Sequence[Event | DeltaRun]") -> None:
        lines: list[bytes] = []
        try:
            for event in events:
                if self._wanted(event.type):
                    lines.append(event.lines())
        finally:  # an event that is no line does not hide those before it
            if lines:
                self._write(b"".join(lines))
        if not self.matched:
            self.matched = bool(lines)
            self.seen.update(dict.fromkeys(event.type for event in events))

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._write(one_line(raw.removeprefix(BOM_UTF8).strip()))

    def finish(self, response: Mapping[str, Any]) -> None:
        """Everything has been written."""

    def write_tail(self, chunks: Iterator[bytes]) -> None:
        """What follows are no events of this answer."""

    def fail(self) -> None:
        """What has been written stays."""

    def _wanted(self, name: str) -> bool:
        return not self._types or any(fnmatchcase(name, glob) for glob in self._types)


class SseWriter:
    """The body's bytes, untouched."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def write_events(self, chunk: bytes, events: "Sequence[Event | DeltaRun]") -> None:
        self._write(chunk)

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._write(raw)

    def finish(self, response: Mapping[str, Any]) -> None:
        """Everything has been written."""

    def write_tail(self, chunks: Iterator[bytes]) -> None:
        for chunk in chunks:
            self._write(chunk)

    def fail(self) -> None:
        """What has been written stays."""
