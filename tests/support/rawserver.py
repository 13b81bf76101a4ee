"""A loopback server that can misbehave: each connection plays one script of raw bytes and records what it was sent."""

import fcntl
import socket
import ssl
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

SO_NWRITE = 0x1024  # macOS: bytes that the other side has not acknowledged
DEFAULT_TLS: list[ssl.SSLContext] = []  # what the fixture `lane` has every server speak
Script = bytes | Callable[[socket.socket], None]


@dataclass
class Received:
    """One request as it came over the socket."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class RawServer:
    """Where it listens and what came; `arrived` is released once a request. A `deaf` one reads nothing."""

    port: int
    tls: ssl.SSLContext | None = None
    deaf: bool = False
    connections: int = 0
    received: list[Received] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def base_url(self) -> str:
        return self.url("127.0.0.1")

    def url(self, host: str) -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/v1"

    def wait(self) -> Received:
        """The next request, as soon as it is here."""
        assert self.arrived.acquire(timeout=60), "no request has come"
        return self.received[-1]


@contextmanager
def serving(*scripts: Script, tls: ssl.SSLContext | None = None, deaf: bool = False) -> Iterator[RawServer]:
    """Connection n plays script n, the last one for all that follow."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = RawServer(listener.getsockname()[1], tls or (DEFAULT_TLS[-1] if DEFAULT_TLS else None), deaf)
    thread = threading.Thread(target=_accept, args=(listener, scripts, server), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _accept(listener: socket.socket, scripts: Sequence[Script], server: RawServer) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        script = scripts[min(server.connections, len(scripts) - 1)]
        server.connections += 1
        threading.Thread(target=_play, args=(connection, script, server), daemon=True).start()


def _play(plain: socket.socket, script: Script, server: RawServer) -> None:
    try:
        if server.tls and not plain.recv(1, socket.MSG_PEEK):  # or `ssl` leaves a socket open whose client has reset it
            raise OSError("the client has left")
        with plain, server.tls.wrap_socket(plain, server_side=True) if server.tls else plain as connection:
            if not server.deaf:
                server.received.append(read_request(connection))
                server.arrived.release()
            if isinstance(script, bytes):
                connection.sendall(script)
            else:
                script(connection)
    except OSError:
        plain.close()


def read_request(connection: socket.socket) -> Received:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(connection)
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(map(_header, lines[1:]))
    body = bytearray(rest)
    while len(body) < int(headers.get("content-length", "0")):
        body += _some(connection)
    method, path, _ = lines[0].split(" ")
    return Received(method, path, headers, bytes(body), time.monotonic())


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name.lower(), value


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise OSError("the client has left")
    return data


def http(body: bytes, *, status: str = "200 OK", kind: str = "application/json", extra: str = "") -> bytes:
    """A whole response with its length."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def sse(*data: str, event: str | None = "message") -> bytes:
    """A body of events."""
    name = f"event: {event}\n" if event else ""
    return "".join(f"{name}data: {item}\n\n" for item in data).encode()


SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def stream(*data: str) -> bytes:
    """A whole chunked stream of events, cleanly ended."""
    return SSE_HEAD + chunk(sse(*data)) + b"0\r\n\r\n"


def deliver(connection: socket.socket, data: bytes) -> None:
    """Sends it, and returns once the other side has it to read: on a busy machine loopback takes its time, too."""
    connection.sendall(data)
    end = time.monotonic() + 60
    while _undelivered(connection):
        assert time.monotonic() < end
        time.sleep(0.001)


def _undelivered(connection: socket.socket) -> int:
    """Bytes sent, and not acknowledged by the other side."""
    if sys.platform == "darwin":
        return connection.getsockopt(socket.SOL_SOCKET, SO_NWRITE)
    return int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def reset_after(data: bytes) -> Script:
    """Sends `data`, then cuts the connection with a RST."""

    def script(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a RST drops what is not yet sent
        connection.sendall(data)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return script


def held_open(data: bytes) -> Script:
    """Sends `data` and keeps the socket open until the client leaves."""

    def script(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.settimeout(60)
        while connection.recv(65536):
            pass

    return script
