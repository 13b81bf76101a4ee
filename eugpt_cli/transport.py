"""The only file that knows httpx: one request over one dialled socket, foreign errors translated at this door."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore
import httpx

from eugpt_cli.dial import dial
from eugpt_cli.errors import EugptError, Internal, NotTheApi, TimedOut, Truncated
from eugpt_cli.request import Request


class Silence:
    """How long the server may stay silent, counted in events: `beat` when one has come."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.beat()

    def beat(self) -> None:
        self._until = time.monotonic() + self._seconds

    def left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimedOut(f"the service has been silent for {self._seconds:g} s")
        return left


class _Stream(httpcore.NetworkStream):
    """A socket as httpcore wants it, timed by the silence clock instead of by single reads."""

    def __init__(self, sock: socket.socket, silence: Silence) -> None:
        self._sock = sock
        self._silence = silence
        self.at_end = False
        self.is_http = True
        self._first = True

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


class _Wire(httpx.BaseTransport):
    """One HTTP/1.1 connection over a socket that is already there."""

    def __init__(self, stream: _Stream, request: Request) -> None:
        target = request.target
        origin = httpcore.Origin(target.scheme.encode(), target.host.encode(), target.port)
        self._connection = httpcore.HTTP11Connection(origin, stream)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        response = self._connection.handle_request(
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

    def close(self) -> None:
        self._connection.close()


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
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def is_framed(self) -> bool:
        """Whether the body says where it ends, so that a cut cannot look like an end."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers


@contextmanager
def send(request: Request, key: str, connect_timeout: float, silence: Silence) -> Iterator[Response]:
    """Dials, sends, and hands out the response. Raises Unreachable before, LostError or NotTheApi after."""
    silence.beat()
    sock = dial(request.target, connect_timeout)
    silence.beat()
    stream = _Stream(sock, silence)
    client = httpx.Client(transport=_Wire(stream, request), trust_env=False, headers={"Accept-Encoding": "identity"})
    try:
        with client, _translated(stream):
            message = client.build_request(
                "POST", request.target.url, content=request.body, headers=request.headers(key)
            )
            response = client.send(message, stream=True)
            silence.beat()
            yield Response(response.status_code, response.reason_phrase, response.headers, _chunks(response, stream))
    finally:
        sock.close()


def _chunks(response: httpx.Response, stream: _Stream) -> Iterator[bytes]:
    with _translated(stream):
        yield from response.iter_bytes() if "content-encoding" in response.headers else response.iter_raw()


@contextmanager
def _translated(stream: _Stream) -> Iterator[None]:
    try:
        yield
    except (httpcore.RemoteProtocolError, httpx.RemoteProtocolError) as error:
        if stream.at_end and stream.is_http:
            raise Truncated("the connection was cut before the answer was complete") from None
        raise NotTheApi(f"the answer is not HTTP as it should be: {error}") from None
    except (httpx.DecodingError, httpx.StreamError) as error:
        raise NotTheApi(f"the answer cannot be decoded: {error}") from None
    except EugptError:
        raise
    except (httpcore.ProtocolError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise Internal(f"the request could not be made: {error}") from None
