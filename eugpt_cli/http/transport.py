"""The only file that knows httpx: requests over dialled sockets, foreign errors translated at this door."""

import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import httpx

from eugpt_cli.errors import ConfigError, NotTheApi
from eugpt_cli.http import http1
from eugpt_cli.http.connection import Connection, SilenceTimer
from eugpt_cli.http.dial import Preconnect, dial
from eugpt_cli.http.route import Route, Target
from eugpt_cli.text.redaction import redact


class _ConnectionPool:
    """Connections that rest between requests, up to `keep` of them; a new one is dialled if none is good."""

    def __init__(self, connect: Callable[[], socket.socket], keep: int) -> None:
        self._connect = connect
        self._idle: deque[Connection] = deque(maxlen=keep)

    def acquire(self) -> Connection:
        while True:
            try:
                wire = self._idle.pop()
            except IndexError:
                return self.new()
            if wire.is_usable():
                return wire
            wire.close()

    def new(self) -> Connection:
        return Connection(self._connect())

    def release(self, wire: Connection) -> None:
        """A wire whose request has ended, well or not."""
        if len(self._idle) < (self._idle.maxlen or 0) and wire.reusable():
            self._idle.append(wire)
        else:
            wire.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class _Body(httpx.SyncByteStream):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


class Response(NamedTuple):
    """Status, headers (any case), and the body in pieces as they come off the network."""

    status: int
    reason: str
    headers: httpx.Headers
    chunks: Iterator[bytes]

    @property
    def media_type(self) -> str:
        return str(self.headers.get("content-type", "")).partition(";")[0].partition(",")[0].strip().lower()

    @property
    def is_framed(self) -> bool:
        """Whether the body says where it ends, so that a cut cannot look like an end."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers


class Client:
    """Requests along one route; may be shared by threads. `keep` connections rest between requests.

    `early` is a connection that is being made already, for the first request.
    """

    def __init__(
        self, route: Route, key: str, *, connect_timeout: float, keep: int = 0, early: Preconnect | None = None
    ) -> None:
        self._route = route
        self._key = key
        self._connect_timeout = connect_timeout
        self._early = [early] if early else []
        self._wires = _ConnectionPool(self._dial, keep)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._wires.close()

    def masked(self, text: str) -> str:
        """Text of the service without the key in it."""
        return redact(text, self._key)

    def _dial(self) -> socket.socket:
        return self._early.pop().take() if self._early else dial(self._route, self._connect_timeout)

    @contextmanager
    def send(
        self,
        target: Target,
        fields: Sequence[tuple[str, str]],
        body: bytes,
        silence: SilenceTimer,
        *,
        fresh: bool = False,
    ) -> Iterator[Response]:
        """Posts the body with these header fields and the key's, and yields the response.

        Raises Unreachable before the request is sent, LostError or NotTheApi after.

        A `fresh` connection has carried no other request, and carries none after this one: where the service is just
        closing one, the outcome of what is sent over it is unknown.
        """
        message = self._message(target, fields, body)
        wire = self._wires.new() if fresh else self._wires.acquire()
        try:
            wire.send(message, silence)
            head = wire.head()
            silence.beat()
            response = httpx.Response(
                head.status,
                headers=head.headers,
                stream=_Body(wire.body()),
                extensions={"reason_phrase": head.reason},
            )
            yield Response(response.status_code, response.reason_phrase, response.headers, _chunks(response))
        finally:
            if fresh:
                wire.close()
            else:
                self._wires.release(wire)

    def _message(self, target: Target, fields: Sequence[tuple[str, str]], body: bytes) -> bytes:
        headers = [("Authorization", f"Bearer {self._key}"), *fields, ("Accept-Encoding", "identity")]
        try:
            message = httpx.Request("POST", target.url, content=body, headers=headers)
        except (httpx.InvalidURL, UnicodeError) as error:  # an address or a domain name that cannot be
            raise ConfigError(f"the base URL cannot be used: {str(error).lower()}") from None
        return http1.request(b"POST", message.url.raw_path, message.headers.raw, body)


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes() if "content-encoding" in response.headers else response.iter_raw()
    except httpx.DecodingError as error:
        raise NotTheApi(f"the answer cannot be decoded: {error}") from None
