"""Writers: events or a document in, bytes out. One is chosen at the start; the loop that feeds it is dull."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Protocol

import orjson

from eugpt_cli.events import Event, document_text, text_of

Write = Callable[[bytes], None]


class Writer(Protocol):
    def block(self, chunk: bytes, events: list[Event]) -> None:
        """One network read, and the events which it completed."""

    def document(self, document: Mapping[str, Any], raw: bytes) -> None: ...

    def finish(self, response: Mapping[str, Any]) -> None:
        """The answer is complete; `response` is the whole one, where the server sent it."""


class Text:
    """Deltas as they come (`live`), or all or nothing; then a newline if the text has none."""

    def __init__(self, write: Write, visible: Callable[[str], str] | None, live: bool) -> None:
        self._write = write
        self._visible = visible
        self._live = live
        self._parts: list[str] = []
        self._half = ""  # the first half of a surrogate pair whose second half is in the next delta
        self._last = ""

    def block(self, chunk: bytes, events: list[Event]) -> None:
        text = "".join(map(text_of, events))
        if not text:
            return
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


class Document:
    """`ask --json`: the document, byte for byte."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._raw = b""

    def block(self, chunk: bytes, events: list[Event]) -> None:
        """A stream has no document until its end."""

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._raw = raw

    def finish(self, response: Mapping[str, Any]) -> None:
        raw = self._raw or orjson.dumps(dict(response))
        self._write(raw if raw.endswith(b"\n") else raw + b"\n")


class Ndjson:
    """Every event's data as one line, as it came."""

    def __init__(self, write: Write, types: tuple[str, ...]) -> None:
        self._write = write
        self._types = types

    def block(self, chunk: bytes, events: list[Event]) -> None:
        lines = [one_line(event.raw) for event in events if self._wanted(event.type)]
        if lines:
            self._write(b"".join(lines))

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._write(one_line(raw.strip()))

    def finish(self, response: Mapping[str, Any]) -> None:
        """Everything has been written already."""

    def _wanted(self, name: str) -> bool:
        return not self._types or any(fnmatchcase(name, glob) for glob in self._types)


def one_line(raw: bytes) -> bytes:
    """The bytes and a newline; line ends inside are dropped, which JSON allows: they never stand in a string."""
    return raw.replace(b"\r", b"").replace(b"\n", b"") + b"\n"


class Sse:
    """The body's bytes, untouched."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def block(self, chunk: bytes, events: list[Event]) -> None:
        self._write(chunk)

    def document(self, document: Mapping[str, Any], raw: bytes) -> None:
        self._write(raw)

    def finish(self, response: Mapping[str, Any]) -> None:
        """Everything has been written already."""
