"""Scenarios: each thing a step can say, seen from the client's end of the socket."""

import base64
import json
import socket
import time
from pathlib import Path

import httpx
import pytest

from .conftest import Server, Start

EXAMPLE = """
[[request]]
status = 503
headers = { Retry-After = "1" }

[[request]]
match = "weather"
text = "It rains."
times = 2

[[request]]
status = 418
body = { detail = "short and stout" }

[[request]]
status = 502
headers = { Content-Type = "text/html" }
body = "<h1>Bad Gateway</h1>"
"""


def scripted(start: Start, tmp_path: Path, text: str) -> Server:
    (tmp_path / "scenario.toml").write_text(text)
    return start(scenario=str(tmp_path / "scenario.toml"))


def exchange(server: Server, body: str = '{"input": "Hello."}', wait: float = 5) -> tuple[bytes, str]:
    """(bytes received, how the connection ended: closed, reset or silent) of a POST over a bare socket."""
    request = (
        f"POST /v1/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as line:
        line.sendall(request.encode())
        while True:
            try:
                data = line.recv(65536)
            except ConnectionResetError:
                return received, "reset"
            except TimeoutError:
                return received, "silent"
            if not data:
                return received, "closed"
            received += data


def test_steps_in_order_with_match_and_times(start: Start, tmp_path: Path) -> None:
    server = scripted(start, tmp_path, EXAMPLE)
    first = server.post({"input": "Hello."})
    assert (first.status_code, first.headers["retry-after"]) == (503, "1")
    assert first.headers["x-request-id"].startswith("req_")
    assert first.json()["error"]["type"] == "server_error"
    assert first.json()["detail"] == "Service Unavailable"
    assert server.ask("How is the weather?")["output_text"] == "It rains."
    teapot = server.post({"input": "Hello."})
    assert (teapot.status_code, teapot.json()) == (418, {"detail": "short and stout"})
    html = server.post({"input": "Hello."})
    assert (html.status_code, html.text, html.headers["content-type"]) == (502, "<h1>Bad Gateway</h1>", "text/html")
    assert server.ask("Hello.")["output_text"].startswith("This is eugpt-local")
    assert server.events({"input": "The weather?"})[-1]["response"]["output_text"] == "It rains."
    assert server.ask("And the weather?")["output_text"] != "It rains."


def test_every_status_has_an_envelope(start: Start, tmp_path: Path) -> None:
    statuses = [400, 401, 403, 404, 409, 429, 500, 503, 529]
    server = scripted(start, tmp_path, "".join(f"[[request]]\nstatus = {status}\n" for status in statuses))
    for status in statuses:
        response = server.post({"input": "x"}, "no-key-needed")
        assert response.status_code == status
        error = response.json()["error"]
        assert error["message"] == response.json()["detail"]
        assert error["type"]
        assert error["code"]


def test_match_reads_what_json_escapes(start: Start, tmp_path: Path) -> None:
    server = scripted(start, tmp_path, '[[request]]\nmatch = "Küste"\ntext = "Ebbe."\n')
    assert server.post(b'{"input": "K\\u00fcste", "stream": false}').json()["output_text"] == "Ebbe."


def test_events_and_raw_data_lines(start: Start, tmp_path: Path) -> None:
    server = scripted(
        start,
        tmp_path,
        '[[request]]\nevents = [{type = "response.created", sequence_number = 0}, "not json",\n'
        '{type = "error", code = "server_error", message = "model overloaded"}]\n',
    )
    response = server.post({"input": "x", "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = response.text.split("\n\n")
    assert blocks[1] == "event: message\ndata: not json"
    assert json.loads(blocks[2].split("data: ")[1]) == {
        "type": "error",
        "code": "server_error",
        "message": "model overloaded",
    }


def test_cuts_of_a_stream(start: Start, tmp_path: Path) -> None:
    places = ("cut_after_events = 3", "cut_after_bytes = 700")
    cuts = [(cut, where) for cut in ("clean", "close", "reset") for where in places]
    server = scripted(start, tmp_path, "".join(f'[[request]]\n{where}\ncut = "{cut}"\n' for cut, where in cuts))
    for cut, where in cuts:
        received, ended = exchange(server)
        assert ended == ("reset" if cut == "reset" else "closed")
        assert b"response.created" in received
        assert b"response.completed" not in received
        assert received.endswith(b"0\r\n\r\n") == (cut == "clean"), "only a clean cut ends the HTTP message"
        if "events" in where:
            assert received.count(b"event: message") == 3


def test_cut_of_a_document_and_before_any_event(start: Start, tmp_path: Path) -> None:
    server = scripted(
        start,
        tmp_path,
        "[[request]]\ncut_after_bytes = 100\n[[request]]\ncut_after_events = 0\n"
        '[[request]]\ncut_after_events = 0\ncut = "reset"\n',
    )
    assert len(server.post({"input": "Hello."}).content) == 100
    empty = server.post({"input": "Hello.", "stream": True})
    assert (empty.status_code, empty.content) == (200, b"")
    received, ended = exchange(server)
    assert ended == "reset"
    assert received.startswith(b"HTTP/1.1 200")
    assert b"data:" not in received


def test_silence_holds_the_line(start: Start, tmp_path: Path) -> None:
    server = scripted(start, tmp_path, '[[request]]\ncut_after_events = 2\ncut = "silent"\n')
    received, ended = exchange(server, wait=1)
    assert ended == "silent"
    assert received.count(b"event: message") == 2


def test_delays(start: Start, tmp_path: Path) -> None:
    server = scripted(start, tmp_path, '[[request]]\ndelay = 0.4\n[[request]]\ntext = "a b c"\ndelay_between = 0.05\n')
    begun = time.monotonic()
    server.ask("Hello.")
    assert time.monotonic() - begun >= 0.4
    begun = time.monotonic()
    events = server.events({"input": "Hello."})
    assert time.monotonic() - begun >= 0.05 * (len(events) - 1)
    assert events[-1]["response"]["output_text"] == "a b c"


def test_raw_bytes(start: Start, tmp_path: Path) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n\xff\x00"
    encoded = base64.b64encode(data).decode()
    server = scripted(
        start,
        tmp_path,
        f'[[request]]\nraw_base64 = "{encoded}"\n[[request]]\nraw = "HTTP/1.1 200 OK\\r\\nContent-Le"\ncut = "reset"\n'
        '[[request]]\nraw = "garbage"\ncut = "silent"\n',
    )
    assert exchange(server) == (data, "closed")
    assert exchange(server) == (b"HTTP/1.1 200 OK\r\nContent-Le", "reset")
    assert exchange(server, wait=0.5) == (b"garbage", "silent")


BAD = [
    ("[[request", "cannot read the scenario"),
    ("x = 1", "[[request]]"),
    ("", "[[request]]"),
    ("request = 3", "[[request]]"),
    ("[[request]]\nstats = 200", "request 1: no such member: stats; did you mean status?"),
    ('[[request]]\n[[request]]\nstatus = "503"', "request 2: status"),
    ("[[request]]\nstatus = 99", "request 1: status"),
    ("[[request]]\ndelay = -1", "request 1: delay"),
    ("[[request]]\ndelay = inf", "request 1: delay"),
    ('[[request]]\nheaders = { A = "a\\r\\nb" }', "request 1: headers.A"),
    ('[[request]]\nheaders = { "A B" = "c" }', "request 1: headers.A B"),
    ('[[request]]\ncut = "maybe"', "request 1: cut"),
    ('[[request]]\ncut = "reset"', "cut needs cut_after_bytes or cut_after_events"),
    ('[[request]]\ntext = "a"\nraw = "b"', "only one of"),
    ('[[request]]\ntext = "a"\nstatus = 503', "status can be used only alone, or with body or events"),
    ("[[request]]\ncut_after_bytes = 1\ncut_after_events = 1", "only one of"),
    ("[[request]]\nbody = { since = 2026-01-01 }", "only JSON values"),
    ("[[request]]\nevents = [{ n = nan }]", "only JSON values"),
    ('[[request]]\nraw_base64 = "?"', "not base64"),
    ('[[request]]\nrecording = "none.json"', "cannot read the recording"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=lambda value: str(value)[:30])
def test_bad_scenario_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    from eugpt_cli.local.rehearsal.scenario import load
    from eugpt_cli.local.server_config import ServeError

    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ServeError) as caught:
        load(tmp_path / "bad.toml")
    assert message in caught.value.message
    assert "\n" not in caught.value.message


def test_scripted_answer_is_stored_like_any_other(start: Start, tmp_path: Path) -> None:
    server = scripted(start, tmp_path, '[[request]]\ncut_after_events = 2\ncut = "reset"\n')
    with pytest.raises(httpx.HTTPError):
        server.post({"input": "The code word is walnut.", "stream": True})
    assert server.ask("Hello.")["status"] == "completed"
