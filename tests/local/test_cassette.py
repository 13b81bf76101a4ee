"""The cassette: what is recorded is replayed, what is missing is asked, and nothing but complete answers is kept."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eugpt_cli.local.event_sequence import JSON_HEADERS, SSE_HEADERS, frame, sequence
from eugpt_cli.local.rehearsal.answer_forms import in_form, verdict
from eugpt_cli.local.rehearsal.recording import fingerprint
from eugpt_cli.local.send import Reply
from tests.support.authority import Authority
from tests.support.program import EUGPT

from .conftest import Server, Start
from .test_scenario import exchange

SECRET = "eugpt_the-real-key"
SCRIPT = """
eugpt ask "What is 6 * 7?"
eugpt stream "What is 3 * 3?"
echo "The pump failed in May." | eugpt ask "When did the pump fail?"
"""


def cassette(upstream_url: str, folder: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs `eugpt serve` with a cassette and a command."""
    environ = {**os.environ, "EUGPT_API_KEY": SECRET, "PATH": f"{Path(EUGPT).parent}:{os.environ['PATH']}", **more}
    words = ["--record", str(folder), "--upstream", upstream_url, "--replay", str(folder), "--", *command]
    return subprocess.run([EUGPT, "serve", *words], env=environ, capture_output=True, text=True, timeout=60)


def asked(server: Server) -> int:
    """How many requests a verbose server has answered."""
    return server.log.read_text().count("POST /v1/responses")


@pytest.fixture
def upstream(start: Start) -> Server:
    return start(key=SECRET, verbose=True)


def test_a_script_through_the_cassette_twice(upstream: Server, tmp_path: Path) -> None:
    first = cassette(upstream.base_url, tmp_path / "c", "sh", "-c", SCRIPT)
    assert first.returncode == 0, first.stderr
    assert first.stdout == "6 * 7 = 42\n3 * 3 = 9\nThe pump failed in May.\n"
    count = asked(upstream)
    assert count == 3
    second = cassette(upstream.base_url, tmp_path / "c", "sh", "-c", SCRIPT)
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert asked(upstream) == count, "nothing is asked again"
    upstream.stop()
    assert cassette(upstream.base_url, tmp_path / "c", "sh", "-c", SCRIPT).stdout == first.stdout, "works offline"


def test_the_openai_sdk_gets_both_forms_from_one_recording(
    openai: Any, start: Start, upstream: Server, tmp_path: Path
) -> None:
    options = {"record": str(tmp_path), "replay": str(tmp_path), "upstream": upstream.base_url, "upstream_key": SECRET}
    seen = []
    for _ in range(2):
        server = start(**options)
        with openai.OpenAI(api_key=server.key, base_url=server.base_url, max_retries=0) as client:
            document = client.responses.create(model="auto", input="What is 6 * 7?", stream=False)
            events = list(client.responses.create(model="auto", input="What is 6 * 7?", stream=True))
        deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert document.output_text == deltas == "6 * 7 = 42"
        assert [item.type for item in document.output] == ["mcp_call", "message"]
        seen.append((document.model_dump_json(), [event.model_dump_json() for event in events]))
    assert seen[0] == seen[1]
    assert asked(upstream) == 1


FAILURES = [
    ("status = 503", "HTTP 503"),
    ('events = [{type = "response.created"}, {type = "error", message = "no"}]', "ended with error"),
    ("cut_after_events = 3", "without a terminal event"),
    ('cut_after_events = 3\ncut = "reset"', "broke off"),
    ('cut_after_bytes = 40\ncut = "close"', "broke off"),
    ('body = {id = "x", status = "incomplete", output = []}', "incomplete"),
    ('body = "<html>"', "no response of the API"),
]


@pytest.mark.parametrize(("table", "why"), FAILURES, ids=[why for _, why in FAILURES])
def test_failures_are_passed_on_and_not_kept(start: Start, tmp_path: Path, table: str, why: str) -> None:
    (tmp_path / "s.toml").write_text(f"[[request]]\n{table}\n")
    upstream = start(key=SECRET, scenario=str(tmp_path / "s.toml"), verbose=True)
    folder = tmp_path / "c"
    server = start(record=str(folder), replay=str(folder), upstream=upstream.base_url, upstream_key=SECRET)
    exchange(server)
    exchange(server)
    server.stop()
    assert len(list(folder.iterdir())) == 1, "the good answer of the second time"
    assert asked(upstream) == 2
    assert re.search(rf"not recorded: .*{why}", server.log.read_text())


def test_a_client_that_hangs_up_gets_its_exchange_recorded(start: Start, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[[request]]\ntimes = 0\ntext = "one two three four"\ndelay_between = 0.05\n')
    upstream = start(key=SECRET, scenario=str(tmp_path / "s.toml"), verbose=True)
    folder = tmp_path / "c"
    run = cassette(upstream.base_url, folder, "sh", "-c", "eugpt raw-events x | head -1; sleep 1.5; eugpt ask x")
    assert run.stdout.endswith("one two three four\n")
    assert asked(upstream) == 1


def test_misses_are_listed_with_the_nearest_and_are_not_success(upstream: Server, tmp_path: Path) -> None:
    cassette(upstream.base_url, tmp_path / "c", "sh", "-c", SCRIPT)
    script = "eugpt ask 'What is 6 * 8?'; eugpt ask 'What is 6 * 8?'; eugpt ask 'What is 6 * 7?'"
    environ = {**os.environ, "PATH": f"{Path(EUGPT).parent}:{os.environ['PATH']}"}
    line = [EUGPT, "serve", "--replay", str(tmp_path / "c"), "--", "sh", "-c", script]
    run = subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60)
    assert run.returncode == 44
    assert run.stdout == "6 * 7 = 42\n"
    nearest = next(file.name for file in (tmp_path / "c").iterdir() if "6 * 7" in file.read_text())
    assert run.stderr.splitlines()[-1] == (
        f'eugpt serve: no recording for "What is 6 * 8?"; the nearest is {nearest}, which differs in input (2 times)'
    )
    failing = subprocess.run([*line[:-1], f"{script}; exit 7"], env=environ, capture_output=True, timeout=60)
    assert failing.returncode == 7, "COMMAND's own failure comes first"


def test_a_table_with_text_wins_over_a_recording_and_the_upstream(start: Start, tmp_path: Path) -> None:
    upstream = start(key=SECRET, verbose=True)
    (tmp_path / "s.toml").write_text('[[request]]\nmatch = "scripted"\ntext = "From the table."\ntimes = 0\n')
    folder = tmp_path / "c"
    options = {"scenario": str(tmp_path / "s.toml"), "record": str(folder), "upstream": upstream.base_url}
    server = start(**options, upstream_key=SECRET)
    assert server.ask("This is scripted.")["output_text"] == "From the table."
    assert server.ask("What is 2 + 2?")["output_text"] == "2 + 2 = 4"
    assert asked(upstream) == 1
    replay = start(scenario=str(tmp_path / "s.toml"), replay=str(folder))
    assert replay.ask("This is scripted.")["output_text"] == "From the table."
    assert replay.ask("What is 2 + 2?")["output_text"] == "2 + 2 = 4"


def test_a_table_says_how_a_recording_is_sent(start: Start, upstream: Server, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    start(record=str(folder), upstream=upstream.base_url, upstream_key=SECRET).ask("Hello.")
    (tmp_path / "s.toml").write_text('[[request]]\ncut_after_events = 3\ncut = "reset"\nheaders = { X-Mine = "yes" }\n')
    received, ended = exchange(start(scenario=str(tmp_path / "s.toml"), replay=str(folder)), '{"input": "Hello."}')
    assert (received.count(b"event: message"), ended) == (3, "reset")
    assert b"X-Mine: yes" in received


class _Tls(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"status": "completed", "output": [], "output_text": "Over TLS."}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def tls_port(authority: Authority) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Tls)
    server.socket = authority.server("localhost").wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_upstreams_certificate(start: Start, tmp_path: Path, authority: Authority, tls_port: int) -> None:
    options = {"record": str(tmp_path / "r"), "upstream": f"https://localhost:{tls_port}/v1", "upstream_key": SECRET}
    refused = start(**options).post({"input": "x"})
    assert refused.status_code == 502
    assert "the certificate of localhost was rejected: " in refused.json()["detail"]
    assert refused.json()["detail"].endswith("; to trust a private authority, use --ca-file PATH")
    assert start(**options, ca_file=authority.file).ask("x")["output_text"] == "Over TLS."


def test_a_recording_that_cannot_be_written_is_said_and_is_not_success(upstream: Server, tmp_path: Path) -> None:
    words = f"{EUGPT} serve --record c --upstream {upstream.base_url} -- {EUGPT} ask Hello"
    run = subprocess.run(
        ["sh", "-c", f"ulimit -f 1; {words}"],
        env={**os.environ, "EUGPT_API_KEY": SECRET},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 32
    assert run.stdout.startswith("This is eugpt-local")
    assert "warning: not recorded: file too large" in run.stderr
    assert list((tmp_path / "c").iterdir()) == [], "no half of a file stays"


JSON_TEXT = st.text(min_size=1).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text))


@given(JSON_TEXT, JSON_TEXT)
def test_either_form_gives_the_other(text: str, tool: str) -> None:
    part = {"type": "output_text", "text": text, "annotations": []}
    items = [
        {"type": "mcp_call", "id": "c", "status": "completed", "arguments": tool, "output": tool},
        {"type": "message", "id": "m", "status": "completed", "role": "assistant", "content": [part]},
    ]
    response = {"id": "r", "status": "completed", "output": items, "output_text": text}
    body = json.dumps(response).encode()
    document = Reply(200, JSON_HEADERS, [body])
    stream = in_form(document, body, stream=True)
    data = b"".join(stream.pieces)  # type: ignore[arg-type]
    assert data == b"".join(map(frame, sequence(response)))
    assert verdict(stream, data) == ("complete", "")
    back = in_form(Reply(200, SSE_HEADERS, [data]), data, stream=False)
    assert json.loads(b"".join(back.pieces)) == {"object": "response", **response}  # type: ignore[arg-type]


@given(st.dictionaries(st.text(), st.integers() | st.text()), st.booleans())
def test_a_request_matches_by_its_json_without_stream(members: dict[str, Any], stream: bool) -> None:
    members.pop("stream", None)
    shuffled = dict(reversed({**members, "stream": stream}.items()))
    assert fingerprint(json.dumps(members)) == fingerprint(json.dumps(shuffled, indent=2))
    assert fingerprint(json.dumps({**members, "input": 0})) != fingerprint(json.dumps({**members, "input": 1}))


def test_the_upstreams_key_does_not_reach_the_command(upstream: Server, tmp_path: Path) -> None:
    """The upstream answers with what it was asked, the key included; the recording and the command have it masked."""
    script = f'eugpt ask "The real key is {SECRET}. What is the real key?"; eugpt stream "Repeat: {SECRET} is it."'
    first = cassette(upstream.base_url, tmp_path / "c", "sh", "-c", script)
    assert first.returncode == 0, first.stderr
    assert SECRET not in first.stdout
    assert "*" * len(SECRET) in first.stdout
    second = cassette(upstream.base_url, tmp_path / "c", "sh", "-c", script)
    assert second.stdout == first.stdout
