"""Connections that carry one request after the other: which answers count, and which are nobody's. Section 4."""

import json
import socket
import subprocess
import threading
from collections.abc import Callable

import pytest

from tests.fixtures import DOCUMENT, UUID
from tests.support.forked_program import eugpt
from tests.support.program import start
from tests.support.rawserver import RawServer, deliver, http, read_request, reset_after, serving

pytestmark = pytest.mark.usefixtures("lane")
Reply = Callable[[socket.socket], None]
OTHER = http(b'{"status":"completed","output_text":"somebody else\'s"}')
TIMED_OUT = http(b'{"detail":"idle"}', status="408 Request Timeout", extra="Connection: close\r\n")


def kept(*then: bytes | Reply) -> tuple[Reply, list[bytes]]:
    """A good answer, then what the same connection brings for each further request; and the bodies that it has read."""
    bodies: list[bytes] = []

    def script(connection: socket.socket) -> None:
        connection.sendall(http(DOCUMENT))
        for reply in then:
            bodies.append(read_request(connection).body)
            if isinstance(reply, bytes):
                connection.sendall(reply)
            else:
                reply(connection)

    return script, bodies


def batch(server: RawServer, items: int = 2, *options: str, **fields: str) -> list[dict[str, object]]:
    lines = "".join(json.dumps({"custom_id": str(n), "input": f"number {n}", **fields}) + "\n" for n in range(items))
    run = eugpt("batch", "-j1", "--retries", "0", *options, base_url=server.base_url, stdin=lines.encode())
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.parametrize("end", [lambda _: None, reset_after(b""), TIMED_OUT], ids=["closes", "resets", "a 408"])
def test_an_end_on_a_kept_connection_is_no_answer_to_this_request(end: bytes | Reply) -> None:
    """It is sent once more over a fresh connection, although nothing may be retried."""
    script, bodies = kept(end)
    with serving(script, http(DOCUMENT)) as server:
        rows = batch(server)
    assert [(row["ok"], row["output_text"], row["attempts"]) for row in rows] == [(True, "Hello", 1)] * 2
    assert len(bodies) == 1
    assert json.loads(server.received[-1].body)["input"] == "number 1"
    assert server.connections == 2


@pytest.mark.parametrize("end", [b"", TIMED_OUT], ids=["closes", "a 408"])
def test_an_end_on_a_fresh_connection_is_the_answer(end: bytes) -> None:
    with serving(end) as server:
        [row] = batch(server, 1)
    assert (row["ok"], server.connections) == (False, 1)


def test_a_turn_that_may_be_stored_takes_no_kept_connection() -> None:
    script, bodies = kept(http(DOCUMENT))
    with serving(script) as server:
        rows = batch(server, 2, conversation_id=UUID)
    assert [row["ok"] for row in rows] == [True, True]
    assert (server.connections, bodies) == (2, [])


def test_an_answer_that_has_begun_is_not_asked_for_again() -> None:
    script, bodies = kept(b"HTTP/1.1 200 OK\r\nContent-Le")
    with serving(script, http(DOCUMENT)) as server:
        rows = batch(server)
    assert [row["ok"] for row in rows] == [True, False]
    assert (len(bodies), server.connections) == (1, 1)


def test_an_answer_that_nobody_asked_for_becomes_nobodys() -> None:
    """It comes in the same breath as the one before; what comes after the next request no client can tell apart."""

    def script(connection: socket.socket) -> None:
        connection.sendall(http(DOCUMENT) + OTHER)
        connection.settimeout(60)
        while connection.recv(65536):
            pass

    with serving(script) as server:
        rows = batch(server, 4)
    assert [row["output_text"] for row in rows] == ["Hello"] * 4
    assert server.connections == 4


def test_an_answer_that_comes_while_nothing_is_asked_becomes_nobodys() -> None:
    rested, sent = threading.Event(), threading.Event()

    def first(connection: socket.socket) -> None:
        connection.sendall(http(DOCUMENT))
        assert rested.wait(60)
        deliver(connection, OTHER)
        sent.set()
        connection.settimeout(60)
        connection.recv(65536)

    with (
        serving(first, http(DOCUMENT)) as server,
        start("batch", "-j1", base_url=server.base_url, stdin=subprocess.PIPE) as run,
    ):
        assert run.stdin
        assert run.stdout
        texts = []
        for item in (b'{"input":"1"}\n', b'{"input":"2"}\n'):
            run.stdin.write(item)
            run.stdin.flush()
            texts.append(json.loads(run.stdout.readline())["output_text"])
            rested.set()
            assert sent.wait(60)
        run.stdin.close()
        assert (run.wait(60), texts, server.connections) == (0, ["Hello"] * 2, 2)


@pytest.mark.parametrize(
    ("answer", "is_kept"),
    [
        (http(DOCUMENT), True),
        (http(DOCUMENT, extra="Connection: Keep-Alive, close\r\n"), False),
        (http(DOCUMENT).replace(b"HTTP/1.1", b"HTTP/1.0"), False),
        (
            http(DOCUMENT, extra="Transfer-Encoding: identity\r\n").replace(b"Transfer-Encoding: identity\r\n", b""),
            True,
        ),
        (http(b'{"detail":"no"}', status="400 X"), True),
    ],
)
def test_whether_a_connection_is_kept(answer: bytes, is_kept: bool) -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(answer)
        while b"Content-Length" in answer and read_request(connection):
            connection.sendall(answer)

    with serving(script) as server:
        batch(server, 3)
    assert server.connections == (1 if is_kept else 3)
