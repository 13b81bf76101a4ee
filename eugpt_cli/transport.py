"""The only file that knows httpx: requests over dialled sockets, foreign errors translated at this door."""

import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from eugpt_cli.dial import Early, dial
from eugpt_cli.errors import Internal, NotTheApi
from eugpt_cli.request import Request
from eugpt_cli.settings import Route
from eugpt_cli.wire import Silence, Wire


class _Body(httpx.SyncByteStream):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


@dataclass
class _Trip:
    """One request on its way: its clock, and the wire it goes over."""

    silence: Silence
    wire: Wire | None = None


class _Wires(httpx.BaseTransport):
    """Dials for each request, or takes a connection that has rested; keeps up to `keep` of them."""

    def __init__(self, connect: Callable[[], socket.socket], keep: int) -> None:
        self._connect = connect
        self._resting: deque[Wire] = deque(maxlen=keep)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        trip: _Trip = request.extensions["trip"]
        trip.wire = self._take() or Wire(self._connect())
        trip.wire.send(request.method, request.url.raw_path, request.headers.raw, request.read(), trip.silence)
        response = trip.wire.response()
        return httpx.Response(
            response.status_code,
            headers=response.headers.raw_items(),
            stream=_Body(trip.wire.body()),
            extensions={"reason_phrase": response.reason},
        )

    def _take(self) -> Wire | None:
        while True:
            try:
                wire = self._resting.pop()
            except IndexError:
                return None
            if wire.is_good():
                return wire
            wire.close()

    def give_back(self, wire: Wire) -> None:
        """A wire whose request has ended, well or not."""
        if len(self._resting) < (self._resting.maxlen or 0) and wire.rest():
            self._resting.append(wire)
        else:
            wire.close()

    def close(self) -> None:
        while self._resting:
            self._resting.pop().close()


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
        self._http = httpx.Client(transport=self._wires, trust_env=False, headers={"Accept-Encoding": "identity"})

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def _dial(self) -> socket.socket:
        return self._early.pop().take() if self._early else dial(self._route, self._connect_timeout)

    @contextmanager
    def send(self, request: Request, silence: Silence) -> Iterator[Response]:
        """Sends, and hands out the response. Raises Unreachable before, LostError or NotTheApi after."""
        trip = _Trip(silence)
        try:
            with _translated():
                message = self._http.build_request(
                    "POST",
                    request.target.url,
                    content=request.body,
                    headers=request.headers(self._key),
                    extensions={"trip": trip},
                )
                response = self._http.send(message, stream=True)
            silence.beat()
            try:
                yield Response(response.status_code, response.reason_phrase, response.headers, _chunks(response))
            finally:
                response.close()
        finally:
            if trip.wire:
                self._wires.give_back(trip.wire)


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    with _translated():
        yield from response.iter_bytes() if "content-encoding" in response.headers else response.iter_raw()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (httpx.DecodingError, httpx.StreamError) as error:
        raise NotTheApi(f"the answer cannot be decoded: {error}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Internal(f"the request could not be made: {error}") from None
