"""A route to a connected socket: look-up, TCP, the proxy's CONNECT and TLS, within one time. Nothing is sent yet."""

import contextlib
import functools
import os
import re
import socket
import ssl
import threading
import time
from typing import Any

from eugpt_cli.errors import ConfigError, Unreachable
from eugpt_cli.http.route import Proxy, Route, Target

HEAD_LIMIT = 16 * 1024
PLAIN = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")  # how OpenSSL tells of what is no TLS
NO_TLS = "what answers there speaks no TLS; a service on this machine may have an http:// address"
STATUS_LINE = re.compile(rb"HTTP/1\.\d +([1-9]\d\d)(?: |\r|$)")


class ConnectDeadline:
    """The time to connect, from now on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def left(self, what: str) -> float:
        """Seconds that are left. Raises Unreachable if none are."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise self.over(what)
        return left

    def over(self, what: str) -> Unreachable:
        return Unreachable(f"{what} within {self._seconds:g} s")


class Preconnect:
    """A connection that is made in a thread while the program still loads what will use it."""

    def __init__(self, route: Route, seconds: float) -> None:
        self._result: socket.socket | Exception | None = None
        self._thread = threading.Thread(target=self._dial, args=(route, seconds), daemon=True)
        self._thread.start()

    def _dial(self, route: Route, seconds: float) -> None:
        try:
            self._result = dial(route, seconds)
        except Exception as error:
            self._result = error

    def take(self) -> socket.socket:
        """The socket, once it is there. Raises what `dial` raised."""
        self._thread.join()
        if isinstance(self._result, socket.socket):
            return self._result
        assert self._result
        raise self._result


def dial(route: Route, seconds: float) -> socket.socket:
    """A socket to the target, with TLS for https. Raises Unreachable within `seconds`, or ConfigError."""
    deadline = ConnectDeadline(seconds)
    target = route.target
    if target.scheme == "http":
        return connect(target.host, target.port, deadline)
    context = tls_context(route.ca_file, route.ca_folder)
    sock = tunnel(route.proxy, target, deadline) if route.proxy else connect(target.host, target.port, deadline)
    return _secure(sock, context, target, deadline)


def _secure(sock: socket.socket, context: ssl.SSLContext, target: Target, deadline: ConnectDeadline) -> socket.socket:
    missing = f"no TLS connection to {target.host}:{target.port}"
    try:
        sock.settimeout(deadline.left(missing))
        # bytes, because a str host makes Python load its idna codec
        return context.wrap_socket(sock, server_hostname=target.host.encode())
    except ssl.SSLCertVerificationError as error:
        problem = Unreachable(
            f"the certificate of {target.host} was rejected: {error.verify_message.lower()}",
            final=True,
            hint="--ca-file trusts a private authority",
        )
    except TimeoutError:
        problem = deadline.over(missing)
    except ssl.SSLError as error:
        words = (error.reason or str(error)).replace("_", " ").lower()
        problem = Unreachable(f"{missing}: {words}", hint=NO_TLS if error.reason in PLAIN else None)
    except OSError as error:
        problem = Unreachable(f"{missing}: {(error.strerror or str(error)).lower()}")
    except BaseException:
        sock.close()
        raise
    sock.close()
    raise problem


@functools.cache
def tls_context(ca_file: str | None, ca_folder: str | None) -> ssl.SSLContext:
    """Trusts the given certificates, otherwise the system's store. Raises ConfigError.

    Of the system's store a hashed folder is preferred to a bundle, which costs tens of milliseconds to parse.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if ca_file or ca_folder:
        try:
            context.load_verify_locations(ca_file, ca_folder)
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or str(error)
            raise ConfigError(f"the certificates in {ca_file or ca_folder} cannot be used: {words.lower()}") from None
        return context
    folder = ssl.get_default_verify_paths().capath
    if folder and _has_certificates(folder):
        context.load_verify_locations(capath=folder)
    else:
        context.set_default_verify_paths()
    return context


def _has_certificates(folder: str) -> bool:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return any(entry.name.endswith(".0") for entry in entries)
    return False


def tunnel(proxy: Proxy, target: Target, deadline: ConnectDeadline) -> socket.socket:
    """A socket through a proxy's CONNECT (RFC 9110, section 9.3.6). Raises Unreachable."""
    sock = connect(proxy.host, proxy.port, deadline, "the proxy ")
    name = f"[{target.host}]" if ":" in target.host else target.host
    lines = [f"CONNECT {name}:{target.port} HTTP/1.1", f"Host: {name}:{target.port}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    missing = f"no answer of the proxy {proxy.host}:{proxy.port}"
    try:
        sock.settimeout(deadline.left(missing))
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        _check_answer(_head(sock, deadline, missing), proxy)
        return sock
    except TimeoutError:
        sock.close()
        raise deadline.over(missing) from None
    except OSError as error:
        sock.close()
        raise Unreachable(f"{missing}: {(error.strerror or str(error)).lower()}") from None
    except BaseException:
        sock.close()
        raise


def _head(sock: socket.socket, deadline: ConnectDeadline, missing: str) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < HEAD_LIMIT:
        sock.settimeout(deadline.left(missing))
        data = sock.recv(4096)
        if not data:
            break
        head += data
    return head


def _check_answer(answer: bytes, proxy: Proxy) -> None:
    head, end, body = answer.partition(b"\r\n\r\n")
    found = STATUS_LINE.match(head)
    status = found[1].decode() if found else ""
    if not status or not end or (body and status.startswith("2")):
        raise Unreachable(f"the proxy {proxy.host}:{proxy.port} did not answer as a proxy")
    if status == "407":
        raise Unreachable(
            f"the proxy {proxy.host}:{proxy.port} wants credentials (407)",
            hint="put them into the proxy's URL: http://USER:PASSWORD@HOST:PORT",
        )
    if not status.startswith("2"):
        raise Unreachable(f"the proxy {proxy.host}:{proxy.port} refused the connection ({status})")


def connect(host: str, port: int, deadline: ConnectDeadline, who: str = "") -> socket.socket:
    """A socket to the first address that takes it. Raises Unreachable."""
    missing = f"no connection to {who}{host}:{port}"
    addresses = resolve(host, port, deadline, who)
    problem = Unreachable(f"{missing}: no address")
    for n, (family, kind, proto, _, address) in enumerate(addresses):
        try:
            sock = socket.socket(family, kind, proto)
        except OSError as error:  # a kernel without IPv6 may yet have the next address
            problem = Unreachable(f"{missing}: {(error.strerror or str(error)).lower()}")
            continue
        try:
            sock.settimeout(deadline.left(missing) / (len(addresses) - n))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except TimeoutError:
            problem = deadline.over(missing)
        except OSError as error:
            problem = Unreachable(f"{missing}: {(error.strerror or str(error)).lower()}")
        except BaseException:
            sock.close()
            raise
        sock.close()
    raise problem


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
