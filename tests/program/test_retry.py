"""Every cell of the table of section 8: the service counts the requests. And what `Retry-After` does in each form."""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.fixtures import DOCUMENT, EVENTS, UUID
from tests.support.authority import Authority
from tests.support.forked_program import eugpt
from tests.support.program import start
from tests.support.rawserver import SSE_HEAD, Script, chunk, held_open, http, reset_after, serving, sse, stream

CREATED, DELTA = EVENTS[0], EVENTS[1]
GOOD = stream(*EVENTS)
CELLS = [(False, False), (True, False), (True, True)]  # in a conversation, --retry-unsafe
CELLS_OF = {"direct": CELLS, "httpx": CELLS[:2]}  # the fault is the lane's, what it allows is decided above it
ALWAYS = dict.fromkeys(CELLS, True)
NEVER = dict.fromkeys(CELLS, False)
SAFE = {(conversation, unsafe): unsafe or not conversation for conversation, unsafe in CELLS}


@dataclass(frozen=True)
class Row:
    """What the service plays first, the exit code if that was all, and the cells in which it is asked again."""

    name: str
    script: Script
    exit: int
    again: dict[tuple[bool, bool], bool]
    command: str = "ask"


def status(number: int, *, after: str | None = None) -> bytes:
    return http(b'{"detail":"words"}', status=f"{number} X", extra=f"Retry-After: {after}\r\n" if after else "")


def error(**fields: object) -> str:
    return json.dumps({"type": "error", "message": "words", **fields})


ROWS = [
    *(
        Row(f"status {number}", status(number), number // 100 * 10 + number % 10, SAFE)
        for number in (500, 502, 503, 504)
    ),
    Row("429", status(429), 49, NEVER),
    Row("429, Retry-After", status(429, after="0"), 49, ALWAYS),
    Row("503, Retry-After", status(503, after="0"), 53, ALWAYS),
    *(
        Row(f"status {number}", status(number, after="0"), code, NEVER)
        for number, code in ((400, 40), (408, 40), (409, 40))
    ),
    *(Row(f"status {number}", status(number), number // 100 * 10 + number % 10, NEVER) for number in (401, 403, 404)),
    Row("silent before headers", held_open(b""), 61, SAFE),
    Row("silent in the stream", held_open(SSE_HEAD + chunk(sse(CREATED))), 61, SAFE),
    Row("silent in the body", held_open(http(DOCUMENT)[:-3]), 61, SAFE),
    Row("closed before headers", b"", 62, SAFE),
    Row("reset before headers", reset_after(b""), 62, SAFE),
    Row("cut inside headers", b"HTTP/1.1 200 OK\r\nConte", 62, SAFE),
    Row("cut inside the body", http(DOCUMENT)[:-3], 62, SAFE),
    Row("reset in the stream", reset_after(SSE_HEAD + chunk(sse(CREATED, DELTA))), 62, SAFE),
    Row("empty body", http(b""), 62, SAFE),
    Row("no terminal event", stream(CREATED, DELTA), 62, SAFE),
    Row("no terminal event, shown nothing", stream(CREATED), 62, SAFE, "stream"),
    Row("no terminal event, shown a delta", stream(CREATED, DELTA), 62, NEVER, "stream"),
    Row("no terminal event, shown an event", stream(CREATED), 62, NEVER, "raw-events"),
    Row("error event 503, shown a delta", stream(DELTA, error(code=503)), 53, NEVER, "stream"),
    Row("error event 503, shown nothing", stream(error(code=503)), 53, SAFE, "stream"),
    Row("error event 503", stream(DELTA, error(code=503)), 53, SAFE),
    Row("error event server_error", stream(DELTA, error(error={"type": "server_error"})), 50, SAFE),
    Row(
        "failed by server_error",
        stream('{"type":"response.failed","response":{"error":{"code":"server_error"}}}'),
        50,
        SAFE,
    ),
    Row("error event 429", stream(error(code="rate_limit_exceeded")), 49, NEVER),
    Row("error event 401", stream(error(code=401)), 41, NEVER),
    Row("error event that names nothing", stream(DELTA, error()), 80, NEVER),
    Row("incomplete", stream(DELTA, '{"type":"response.incomplete"}'), 81, NEVER),
    Row("redirect", http(b"", status="302 X", extra="Location: /v1/other\r\n"), 63, NEVER),
    Row("HTML", http(b"<html>", kind="text/html"), 63, NEVER),
    Row("not JSON", http(b"{nope"), 63, NEVER),
    Row("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n", 63, NEVER),
]


def together(run: Callable[..., None], rows: list[tuple[bool, bool]]) -> None:
    """All cells at once: they mostly wait."""
    with ThreadPoolExecutor(len(rows)) as pool:
        list(pool.map(lambda cell: run(*cell), rows))


def words(conversation: bool, unsafe: bool) -> list[str]:
    return [*(["-c", UUID] if conversation else []), *(["--retry-unsafe"] if unsafe else [])]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(lane: str, row: Row) -> None:
    def cell(conversation: bool, unsafe: bool) -> None:
        options = [*words(conversation, unsafe), "--retries", "1", "--errors", "json"]
        options += ["--timeout", "4"] if "silent" in row.name else []
        with serving(row.script, GOOD) as server:
            run = eugpt(row.command, "x", *options, base_url=server.base_url)
        if row.again[conversation, unsafe]:
            assert (run.returncode, run.stdout, run.stderr) == (0, b"Hello\n", b"")
            assert len(server.received) == 2
            assert server.received[0].body == server.received[1].body
        else:
            assert run.returncode == row.exit
            assert len(server.received) == 1
            assert json.loads(run.stderr)["error"]["attempts"] == 1

    together(cell, CELLS_OF[lane])


@pytest.mark.parametrize("name", ["refused", "no such host", "handshake cut", "proxy has no way", "proxy cut"])
def test_what_was_not_sent_is_tried_again_everywhere(name: str) -> None:
    def cell(conversation: bool, unsafe: bool) -> None:
        options = [*words(conversation, unsafe), "--retries", "1", "--errors", "json"]
        with serving(reset_after(b""), deaf=True) as broken, serving(status(502)) as refusing:
            base_url, proxy = {
                "refused": ("http://127.0.0.1:1", None),
                "no such host": ("https://service.invalid", None),
                "handshake cut": (f"https://127.0.0.1:{broken.port}", None),
                "proxy has no way": ("https://service.invalid", f"http://127.0.0.1:{refusing.port}"),
                "proxy cut": ("https://service.invalid", f"http://127.0.0.1:{broken.port}"),
            }[name]
            run = eugpt("ask", "x", *options, base_url=base_url, env={"HTTPS_PROXY": proxy})
            told = json.loads(run.stderr)["error"]
            assert (run.returncode, run.stdout, told["kind"], told["attempts"]) == (60, b"", "unreachable", 2)
            assert broken.connections + refusing.connections == (0 if name in ("refused", "no such host") else 2)

    together(cell, CELLS)


def test_a_rejected_certificate_is_not_tried_again(authority: Authority) -> None:
    with serving(GOOD, tls=authority.server("127.0.0.1")) as server:
        run = eugpt("ask", "x", "--errors", "json", base_url=server.base_url)
    assert (run.returncode, server.connections, json.loads(run.stderr)["error"]["attempts"]) == (60, 1, 1)


def in_seconds(seconds: float) -> Script:
    """A 429 whose `Retry-After` is a date so many seconds from the moment it is sent."""

    def script(connection: socket.socket) -> None:
        connection.sendall(status(429, after=formatdate(time.time() + seconds, usegmt=True)))

    return script


# the header of a 429, further options, how many requests, and how long the pause is at least
AFTER: list[tuple[str | Script, tuple[str, ...], int, float]] = [
    ("0", (), 2, 0),
    ("1", (), 2, 1),
    ("1", ("--max-time", "30"), 2, 1),
    (in_seconds(3), (), 2, 1),
    (in_seconds(-3600), (), 2, 0),
    ("Wed, 21 Oct 2015 07:28:00 GMT", (), 2, 0),
    ("61", (), 1, 0),
    ("86400", (), 1, 0),
    (in_seconds(3600), (), 1, 0),
    ("20", ("--max-time", "10"), 1, 0),
    ("-1", (), 1, 0),
    ("soon", (), 1, 0),
    ("1e400", (), 1, 0),
    ("1e0", (), 1, 0),
    ("nan", (), 1, 0),
    ("inf", (), 1, 0),
    ("9" * 400, (), 1, 0),
    ("\u00b2", (), 1, 0),
    ("Wed, 21 Oct 9999999 07:28:00 GMT", (), 1, 0),
    ("0", ("--retries", "0"), 1, 0),
]


@pytest.mark.parametrize(("header", "options", "requests", "pause"), AFTER, ids=lambda value: str(value)[:20])
def test_retry_after(header: str | Script, options: tuple[str, ...], requests: int, pause: float) -> None:
    script = status(429, after=header) if isinstance(header, str) else header
    with serving(script, GOOD) as server:
        run = eugpt("ask", "x", "--errors", "json", *options, base_url=server.base_url)
    assert len(server.received) == requests, run
    if requests == 2:
        assert (run.returncode, run.stdout, run.stderr) == (0, b"Hello\n", b"")
        assert server.received[1].at - server.received[0].at >= pause
    else:
        assert run.returncode == 49
        assert json.loads(run.stderr, parse_constant=pytest.fail)["error"]["http_status"] == 429


@pytest.mark.parametrize(("number", "code"), [(500, 50), (502, 52), (503, 53)])
def test_a_pause_that_does_not_fit_ends_the_run_with_the_fault(number: int, code: int) -> None:
    with serving(status(number, after="86400")) as server:
        run = eugpt("ask", "x", "--errors", "json", base_url=server.base_url)
    told = json.loads(run.stderr)["error"]
    assert (run.returncode, len(server.received), told["retry_after"], told["retryable"]) == (code, 1, 86400, True)


@pytest.mark.parametrize(("options", "requests"), [((), 3), (("--retries", "3"), 4), (("--retries", "0"), 1)])
def test_how_often(options: tuple[str, ...], requests: int) -> None:
    with serving(status(503, after="0")) as server:
        run = eugpt("ask", "x", "-v", "--errors", "json", *options, base_url=server.base_url)
    *_, last = run.stderr.decode().splitlines()
    assert (run.returncode, len(server.received), json.loads(last)["error"]["attempts"]) == (53, requests, requests)
    assert len(re.findall(r"(?m)^\* unavailable: .*retrying in 0.0 s$", run.stderr.decode())) == requests - 1


@pytest.mark.parametrize("value", ["-1", "1.5", "many", ""])
def test_a_number_of_retries_that_is_none(value: str) -> None:
    with serving(GOOD) as server:
        run = eugpt("ask", "x", "--retries", value, base_url=server.base_url)
    assert (run.returncode, server.received) == (2, [])


def test_max_time_bounds_the_retries() -> None:
    with serving(status(503)) as server:
        run = eugpt("ask", "x", "--retries", "1000", "--max-time", "1", base_url=server.base_url)
    assert run.returncode in (53, 61)
    assert 1 <= len(server.received) < 100


def test_a_pause_is_told_and_can_be_interrupted() -> None:
    with (
        serving(status(429, after="50")) as server,
        start("ask", "x", "-v", "--max-time", "60", base_url=server.base_url) as run,
    ):
        assert run.stderr
        while not (line := run.stderr.readline()).startswith(b"* quota: "):
            assert line, "no retry was told"
        assert b"50.0 s" in line
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == -signal.SIGTERM


def test_without_verbose_a_retry_is_silent_and_the_file_holds_the_last_answer(tmp_path: Path) -> None:
    target, meta = tmp_path / "answer", tmp_path / "meta"
    longer = '{"type":"response.output_text.delta","delta":"longer than what comes then"}'
    with serving(stream(CREATED, longer), stream(*EVENTS)) as server:
        run = eugpt("stream", "x", "-o", str(target), "--meta", str(meta), base_url=server.base_url)
    assert (run.returncode, run.stdout, run.stderr, target.read_bytes()) == (0, b"", b"", b"Hello\n")
    assert json.loads(meta.read_text())["attempts"] == 2


# the fault, and whether the turn may have been stored
STORED: list[tuple[Script, bool]] = [
    (status(500), True),
    (status(504), True),
    (held_open(b""), True),
    (b"", True),
    (stream(CREATED, DELTA), True),
    (stream(error(code=503)), True),
    (status(400), False),
    (status(401), False),
    (status(404), False),
    (status(429), False),
    (http(b"{}", status="503 X", extra="Retry-After: 9999\r\n"), False),
    (http(b"", status="302 Found", extra="Location: /\r\n"), False),
    (http(b"<html>", kind="text/html"), True),
]


@pytest.mark.usefixtures("lane")
@pytest.mark.parametrize(("script", "may_be"), STORED, ids=lambda value: str(value)[:30])
def test_a_turn_that_may_have_been_stored_is_told(script: Script, may_be: bool) -> None:
    with serving(script) as server:
        base = ("ask", "x", "--timeout", "60" if isinstance(script, bytes) else "1", "--retries", "0")
        alone = eugpt(*base, base_url=server.base_url)
        inside = eugpt(*base, "-c", UUID, base_url=server.base_url)
    assert inside.returncode == alone.returncode
    assert (b"may have been stored" in inside.stderr) == may_be
    assert b"may have been stored" not in alone.stderr


def test_what_another_attempt_ends_with_does_not_hide_what_the_first_may_have_done() -> None:
    with serving(stream(CREATED), status(400)) as server:
        run = eugpt("ask", "x", "-c", UUID, "--retry-unsafe", base_url=server.base_url)
    assert (run.returncode, len(server.received)) == (40, 2)
    assert b"words; the turn may have been stored in conversation" in run.stderr


@pytest.mark.usefixtures("lane")
def test_a_turn_in_a_conversation_is_posted_once_by_every_command() -> None:
    def posted(command: str) -> tuple[int, int]:
        with serving(status(502)) as server:
            run: subprocess.CompletedProcess[bytes] = eugpt(command, "x", "-c", UUID, base_url=server.base_url)
        return run.returncode, len(server.received)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(posted, ["ask", "stream", "chat", "raw-events"])) == [(52, 1)] * 4
