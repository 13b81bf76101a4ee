"""HTTP/1.1 without I/O, after RFC 9112: a request to bytes; bytes in, the head of the answer and its body out.

llhttp (httptools) reads the grammar. Three things are done here: heads are cut out whole, so that each has a limit and
those of interim answers end before the next one begins; framings that llhttp takes for "until the connection ends" are
refused; and what comes after an answer is noticed, so that it never becomes the answer to the next request.
"""

from collections.abc import Iterable
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from eugpt_cli.errors import Internal, NotTheApi, OutOfTime, Stopped, Truncated
from eugpt_cli.http.response import Fields

BEGIN = b"HTTP/"
VERSIONS = ("1.0", "1.1")
HEAD_LIMIT = 100 * 1024  # bytes; also of what stands between two pieces of a body: chunk extensions, trailers
LINE_END = b"\r\n"  # one after an answer is nothing: llhttp skips it too
SWITCHING = 101
EMPTY = frozenset({204, 304})  # statuses without a body
TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
CONTROLS = frozenset(range(32)) - {9} | {127}


def request(method: bytes, path: bytes, fields: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    """The whole request. Raises Internal for a line that would not stay one."""
    fields = list(fields)
    if not path.isascii() or len(path.split()) != 1 or not all(_is_field(*field) for field in fields):
        raise Internal("the request could not be made: a header or the path contains invalid characters")
    lines = [b"%b: %b" % field for field in fields]
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, path), *lines, b"", body])


def _is_field(name: bytes, value: bytes) -> bool:
    return bool(name) and TOKEN.issuperset(name) and CONTROLS.isdisjoint(value)


class Head(NamedTuple):
    """The status line and the header fields; `minor` of the version 1.x."""

    minor: int
    status: int
    reason: bytes
    fields: Fields


class _Followed(Exception):
    """Something begins after the answer."""


class _Message:
    """What llhttp reports of one message. It does not know its parser: no cycle is left for the garbage collector."""

    def __init__(self) -> None:
        self.reason: bytes | None = None
        self.fields: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self.ended = False
        self.followed = False
        self.on_body = self.parts.append

    def on_message_begin(self) -> None:
        if self.ended:
            self.followed = True
            raise _Followed

    def on_status(self, reason: bytes) -> None:
        self.reason = reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.ended:
            self.fields.append((name, value.strip(b" \t")))

    def on_message_complete(self) -> None:
        self.ended = True


class ResponseParser:
    """Parses the answer to one request. Feed `receive` the bytes, b"" for the end of the connection; then ask.

    What asks for the head or the body raises NotTheApi for what is no HTTP, and Truncated where the connection has
    ended too early. Their words quote the status line alone: elsewhere the key might stand cut, folded or in other
    letters, and it is masked only as it is.
    """

    def __init__(self) -> None:
        self.begun = False  # whether anything has come
        self._closed = False
        self._data = b""  # what has come, and has not been looked at
        self._start = bytearray()  # an unfinished head
        self._head: Head | None = None
        self._is_framed = False
        self._between = 0  # bytes since the last piece of the body
        self._fault: NotTheApi | None = None
        self._begin()

    def _begin(self) -> None:
        self._message = _Message()
        self._parser = HttpResponseParser(self._message)
        self._parser.set_dangerous_leniencies(lenient_chunked_length=True, lenient_spaces_after_chunk_size=True)

    def receive(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        self._closed = not data
        self.begun = self.begun or bool(data)

    def head(self) -> Head | None:
        """The final one; those of interim answers (1xx) are passed over."""
        while self._head is None and (block := self._block()) is not None:
            head = self._parsed(block)
            if head.status >= 200:
                self._is_framed = _is_framed(head)
                self._head = head
            else:
                self._begin()
        if self._head is None and self._closed:
            raise _cut()
        return self._head

    def _block(self) -> bytes | None:
        """The bytes up to the next blank line, and with it."""
        seen = max(0, len(self._start) - 3)
        self._start += self._data
        self._data = b""
        if self._start[: len(BEGIN)] != BEGIN[: len(self._start)]:
            raise NotTheApi("the answer is not HTTP", hint="check the base URL")
        ends = [at + len(blank) for blank in (b"\n\r\n", b"\n\n") if (at := self._start.find(blank, seen)) >= 0]
        if ends:
            block = bytes(self._start[: min(ends)])
            self._data = bytes(self._start[min(ends) :])
            self._start.clear()
            return block
        if len(self._start) > HEAD_LIMIT:
            raise _no_http("its headers do not end")
        return None

    def _parsed(self, block: bytes) -> Head:
        try:
            self._parser.feed_data(block)
        except (HttpParserError, HttpParserUpgrade) as error:
            _raise_interruption(error)
            if self._parser.get_status_code() == SWITCHING:
                raise _no_http("it switches to another protocol") from None
            if self._message.reason is None:
                raise _no_status(block) from None
            raise _no_http(_words(error)) from None
        version = self._parser.get_http_version()
        message = self._message
        if version not in VERSIONS or not CONTROLS.isdisjoint(message.reason or b""):
            raise _no_status(block)
        return Head(int(version[2:]), self._parser.get_status_code(), message.reason or b"", Fields(message.fields))

    def body(self) -> bytes:
        """Returns the new bytes of the body, b"" for none. Raises what is wrong after the good bytes were returned."""
        data, self._data = self._data, b""
        if data and not self._fault:
            self._feed(data)
        parts = self._message.parts
        if parts:
            piece = parts[0] if len(parts) == 1 else b"".join(parts)
            parts.clear()
            self._between = 0
            return piece
        if self._fault:
            raise self._fault
        if self._closed and not self.ended:
            if self._is_framed:
                raise _cut()
            self._message.ended = True
        return b""

    def _feed(self, data: bytes) -> None:
        message = self._message
        if message.ended:
            message.followed = message.followed or bool(data.strip(LINE_END))
            return
        self._between += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            _raise_interruption(error)
            if message.ended:
                message.followed = True
            else:
                self._fault = _no_http(_words(error))
        else:
            if self._between > HEAD_LIMIT and not message.parts and not message.ended:
                self._fault = _no_http("a chunk's line or the trailers do not end")

    @property
    def ended(self) -> bool:
        """Whether the body is complete."""
        return self._head is not None and self._message.ended

    def is_final(self) -> bool:
        """Whether the final head is there."""
        return self.head() is not None

    @property
    def may_be_followed(self) -> bool:
        """Whether there can be another answer on this connection: it stays open, and nothing is left on it."""
        head = self._head
        if not head or not head.minor or not self.ended or not self._is_framed or self._closed:
            return False
        if self._message.followed or self._message.parts or self._data.strip(LINE_END) or self._fault:
            return False
        if "transfer-encoding" in head.fields and "content-length" in head.fields:
            return False
        return "close" not in head.fields.tokens("connection")


def _cut() -> Truncated:
    return Truncated("the connection was cut before the answer was complete")


def _no_http(words: str) -> NotTheApi:
    return NotTheApi(f"the answer is not valid HTTP: {words}")


def _no_status(block: bytes) -> NotTheApi:
    line = block.partition(b"\n")[0].removesuffix(b"\r")
    return _no_http(f"its status line is {line.decode('utf-8', 'replace')}")


def _raise_interruption(error: HttpParserError | HttpParserUpgrade) -> None:
    """Raises what a signal raised in a callback; httptools hands it over as if the answer were at fault."""
    if isinstance(error.__context__, Stopped | OutOfTime):
        raise error.__context__ from None


def _words(error: HttpParserError | HttpParserUpgrade) -> str:
    """llhttp's own reason: a constant, which quotes nothing of the answer."""
    words = str(error.args[0]) if error.args else ""
    return words[:1].lower() + words[1:]


def _is_framed(head: Head) -> bool:
    """Whether the body says where it ends (section 6.3). Raises NotTheApi for a transfer coding that is not chunked."""
    codings = head.fields.tokens("transfer-encoding")
    if codings not in ([], ["chunked"]):
        raise _no_http("its transfer coding is not chunked")
    return bool(codings) or "content-length" in head.fields or head.status in EMPTY
