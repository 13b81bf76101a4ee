"""An address to a connected socket, within one time: look-up, TCP, and TLS where it is wanted. Nothing is sent yet."""

import errno
import os
import select
import socket
import threading
from itertools import zip_longest
from typing import Any

from eugpt_cli.errors import ConfigError, Unreachable
from eugpt_cli.http.connect_deadline import ConnectDeadline
from eugpt_cli.http.route import Route

ATTEMPT_DELAY = 0.25  # seconds before the next address is tried beside this one (RFC 8305, section 8)


def dial(route: Route, seconds: float) -> socket.socket:
    """A socket to the target, with TLS for https. Raises Unreachable within `seconds`, or ConfigError."""
    deadline = ConnectDeadline(seconds)
    if route.target.scheme == "http":
        return connect(route.target.host, route.target.port, deadline)
    from eugpt_cli.http import tls

    tls.tls_context(route.trust)  # what is wrong with the certificates is told before anybody is called
    return dial_tls(route, deadline)


def dial_tls(route: Route, deadline: ConnectDeadline) -> socket.socket:
    """The same for https; the certificates are needed once it is connected."""
    host, port = route.target.host, route.target.port
    plain = connect(host, port, deadline)
    try:
        from eugpt_cli.http import tls

        context = tls.tls_context(route.trust)
    except BaseException:
        plain.close()
        raise
    secured: socket.socket = tls.secure(plain, context, host, port, deadline)
    return secured


def connect(host: str, port: int, deadline: ConnectDeadline, who: str = "") -> socket.socket:
    """A socket to the first address that takes it, tried as RFC 8305 has it. Raises Unreachable.

    All addresses come at once from getaddrinfo, which has sorted them; only their families are interleaved here.
    """
    missing = f"no connection to {who}{host}:{port}"
    waiting = _interleaved(resolve(host, port, deadline, who))
    under_way: dict[int, socket.socket] = {}
    problem = Unreachable(f"{missing}: no address")
    try:
        while waiting or under_way:
            if waiting:
                try:
                    sock = _begun(waiting.pop(0))
                    under_way[sock.fileno()] = sock
                except OSError as error:  # a kernel without IPv6 may yet have the next address
                    problem = _no_connection(missing, error.errno or 0)
                    continue
            for number in _settled(under_way, deadline.left(missing), more=bool(waiting)):
                sock = under_way.pop(number)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not code:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    return sock
                sock.close()
                problem = _no_connection(missing, code)
    finally:
        for sock in under_way.values():
            sock.close()
    raise problem


def _interleaved(rows: list[Any]) -> list[Any]:
    """The rows of getaddrinfo, their families by turns, beginning with that of the first one."""
    first = [row for row in rows if row[0] == rows[0][0]]
    others = [row for row in rows if row[0] != rows[0][0]]
    return [row for pair in zip_longest(first, others) for row in pair if row]


def _begun(row: Any) -> socket.socket:
    """A socket that is on its way to the address."""
    family, kind, proto, _, address = row
    sock = socket.socket(family, kind, proto)
    try:
        sock.setblocking(False)
        sock.connect(address)
    except BlockingIOError:
        pass
    except BaseException:
        sock.close()
        raise
    return sock


def _settled(under_way: dict[int, socket.socket], left: float, *, more: bool) -> list[int]:
    """The attempts that have ended; empty when the next address is due, or no time is left."""
    poll = select.poll()
    for number in under_way:
        poll.register(number, select.POLLOUT)
    return [number for number, _ in poll.poll(1000 * (min(left, ATTEMPT_DELAY) if more else left))]


def _no_connection(missing: str, code: int) -> Unreachable:
    """Raises ConfigError for a limit of this machine, such as open files."""
    if code in (errno.EMFILE, errno.ENFILE):
        raise ConfigError("too many open files", hint="raise the limit with ulimit -n, or use a lower -j")
    return Unreachable(f"{missing}: {os.strerror(code).lower()}")


def resolve(host: str, port: int, deadline: ConnectDeadline, who: str = "") -> list[Any]:
    """getaddrinfo in a thread: it can neither be interrupted nor bounded otherwise. Raises Unreachable."""
    found: list[Any] = []
    failure: list[OSError] = []

    def look_up() -> None:
        try:
            # bytes, because a str host makes Python load its idna codec
            found.extend(socket.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM))
        except OSError as error:
            failure.append(error)

    worker = threading.Thread(target=look_up, daemon=True)
    worker.start()
    worker.join(deadline.left(f"no address for {who}{host}"))
    if failure:
        raise Unreachable(f"no address for {who}{host}: {(failure[0].strerror or '').lower()}")
    if worker.is_alive():
        raise deadline.over(f"no address for {who}{host}")
    return found
