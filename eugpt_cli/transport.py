"""The only file that knows httpx: requests over dialled sockets, foreign errors translated at this door."""

import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore
import httpx

from eugpt_cli.dial import Early, dial
from eugpt_cli.errors import ConfigError, EugptError, Internal, NotTheApi, TimedOut, Truncated
from eugpt_cli.mask import redact
from eugpt_cli.request import Request
from eugpt_cli.settings import Route

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


class _Stream(httpcore.NetworkStream):
    """A socket as httpcore wants it, timed by the silence clock of a request instead of by single reads."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def begin(self, silence: Silence) -> None:
        """A new request goes over this socket."""
        self._silence = silence
        self._first = True
        self.at_end = False
        self.is_http = True
        silence.sent = True
        silence.beat()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._sock.settimeout(self._silence.left())
        try:
            data = self._sock.recv(max_bytes)
        except TimeoutError:
            self._silence.left()
            raise TimedOut("the service has been silent for too long") from None
        except OSError as error:
            raise Truncated(f"the connection was cut: {(error.strerror or str(error)).lower()}") from None
        if self._first and data:
            self._first = False
            self.is_http = data[:5] == b"HTTP/"[: len(data)]
        self.at_end = not data
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        while view:
            self._sock.settimeout(self._silence.left())
            try:
                view = view[self._sock.send(view) :]
            except TimeoutError:
                self._silence.left()
            except OSError as error:  # httpcore then still reads the answer that a hasty server has sent
                raise httpcore.WriteError(str(error)) from None
            else:
                self._silence.beat()

    def close(self) -> None:
        self._sock.close()

    def is_open(self) -> bool:
        """Whether an idle socket is still good: nothing to read, not even its end."""
        self._sock.settimeout(0)
        try:
            self._sock.recv(1)
        except OSError as error:
            return isinstance(error, BlockingIOError) or type(error).__name__ == "SSLWantReadError"
        return False


class _Wire:
    """One HTTP/1.1 connection over a socket that is already there."""

    def __init__(self, sock: socket.socket, request: httpx.Request) -> None:
        url = request.url
        self.stream = _Stream(sock)
        self.connection = httpcore.HTTP11Connection(
            httpcore.Origin(url.raw_scheme, url.raw_host, url.port or {"http": 80, "https": 443}[url.scheme]),
            self.stream,
        )
        self.rests_since = 0.0

    def is_good(self) -> bool:
        return time.monotonic() - self.rests_since < LONGEST_REST and self.stream.is_open()


@dataclass
class _Trip:
    """One request on its way: its clock, and the wire it goes over."""

    silence: Silence
    wire: _Wire | None = None


class _Wires(httpx.BaseTransport):
    """Dials for each request, or takes a connection that has rested; keeps up to `keep` of them."""

    def __init__(self, connect: Callable[[], socket.socket], keep: int) -> None:
        self._connect = connect
        self._resting: deque[_Wire] = deque(maxlen=keep)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        trip: _Trip = request.extensions["trip"]
        trip.wire = wire = self._take() or _Wire(self._connect(), request)
        wire.stream.begin(trip.silence)
        url = request.url
        response = wire.connection.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
            )
        )
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response), extensions=response.extensions
        )

    def _take(self) -> _Wire | None:
        while True:
            try:
                wire = self._resting.pop()
            except IndexError:
                return None
            if wire.is_good():
                return wire
            wire.connection.close()

    def give_back(self, wire: _Wire) -> None:
        """A wire whose request has ended, well or not."""
        if len(self._resting) < (self._resting.maxlen or 0) and wire.connection.is_idle():
            wire.rests_since = time.monotonic()
            self._resting.append(wire)
        else:
            wire.connection.close()

    def close(self) -> None:
        while self._resting:
            self._resting.pop().connection.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._response.iter_stream())

    def close(self) -> None:
        self._response.close()


@dataclass(frozen=True)
class Response:
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
        self, route: Route, key: str, *, connect_timeout: float, keep: int = 0, early: Early | None = None
    ) -> None:
        self._route = route
        self._key = key
        self._connect_timeout = connect_timeout
        self._early = [early] if early else []
        self._wires = _Wires(self._dial, keep)

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
    def send(self, request: Request, silence: Silence) -> Iterator[Response]:
        """Sends, and hands out the response. Raises Unreachable before, LostError or NotTheApi after."""
        trip = _Trip(silence)
        try:
            with _translated(trip):
                response = self._wires.handle_request(
                    httpx.Request(
                        "POST",
                        request.target.url,
                        content=request.body,
                        headers=[*request.headers(self._key), ("Accept-Encoding", "identity")],
                        extensions={"trip": trip},
                    )
                )
            silence.beat()
            try:
                yield Response(response.status_code, response.reason_phrase, response.headers, _chunks(response, trip))
            finally:
                response.close()
        finally:
            if trip.wire:
                self._wires.give_back(trip.wire)


def _chunks(response: httpx.Response, trip: _Trip) -> Iterator[bytes]:
    with _translated(trip):
        yield from response.iter_bytes() if "content-encoding" in response.headers else response.iter_raw()


@contextmanager
def _translated(trip: _Trip) -> Iterator[None]:
    try:
        yield
    except (httpcore.RemoteProtocolError, httpx.RemoteProtocolError) as error:
        if trip.wire and trip.wire.stream.at_end and trip.wire.stream.is_http:
            raise Truncated("the connection was cut before the answer was complete") from None
        raise NotTheApi(f"the answer is not HTTP as it should be: {error}") from None
    except (httpx.DecodingError, httpx.StreamError) as error:
        raise NotTheApi(f"the answer cannot be decoded: {error}") from None
    except EugptError:
        raise
    except (httpx.InvalidURL, UnicodeError) as error:  # an address or a domain name that cannot be
        raise ConfigError(f"the base URL cannot be used: {str(error).lower()}") from None
    except (httpcore.ProtocolError, httpx.HTTPError) as error:
        raise Internal(f"the request could not be made: {error}") from None
