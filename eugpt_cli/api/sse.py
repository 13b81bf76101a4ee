"""Bytes in, frames out: a decoder for text/event-stream, after the WHATWG HTML standard, section 9.2.6."""

from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
BLANK = b"\n\n"
DATA = b"data: "
EVENT = b"event: "
LIMIT = 256 * 1024 * 1024
RETRY_DIGITS = 18  # of milliseconds; more is no time, and Python refuses thousands


class TooLong(ValueError):
    """One event is longer than the decoder's limit."""


class FrameRun(NamedTuple):
    """Events that follow each other under one name ("message" unless named) and the last id seen: the data of each.

    Where there are many, each is a line; a single one may be several, joined by LF.
    """

    event: str
    id: str
    each: list[bytes]


class Decoder:
    """Feed it the body in pieces of any size; each call returns the events which that piece completed.

    `retry` is the last reconnection time in milliseconds that the stream named, or None.
    Raises TooLong when one unfinished event outgrows `limit` bytes.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.retry: int | None = None
        self._limit = limit
        self._id = ""
        self._line = bytearray()  # the unfinished last line
        self._data: list[bytes] = []
        self._size = 0
        self._event = ""
        self._head: bytes | None = b""  # what may yet turn out to be a BOM; None once that is settled
        self._after_cr = False

    def runs(self, chunk: bytes) -> list[FrameRun]:
        """Events of one shape are taken apart by one split, all else line by line."""
        runs: list[FrameRun] = []
        if not self._is_between_events():
            head, blank, chunk = chunk.partition(BLANK)
            self._read(head + blank, runs)
        body, blank, tail = chunk.rpartition(BLANK)
        run = self._run(body) if blank else None
        if run:
            runs.append(run)
        elif blank:
            self._read(body + blank, runs)
        if tail:
            self._read(tail, runs)
        return runs

    def _is_between_events(self) -> bool:
        return not (self._line or self._data or self._event or self._after_cr) and self._head is None

    def _run(self, body: bytes) -> FrameRun | None:
        """Whole events, if each is a data line after the same event line or none; their last blank line is cut off."""
        start = body[: body.find(DATA)] + DATA
        name = name_in(start)
        if name is None or not body.startswith(start) or b"\r" in body or len(body) > self._limit:
            return None
        each = body.split(BLANK + start)
        each[0] = each[0].removeprefix(start)
        if b"\n" in b"".join(each):  # there are lines of another kind
            return None
        return FrameRun(_text(name) or "message", self._id, each)

    def _read(self, chunk: bytes, runs: list[FrameRun]) -> None:
        """Line by line."""
        if self._head is not None:
            chunk = self._skip_bom(self._head + chunk)
        chunk = self._only_lf(chunk)
        end = chunk.rfind(b"\n")
        if end < 0:
            self._line += chunk
            self._check(len(self._line))
            return
        lines = chunk[:end].split(b"\n")
        if self._line:
            self._line += lines[0]
            lines[0] = bytes(self._line)
        self._line = bytearray(chunk[end + 1 :])
        for line in lines:
            if line.startswith(DATA):
                self._append(line[len(DATA) :])
            elif line:
                self._field(line)
            else:
                self._dispatch(runs)
        self._check(len(self._line))

    def _skip_bom(self, head: bytes) -> bytes:
        if len(head) < len(BOM) and BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head.removeprefix(BOM)

    def _only_lf(self, chunk: bytes) -> bytes:
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _check(self, more: int) -> None:
        if self._size + more > self._limit:
            raise TooLong(f"an event of more than {self._limit} bytes")

    def _append(self, value: bytes) -> None:
        self._data.append(value)
        self._size += len(value) + 1
        self._check(0)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._append(value)
        elif name == b"event":
            self._event = _text(value)
        elif name == b"id" and b"\0" not in value:
            self._id = _text(value)
        elif name == b"retry" and value.isdigit() and len(value) <= RETRY_DIGITS:
            self.retry = int(value)

    def _dispatch(self, runs: list[FrameRun]) -> None:
        if self._data:
            runs.append(FrameRun(self._event or "message", self._id, [b"\n".join(self._data)]))
            self._data = []
            self._size = 0
        self._event = ""


def name_in(start: bytes) -> bytes | None:
    """The name in an event's first lines, `event: NAME` or none and then `data: `; None for any other lines.

    A blank line may come first: it ends nothing.
    """
    event, _, data = start.rpartition(b"\n")
    is_named = event.startswith(EVENT) and b"\n" not in event
    return event.removeprefix(EVENT) if data == DATA and (is_named or not event) else None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
