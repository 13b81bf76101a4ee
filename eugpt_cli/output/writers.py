"""Writers: events or a document in, bytes out. One is chosen at the start; the loop that feeds it is dull."""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from eugpt_cli.api.answer_text import AnswerText, document_text
from eugpt_cli.api.delta_runs import DeltaRun
from eugpt_cli.api.events import Event, one_line
from eugpt_cli.errors import NotTheApi, Rejected

Write = Callable[[bytes], None]


class TextWriter:
    """Deltas as they come (`live`), or all or nothing; then a newline if the text has none.

    `visible` makes control characters visible: the text goes to a terminal. `partial`: what has arrived is written
    also if the answer is not complete.
    """

    def __init__(self, write: Write, visible: Callable[[str], str] | None, live: bool, partial: bool = False) -> None:
        self._write = write
        self._visible = visible
        self._live = live
        self._partial = partial
        self._texts = AnswerText()
        self._parts: list[str] = []
        self._half = ""  # the first half of a surrogate pair whose second half is in the next delta
        self._last = ""

    def write_events(self, chunk: bytes, events: Sequence[Event | DeltaRun]) -> None:
        parts: list[str] = []
        try:
            for text in self._texts.of(events):
                parts.append(text)
        finally:  # an event that is not JSON does not hide those before it
            self._add("".join(parts))

    def _add(self, text: str) -> None:
        if self._live:
            self._show(text)
        else:
            self._parts.append(text)

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._parts.append(document_text(document))

    def finish(self, response: Mapping[str, Any]) -> None:
        text = "".join(self._parts)
        if not text and not self._last:
            text = document_text(response)
        self._show(text)
        if self._half:
            self._half = ""
            self._put("\ufffd")
        self._end_line()

    def fail(self) -> None:
        text = "".join(self._parts)
        if text and self._partial:
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


FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*")


def fenced_blocks(text: str) -> Iterator[tuple[str, str]]:
    """Language and content of each (CommonMark, section 4.5), but of any indentation: they stand in lists, too."""
    indent = fence = language = ""
    write_events: list[str] = []
    for line in text.split("\n"):
        word = line.strip()
        if not fence:
            if found := FENCE.fullmatch(line):
                indent, fence, language = found.groups()
                write_events = []
        elif len(word) >= len(fence) and not word.strip(fence[0]):
            yield language, "\n".join(write_events)
            fence = ""
        else:
            write_events.append(line.removeprefix(indent))


class ExtractWriter(TextWriter):
    """Only the first fenced block of the answer, of that language if one is named."""

    def __init__(self, write: Write, visible: Callable[[str], str] | None, language: str | None) -> None:
        super().__init__(self._take, None, live=False)
        self._out = TextWriter(write, visible, live=False)
        self._language = language
        self._answer = b""

    def _take(self, data: bytes) -> None:
        self._answer += data

    def finish(self, response: Mapping[str, Any]) -> None:
        super().finish(response)
        for language, write_events in fenced_blocks(self._answer.decode()):
            if self._language is None or language.lower() == self._language.lower():
                self._out.document({"output_text": write_events}, b"")
                self._out.finish({})
                return
        what = f"{self._language} block" if self._language else "fenced block"
        raise Rejected(f"the answer holds no {what}")


class DocumentWriter:
    """`ask --json`: the document, byte for byte."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._raw = self._last = b""

    def write_events(self, chunk: bytes, events: Sequence[Event | DeltaRun]) -> None:
        """A stream's document stands in its last event."""
        self._last = events[-1].raw if events else self._last

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._raw = raw

    def finish(self, response: Mapping[str, Any]) -> None:
        raw = self._raw or (one_line(member(self._last, "response")) if response else b"")
        if not raw:
            raise NotTheApi("the stream ended without the response document")
        self._write(raw if raw.endswith(b"\n") else raw + b"\n")

    def fail(self) -> None:
        """All or nothing."""


def member(raw: bytes, name: str) -> bytes:
    """The bytes of one member's value in the JSON object `raw`, the last of several; b"" for none."""
    import json

    text = raw.decode("utf-8", "surrogateescape")
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    found, at = "", _next(text, text.index("{") + 1)
    while text[at] != "}":
        key, end = decoder.raw_decode(text, at)
        start = _next(text, end)
        _, end = decoder.raw_decode(text, start)
        found = text[start:end] if key == name else found
        at = _next(text, end)
    return found.encode("utf-8", "surrogateescape")


def _next(text: str, at: int) -> int:
    """Where the next key or value begins."""
    return len(text) - len(text[at:].lstrip(" \t\r\n,:"))


class NdjsonWriter:
    """Every event's data as one line, as it came."""

    def __init__(self, write: Write, types: tuple[str, ...]) -> None:
        self._write = write
        self._types = types

    def write_events(self, chunk: bytes, events: Sequence[Event | DeltaRun]) -> None:
        lines = [event.lines() for event in events if self._wanted(event.type)]
        if lines:
            self._write(b"".join(lines))

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._write(one_line(raw.removeprefix(BOM_UTF8).strip()))

    def finish(self, response: Mapping[str, Any]) -> None:
        """Everything has been written already."""

    def fail(self) -> None:
        """What has been written stays."""

    def _wanted(self, name: str) -> bool:
        return not self._types or any(fnmatchcase(name, glob) for glob in self._types)


class SseWriter:
    """The body's bytes, untouched."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def write_events(self, chunk: bytes, events: Sequence[Event | DeltaRun]) -> None:
        self._write(chunk)

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._write(raw)

    def finish(self, response: Mapping[str, Any]) -> None:
        """Everything has been written already."""

    def fail(self) -> None:
        """What has been written stays."""
