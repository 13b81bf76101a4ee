"""The other lane: httpx, which takes http, https and socks5 proxies and client certificates. Only this file does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx

from eugpt_cli.errors import ConfigError, EugptError, NotTheApi, Unreachable
from eugpt_cli.http import tls
from eugpt_cli.http.backend import Backend, Established, Stream
from eugpt_cli.http.connection import LONGEST_REST
from eugpt_cli.http.response import Fields, Response
from eugpt_cli.http.route import Proxy, Route
from eugpt_cli.http.seam import Peer, Post
from eugpt_cli.http.silence import SilenceTimer
from eugpt_cli.system.installation import how_to_add

WANTS_CREDENTIALS = ("401", "407", "Invalid", "Requested")  # how httpx's words begin: HTTP, then SOCKS
FORBIDDEN = ("403", "Proxy Server could not connect: Connection not allowed")


class Refusal(NamedTuple):
    """What a proxy says no with, for good."""

    message: str
    hint: str | None

    def fault(self) -> Unreachable:
        return Unreachable(self.message, final=True, hint=self.hint)


class _Gate:
    """Keeps a wrong password from being tried more than once: accounts get locked.

    Shut, it lets one thread through at a time, until one has connected. A refusal holds for all that come after it.
    """

    def __init__(self, *, shut: bool) -> None:
        self.refusal: Refusal | None = None
        self._is_shut = shut
        self._turn = threading.Lock()
        self._mine = threading.local()

    def enter(self) -> None:
        """Raises Unreachable after a refusal."""
        if self._is_shut:
            self._turn.acquire()
            self._mine.held = True
        if self.refusal:
            self.leave()
            raise self.refusal.fault()

    def open(self) -> None:
        self._is_shut = False
        self.leave()

    def leave(self) -> None:
        if getattr(self._mine, "held", False):
            self._mine.held = False
            self._turn.release()


class ProxiedLane:
    """Up to `keep` connections rest between requests."""

    def __init__(self, route: Route, connect_timeout: float, keep: int = 0) -> None:
        self._gibberish: tuple[type[Exception], ...] = (AssertionError, ValueError, IndexError)
        if route.proxy and route.proxy.scheme.startswith("socks"):
            self._gibberish += _socks_errors(route.proxy)
        self._route = route
        self._gate = _Gate(shut=bool(route.proxy and route.proxy.user is not None))
        self._backend = Backend(route, connect_timeout, self._gate.open)
        self._kept = self._transport(keep)

    def _transport(self, keep: int) -> httpx.HTTPTransport:
        """httpx's own, over our backend, for which it has no parameter: httpcore's pool has one."""
        proxy, trust = self._route.proxy, self._route.trust
        try:
            transport = httpx.HTTPTransport(
                verify=tls.tls_context(trust, self._route.identity),
                trust_env=False,
                limits=httpx.Limits(max_keepalive_connections=keep, keepalive_expiry=LONGEST_REST),
                proxy=httpx.Proxy(
                    proxy.description,
                    ssl_context=tls.tls_context(trust) if proxy.scheme == "https" else None,
                    auth=None if proxy.user is None else (proxy.user, proxy.password),
                )
                if proxy
                else None,
            )
        except httpx.InvalidURL as error:
            assert proxy
            raise ConfigError(f"{proxy.variable} cannot be used: {str(error).lower()}") from None
        transport._pool._network_backend = self._backend
        return transport

    @contextmanager
    def send(self, post: Post, silence: SilenceTimer, *, fresh: bool) -> Iterator[Response]:
        transport = self._transport(0) if fresh else self._kept
        response = None
        try:
            response = self._answer(transport, post, silence)
            stream = response.extensions["network_stream"]
            silence.beat()
            reason = response.extensions["reason_phrase"].decode("utf-8", "replace")
            fields = Fields(response.headers.raw)
            yield Response(
                response.status_code, reason, fields, _chunks(response, stream), reused=stream.carrier.reused
            )
        finally:
            if response:
                response.close()
            if fresh:
                transport.close()

    def _answer(self, transport: httpx.HTTPTransport, post: Post, silence: SilenceTimer | None) -> httpx.Response:
        """The head. Without `silence` nothing is sent, and Established is raised."""
        attempt = self._backend.attempt
        attempt.silence = silence
        attempt.is_tunnelled = True
        try:
            request = httpx.Request("POST", post.target.url, headers=post.fields, content=post.body)
        except (httpx.InvalidURL, UnicodeError) as error:  # an address or a domain name that cannot be
            raise ConfigError(f"the base URL cannot be used: {str(error).lower()}") from None
        self._gate.enter()
        try:
            return transport.handle_request(request)
        except httpx.ProxyError as error:
            raise self._refused(str(error)) from None
        except httpx.HTTPError as error:
            raise self._broken(error) from None
        except self._gibberish as error:  # httpcore's, of what is no SOCKS
            raise self._no_proxy() from error
        finally:
            self._gate.leave()

    def _broken(self, error: httpx.HTTPError) -> EugptError:
        """An answer that httpx cannot read: the proxy's, or the service's."""
        if self._backend.attempt.is_tunnelled:
            return NotTheApi(f"the answer is not valid HTTP: {error}")
        return self._no_proxy()

    def _no_proxy(self) -> Unreachable:
        assert self._route.proxy
        return Unreachable(f"the proxy {self._route.proxy.authority} did not answer as a proxy")

    def _refused(self, words: str) -> Unreachable:
        """`words` are httpx's: a status and its reason, or what SOCKS says."""
        proxy = self._route.proxy
        assert proxy
        number = words[:3] if words[:3].isdigit() else words.rpartition(": ")[2].rstrip(".").lower()
        if words.startswith(WANTS_CREDENTIALS):
            code = f" ({number})" if number.isdigit() else ""
            self._gate.refusal = _credentials(proxy, code)
        elif words.startswith(FORBIDDEN):
            message = f"the proxy {proxy.authority} refused the connection ({number})"
            self._gate.refusal = Refusal(
                message, f"to reach a host without the proxy in {proxy.variable}, add the host to NO_PROXY"
            )
        else:
            return Unreachable(f"the proxy {proxy.authority} refused the connection ({number})")
        return self._gate.refusal.fault()

    def peer(self) -> Peer:
        """Connects, sends nothing, and returns what the peer presented. Raises what `send` raises."""
        transport = self._transport(0)
        try:
            self._answer(transport, Post(self._route.target, [], b""), None)
        except Established as there:
            return there.peer
        finally:
            transport.close()
        raise AssertionError

    def tunnel(self) -> None:
        """Raises Unreachable where it is the proxy that does not help."""
        try:
            self.peer()
        except Unreachable:
            if not self._backend.attempt.is_tunnelled:
                raise

    def close(self) -> None:
        self._kept.close()


def _credentials(proxy: Proxy, code: str) -> Refusal:
    if proxy.user is None:
        return Refusal(
            f"the proxy {proxy.authority} requires credentials{code}",
            f"put them in {proxy.variable}: {proxy.scheme}://USER:PASSWORD@HOST:PORT",
        )
    return Refusal(
        f"the proxy {proxy.authority} rejected the credentials{code}",
        f"check the user and the password in {proxy.variable}; write @ as %40 and : as %3A there",
    )


def _socks_errors(proxy: Proxy) -> tuple[type[Exception], ...]:
    """What socksio raises for an answer that is no SOCKS. Raises ConfigError where it is not installed."""
    try:
        from socksio import ProtocolError, SOCKSError
    except ImportError:
        raise ConfigError(
            f"{proxy.variable} names a SOCKS proxy, which needs the package socksio",
            hint=how_to_add("socks"),
        ) from None
    return ProtocolError, SOCKSError


def _chunks(response: httpx.Response, stream: Stream) -> Iterator[bytes]:
    assert isinstance(response.stream, httpx.SyncByteStream)
    try:
        yield from response.stream
    except httpx.HTTPError as error:
        raise stream.fault(str(error)) from None
