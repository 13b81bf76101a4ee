"""The direct lane: one socket, TLS for https, HTTP/1.1 read by llhttp. No proxy and no client certificate."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from eugpt_cli.http import http1
from eugpt_cli.http.connection import Connection
from eugpt_cli.http.dial import dial
from eugpt_cli.http.preconnect import Preconnect
from eugpt_cli.http.response import Response
from eugpt_cli.http.route import Route
from eugpt_cli.http.seam import Post
from eugpt_cli.http.silence import SilenceTimer


class DirectLane:
    """Up to `keep` connections rest between requests; `early` is one that is being made already."""

    def __init__(self, route: Route, connect_timeout: float, keep: int, early: Preconnect | None = None) -> None:
        self._route = route
        self._connect_timeout = connect_timeout
        self._early = [early] if early else []
        self._idle: deque[Connection] = deque(maxlen=keep)

    @contextmanager
    def send(self, post: Post, silence: SilenceTimer, *, fresh: bool) -> Iterator[Response]:
        message = http1.request(b"POST", post.target.path.encode(), _fields(post), post.body)
        connection = self._new() if fresh else self._acquire()
        try:
            connection.begin(silence)
            connection.write(message)
            head = connection.head()
            reason = head.reason.decode("utf-8", "replace")
            yield Response(head.status, reason, head.fields, connection.body(), connection.reused)
        finally:
            self._release(connection, fresh=fresh)

    def _new(self) -> Connection:
        sock = self._early.pop().take() if self._early else dial(self._route, self._connect_timeout)
        if self._route.target.scheme == "http":
            return Connection(sock)
        from eugpt_cli.http.tls import BLOCKED

        return Connection(sock, BLOCKED)

    def _acquire(self) -> Connection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._new()
            if connection.is_usable():
                return connection
            connection.close()

    def _release(self, connection: Connection, *, fresh: bool) -> None:
        """A connection whose request has ended, well or not."""
        if not fresh and len(self._idle) < (self._idle.maxlen or 0) and connection.reusable():
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _fields(post: Post) -> list[tuple[bytes, bytes]]:
    pairs = [("Host", post.target.authority), *post.fields, ("Content-Length", str(len(post.body)))]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
