"""One row a fault: what the service does, and the exit code with its one line on stderr, for each command."""

import json
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures import DOCUMENT, EVENTS, UUID
from tests.support.forked_program import eugpt
from tests.support.lanes import on_lanes
from tests.support.program import KEY, shell
from tests.support.rawserver import (
    SSE_HEAD,
    Script,
    chunk,
    held_open,
    http,
    read_request,
    reset_after,
    serving,
    sse,
    stream,
)

DELTA = '{"type":"response.output_text.delta","delta":"Hel"}'
CREATED = '{"type":"response.created","response":{"id":"r","status":"in_progress"}}'


@dataclass(frozen=True)
class Fault:
    """What the service plays; the exit code, its name, and words of the line on stderr."""

    name: str
    script: Script
    exit: int
    kind: str
    says: str = ""


def ended(terminal: str) -> bytes:
    return stream(CREATED, DELTA, terminal)


STATUSES = {
    **dict.fromkeys(("400", "405", "409", "413", "418", "422", "451", "499"), (40, "bad_request")),
    "401": (41, "unauthorized"),
    "403": (43, "forbidden"),
    "404": (44, "not_found"),
    "429": (49, "quota"),
    **dict.fromkeys(("500", "501", "507", "522", "529"), (50, "server_error")),
    "502": (52, "bad_gateway"),
    "503": (53, "unavailable"),
    "504": (54, "gateway_timeout"),
}
ERRORS = [
    ('{"type":"error","code":"rate_limit_exceeded","message":"slow down"}', 49, "quota", "slow down"),
    ('{"type":"error","code":429,"message":"slow down"}', 49, "quota", "slow down"),
    ('{"type":"error","code":"503","message":"later"}', 53, "unavailable", "later"),
    ('{"type":"error","error":{"type":"authentication_error","message":"who"}}', 41, "unauthorized", "who"),
    (
        '{"type":"error","error":{"type":"invalid_request_error","code":"invalid_api_key","message":"k"}}',
        41,
        "unauthorized",
        "k",
    ),
    ('{"type":"error","error":"plain words"}', 80, "failed", "plain words"),
    ('{"type":"error","code":"odd","message":"hm"}', 80, "failed", "hm"),
    ('{"type":"error"}', 80, "failed", ""),
    (
        '{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"b"}}}',
        50,
        "server_error",
        "b",
    ),
    ('{"type":"response.failed","response":{"status":"failed"}}', 80, "failed", ""),
    (
        '{"type":"response.failed","response":{"status":"failed","error":null},"error":{"code":429,"message":"top"}}',
        49,
        "quota",
        "top",
    ),
    (
        '{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}',
        81,
        "incomplete",
        "max_output_tokens",
    ),
    ('{"type":"response.completed","response":{"status":"failed","error":{"message":"x"}}}', 80, "failed", "x"),
    ('{"type":"response.completed","response":{"status":"incomplete"}}', 81, "incomplete", ""),
]
SSE_BODY = sse(CREATED, DELTA)
GOOD = b'{"status":"completed","output_text":"Good"}'
FAULTS = [
    *(
        Fault(
            f"status {status}", http(b'{"detail":"words"}', status=f"{status} X"), code, kind, f"words (HTTP {status})"
        )
        for status, (code, kind) in STATUSES.items()
    ),
    *(Fault(f"event {text[:60]}", ended(text), code, kind, says) for text, code, kind, says in ERRORS),
    Fault("document failed", http(b'{"status":"failed","error":{"message":"sad"}}'), 80, "failed", "sad"),
    Fault("document incomplete", http(b'{"status":"incomplete"}'), 81, "incomplete"),
    Fault("document in progress", http(b'{"status":"in_progress"}'), 81, "incomplete"),
    Fault("document null", http(b"null"), 63, "not_the_api"),
    Fault("document without status", http(b'{"output_text":"x"}'), 63, "not_the_api"),
    Fault("document not JSON", http(b"{nope"), 63, "not_the_api"),
    Fault("document empty", http(b""), 62, "truncated"),
    Fault("HTML", http(b"<html>hello</html>", kind="text/html"), 63, "not_the_api", "text/html"),
    Fault("redirect", http(b"", status="302 Found", extra="Location: http://127.0.0.1:1/\r\n"), 63, "not_the_api"),
    *(
        Fault(f"redirect to {to}", http(b"", status="302 Found", extra=f"Location: {to}\r\n"), 63, "not_the_api")
        for to in ("http://xn--/", "http://a:b/", "javascript:1")
    ),
    Fault("cut before headers", b"", 62, "truncated"),
    Fault("cut inside headers", b"HTTP/1.1 200 OK\r\nContent-", 62, "truncated"),
    Fault("cut inside a chunk", SSE_HEAD + b"ffff\r\n" + SSE_BODY, 62, "truncated"),
    Fault("cut between chunks", SSE_HEAD + chunk(SSE_BODY), 62, "truncated"),
    Fault("reset", reset_after(SSE_HEAD + chunk(SSE_BODY)), 62, "truncated"),
    Fault("no terminal event", stream(CREATED, DELTA), 62, "truncated", "terminal event"),
    Fault("[DONE] without terminal event", stream(CREATED, DELTA, "[DONE]"), 62, "truncated", "terminal event"),
    Fault(
        "unfinished terminal event",
        SSE_HEAD + chunk(SSE_BODY + b'data: {"type":"response.completed"}\n') + b"0\r\n\r\n",
        62,
        "truncated",
    ),
    Fault("empty stream", SSE_HEAD + b"0\r\n\r\n", 62, "truncated"),
    Fault("invalid JSON in data", ended("{nope"), 63, "not_the_api", "JSON"),
    Fault("bad chunk size", SSE_HEAD + chunk(SSE_BODY) + b"zz\r\n", 63, "not_the_api"),
    *(
        Fault(f"a good answer with status {status}", http(GOOD, status=f"{status} X"), 63, "not_the_api", status)
        for status in ("203", "204", "205", "206", "207", "226", "299")
    ),
    Fault("206 without an end", held_open(SSE_HEAD.replace(b"200", b"206") + chunk(SSE_BODY)), 63, "not_the_api"),
    Fault("status 999", http(b'{"detail":"words"}', status="999 X"), 63, "not_the_api", "999"),
    Fault("no type and no JSON", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", 63, "not_the_api"),
    Fault("no type and nothing", b"HTTP/1.1 200 OK\r\n\r\n", 62, "truncated", "empty"),
    Fault("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n", 63, "not_the_api"),
    Fault(
        "another HTTP",
        b"HTTP/2 200 it's \x01\r\n\r\n",
        63,
        "not_the_api",
        "valid HTTP: its status line is HTTP/2 200",
    ),
]


COMMANDS = ("ask", "stream", "raw-events")


@pytest.mark.parametrize(
    ("lane", "fault", "command"), on_lanes({fault.name: fault for fault in FAULTS}, COMMANDS), indirect=["lane"]
)
def test_fault(lane: str, fault: Fault, command: str) -> None:
    with serving(fault.script) as server:
        run = eugpt(command, "hello", base_url=server.base_url)
    lines = run.stderr.decode().splitlines()
    assert run.returncode == fault.exit, run
    assert lines[0].startswith(f"eugpt: {fault.kind}: ")
    assert fault.says in lines[0]
    assert len([line for line in lines if not line.startswith("hint: ")]) == 1
    assert KEY.encode() not in run.stdout + run.stderr
    if command == "ask":
        assert run.stdout == b""
    elif command == "stream":
        assert run.stdout in (b"", b"Hel")
    else:
        shown = [json.loads(line) for line in run.stdout.splitlines()]
        told = fault.script if isinstance(fault.script, bytes) else b"" if fault.exit == 63 else SSE_HEAD + SSE_BODY
        assert all(json.dumps(event, separators=(",", ":")).encode() in told for event in shown)
        assert (DELTA in run.stdout.decode()) == (b"Hel" in told)


@pytest.mark.usefixtures("lane")
@pytest.mark.parametrize(
    "begin",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_what_is_no_http_is_told_without_waiting_for_its_end(begin: bytes) -> None:
    with serving(held_open(begin)) as server:
        run = eugpt("ask", "hello", "--timeout", "5", base_url=server.base_url)
    assert run.returncode == 63, run


@pytest.mark.parametrize("status", ["201 Created", "202 Accepted"])
def test_other_statuses_that_bring_the_whole_answer(status: str) -> None:
    with serving(http(DOCUMENT, status=status)) as server:
        run = eugpt("ask", "hello", base_url=server.base_url)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"Hello\n", b"")


def test_a_turn_that_got_a_part_of_an_answer_may_have_been_stored() -> None:
    """A redirect has taken nothing."""
    for status, says in (("206 X", True), ("302 Found", False)):
        with serving(http(DOCUMENT, status=status)) as server:
            run = eugpt("chat", "-c", UUID, "hello", base_url=server.base_url)
        assert (run.returncode, len(server.received)) == (63, 1)
        assert (b"the turn may have been stored" in run.stderr) is says


ENVELOPES = [
    (b'{"detail": "one"}', "application/json", "one"),
    (b'{"detail": {"message": "two", "code": "c"}}', "application/json", "two"),
    (b'{"detail": [{"loc": ["body", "input"], "msg": "three"}]}', "application/json", "body.input: three"),
    (b'{"error": {"message": "four", "type": "t", "code": "c"}}', "application/json", "four"),
    (b'{"error": "five"}', "application/json", "five"),
    (b"six", "text/plain", "six"),
    (b"<html><body>seven</body></html>", "text/html", "X"),
    (b"x" * 100_000_000, "text/plain", "xxx"),
    (b"", "application/json", "X"),
    (b'{"detail": "a\\u001b]0;b\\nc"}', "application/json", "a\\x1b]0;b c"),
]


@pytest.mark.usefixtures("lane")
@pytest.mark.parametrize(("body", "kind", "says"), ENVELOPES, ids=[says for _, _, says in ENVELOPES])
def test_envelope(body: bytes, kind: str, says: str) -> None:
    with serving(http(body, status="400 X", kind=kind)) as server:
        run = eugpt("ask", "hello", base_url=server.base_url)
    assert run.returncode == 40
    assert run.stderr.decode().startswith(f"eugpt: bad_request: {says}")
    assert len(run.stderr) < 1000
    assert b"<html>" not in run.stderr


ODD = {
    "lone surrogate": '"\\ud800"',
    "integer over 64 bits": "123456789012345678901234567890",
    "300 levels": '{"detail":' * 300 + "1" + "}" * 300,
    "1000 levels": '{"detail":' * 1000 + "1" + "}" * 1000,
    "control characters": '"\x7f\x9b31m\u202e"',
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_values_of_the_service_are_told_as_json(odd: str, tmp_path: Path) -> None:
    body = f'{{"detail":{{"message":"words","x":{odd}}}}}'
    created = f'{{"type":"response.created","response":{{"id":{odd},"model":{odd},"usage":{{"x":{odd}}}}}}}'
    meta = tmp_path / "meta"
    with serving(http(body.encode(), status="400 X"), stream(created, f'{{"type":"error","detail":{odd}}}')) as server:
        refused = eugpt("ask", "x", "--errors", "json", base_url=server.base_url)
        failed = eugpt("raw-events", "x", "--trailer", "--meta", str(meta), base_url=server.base_url)
    assert (refused.returncode, failed.returncode) == (40, 80)
    assert json.loads(refused.stderr)["error"]["exit"] == 40
    for told in (refused.stderr, failed.stdout.splitlines()[-1], meta.read_bytes()):
        assert isinstance(json.loads(told), dict)
        assert not any(character in told.decode() for character in "\x7f\x9b\u202e")


@pytest.mark.usefixtures("lane")
@pytest.mark.parametrize("early", [b"", b"HTTP/1.1 102 Processing\r\n\r\n"], ids=["at once", "after a status 1xx"])
def test_an_answer_that_comes_before_all_is_sent(early: bytes) -> None:
    def script(connection: socket.socket) -> None:
        connection.recv(1000)
        if early:
            connection.sendall(early)
            read = 0
            while read < 10_000_000:
                read += len(connection.recv(1 << 20))
        connection.sendall(http(b'{"detail":"too much"}', status="413 X"))
        left.wait(60)

    left = threading.Event()
    with serving(script, deaf=True) as server:
        run = eugpt("ask", base_url=server.base_url, stdin=b"x" * 30_000_000)
        left.set()
    assert (run.returncode, run.stderr) == (40, b"eugpt: bad_request: too much (HTTP 413)\n")


@pytest.mark.parametrize(
    ("streams", "told"), [("2>&1", "Hel\neugpt: "), ("2>/dev/null", "Hel"), ("-o a 2>&1", "eugpt: ")]
)
def test_a_message_begins_a_line_of_its_own(streams: str, told: str, tmp_path: Path) -> None:
    with serving(stream(CREATED, DELTA)) as server:
        run = shell(f"cd {tmp_path}; eugpt stream -I x --retries 0 {streams}", base_url=server.base_url)
    assert run.stdout.decode().startswith(told)
    assert (run.stdout == b"Hel") == (told == "Hel")


@pytest.mark.usefixtures("lane")
def test_another_attempt_does_not_rely_on_another_old_connection() -> None:
    def once(connection: socket.socket) -> None:
        connection.sendall(http(DOCUMENT))
        connection.recv(65536)  # the second request, which gets no answer

    with serving(once) as server:
        run = eugpt("batch", "--lines", "-j4", "--retries", "1", base_url=server.base_url, stdin=b"x\n" * 16)
    assert run.returncode == 0, run


@pytest.mark.usefixtures("lane")
@pytest.mark.parametrize("then", ["reads the rest", "reads no more", "closes"])
@pytest.mark.parametrize("command", ["ask", "stream", "raw-events"])
def test_a_success_that_begins_before_all_is_sent_is_no_answer_to_all_of_it(command: str, then: str) -> None:
    def script(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(stream(*EVENTS))
        while then == "reads the rest" and connection.recv(1 << 20):
            pass
        if then == "reads no more":
            left.wait(60)

    left = threading.Event()
    with serving(script, deaf=True) as server:
        run = eugpt(command, "--retries", "0", base_url=server.base_url, stdin=b"x" * 30_000_000)
        left.set()
    assert (run.returncode, run.stdout, run.stderr[:18]) == (62, b"", b"eugpt: truncated: ")


@pytest.mark.usefixtures("lane")
def test_a_service_that_reads_nothing_is_silent() -> None:
    def script(connection: socket.socket) -> None:
        left.wait(60)

    left = threading.Event()
    with serving(script, deaf=True) as server:
        run = eugpt("ask", "--timeout", "1", "--retries", "0", base_url=server.base_url, stdin=b"x" * 30_000_000)
        left.set()
    assert (run.returncode, run.stderr) == (61, b"eugpt: timeout: the service has been silent for 1 s\n")


@pytest.mark.usefixtures("lane")
def test_a_connection_that_has_not_taken_the_whole_request_takes_no_other() -> None:
    answered = threading.Event()

    def early(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(http(b'{"detail":"too much"}', status="413 X"))
        answered.wait(60)

    def second(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(http(DOCUMENT))
        answered.set()

    items = b'{"input":"%s"}\n{"input":"x"}\n' % (b"x" * 20_000_000)
    with serving(early, second, deaf=True) as server:
        run = eugpt("batch", "-j1", base_url=server.base_url, stdin=items)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert [row["error"] and row["error"]["kind"] for row in rows] == ["bad_request", None]
    assert server.connections == 2


def test_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    run = eugpt("ask", "hello", base_url=f"http://127.0.0.1:{port}/v1")
    assert run.returncode == 60
    assert run.stderr.startswith(b"eugpt: unreachable: ")


@pytest.mark.usefixtures("lane")
@pytest.mark.parametrize("command", ["ask", "stream"])
@pytest.mark.parametrize(
    "body", [b"", SSE_HEAD, SSE_HEAD + chunk(b": ping\n\n")], ids=["no headers", "no event", "comments"]
)
def test_silence(command: str, body: bytes) -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(body)
        connection.settimeout(0.1)
        while True:
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                if body.endswith(b"\n\n\r\n"):
                    connection.sendall(chunk(b": ping\n\n"))

    with serving(script) as server:
        run = eugpt(command, "hello", "--timeout", "0.6", base_url=server.base_url)
    assert run.returncode == 61
    assert run.stderr.startswith(b"eugpt: timeout: ")
