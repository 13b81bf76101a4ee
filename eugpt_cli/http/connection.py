"""One HTTP/1.1 connection over a socket that is already there, timed by the silence of its request."""

import select
import time
from collections.abc import Iterator
from typing import Protocol

from eugpt_cli.errors import LostError, Truncated, Unreachable
from eugpt_cli.http import http1
from eugpt_cli.http.silence import SilenceTimer

READ_SIZE = 1 << 17
SLICE = 1 << 18  # bytes of a request between two looks for an answer that comes before its end
PLAIN_BLOCKED: tuple[type[OSError], ...] = (BlockingIOError,)
LONGEST_REST = 4.0  # seconds after which an idle connection is not trusted to be open any more
# TLS 1.3 tells a client only after the handshake that its certificate is missing or refused, and reads no request then
REFUSED_CERTIFICATE = ("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE", "ALERT_UNKNOWN_CA")


class Channel(Protocol):
    """The methods of a socket that a connection calls; TLS over TLS is not a socket."""

    def send(self, data: memoryview, /) -> int: ...
    def recv(self, size: int, /) -> bytes: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


class KeptConnectionEnded(Truncated):
    """A connection that had carried another request ended without a byte of an answer to this one."""


class Connection:
    """One request after the other, each with an answer of its own.

    `blocked` are the errors by which a socket says that it would have to wait. `early` is what came while the request
    was being written, for a reader other than this class.
    """

    def __init__(self, sock: Channel, blocked: tuple[type[OSError], ...] = PLAIN_BLOCKED) -> None:
        self._sock = sock
        self._blocked = blocked
        self._requests = 0
        self._is_sent = False
        self.answer = http1.ResponseParser()
        self.early: list[bytes] = []
        self.idle_since = time.monotonic()

    @property
    def reused(self) -> bool:
        return self._requests > 1

    def begin(self, silence: SilenceTimer) -> None:
        """Another request begins."""
        self._silence = silence
        self._requests += 1
        self._is_sent = False
        self.answer = http1.ResponseParser()
        self.early = []
        silence.sent = True
        silence.beat()

    def write(self, data: bytes) -> bool:
        """The request, or its next part: all of it, or as much as the server takes before it answers or leaves.

        Returns whether all has left. Raises Truncated for a success that begins before: it is no answer to the whole.
        """
        view = memoryview(data)
        self._sock.settimeout(0)
        self._is_sent = False
        try:
            while view:
                try:
                    view = view[self._sock.send(view[:SLICE]) :]
                    self._silence.beat()
                except self._blocked:
                    self._wait(self._silence.left(), select.POLLIN | select.POLLOUT)
                if view and self._wait(0, select.POLLIN) and self._hear():
                    return False
        except OSError:  # it has left; its answer may have come before
            return False
        self._is_sent = True
        return True

    def _wait(self, seconds: float, events: int) -> bool:
        """Waits for one of the events; returns whether it came. With time left it always has."""
        poll = select.poll()
        poll.register(self._sock.fileno(), events)
        found = bool(poll.poll(seconds * 1000))
        if seconds and not found:
            raise self._silence.over()
        return found

    def _hear(self) -> bool:
        """Reads what has arrived; returns whether its answer makes the rest of the request pointless."""
        try:
            while not self.answer.is_final():
                self.early.append(self._sock.recv(READ_SIZE))
                self.answer.receive(self.early[-1])
        except self._blocked:
            return False
        self.check()
        return True

    def check(self) -> None:
        """An answer to half a request counts only if it is a failure."""
        head = self.answer.head()
        if head and not self._is_sent and head.status < 300:
            raise Truncated("the service answered before it had received the whole request")

    def head(self) -> http1.Head:
        """The final status and fields. Raises LostError, Unreachable or NotTheApi, as all that follows does."""
        while not (head := self.answer.head()):
            self.receive()
        self.check()
        self._silence.beat()
        return head

    def body(self) -> Iterator[bytes]:
        """One piece a network read, however many chunks it brought."""
        while True:
            while piece := self.answer.body():
                yield piece
            if self.answer.ended:
                return
            self.receive()

    def receive(self) -> bytes:
        """What one network read brings, b"" for the end; the parser has it already."""
        self._sock.settimeout(self._silence.left())
        try:
            data = self._sock.recv(READ_SIZE)
        except TimeoutError:
            raise self._silence.over() from None
        except OSError as error:
            raise self._lost(error) from None
        if not data and self.reused and not self.answer.begun:
            raise KeptConnectionEnded("the service closed the connection")
        self.answer.receive(data)
        return data

    def _lost(self, error: OSError) -> LostError | Unreachable:
        if not self.answer.begun and (refusal := refused_certificate(error)):
            return refusal
        kind = KeptConnectionEnded if self.reused and not self.answer.begun else Truncated
        return kind(f"the connection was cut: {(error.strerror or str(error)).lower()}")

    def reusable(self) -> bool:
        """Whether it can wait for another request: this one has ended well, and the server keeps it open."""
        self.idle_since = time.monotonic()
        return self._is_sent and self.answer.may_be_followed

    def is_usable(self) -> bool:
        """Whether a connection that has rested can be used: nothing to read, not even its end."""
        if time.monotonic() - self.idle_since > LONGEST_REST:
            return False
        try:
            return is_quiet(self._sock, self._blocked)
        except OSError:
            return False

    def close(self) -> None:
        self._sock.close()


def is_quiet(sock: Channel, blocked: tuple[type[OSError], ...]) -> bool:
    """Whether there is nothing to read, not even the end. Raises the OSError that has ended it."""
    sock.settimeout(0)
    try:
        sock.recv(1)
    except blocked:
        return True
    return False


def refused_certificate(error: OSError) -> Unreachable | None:
    """The error to report where this one says that a client's certificate is missing or refused."""
    reason = getattr(error, "reason", None) or ""
    if not any(words in reason for words in REFUSED_CERTIFICATE):
        return None
    return Unreachable(
        f"the service refused the client certificate: {reason.replace('_', ' ').lower()}",
        final=True,
        hint="give one that the service accepts with --client-cert and --client-key",
    )
