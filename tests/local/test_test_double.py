"""The server as a test double: the journal, what is left over, what `match` compares with, access lines, CORS."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eugpt_cli.local.rehearsal.likeness import texts_in
from tests.support.program import EUGPT

from .conftest import Server, Start, started
from .servers import ServerForker
from .test_scenario import exchange, scripted


def lines(journal: Path) -> list[dict[str, Any]]:
    """The journal's lines; every one is JSON."""
    return [json.loads(line) for line in journal.read_text("utf-8").splitlines()]


def serve(folder: Path, *words: str, scenario: str = "") -> subprocess.CompletedProcess[str]:
    """Runs `eugpt serve` in a folder with a scenario `s.toml`."""
    (folder / "s.toml").write_text(scenario, "utf-8")
    environ = {**os.environ, "PATH": f"{Path(EUGPT).parent}:{os.environ['PATH']}"}
    return subprocess.run([EUGPT, "serve", *words], cwd=folder, env=environ, capture_output=True, text=True, timeout=60)


def test_the_journal_says_what_was_asked_and_what_answered(tmp_path: Path) -> None:
    scenario = '[[request]]\nmatch = "down"\nstatus = 503\n[[request]]\nmatch = "cut"\ncut_after_events = 2\n'
    script = "eugpt ask --retries 0 'Is it down?'; eugpt stream --retries 0 cut; eugpt ask -i 'Be brief.' Grüße; true"
    words = ["--scenario", "s.toml", "--journal", "j.ndjson", "--key", "eugpt_secret-of-the-run"]
    run = serve(tmp_path, *words, "--", "sh", "-c", script, scenario=scenario)
    assert run.returncode == 0, run.stderr
    down, cut, good = lines(tmp_path / "j.ndjson")
    assert down["body"] == {"model": "auto", "input": "Is it down?", "stream": False}
    assert (down["answered_by"], down["scenario"], down["status"], down["ended"]) == ("scenario", 1, 503, "whole")
    assert (cut["answered_by"], cut["scenario"], cut["status"], cut["ended"]) == ("engine", 2, 200, "cut")
    assert (good["answered_by"], good["scenario"], good["status"], good["ended"]) == ("engine", None, 200, "whole")
    assert good["body"]["input"] == "Grüße"
    assert good["body"]["instructions"] == "Be brief."
    assert good["user_agent"].startswith("eugpt-cli/")
    assert good["bytes"] > 100
    assert down["at"] < cut["at"] < good["at"] < "2100"
    assert down["id"].startswith("req_")
    assert (tmp_path / "j.ndjson").stat().st_mode & 0o777 == 0o600
    assert "secret-of-the-run" not in (tmp_path / "j.ndjson").read_text()


def test_the_journal_has_what_was_refused_and_masks_the_key(start: Start, tmp_path: Path) -> None:
    server = start(journal=str(tmp_path / "j"))
    server.post({"input": f"My key is {server.key}."}, "wrong")
    server.post(b"{broken")
    server.post({"input": f"My key is {server.key}.", "tools": [], "previous_response_id": None})
    refused, broken, good = lines(tmp_path / "j")
    assert (refused["status"], refused["answered_by"]) == (401, "server")
    assert refused["body"]["input"] == "My key is eugpt_***."
    assert (broken["status"], broken["body"]) == (400, "{broken")
    assert good["ignored"] == ["tools", "previous_response_id"]
    assert server.key not in (tmp_path / "j").read_text()


def test_a_journal_that_cannot_be_written(tmp_path: Path) -> None:
    absent = serve(tmp_path, "--journal", "no/j", "--", "true")
    assert (absent.returncode, absent.stdout) == (32, "")
    assert absent.stderr.startswith("eugpt: output: cannot write the journal no/j: no such file or directory")
    full = serve(tmp_path, "--journal", "/dev/full", "--", "eugpt", "ask", "Hello")
    assert full.returncode == 32
    assert full.stdout.startswith("This is eugpt-local")
    assert full.stderr.count("warning: cannot write the journal /dev/full: no space left on device") == 1


LEFT_OVER = """
[[request]]
match = "never said"
status = 503

[[request]]
status = 500
times = 3

[[request]]
match = "catch all"
times = 0

[[request]]
times = 0
"""


@pytest.mark.parametrize(("words", "end", "status"), [([], "", 0), (["--strict"], "", 82), (["--strict"], "exit 5", 5)])
def test_unused_tables_are_named(tmp_path: Path, words: list[str], end: str, status: int) -> None:
    script = f"eugpt ask --retries 0 Hello; true; {end}"
    run = serve(tmp_path, *words, "--scenario", "s.toml", "--", "sh", "-c", script, scenario=LEFT_OVER)
    assert run.returncode == status
    assert run.stderr.splitlines()[-3:] == [
        'eugpt serve: scenario: request 1 (match = "never said"): not used',
        "eugpt serve: scenario: request 2: used 1 of 3 times",
        'eugpt serve: scenario: request 3 (match = "catch all"): not used',
    ]


def test_a_scenario_used_up_is_silent(tmp_path: Path) -> None:
    table = '[[request]]\ntext = "Yes."\n'
    run = serve(tmp_path, "--strict", "--scenario", "s.toml", "--", "eugpt", "ask", "x", scenario=table)
    assert (run.returncode, run.stdout, run.stderr) == (0, "Yes.\n", "")


MATCHES = ['say "hi"', "one\ntwo", "Küste €", "back\\slash", "tab\there", "💶", "Be brief"]


@pytest.fixture(scope="module")
def matching(forker: ServerForker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a table for each of MATCHES, which names the words that it has seen, as often as they come."""
    folder = tmp_path_factory.mktemp("matching")
    tables = ({"match": words, "text": f"matched {number}", "times": 0} for number, words in enumerate(MATCHES))
    lines = ("".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in table.items()) for table in tables)
    (folder / "s.toml").write_text("".join(f"[[request]]\n{line}" for line in lines), "utf-8")
    running = started(folder / "stderr.log", partial(forker.serve, {"port": 0, "scenario": str(folder / "s.toml")}))
    yield running
    running.stop()


@pytest.mark.parametrize("words", MATCHES)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_match_compares_with_the_decoded_text(matching: Server, words: str, ascii_only: bool) -> None:
    content = [{"type": "input_text", "text": f"Before {words} after"}]
    for body in (
        {"input": "Other."},
        {"input": "x", "instructions": f"Before {words} after"},
        {"input": [{"role": "user", "content": content}]},
    ):
        answer = matching.post(json.dumps({**body, "stream": False}, ensure_ascii=ascii_only).encode())
        matched = answer.json()["output_text"] == f"matched {MATCHES.index(words)}"
        assert matched == (body != {"input": "Other."})


def test_match_does_not_see_the_structure(start: Start, tmp_path: Path) -> None:
    server = scripted(start, tmp_path, '[[request]]\nmatch = "input_text"\ntimes = 0\nstatus = 500\n')
    body = {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello."}]}]}
    assert server.post(body).status_code == 200
    assert server.post({"input": "What is input_text?"}).status_code == 500


@given(st.text(min_size=1), st.booleans())
def test_any_text_is_found_as_it_was_meant(text: str, ascii_only: bool) -> None:
    assert text in texts_in(json.dumps({"input": [{"content": text}]}, ensure_ascii=ascii_only))


def test_the_access_line_says_what_was_received_whole(start: Start, tmp_path: Path) -> None:
    scenario = '[[request]]\nmatch = "slow"\ntext = "a b c d e f"\ndelay_between = 0.3\n'
    (tmp_path / "s.toml").write_text(scenario)
    server = start(verbose=True, scenario=str(tmp_path / "s.toml"))
    for text, until in (("Hello", b"response.completed"), ("slow", b"response.created")):
        body = json.dumps({"input": text, "previous_response_id": "x", "tools\x1b": 1})
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
            line.sendall(
                f"POST /v1/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            received = b""
            while until not in received:
                received += line.recv(65536)
    deadline = time.monotonic() + 10
    while len(said := server.log.read_text().splitlines()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [line.split()[3] for line in said] == ["200", "left"]
    assert all(line.endswith("; ignored: previous_response_id, tools\\u001b") for line in said)


def test_proxies_are_told_not_to_hold_events_back(server: Server) -> None:
    assert server.post({"input": "Hello.", "stream": True}).headers["x-accel-buffering"] == "no"
    assert "x-accel-buffering" not in server.post({"input": "Hello."}).headers


ORIGIN = "http://localhost:5173"


def preflight(server: Server) -> httpx.Response:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-stainless-os, b d",
    }
    return httpx.request("OPTIONS", f"{server.base_url}/responses", headers=asked)


def test_a_browser_is_let_in_only_with_cors(start: Start, server: Server) -> None:
    assert preflight(server).status_code == 405
    assert not [name for name in server.post({"input": "x"}).headers if name.startswith("access-control")]
    open_server = start(cors=ORIGIN)
    asked = preflight(open_server)
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert asked.headers["access-control-allow-headers"] == "authorization, x-stainless-os"
    for body in ({"input": "Hello."}, {"input": "Hello.", "stream": True}, {"input": ""}):
        assert open_server.post(body).headers["access-control-allow-origin"] == ORIGIN


COMBINATIONS = [
    ('body = "x"\ncut_after_events = 1', "need a stream"),
    ('raw = "x"\ndelay_between = 1', "need a stream"),
    ("status = 503\ncut_after_events = 1", "need a stream"),
    ('raw = "x"\nheaders = { A = "b" }', "headers cannot be used with raw"),
    ('body = "x"\nconversation_id = ""', "conversation_id needs text"),
]


@pytest.mark.parametrize(("table", "why"), COMBINATIONS, ids=[table for table, _ in COMBINATIONS])
def test_what_would_be_ignored_is_refused(tmp_path: Path, table: str, why: str) -> None:
    run = serve(tmp_path, "--scenario", "s.toml", "--", "true", scenario=f"[[request]]\n{table}\n")
    assert run.returncode == 30
    assert why in run.stderr


def test_the_command_has_a_state_folder_of_its_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    script = (
        'echo "$XDG_STATE_HOME"; test -d "$XDG_STATE_HOME" && touch "$XDG_STATE_HOME/kept-$1"; ls "$XDG_STATE_HOME"'
    )
    environ = {**os.environ, "XDG_STATE_HOME": str(mine)}

    def run(*words: str) -> list[str]:
        line = [EUGPT, "serve", *words, "--", "sh", "-c", script, "sh"]
        done = subprocess.run([*line, str(len(words))], env=environ, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    first, second = run(), run()
    assert first[0] != second[0] != str(mine)
    assert not Path(first[0]).exists(), "it is gone with the server"
    lasting = run("--state", str(tmp_path / "state"))
    assert run("--state", str(tmp_path / "state")) == lasting
    assert Path(lasting[0]).is_relative_to(tmp_path / "state")
    assert not mine.exists()


def test_a_thread_of_an_earlier_serve_goes_on_with_its_state(tmp_path: Path) -> None:
    words = ["--state", "state", "--", "eugpt", "chat", "-c", "boat"]
    assert serve(tmp_path, *words, "My boat is called Petrel.").returncode == 0
    again = serve(tmp_path, *words, "What is my boat called?")
    assert (again.returncode, again.stdout) == (0, "You said earlier: “My boat is called Petrel.”\n"), again.stderr


def test_raw_bytes_are_in_the_journal(start: Start, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[[request]]\nraw = "garbage"\n')
    server = start(scenario=str(tmp_path / "s.toml"), journal=str(tmp_path / "j"))
    exchange(server)
    (line,) = lines(tmp_path / "j")
    assert (line["status"], line["ended"], line["bytes"], line["scenario"]) == (None, "whole", 7, 1)
