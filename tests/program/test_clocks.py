"""The clocks: wherever the service falls silent, each of the three ends the run and says which. Section 8.

How long a run takes is never asserted closely: `PATIENCE` only tells an end from a hang.
"""

import contextlib
import itertools
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.fixtures import DOCUMENT, EVENTS
from tests.support.forked_program import eugpt
from tests.support.program import EUGPT, environment
from tests.support.rawserver import SSE_HEAD, Script, chunk, held_open, http, serving, sse

PATIENCE = 90
Run = subprocess.CompletedProcess[bytes]


def runs(base_url: str, *commands: str) -> Iterator[Run]:
    """All at once: they wait."""
    with ThreadPoolExecutor(len(commands)) as pool:
        yield from pool.map(lambda words: eugpt(*words.split(), base_url=base_url, timeout=PATIENCE), commands)


def dripping(first: bytes, drops: Iterable[bytes]) -> Script:
    """`first`, then one of the drops each 0.25 s, again and again until the client leaves."""

    def script(connection: socket.socket) -> None:
        connection.sendall(first)
        for drop in itertools.cycle(drops):
            time.sleep(0.25)
            connection.sendall(drop)

    return script


def chunks(data: bytes) -> list[bytes]:
    return [chunk(bytes([byte])) for byte in data]


STARTED = SSE_HEAD + chunk(sse(EVENTS[0]))
SILENT: dict[str, Script] = {
    "no answer": held_open(b""),
    "half a header": held_open(b"HTTP/1.1 200 OK\r\nContent-"),
    "drip of a header": dripping(b"HTTP/1.1 200 OK\r\nX-Long: ", [b"x"]),
    "headers only": held_open(SSE_HEAD),
    "stalled stream": held_open(STARTED),
    "stalled inside an event": held_open(SSE_HEAD + chunk(b'data: {"type":')),
    "drip of an event": dripping(STARTED + chunk(b'data: {"type":"response.x","x":"'), chunks(b"x")),
    "comments": dripping(STARTED, [chunk(b": still here\n\n")]),
    "drip of comments": dripping(STARTED, chunks(b":\n")),
    "events without data": dripping(STARTED, chunks(b"event: ping\n\n")),
    "stalled document": held_open(http(DOCUMENT)[:-5]),
}


@pytest.mark.usefixtures("lane")
@pytest.mark.parametrize("name", SILENT)
def test_silence(name: str) -> None:
    with serving(SILENT[name]) as server:
        ask, stream, whole = runs(
            server.base_url,
            "ask x --timeout 0.8 --retries 0",
            "stream x --timeout 0.8 --retries 0",
            "ask x --max-time 0.8 --retries 5",
        )
    for run in (ask, stream):
        assert (run.returncode, run.stderr.startswith(b"eugpt: timeout: ")) == (61, True), run
        assert b"0.8 s" in run.stderr
    assert (whole.returncode, whole.stderr.startswith(b"eugpt: timeout: --max-time")) == (61, True), whole
    assert len(server.received) in (2, 3)  # the time may be over before the third has asked


@pytest.mark.usefixtures("lane")
def test_a_document_that_comes_slowly_is_not_silent_but_has_an_end() -> None:
    def slowly(connection: socket.socket) -> None:
        connection.sendall(http(DOCUMENT)[:-24])
        for byte in http(DOCUMENT)[-24:]:
            time.sleep(0.25)
            connection.sendall(bytes([byte]))

    with serving(slowly) as server:
        ask, stream = runs(server.base_url, "ask x --timeout 3", "stream x --timeout 3")
    assert [(run.returncode, run.stdout) for run in (ask, stream)] == [(0, b"Hello\n")] * 2
    with serving(dripping(http(b" " * 5000)[:-4999], [b" "])) as server:
        [run] = runs(server.base_url, "ask x --timeout 3 --max-time 5")
    assert (run.returncode, run.stderr.startswith(b"eugpt: timeout: --max-time")) == (61, True), run


@pytest.mark.usefixtures("lane")
def test_events_are_no_silence_but_have_an_end() -> None:
    with serving(dripping(STARTED, [chunk(sse(EVENTS[1]))])) as server:
        [run] = runs(server.base_url, "stream x --timeout 4 --max-time 6")
    assert (run.returncode, run.stderr.startswith(b"eugpt: timeout: --max-time")) == (61, True), run
    assert run.stdout.startswith(b"HelHel")


@pytest.mark.usefixtures("lane")
def test_a_stalled_error_body_does_not_hide_the_status() -> None:
    with serving(dripping(http(b'{"detail":"' + b"x" * 5000, status="400 X")[:-4999], [b"x"])) as server:
        [run] = runs(server.base_url, "ask x --timeout 3")
    assert (run.returncode, b"(HTTP 400)" in run.stderr) == (40, True)


@pytest.mark.usefixtures("lane")
def test_a_service_that_reads_nothing() -> None:
    over = threading.Event()

    def idle(connection: socket.socket) -> None:
        over.wait(PATIENCE)

    with serving(idle, deaf=True) as server:
        body = b"x" * 20_000_000  # more than sockets buffer
        run = eugpt("ask", "--timeout", "1", "--retries", "0", stdin=body, base_url=server.base_url, timeout=PATIENCE)
        over.set()
    assert (run.returncode, run.stderr.startswith(b"eugpt: timeout: ")) == (61, True), run.stderr


@pytest.mark.parametrize("words", ["stream x", "stream -v x"])
def test_nobody_reads_what_is_said(words: str) -> None:
    """Standard output and standard error are one pipe that is full."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"x")
    os.set_blocking(write, True)
    with serving(held_open(STARTED + chunk(sse(EVENTS[1])))) as server:
        run = subprocess.Popen(
            [EUGPT, *words.split(), "--max-time", "1"],
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=write,
            env=environment(server.base_url),
        )
        assert run.wait(PATIENCE) == 61
    os.close(read)
    os.close(write)


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port that is listened on, but takes no further connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting: list[socket.socket] = []
        try:
            while True:
                waiting.append(socket.socket())
                waiting[-1].settimeout(0.3)
                try:
                    waiting[-1].connect(listener.getsockname())
                except TimeoutError:
                    break
            yield listener.getsockname()[1]
        finally:
            for client in waiting:
                client.close()


def not_connected(base_url: str) -> None:
    connect, whole, short = runs(
        base_url,
        "ask x --connect-timeout 0.8 --retries 0",
        "ask x --max-time 0.8",
        "ask x --timeout 0.4 --max-time 1.5",
    )
    assert (connect.returncode, connect.stderr.startswith(b"eugpt: unreachable: ")) == (60, True), connect
    assert (whole.returncode, whole.stderr.startswith(b"eugpt: timeout: --max-time")) == (61, True), whole
    assert (short.returncode, short.stderr.startswith(b"eugpt: timeout: --max-time")) == (61, True), short


def test_a_full_backlog() -> None:
    with full_backlog() as port:
        not_connected(f"http://127.0.0.1:{port}/v1")


@pytest.mark.parametrize(
    "script",
    [held_open(b""), held_open(b"\x16\x03\x03\x00\x7a\x02"), dripping(b"\x16\x03\x03\x3f\xff", [b"\x02"])],
    ids=["nothing", "a piece", "a drip"],
)
def test_a_stalled_handshake(script: Script) -> None:
    with serving(script, deaf=True) as server:
        not_connected(f"https://127.0.0.1:{server.port}/v1")
