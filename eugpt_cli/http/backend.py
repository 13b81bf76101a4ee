"""The connections below httpx: dialled, timed and worded as those of the direct lane. Only this file knows httpcore.

A stream goes through stages: to the proxy, through it (CONNECT or SOCKS, which httpcore speaks), TLS to the target.
From there it carries requests, and the parser of the direct lane reads each answer first: it says whether the answer
is whole, whether it counts, and whether the connection may carry another one. So both lanes agree by construction.
"""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

from eugpt_cli.errors import NotTheApi, Unreachable
from eugpt_cli.http import tls
from eugpt_cli.http.connect_deadline import ConnectDeadline
from eugpt_cli.http.connection import Connection
from eugpt_cli.http.dial import connect
from eugpt_cli.http.route import Route
from eugpt_cli.http.seam import Peer
from eugpt_cli.http.silence import SilenceTimer


class Established(Exception):
    """The connection to the target, for whom nothing but that was wanted."""

    def __init__(self, peer: Peer) -> None:
        super().__init__()
        self.peer = peer


class Attempt(threading.local):
    """The request that this thread is sending; `silence` is None for a connection without a request."""

    silence: SilenceTimer | None = None
    is_tunnelled = True  # as a kept connection is


class Backend(httpcore.NetworkBackend):
    """Where httpcore gets its connections; `attempt` tells how far this thread's has come, `connected` is called."""

    def __init__(self, route: Route, connect_timeout: float, connected: Callable[[], None]) -> None:
        self.route = route
        self.connected = connected
        self.attempt = Attempt()
        self._connect_timeout = connect_timeout

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        self.attempt.is_tunnelled = False
        deadline = ConnectDeadline(self._connect_timeout)
        target, proxy = self.route.target, self.route.proxy
        if proxy:
            return Stream(self, connect(proxy.host, proxy.port, deadline, "the proxy "), deadline)
        return Stream(self, connect(target.host, target.port, deadline), deadline)


class Stream(httpcore.NetworkStream):
    """One connection."""

    def __init__(self, backend: Backend, sock: Any, deadline: ConnectDeadline) -> None:
        self._route = backend.route
        self._attempt = backend.attempt
        self._connected = backend.connected
        self._sock = sock
        self._deadline = deadline
        self._carrier: Connection | None = None
        self._silence: SilenceTimer | None = None

    @property
    def carrier(self) -> Connection:
        assert self._carrier
        return self._carrier

    def start_tls(self, ssl_context: ssl.SSLContext, *_: Any, **__: Any) -> httpcore.NetworkStream:
        """With the proxy first, if it wants that; then with the target."""
        target, proxy = self._route.target, self._route.proxy
        if proxy and proxy.scheme == "https" and not isinstance(self._sock, ssl.SSLSocket):
            self._sock = tls.secure(self._sock, ssl_context, proxy.host, proxy.port, self._deadline, "the proxy ")
            return self
        self._attempt.is_tunnelled = True
        self._sock = tls.secure(self._sock, ssl_context, target.host, target.port, self._deadline)
        self._connected()
        self._carrier = Connection(self._sock, tls.BLOCKED)
        return self

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self._carrier:
            with self._within_the_deadline():
                self._sock.sendall(buffer)
            return
        silence = self._attempt.silence
        if silence is None:
            raise Established(Peer(self._sock.version(), self._sock.getpeercert() or {}))
        if silence is not self._silence:  # each request has its own
            self._silence = silence
            self._carrier.begin(silence)
        if not self._carrier.write(buffer):
            raise httpcore.WriteError  # httpcore goes on to the answer then

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if not self._carrier:
            with self._within_the_deadline():
                return bytes(self._sock.recv(max_bytes))
        if self._carrier.early:
            return self._carrier.early.pop(0)
        self.judge()
        data = self._carrier.receive()
        self.judge()
        return data

    def judge(self) -> None:
        """Passes the good part of the answer on, then raises what is wrong with it."""
        if self.carrier.answer.head():
            self.carrier.check()
            self.carrier.answer.body()

    @contextmanager
    def _within_the_deadline(self) -> Iterator[None]:
        proxy = self._route.proxy
        missing = f"no answer from the proxy {proxy.authority}" if proxy else "no connection"
        self._sock.settimeout(self._deadline.left(missing))
        try:
            yield
        except TimeoutError:
            raise self._deadline.over(missing) from None
        except OSError as error:
            raise Unreachable(f"{missing}: {(error.strerror or str(error)).lower()}") from None

    def fault(self, words: str) -> NotTheApi:
        """What is wrong with an answer of which httpx says so. Raises what the other parser says of it, if it does."""
        if self._carrier:
            self.judge()
        return NotTheApi(f"the answer is not valid HTTP: {words}")

    def get_extra_info(self, info: str) -> Any:
        """httpcore asks whether a connection that rests is readable; it closes it then, and takes another."""
        if info != "is_readable" or not self._carrier:
            return None
        return not (self._carrier.reusable() and self._carrier.is_usable())

    def close(self) -> None:
        self._sock.close()
