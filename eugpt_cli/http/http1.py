"""HTTP/1.1 without I/O, after RFC 9112: a request to bytes; bytes in, the head of the answer and its body out."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from eugpt_cli.errors import Internal, NotTheApi, Truncated

Headers = list[tuple[bytes, bytes]]

BEGIN = b"HTTP/"
HEAD_LIMIT = 100 * 1024  # bytes
SIZE_LIMIT = 4 * 1024  # bytes of the line before a chunk, its extensions included
LENGTH_DIGITS = 20
BLANK = re.compile(rb"\n\r?\n")
LINE_END = re.compile(rb"\r?\n")
FOLD = re.compile(rb"\r?\n[ \t]+")
STATUS = re.compile(rb"HTTP/1\.(\d) ([1-9]\d\d)(?: ([^\0\n\r\f\v]*))?")
FIELD = re.compile(rb"([-!#$%&'*+.^_`|~0-9a-zA-Z]+):([^\0\n\r\f\v]*)")
SIZE = re.compile(rb"\r\n([0-9A-Fa-f]{1,20})(?:;[^\n]*|[ \t]*)\r\n")
SWITCHING = 101
EMPTY = frozenset({204, 304})  # statuses without a body


def request(method: bytes, path: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    """The whole request. Raises Internal for a line that would not stay one."""
    lines = [b"%b: %b" % field for field in headers]
    if not all(map(FIELD.fullmatch, lines)) or not path.isascii() or len(path.split()) != 1:
        raise Internal("the request could not be made: a header or the path holds what it must not")
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, path), *lines, b"", body])


class Head(NamedTuple):
    """The status line and the header fields, their names as they came; `minor` of the version 1.x."""

    minor: int
    status: int
    reason: bytes
    headers: Headers

    def values(self, name: bytes) -> list[bytes]:
        """Those of all fields of that name (lower case), taken apart at commas."""
        lists = [value.split(b",") for field, value in self.headers if field.lower() == name]
        return [value.strip(b" \t") for values in lists for value in values]


class ResponseParser:
    """The answer to one request. `receive` what has come, b"" for the end of the connection; then ask.

    What asks for the head or the body raises NotTheApi for what is no HTTP, and Truncated where the connection has
    ended too early. Their words quote the status line alone: elsewhere the key might stand cut, folded or in other
    letters, and it is masked only as it is.
    """

    def __init__(self) -> None:
        self._head: Head | None = None
        self._data = b""  # what has come, and has not been looked at
        self._start = bytearray()  # an unfinished head
        self._closed = False
        self._body: _Chunked | _Sized | _Open = _Sized(0)

    def receive(self, data: bytes) -> None:
        self._data += data
        self._closed = not data

    def head(self) -> Head | None:
        """The final one; those of an interim answer (1xx) are passed over."""
        while self._head is None and (block := self._block()) is not None:
            head = _parsed(block)
            if head.status == SWITCHING:
                raise _no_http("it switches to another protocol")
            if head.status >= 200:
                self._body = _framing(head)
                self._head = head
        if self._head is None and self._closed:
            raise _cut()
        return self._head

    def _block(self) -> bytes | None:
        """The bytes up to the next blank line."""
        seen = max(0, len(self._start) - 2)
        self._start += self._data
        self._data = b""
        if self._start[: len(BEGIN)] != BEGIN[: len(self._start)]:
            raise NotTheApi("the answer is not HTTP", hint="check the base URL")
        if end := BLANK.search(self._start, seen):
            block = bytes(self._start[: end.start()]).removesuffix(b"\r")
            self._data = bytes(self._start[end.end() :])
            self._start.clear()
            return block
        if len(self._start) > HEAD_LIMIT:
            raise _no_http("its head does not end")
        return None

    def body(self) -> bytes:
        """What has come of the body, as one piece; b"" for nothing. What is wrong is raised after all that is good."""
        data, self._data = self._data, b""
        piece = self._body.take(data)
        if self._closed and not piece and not self._body.close():
            raise _cut()
        return piece

    @property
    def ended(self) -> bool:
        """Whether the body is complete."""
        return self._head is not None and self._body.ended

    def is_final(self) -> bool:
        """Whether the rest of the request can change nothing: it is refused, or the connection has ended."""
        head = self.head()
        return head is not None and (self._closed or head.status >= 300)

    @property
    def may_be_followed(self) -> bool:
        """Whether there can be another answer on this connection: it stays open, and nothing is left on it."""
        head = self._head
        if not head or not head.minor or not self._body.clean or self._data or self._closed:
            return False
        if head.values(b"transfer-encoding") and head.values(b"content-length"):
            return False
        return b"close" not in map(bytes.lower, head.values(b"connection"))


def _cut() -> Truncated:
    return Truncated("the connection was cut before the answer was complete")


def _no_http(words: str) -> NotTheApi:
    return NotTheApi(f"the answer is not HTTP as it should be: {words}")


def _parsed(block: bytes) -> Head:
    start, _, rest = block.partition(b"\n")
    status = STATUS.fullmatch(start.removesuffix(b"\r"))
    if not status:
        raise _no_http(f"its status line is {start.decode('utf-8', 'replace')}")
    headers: Headers = []
    for line in LINE_END.split(FOLD.sub(b" ", rest)) if rest else ():
        field = FIELD.fullmatch(line)
        if not field:
            raise _no_http("a header line cannot be read")
        headers.append((field[1], field[2].strip(b" \t")))
    return Head(int(status[1]), int(status[2]), status[3] or b"", headers)


class _Chunked:
    """Section 7.1. The line end of a chunk is read together with the line of the next one. Trailers are not read."""

    def __init__(self) -> None:
        self.ended = False
        self._rest = b"\r\n"
        self._left = 0

    @property
    def clean(self) -> bool:
        return self.ended and self._rest == b"\r\n"

    def take(self, data: bytes) -> bytes:
        data = self._rest + data
        parts: list[bytes] = []
        at = 0
        while not self.ended:
            if not self._left:
                size = SIZE.match(data, at)
                if not size:
                    break
                at = size.end()
                self._left = int(size[1], 16)
                self.ended = not self._left
            part = data[at : at + self._left]
            if not part:
                break
            parts.append(part)
            at += len(part)
            self._left -= len(part)
        self._rest = data[at:]
        if not parts and not self.ended:
            self._check(self._rest)
        return b"".join(parts)

    def _check(self, rest: bytes) -> None:
        """Raises NotTheApi unless it may yet become the line before a chunk."""
        if rest[:2] != b"\r\n"[: len(rest)] or b"\n" in rest[2:] or len(rest) > SIZE_LIMIT:
            raise _no_http("the size of a chunk cannot be read")

    def close(self) -> bool:
        return self.ended


class _Sized:
    """A body of so many bytes."""

    def __init__(self, length: int) -> None:
        self._left = length
        self._is_followed = False

    @property
    def ended(self) -> bool:
        return not self._left

    @property
    def clean(self) -> bool:
        return self.ended and not self._is_followed

    def take(self, data: bytes) -> bytes:
        part = data[: self._left]
        self._left -= len(part)
        self._is_followed = self._is_followed or len(part) < len(data)
        return part

    def close(self) -> bool:
        return self.ended


class _Open:
    """A body that ends with the connection."""

    ended = False
    clean = False

    def take(self, data: bytes) -> bytes:
        return data

    def close(self) -> bool:
        self.ended = True
        return True


def _framing(head: Head) -> _Chunked | _Sized | _Open:
    """How the body is framed (section 6.3)."""
    codings = [coding.lower() for coding in head.values(b"transfer-encoding")]
    lengths = set(head.values(b"content-length"))
    if codings not in ([], [b"chunked"]):
        raise _no_http("its transfer coding is not chunked")
    if len(lengths) > 1 or any(not n.isdigit() or len(n) > LENGTH_DIGITS for n in lengths):
        raise _no_http("its length cannot be read")
    if head.status in EMPTY:
        return _Sized(0)
    if codings:
        return _Chunked()
    return _Sized(int(lengths.pop())) if lengths else _Open()
