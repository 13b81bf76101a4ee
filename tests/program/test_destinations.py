"""Standard output and files: what is written, what survives, and that destinations are checked first. Section 5."""

import json
import os
import signal
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import DOCUMENT, EVENTS, UUID
from tests.support.forked_program import eugpt
from tests.support.program import EUGPT, shell, start
from tests.support.rawserver import SSE_HEAD, chunk, http, serving, sse, stream

COMMANDS = ["ask", "stream", "chat", "raw-events"]
DELTA = EVENTS[1]
# root may write anywhere; without these two capabilities the permission bits hold for it as well
PLAIN = "setpriv --bounding-set -dac_override,-dac_read_search eugpt" if os.geteuid() == 0 else "eugpt"


def answer(command: str) -> bytes:
    """What each command makes of the stream of EVENTS."""
    return "".join(f"{event}\n" for event in EVENTS).encode() if command == "raw-events" else b"Hello\n"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("command", COMMANDS)
def test_output(tmp_path: Path, command: str) -> None:
    target = tmp_path / "answer"
    with serving(stream(*EVENTS)) as server:
        run = eugpt(command, "x", "-o", str(target), base_url=server.base_url)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
    assert target.read_bytes() == answer(command)
    assert names(tmp_path) == {"answer"}


def test_an_old_file_is_replaced_whole_and_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "answer"
    target.write_bytes(b"old and longer than the new one\n")
    target.chmod(0o640)
    with serving(http(DOCUMENT)) as server, target.open("rb") as reader:
        run = eugpt("ask", "x", "-o", str(target), base_url=server.base_url)
        assert reader.read() == b"old and longer than the new one\n"
    assert (run.returncode, target.read_bytes()) == (0, b"Hello\n")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert names(tmp_path) == {"answer"}


TEXTS = ["Hello", "Hello\n", "Hello\n\n", "", "\n", "Grüße\r\nund mehr\x1b[1m\u2028", "```json\n[1]\n```"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "words", ["ask", "ask --json", "ask --extract json", "ask --check true", "stream", "raw-events"]
)
def test_a_file_gets_the_bytes_that_a_pipe_gets(tmp_path: Path, words: str, text: str) -> None:
    target = tmp_path / "answer"
    target.write_text("old")
    document = {"status": "completed", "output_text": text}
    with serving(http(json.dumps(document).encode())) as server:
        piped = eugpt(*words.split(), "x", base_url=server.base_url)
        filed = eugpt(*words.split(), "x", "-o", str(target), base_url=server.base_url)
    assert (filed.returncode, filed.stdout, filed.stderr) == (piped.returncode, b"", piped.stderr)
    assert target.read_bytes() == (piped.stdout if piped.returncode == 0 else b"old")
    if words in ("ask", "stream"):
        assert target.read_bytes() == (text if text.endswith("\n") else f"{text}\n").encode()


def test_a_file_is_renamed_over_the_old_one(tmp_path: Path) -> None:
    target, other = tmp_path / "answer", tmp_path / "other"
    target.write_text("old")
    os.link(target, other)
    with serving(http(DOCUMENT)) as server:
        assert eugpt("ask", "x", "-o", str(target), base_url=server.base_url).returncode == 0
    assert (target.read_bytes(), other.read_bytes()) == (b"Hello\n", b"old")
    assert target.stat().st_ino != other.stat().st_ino


def test_a_new_file_obeys_the_umask(tmp_path: Path) -> None:
    with serving(http(DOCUMENT)) as server:
        run = shell(f"umask 027; eugpt ask x -o {tmp_path}/answer", base_url=server.base_url)
    assert (run.returncode, stat.S_IMODE((tmp_path / "answer").stat().st_mode)) == (0, 0o640)


@pytest.mark.parametrize("dangling", [False, True])
def test_a_symlink_stays_one(tmp_path: Path, dangling: bool) -> None:
    folder, links = tmp_path / "files", tmp_path / "links"
    folder.mkdir()
    links.mkdir()
    (links / "link").symlink_to("../files/answer")
    if not dangling:
        (folder / "answer").write_text("old")
    with serving(http(DOCUMENT)) as server:
        run = eugpt("ask", "x", "-o", str(links / "link"), base_url=server.base_url)
    assert (run.returncode, run.stderr) == (0, b"")
    assert (links / "link").is_symlink()
    assert (folder / "answer").read_bytes() == b"Hello\n"
    assert (names(folder), names(links)) == ({"answer"}, {"link"})


def test_a_fifo_is_written_into(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with serving(stream(*EVENTS)) as server, start("stream", "x", "-o", str(fifo), base_url=server.base_url) as run:
        with fifo.open("rb") as reader:
            assert reader.read() == b"Hello\n"
        assert run.wait(60) == 0
    assert stat.S_ISFIFO(fifo.stat().st_mode)


@pytest.mark.parametrize("command", ["ask", "stream"])
def test_a_descriptor_as_target(tmp_path: Path, command: str) -> None:
    with serving(stream(*EVENTS)) as server:
        piped = eugpt(command, "x", "-o", "/dev/fd/1", base_url=server.base_url)
        script = f"printf 'kept\\n' >{tmp_path}/log; eugpt {command} x -o /dev/fd/1 >>{tmp_path}/log"
        appended = shell(script, base_url=server.base_url)
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, b"Hello\n", b"")
    assert (appended.returncode, appended.stderr) == (0, b"")
    assert (tmp_path / "log").read_bytes() == b"kept\nHello\n"


# what stdout is, the options, the exit code, words of the error line, and how many requests were sent
BAD_DESTINATIONS = [
    (">&-", "", 32, "closed", 0),
    (">/dev/full", "", 32, "no space", 1),
    ("", "-o missing/answer", 32, "missing", 0),
    ("", "-o file/answer", 32, "file", 0),
    ("", "-o .", 32, "directory", 0),
    ("", "-o readonly/answer", 32, "permission", 0),
    ("", "-o readonly/old", 32, "permission", 0),
    ("", "--meta missing/meta", 32, "missing", 0),
    ("", "--meta readonly/meta", 32, "permission", 0),
    ("", "--meta .", 32, "directory", 0),
    ("", "-o answer --meta missing/meta", 32, "missing", 0),
]


@pytest.mark.parametrize("command", ["ask", "stream"])
@pytest.mark.parametrize(("redirection", "options", "code", "says", "requests"), BAD_DESTINATIONS)
def test_bad_destinations(
    tmp_path: Path, command: str, redirection: str, options: str, code: int, says: str, requests: int
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "readonly").mkdir()
    (tmp_path / "readonly" / "old").write_text("old")
    (tmp_path / "readonly").chmod(0o555)
    with serving(stream(*EVENTS)) as server:
        run = shell(f"cd {tmp_path}; {PLAIN} {command} x {options} {redirection}", base_url=server.base_url)
    assert (run.returncode, run.stdout, len(server.received)) == (code, b"", requests)
    line, *others = run.stderr.decode().splitlines()
    assert line.startswith("eugpt: output: ")
    assert says in line.lower()
    assert all(other.startswith("hint: ") for other in others)
    assert names(tmp_path) == {"file", "readonly"}
    assert (tmp_path / "readonly" / "old").read_text() == "old"


def test_output_to_a_file_needs_no_stdout(tmp_path: Path) -> None:
    with serving(http(DOCUMENT)) as server:
        run = shell(f"eugpt ask x -o {tmp_path}/answer >&-", base_url=server.base_url)
    assert (run.returncode, run.stderr, (tmp_path / "answer").read_bytes()) == (0, b"", b"Hello\n")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2>/dev/null", ">/dev/null 2>&1"])
def test_stderr_changes_no_exit_code(redirection: str) -> None:
    with serving(http(b'{"detail":"no"}', status="403 X")) as server:
        assert shell(f"eugpt ask x -v {redirection}", base_url=server.base_url).returncode == 43
    with serving(http(DOCUMENT)) as server:
        assert shell(f"eugpt ask x -v {redirection}", base_url=server.base_url).returncode == 0


def for_ever(connection: socket.socket) -> None:
    """Deltas of one line each, until the client leaves."""
    connection.sendall(SSE_HEAD)
    line = chunk(sse('{"type":"response.output_text.delta","delta":"a line\\n"}'))
    while True:
        connection.sendall(line)


@pytest.mark.parametrize("command", ["stream", "chat", "raw-events"])
@pytest.mark.parametrize("redirection", ["", "2>&1"])
def test_head(command: str, redirection: str) -> None:
    script = f"eugpt {command} -v x {redirection} | head -n 1; echo ${{PIPESTATUS[0]}}"
    with serving(for_ever) as server:
        run = shell(script if redirection else script.replace("-v ", ""), base_url=server.base_url, name="bash")
    first, status = run.stdout.splitlines()
    assert (status, run.stderr) == (b"141", b"")
    assert first


# what the service plays, and the exit code; in each row the old file survives and nothing else is left
FAILURES = [
    (http(b'{"detail":"no"}', status="403 X"), 43),
    (http(b"<html>", kind="text/html"), 63),
    (stream(DELTA), 62),
    (SSE_HEAD + chunk(sse(DELTA)), 62),
    (stream(DELTA, '{"type":"error","message":"no"}'), 80),
    (stream(DELTA, '{"type":"response.incomplete"}'), 81),
    (http(b'{"status":"incomplete","output_text":"Hel"}'), 81),
]


@pytest.mark.parametrize("command", ["ask", "stream"])
@pytest.mark.parametrize(("script", "code"), FAILURES, ids=lambda value: str(value)[:40])
def test_failures_leave_the_old_file(tmp_path: Path, command: str, script: bytes, code: int) -> None:
    target = tmp_path / "answer"
    target.write_text("old")
    with serving(script) as server:
        run = eugpt(command, "x", "--retries", "0", "-o", str(target), base_url=server.base_url)
    assert (run.returncode, run.stdout) == (code, b"")
    assert target.read_text() == "old"
    assert names(tmp_path) == {"answer"}


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "answer"
    target.write_text("old")
    with serving(
        stream(json.dumps({"type": "response.output_text.delta", "delta": "x" * 100_000}), EVENTS[-1])
    ) as server:
        run = shell(f"ulimit -f 8; eugpt stream x -o {target}", base_url=server.base_url)
    assert (run.returncode, run.stdout) == (32, b"")
    assert run.stderr.startswith(b"eugpt: output: ")
    assert target.read_text() == "old"
    assert names(tmp_path) == {"answer"}


@pytest.mark.parametrize(
    ("command", "signum"),
    [
        *((command, signal.SIGKILL) for command in COMMANDS),
        *(("stream", signum) for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)),
    ],
)
def test_killed_in_the_middle(tmp_path: Path, command: str, signum: signal.Signals) -> None:
    arrived = threading.Event()

    def script(connection: socket.socket) -> None:
        event = chunk(sse(json.dumps({"type": "response.output_text.delta", "delta": "x" * 100_000})))
        connection.sendall(SSE_HEAD + event * 100)  # more than sockets buffer: most of it has been read by then
        arrived.set()
        connection.recv(1)

    target = tmp_path / "answer"
    target.write_text("old")
    with serving(script) as server, start(command, "x", "-o", str(target), base_url=server.base_url) as run:
        assert arrived.wait(60)
        run.send_signal(signum)
        out, _ = run.communicate(timeout=60)
    assert (run.returncode, out, target.read_text()) == (-signum, b"", "old")
    assert names(tmp_path) == {"answer"}


def meta(path: Path) -> dict[str, Any]:
    text = path.read_bytes()
    assert text.count(b"\n") == 1
    loaded = json.loads(text)
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.parametrize("command", COMMANDS)
def test_meta_of_a_success(tmp_path: Path, command: str) -> None:
    events = (
        f'{{"type":"response.created","response":{{"id":"resp_1","model":"m-1","conversation_id":"{UUID}"}}}}',
        '{"type":"response.output_item.added","item":{"type":"web_search_call","id":"i"}}',
        DELTA,
        '{"type":"response.completed","response":{"id":"resp_1","model":"m-1","status":"completed"}}',
    )
    with serving(
        SSE_HEAD.replace(b"\r\n\r\n", b"\r\nX-Request-Id: req_1\r\n\r\n") + stream(*events)[len(SSE_HEAD) :]
    ) as server:
        run = eugpt(command, "x", "--meta", str(tmp_path / "meta"), base_url=server.base_url)
    note = f"eugpt: note: new conversation {UUID}; continue it with -c {UUID}\n" if command == "chat" else ""
    assert (run.returncode, run.stderr.decode()) == (0, note)
    told = meta(tmp_path / "meta")
    assert {name: told[name] for name in ("response_id", "conversation_id", "request_id", "model")} == {
        "response_id": "resp_1",
        "conversation_id": UUID,
        "request_id": "req_1",
        "model": "m-1",
    }
    assert (told["status"], told["exit"], told["attempts"], told["http_status"]) == ("completed", 0, 1, 200)
    assert told["tools"] == ["web_search"]
    assert names(tmp_path) == {"meta"}


# options, environment, stdin, what the service plays, the exit code and how many attempts the object tells of
META_FAILURES: list[tuple[str, dict[str, str | None], bytes, int, int]] = [
    ("", {}, b"", 2, 0),
    ("x -p no-uuid", {}, b"", 2, 0),
    ("x", {"EUGPT_API_KEY": None}, b"", 30, 0),
    ("x --base-url http://example.org", {}, b"", 30, 0),
    ("x -f missing", {}, b"", 31, 0),
    ("x -o missing/answer", {}, b"", 32, 0),
    ("x >&-", {}, b"", 32, 0),
    ("x >/dev/full", {}, http(DOCUMENT), 32, 1),
    ("x", {}, http(b'{"detail":"no"}', status="401 X"), 41, 1),
    ("x", {}, http(b"", status="503 X"), 53, 1),
    ("x --base-url http://127.0.0.1:1", {}, b"", 60, 1),
    ("x", {}, stream(DELTA), 62, 1),
    ("x", {}, http(b"<html>", kind="text/html"), 63, 1),
    ("x", {}, stream('{"type":"response.failed","response":{"id":"r"}}'), 80, 1),
    ("x", {}, http(b'{"status":"incomplete"}'), 81, 1),
]


@pytest.mark.parametrize(("options", "env", "script", "code", "attempts"), META_FAILURES, ids=lambda v: str(v)[:40])
def test_meta_of_a_failure(
    tmp_path: Path, options: str, env: dict[str, str | None], script: bytes, code: int, attempts: int
) -> None:
    words = f"cd {tmp_path}; eugpt ask --retries 0 --errors json --meta meta {options}"
    with serving(script) as server:
        run = shell(words, base_url=server.base_url, env=env)
    assert run.returncode == code, run
    told = meta(tmp_path / "meta")
    assert (told["exit"], told["attempts"]) == (code, attempts)
    assert told["error"] == json.loads(run.stderr)["error"]


PARTIAL = [
    (stream(DELTA), "ask", 62, b"Hel"),
    (SSE_HEAD + chunk(sse(DELTA)), "ask", 62, b"Hel"),
    (stream(DELTA, '{"type":"error","message":"no"}'), "ask", 80, b"Hel"),
    (stream(DELTA, '{"type":"response.incomplete"}'), "ask", 81, b"Hel"),
    (http(b'{"status":"incomplete","output_text":"Hel"}'), "ask", 81, b"Hel"),
    (http(b'{"detail":"no"}', status="403 X"), "ask", 43, b""),
    (stream(*EVENTS), "ask", 0, b"Hello"),
]


@pytest.mark.parametrize(("script", "command", "code", "text"), PARTIAL, ids=lambda value: str(value)[:40])
def test_partial_prints_what_arrived_and_keeps_the_code(script: bytes, command: str, code: int, text: bytes) -> None:
    with serving(script) as server:
        without = eugpt(command, "x", "--retries", "0", base_url=server.base_url)
        run = eugpt(command, "x", "--partial", "--retries", "0", base_url=server.base_url)
    assert (without.returncode, without.stdout.rstrip(b"\n")) == (code, b"" if code else text)
    assert (run.returncode, run.stdout.rstrip(b"\n")) == (code, text)
    assert run.stderr == without.stderr


def test_full_standard_output_of_a_long_stream() -> None:
    with serving(for_ever) as server:
        run = shell("eugpt stream x >/dev/full", base_url=server.base_url)
    assert (run.returncode, run.stderr.startswith(b"eugpt: output: ")) == (32, True)
    assert EUGPT.encode() not in run.stderr
