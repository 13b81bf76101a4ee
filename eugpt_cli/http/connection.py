"""One HTTP/1.1 connection over a socket that is already there, timed by the silence clock of its request."""

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Iterator

from eugpt_cli.errors import TimedOut, Truncated
from eugpt_cli.http import http1

READ_SIZE = 1 << 17
BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
LONGEST_WAIT = 1e6  # seconds; a socket takes 2**32 ms for none at all
LONGEST_REST = 4.0  # seconds after which an idle connection is not trusted to be open any more


class SilenceTimer:
    """How long the server may stay silent, counted in events: `beat` when one has come. Raises TimedOut.

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
            raise self.over()
        return min(left, LONGEST_WAIT)

    def over(self) -> TimedOut:
        return TimedOut(f"the service has been silent for {self._seconds:g} s")


class Connection:
    """One request after the other, each with an answer of its own."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.idle_since = 0.0

    def send(self, request: bytes, silence: SilenceTimer) -> None:
        """All at once. A server may answer and close before it has read it: then its answer counts."""
        self._silence = silence
        self._answer = http1.ResponseParser()
        self._is_sent = False
        silence.sent = True
        silence.beat()
        with contextlib.suppress(OSError):
            self._write(request)

    def _write(self, data: bytes) -> None:
        """All of it, or as much as the server takes before it refuses it or leaves: it need not read the rest."""
        view = memoryview(data)
        self._sock.settimeout(0)
        while view:
            try:
                view = view[self._sock.send(view) :]
                self._silence.beat()
            except BLOCKED:
                self._wait()
                with contextlib.suppress(*BLOCKED):
                    self._answer.receive(self._sock.recv(READ_SIZE))
                if self._answer.is_final():
                    return
        self._is_sent = True

    def _wait(self) -> None:
        """Until something can be written or read, or for as long as the server may be silent."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN | select.POLLOUT)
        if not poll.poll(self._silence.left() * 1000):
            raise self._silence.over()

    def head(self) -> http1.Head:
        """The final status and headers. Raises LostError or NotTheApi, as all that follows does."""
        while not (head := self._answer.head()):
            self._receive()
        return head

    def body(self) -> Iterator[bytes]:
        """One piece a network read, however many chunks it brought."""
        while True:
            while piece := self._answer.body():
                yield piece
            if self._answer.ended:
                return
            self._receive()

    def _receive(self) -> None:
        self._sock.settimeout(self._silence.left())
        try:
            data = self._sock.recv(READ_SIZE)
        except TimeoutError:
            raise self._silence.over() from None
        except OSError as error:
            raise Truncated(f"the connection was cut: {(error.strerror or str(error)).lower()}") from None
        self._answer.receive(data)

    def reusable(self) -> bool:
        """Whether it can wait for another request: this one has ended well, and the server keeps it open."""
        self.idle_since = time.monotonic()
        return self._is_sent and self._answer.may_be_followed

    def is_usable(self) -> bool:
        """Whether a wire that has rested can be used: nothing to read, not even its end."""
        if time.monotonic() - self.idle_since > LONGEST_REST:
            return False
        self._sock.settimeout(0)
        try:
            self._sock.recv(1)
        except OSError as error:
            return isinstance(error, BLOCKED)
        return False

    def close(self) -> None:
        self._sock.close()
