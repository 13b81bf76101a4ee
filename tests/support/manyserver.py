"""A loopback server for many requests at once: each is answered by a function, and how many were under way is kept."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What one request gets. `cut` closes the connection after it."""

    body: bytes
    status: int = 200
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


def document(text: str, **more: Any) -> Reply:
    """A complete answer."""
    return Reply(json.dumps({"id": f"resp-{text}", "status": "completed", "output_text": text, **more}).encode())


def refusal(status: int, message: str = "no", **headers: str) -> Reply:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(json.dumps({"detail": message}).encode(), status, headers=names)


def cut_stream() -> Reply:
    """A stream that ends without a terminal event."""
    delta = b'data: {"type":"response.output_text.delta","delta":"half"}\n\n'
    return Reply(delta, kind="text/event-stream", cut=True)


def echo(body: Body) -> Reply:
    return document(f"<{body['input']}>")


@dataclass
class Many:
    """The server as a test sees it; `answer` may be changed between runs."""

    answer: Callable[[Body], Reply]
    port: int = 0
    received: list[Body] = field(default_factory=list)
    peers: list[Any] = field(default_factory=list)  # the client's address at each request
    paths: list[str] = field(default_factory=list)
    under_way: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def inputs(self) -> list[Any]:
        return [body["input"] for body in self.received]


@contextmanager
def serving(answer: Callable[[Body], Reply] = echo) -> Iterator[Many]:
    many = Many(answer)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"many": many}))
    many.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield many
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed leave without a word."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    many: Many

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        many = self.many
        with many.lock:
            many.received.append(body)
            many.peers.append(self.client_address)
            many.paths.append(self.path)
            many.under_way += 1
            many.most = max(many.most, many.under_way)
        try:
            reply = many.answer(body)
        finally:
            with many.lock:
                many.under_way -= 1
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.cut:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nobody reads it."""
