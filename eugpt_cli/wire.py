"""One HTTP/1.1 connection, spoken by h11 over a socket that is already there.

Not httpcore's, because that hands on every chunk by itself: here all chunks of one network read come as one piece.
"""

import contextlib
import socket
import time
from collections.abc import Iterator

import h11

from eugpt_cli.errors import EugptError, Internal, NotTheApi, TimedOut, Truncated

READ_SIZE = 1 << 17
HEAD_LIMIT = 100 * 1024
LONGEST_WAIT = 1e6  # seconds; a socket takes 2**32 ms for none at all
LONGEST_REST = 4.0  # seconds after which an idle connection is not trusted to be open any more


class Silence:
    """How long the server may stay silent, counted in events: `beat` when one has come.

    `sent`: the request, or a part of it, may have left.
    """

    def __init__(self, seconds: float) -> None:
        self.sent = False
        self._seconds = seconds
        self.beat()

    def beat(self) -> None:
        self._until = time.monotonic() + self._seconds

    def left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimedOut(f"the service has been silent for {self._seconds:g} s")
        return min(left, LONGEST_WAIT)


class Wire:
    """One HTTP/1.1 connection over a socket that is already there, timed by the silence clock of its request."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
        self.rests_since = 0.0

    def send(self, method: str, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes, silence: Silence) -> None:
        """Head and body at once. A server may answer and close before it has read them: then its answer counts."""
        self._silence = silence
        self._first = True
        self._at_end = False
        self._is_http = True
        silence.sent = True
        silence.beat()
        try:
            head = h11.Request(method=method, target=path, headers=headers)
            parts = [self._http.send(event) or b"" for event in (head, h11.Data(body), h11.EndOfMessage())]
        except h11.LocalProtocolError as error:
            raise Internal(f"the request could not be made: {error}") from None
        with contextlib.suppress(OSError):
            self._write(b"".join(parts))

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._sock.settimeout(self._silence.left())
            try:
                view = view[self._sock.send(view) :]
            except TimeoutError:
                self._silence.left()
            else:
                self._silence.beat()

    def response(self) -> h11.Response:
        """The final status and headers. Raises LostError or NotTheApi, as all that follows does."""
        while not isinstance(event := self._next(), h11.Response):
            if event is h11.NEED_DATA:
                self._receive()
        return event

    def body(self) -> Iterator[bytes]:
        """One piece a network read, however many chunks it brought."""
        while True:
            pieces: list[bytes] = []
            fault: EugptError | None = None
            try:
                while isinstance(event := self._next(), h11.Data):
                    pieces.append(event.data)
            except EugptError as error:
                fault = error
            if pieces:
                yield b"".join(pieces)
            if fault:
                raise fault
            if event is not h11.NEED_DATA:
                return
            self._receive()

    def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            if self._at_end and self._is_http:
                raise Truncated("the connection was cut before the answer was complete") from None
            raise NotTheApi(f"the answer is not HTTP as it should be: {error}") from None

    def _receive(self) -> None:
        self._sock.settimeout(self._silence.left())
        try:
            data = self._sock.recv(READ_SIZE)
        except TimeoutError:
            self._silence.left()
            raise TimedOut("the service has been silent for too long") from None
        except OSError as error:
            raise Truncated(f"the connection was cut: {(error.strerror or str(error)).lower()}") from None
        if self._first and data:
            self._first = False
            self._is_http = data[:5] == b"HTTP/"[: len(data)]
        self._at_end = not data
        self._http.receive_data(data)

    def rest(self) -> bool:
        """Whether it can wait for another request: this one has ended well, and the server keeps it open."""
        if {self._http.our_state, self._http.their_state} != {h11.DONE} or self._http.trailing_data[0]:
            return False
        self._http.start_next_cycle()
        self.rests_since = time.monotonic()
        return True

    def is_good(self) -> bool:
        """Whether a wire that has rested can be used: nothing to read, not even its end."""
        if time.monotonic() - self.rests_since > LONGEST_REST:
            return False
        self._sock.settimeout(0)
        try:
            self._sock.recv(1)
        except OSError as error:
            return isinstance(error, BlockingIOError) or type(error).__name__ == "SSLWantReadError"
        return False

    def close(self) -> None:
        self._sock.close()
