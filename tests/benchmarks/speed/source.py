"""A server that is never slower than a client: the path says what it answers, and all of it is rendered once.

`/m/KEY=VALUE,…/v1/responses`, with the keys
    n=20        deltas of one answer
    chunk=0     bytes in an HTTP chunk, wherever that cuts an event; 0: each event is a chunk of its own
    rate=0      deltas a second, each of them the time of its sending; 0: as fast as they go
    mb=0        megabytes of deltas, in chunks of 64
    big=0       one delta of so many bytes
To `"stream": false` it answers with a document, and under /chat/completions as clients of that older form want it.
"""

import asyncio
import functools
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import trustme

ID = "550e8400-e29b-41d4-a716-446655440000"
TEXTS = ("the law of ", "servers that hold ", r"every byte\n", "at home \u00e9 ", r"and \u20ac ")
DELTA = (
    'event: message\ndata: {"type":"response.output_text.delta","sequence_number":%d,"item_id":"msg_' + ID + '",'
    '"output_index":0,"content_index":0,"delta":"%s"}\n\n'
)
CREATED = f'event: message\ndata: {{"type":"response.created","response":{{"id":"{ID}","status":"in_progress"}}}}\n\n'
RESPONSE = f'{{"id":"{ID}","object":"response","status":"completed","model":"m","output":[],"output_text":"a haiku"}}'
ENDED = RESPONSE.replace(',"output_text":"a haiku"', "")  # the text is what the deltas say
COMPLETED = f'event: message\ndata: {{"type":"response.completed","response":{ENDED}}}\n\n'
CHAT = 'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
DEFAULTS = {"n": 20, "chunk": 0, "rate": 0, "mb": 0, "big": 0}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def delta(n: int, text: str) -> bytes:
    return (DELTA % (n, text)).encode()


def document(body: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


@functools.cache
def rendered(n: int, size: int) -> bytes:
    """A whole stream of n deltas."""
    events = [CREATED.encode(), *(delta(k, TEXTS[k % len(TEXTS)]) for k in range(n)), COMPLETED.encode()]
    if size:
        body = b"".join(events)
        events = [body[at : at + size] for at in range(0, len(body), size)]
    return HEAD + b"".join(map(chunk, events)) + END


@functools.cache
def chat(n: int) -> bytes:
    return HEAD + b"".join(chunk((CHAT % "word ").encode()) for _ in range(n)) + chunk(b"data: [DONE]\n\n") + END


@functools.cache
def big(size: int) -> bytes:
    return HEAD + chunk(delta(1, "x" * size)) + chunk(COMPLETED.encode()) + END


def long(megabytes: int) -> Iterator[bytes]:
    many = (DELTA % (7_000_000, "x" * 800) * 64).replace("7000000", "%d").encode()
    yield HEAD
    for first in range(1_000_000, 1_000_000 + megabytes * 1_000_000 // len(many) * 64, 64):
        yield chunk(many % tuple(range(first, first + 64)))
    yield chunk(COMPLETED.encode()) + END


def paced(n: int, rate: int) -> Iterator[bytes]:
    yield HEAD + chunk(CREATED.encode())
    start = time.monotonic() + 0.1
    for k in range(n):
        time.sleep(max(0.0, start + k / rate - time.monotonic()))
        yield chunk(delta(k, f"@{time.monotonic_ns():020};"))
    yield chunk(COMPLETED.encode()) + END


def answer(path: str, body: bytes) -> Iterable[bytes]:
    keys = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", path)}
    n, size, rate, megabytes, length = (keys.get(name, default) for name, default in DEFAULTS.items())
    if path.endswith("/chat/completions"):
        return [chat(n)]
    if b'"stream":false' in body.replace(b" ", b""):
        return [document(RESPONSE)]
    if rate:
        return paced(n, rate)
    if megabytes:
        return long(megabytes)
    return [big(length) if length else rendered(n, size)]


def serve(connection: socket.socket) -> None:
    try:
        with connection, connection.makefile("rb") as reader:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while line := reader.readline():
                length = 0
                while (header := reader.readline()) not in (b"\r\n", b""):
                    if header.lower().startswith(b"content-length:"):
                        length = int(header[15:])
                for piece in answer(line.split()[1].decode(), reader.read(length)):
                    connection.sendall(piece)
    except OSError:
        return


def accept(listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    def meet(plain: socket.socket) -> None:
        try:
            serve(tls.wrap_socket(plain, server_side=True) if tls else plain)
        except OSError:
            plain.close()

    while True:
        threading.Thread(target=meet, args=(listener.accept()[0],), daemon=True).start()


async def relay(listener: socket.socket, port: int, trip: float) -> None:
    """Carries bytes to the port and back as over a wire of that round trip (in seconds).

    Connecting to the relay takes no time, so that the first bytes of a client are held for the trip that it has saved.
    """
    loop = asyncio.get_running_loop()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, saved: float) -> None:
        while data := await reader.read(65536):
            loop.call_later(trip / 2 + saved, writer.write, data)
            saved = 0.0
        loop.call_later(trip / 2, writer.close)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, back_writer, trip), carry(back_reader, writer, 0.0))

    await (await asyncio.start_server(meet, sock=listener)).serve_forever()


def trust(folder: Path, *hosts: str) -> ssl.SSLContext:
    """For a server of these names. Writes the authority beside the system's, as bundle and folder, for clients."""
    authority, hashed = trustme.CA(), folder / "hashed"
    ours = authority.cert_pem.bytes()
    (folder / "bundle.pem").write_bytes(BUNDLE.read_bytes() + ours)
    hashed.mkdir()
    for path in BUNDLE.parent.glob("*.pem"):
        (hashed / path.name).symlink_to(path.resolve())
    (hashed / "ours.pem").write_bytes(ours)
    subprocess.run(["openssl", "rehash", hashed], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts).configure_cert(context)
    return context


def main(trip: float, folder: Path, *away: str) -> None:
    """Prints three ports: plain, TLS, and TLS behind the relay; `away` are names that others use for this machine."""
    tls = trust(folder, "127.0.0.1", *away)
    place = "0.0.0.0" if away else "127.0.0.1"
    plain, secure, far = (socket.create_server((place, 0), backlog=64) for _ in range(3))
    for listener in (
        plain,
        secure,
        far,
    ):  # or an answer waits 40 ms for the ACK of tickets; accepted sockets inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=accept, args=(plain, None), daemon=True).start()
    threading.Thread(target=accept, args=(secure, tls), daemon=True).start()
    sys.stdout.write(" ".join(str(listener.getsockname()[1]) for listener in (plain, secure, far)) + "\n")
    sys.stdout.flush()
    asyncio.run(relay(far, secure.getsockname()[1], trip))


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
