"""What is sent, and what other servers of this API shape may answer: the same text, exit 0, silent stderr."""

import json
import socket
import time

import pytest

from tests.fixtures import DOCUMENT, EVENTS, UUID
from tests.support.forked_program import eugpt
from tests.support.lanes import on_lanes
from tests.support.program import KEY
from tests.support.rawserver import SSE_HEAD, Script, chunk, held_open, http, reset_after, serving, sse, stream


@pytest.mark.usefixtures("lane")
@pytest.mark.parametrize(
    ("command", "streams"), [("ask", False), ("stream", True), ("raw-events", True), ("chat", True)]
)
def test_request(command: str, streams: bool) -> None:
    with serving(http(DOCUMENT)) as server:
        run = eugpt(command, "hi", base_url=server.base_url)
    assert run.returncode == 0
    assert run.stderr == b""
    [request] = server.received
    assert (request.method, request.path) == ("POST", "/v1/responses")
    assert json.loads(request.body) == {"model": "auto", "input": "hi", "stream": streams}
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == ("text/event-stream" if streams else "application/json")
    assert request.headers["user-agent"].startswith("eugpt-cli/")
    assert request.headers["host"] == f"127.0.0.1:{server.port}"


def test_request_with_everything() -> None:
    with serving(http(DOCUMENT)) as server:
        eugpt("ask", "hi", "-i", "brief", "-c", UUID, "-p", UUID, "--file-id", UUID, base_url=server.base_url)
    assert json.loads(server.received[0].body) == {
        "model": "auto",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hi"}, {"type": "input_file", "file_id": UUID}],
            }
        ],
        "stream": False,
        "instructions": "brief",
        "conversation_id": UUID,
        "project_id": UUID,
    }


ANSWERS: dict[str, Script] = {
    "events named message": stream(*EVENTS),
    "events unnamed": SSE_HEAD + chunk(sse(*EVENTS, event=None)) + b"0\r\n\r\n",
    "events named": SSE_HEAD + chunk(sse(*EVENTS, event="response.created")) + b"0\r\n\r\n",
    "[DONE] after": stream(*EVENTS, "[DONE]"),
    "unknown types": stream('{"type":"response.new","x":1}', '{"no":"type"}', *EVENTS),
    "tool items first": stream('{"type":"response.output_item.added","item":{"type":"reasoning"}}', *EVENTS),
    "completed without response": stream(*EVENTS[:-1], '{"type":"response.completed"}'),
    "no deltas": stream('{"type":"response.completed","response":{"status":"completed","output_text":"Hello"}}'),
    "whole parts": stream(
        '{"type":"response.output_text.done","text":"Hel"}',
        '{"type":"response.output_text.done","text":"lo"}',
        '{"type":"response.completed"}',
    ),
    "deltas and whole parts": stream(
        *EVENTS[:-1], '{"type":"response.output_text.done","text":"Hello"}', '{"type":"response.completed"}'
    ),
    "held open": held_open(SSE_HEAD + chunk(sse(*EVENTS))),
    "reset after": reset_after(SSE_HEAD + chunk(sse(*EVENTS))),
    "events after": stream(*EVENTS, '{"type":"response.output_text.delta","delta":"no"}', '{"type":"error"}'),
    "CRLF": SSE_HEAD + chunk(sse(*EVENTS).replace(b"\n", b"\r\n")) + b"0\r\n\r\n",
    "CR": SSE_HEAD + chunk(sse(*EVENTS).replace(b"\n", b"\r")) + b"0\r\n\r\n",
    "BOM": SSE_HEAD + chunk(b"\xef\xbb\xbf" + sse(*EVENTS)) + b"0\r\n\r\n",
    "byte by byte": SSE_HEAD + b"".join(chunk(bytes([b])) for b in sse(*EVENTS)) + b"0\r\n\r\n",
    "events without a type": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(chunk(bytes([b])) for b in b"\xef\xbb\xbf\n" + sse(*EVENTS))
    + b"0\r\n\r\n",
    "document": http(DOCUMENT),
    "document with a BOM": http(b"\xef\xbb\xbf" + DOCUMENT),
    "document without a type": b"HTTP/1.1 200 OK\r\n\r\n\r\n" + DOCUMENT,
    "document without output_text": http(
        b'{"status":"completed","created_at":1,"output":[{"type":"reasoning"},{"type":"message","content":'
        b'[{"type":"output_text","text":"Hel"},{"type":"output_text","text":"lo"}]}]}'
    ),
}


COMMANDS = ("ask", "stream", "chat", "raw-events")


@pytest.mark.parametrize(("lane", "answer", "command"), on_lanes(ANSWERS, COMMANDS), indirect=["lane"])
def test_answer(lane: str, answer: Script, command: str) -> None:
    with serving(answer) as server:
        run = eugpt(command, "hi", base_url=server.base_url)
    assert (run.returncode, run.stderr) == (0, b"")
    if command == "raw-events":
        assert json.loads(run.stdout.splitlines()[-1]).get("type") in ("response.completed", None)
    else:
        assert run.stdout == b"Hello\n"


@pytest.mark.usefixtures("lane")
def test_raw_events_are_unchanged() -> None:
    odd = '{ "type" : "response.odd", "n": 1.0e5, "u": "\u2028\\u00e9" }'
    with serving(stream(odd, *EVENTS)) as server:
        run = eugpt("raw-events", "hi", base_url=server.base_url)
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout.decode() == "".join(f"{line}\n" for line in (odd, *EVENTS))


def test_raw_events_forms() -> None:
    with serving(stream(*EVENTS)) as server:
        whole = eugpt("raw-events", "hi", "--sse", base_url=server.base_url)
        some = eugpt("raw-events", "hi", "--type", "*.delta", "--trailer", base_url=server.base_url)
    assert whole.stdout == sse(*EVENTS)
    lines = [json.loads(line) for line in some.stdout.splitlines()]
    assert [line["type"] for line in lines] == ["response.output_text.delta"] * 2 + ["eugpt.end"]
    assert (lines[-1]["outcome"], lines[-1]["exit"]) == ("ok", 0)


TAIL = b": bye\n\ndata: [DONE]\n\nunfinished"


@pytest.mark.parametrize("pause", [None, 0, 0.3])
@pytest.mark.parametrize(("end", "code"), [(EVENTS[-1], 0), ('{"type":"response.failed"}', 80)], ids=["ok", "failed"])
def test_the_bytes_after_the_terminal_event_pass_too(pause: float | None, end: str, code: int) -> None:
    """Whether they come with it, right behind it or later; `pause` is in seconds."""
    body = sse(*EVENTS[:-1], end)

    def script(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pieces = [body + TAIL] if pause is None else [body, TAIL]
        connection.sendall(SSE_HEAD)
        for piece in pieces:
            connection.sendall(chunk(piece))
            time.sleep(pause or 0)
        connection.sendall(b"0\r\n\r\n")

    with serving(script) as server:
        run = eugpt("raw-events", "x", "--sse", "--retries", "0", base_url=server.base_url)
    assert (run.returncode, run.stdout) == (code, body + TAIL)


def test_raw_events_of_a_document() -> None:
    with serving(http(b'{\n "status": "completed"\n}')) as server:
        run = eugpt("raw-events", "hi", base_url=server.base_url)
    assert run.returncode == 0
    assert json.loads(run.stdout) == {"status": "completed"}
    assert run.stdout.count(b"\n") == 1


def test_ask_json_is_the_document_byte_for_byte() -> None:
    with serving(http(DOCUMENT)) as server:
        run = eugpt("ask", "hi", "--json", base_url=server.base_url)
    assert (run.returncode, run.stdout) == (0, DOCUMENT + b"\n")


def test_ask_json_of_a_stream_is_the_document_in_its_last_event() -> None:
    document = '{"status" : "completed","output":[],"n":1.0e5,"i":123456789012345678901234567890,"t":"\\ud800 é"}'
    with serving(
        stream(f'{{ "type": "response.completed", "response" :{document} , "x": [1]}}'),
        stream(EVENTS[1], '{"type":"response.completed"}'),
    ) as server:
        run = eugpt("ask", "hi", "--json", base_url=server.base_url)
        none = eugpt("ask", "hi", "--json", base_url=server.base_url)
    assert (run.returncode, run.stdout.decode()) == (0, document + "\n")
    assert (none.returncode, none.stdout) == (63, b"")


@pytest.mark.parametrize(
    "odd",
    [
        '{"status":"completed","output_text":"","output":[{"content":[{"type":"output_text","text":"Hi"}]}]}',
        '{"status":"completed","output":[{"content":[{"type":"output_text","text":null},{"type":"output_text","text":"Hi"}]}]}',
    ],
)
def test_the_text_of_odd_documents(odd: str) -> None:
    with serving(http(odd.encode(), extra="Content-Type: application/json\r\n")) as server:
        run = eugpt("ask", "hi", base_url=server.base_url)
    assert (run.returncode, run.stdout) == (0, b"Hi\n")


def test_surrogates_split_over_deltas_are_joined() -> None:
    halves = [rf'{{"type":"response.output_text.delta","delta":"\u{half}"}}' for half in ("d83d", "de00")]
    apart = SSE_HEAD + b"".join(chunk(sse(event)) for event in (*halves, EVENTS[-1])) + b"0\r\n\r\n"
    with serving(apart) as server:
        run = eugpt("stream", "hi", base_url=server.base_url)
    assert (run.returncode, run.stdout.decode()) == (0, "\U0001f600\n")


@pytest.mark.usefixtures("lane")
def test_an_event_of_8_mib() -> None:
    text = "x" * (8 << 20)
    with serving(stream(json.dumps({"type": "response.output_text.delta", "delta": text}), EVENTS[-1])) as server:
        run = eugpt("stream", "hi", base_url=server.base_url)
    assert run.returncode == 0
    assert run.stdout.decode() == text + "\n"


@pytest.mark.usefixtures("lane")
def test_deltas_are_shown_before_the_end() -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + chunk(sse(*EVENTS[:2])))
        connection.settimeout(30)
        connection.recv(1)

    with serving(script) as server:
        run = eugpt("stream", "hi", "--timeout", "0.5", base_url=server.base_url)
    assert (run.returncode, run.stdout) == (61, b"Hel")


def test_cookies_are_none_of_our_business() -> None:
    cookies = "Set-Cookie: a=b; expires=never\r\nSet-Cookie2: a=b; expires=never\r\n"
    with serving(http(DOCUMENT, extra=cookies)) as server:
        run = eugpt("ask", "x", base_url=server.base_url)
    assert (run.returncode, run.stderr) == (0, b"")
