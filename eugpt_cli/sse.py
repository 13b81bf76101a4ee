"""Bytes in, frames out: a decoder for text/event-stream, after the WHATWG HTML standard, section 9.2.6."""

from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
LIMIT = 256 * 1024 * 1024


class TooLong(ValueError):
    """One event is longer than the decoder's limit."""


class Frame(NamedTuple):
    """One dispatched event: its name ("message" unless named), its data lines joined by LF, the last id seen."""

    event: str
    data: bytes
    id: str


class Decoder:
    """Feed it the body in pieces of any size; each call returns the frames which that piece completed.

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

    def feed(self, chunk: bytes) -> list[Frame]:
        if self._head is not None:
            chunk = self._skip_bom(self._head + chunk)
        chunk = self._only_lf(chunk)
        end = chunk.rfind(b"\n")
        if end < 0:
            self._line += chunk
            self._check(len(self._line))
            return []
        lines = chunk[:end].split(b"\n")
        if self._line:
            self._line += lines[0]
            lines[0] = bytes(self._line)
        self._line = bytearray(chunk[end + 1 :])
        frames: list[Frame] = []
        for line in lines:
            if line.startswith(b"data: "):
                self._append(line[6:])
            elif line:
                self._field(line)
            else:
                self._dispatch(frames)
        self._check(len(self._line))
        return frames

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
            self._event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit():
            self.retry = int(value)

    def _dispatch(self, frames: list[Frame]) -> None:
        if self._data:
            frames.append(Frame(self._event or "message", b"\n".join(self._data), self._id))
            self._data = []
            self._size = 0
        self._event = ""
