"""Bad input: the exit code and the line, before anything is sent."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fixtures import DOCUMENT
from tests.support.forked_program import eugpt
from tests.support.program import EUGPT, KEY
from tests.support.rawserver import held_open, http, serving

BAD: list[tuple[list[str], dict[str, str | None], int, str]] = [
    (["ask", "--nope"], {}, 2, "no such option"),
    (["nope"], {}, 2, "no such command"),
    ([], {}, 2, "missing command"),
    (["ask"], {}, 2, "nothing to send"),
    (["ask", ""], {}, 2, "nothing to send"),
    (["ask", "-", "-I"], {}, 2, "standard input"),
    (["ask", "a", "b"], {}, 2, "too many arguments"),
    (["ask", "x", "-p", "no-uuid"], {}, 2, "UUID"),
    (["ask", "x", "--timeout", "0"], {}, 2, "seconds"),
    (["raw-events", "x", "--sse", "--trailer"], {}, 2, "--sse"),
    (["ask", "x"], {"EUGPT_API_KEY": None}, 30, "no API key"),
    (["ask", "x"], {"EUGPT_API_KEY": "a b"}, 30, "the API key"),
    (["ask", "x"], {"EUGPT_API_KEY": "schlüssel"}, 30, "the API key"),
    (["ask", "x"], {"EUGPT_TIMEOUT": "soon"}, 30, "EUGPT_TIMEOUT"),
    (["ask", "x"], {"EUGPT_TIMEOUT": "\u0665"}, 30, "EUGPT_TIMEOUT"),
    (["ask", "x"], {"EUGPT_RETRIES": "1_0"}, 30, "EUGPT_RETRIES must be a whole number"),
    (["ask", "x", "--retries", "1_0"], {}, 2, "--retries must be a whole number"),
    (["ask", "x", "--base-url", "https://u:p@example.org/v1"], {}, 30, "credentials"),
    (["ask", "x", "--base-url", "http://example.org/v1"], {}, 30, "plain http"),
    (["ask", "x", "--base-url", "example.org"], {}, 30, "cannot be used"),
    *((["ask", "x", flag, ""], {}, 2, f"{flag} is empty") for flag in ("--base-url", "--conversation", "--output")),
    (["ask", "x", "--base-url", "http://127.0.0.1:0/v1"], {}, 30, "port 0"),
    (["ask", "x", "--base-url", "http://127.0.0.999:1/v1"], {}, 30, "base URL"),
    (["ask", "x", "--base-url", "https://xn--/v1"], {}, 30, "base URL"),
    (["ask", "x", "--api-key-file", "/nowhere/key"], {}, 30, "key file"),
    (["ask", "x", "-f", "/nowhere/file"], {}, 31, "/nowhere/file"),
]


@pytest.mark.parametrize(("arguments", "env", "code", "says"), BAD, ids=lambda value: str(value)[:40])
def test_bad_input(arguments: list[str], env: dict[str, str | None], code: int, says: str) -> None:
    with serving(http(DOCUMENT)) as server:
        run = eugpt(*arguments, base_url=server.base_url, env=env)
    assert run.returncode == code, run
    assert says in run.stderr.decode().splitlines()[0]
    assert b"Traceback" not in run.stderr
    assert (run.stdout, server.received) == (b"", [])


def test_prompt_stdin_and_files(tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_bytes(b"\xef\xbb\xbfbody\n\n")
    run = eugpt("ask", "Sum", "-f", str(notes), "--dry-run", stdin=b"doc\n", env={"EUGPT_API_KEY": None})
    assert run.returncode == 0
    assert json.loads(run.stdout)["input"] == f'Sum\n\ndoc\n\n<file name="{notes}">\nbody\n\n</file>'


@pytest.mark.parametrize(
    ("stdin", "says"), [(b"abc\xff", "at byte 3"), (b"ab\0", "NUL at byte 2"), (b"\xc3", "at byte 0")]
)
def test_input_that_is_no_text(stdin: bytes, says: str) -> None:
    run = eugpt("ask", "x", stdin=stdin)
    assert run.returncode == 31
    assert says in run.stderr.decode()


def test_errors_as_json() -> None:
    with serving(http(b'{"detail":"no"}', status="403 X")) as server:
        run = eugpt("ask", "x", "--errors", "json", base_url=server.base_url)
    error = json.loads(run.stderr)["error"]
    assert (error["kind"], error["exit"], error["http_status"], error["message"]) == ("forbidden", 43, 403, "no")
    assert error["attempts"] == 1


def test_an_echoed_key_is_masked() -> None:
    with serving(http(json.dumps({"detail": f"bad {KEY}"}).encode(), status="401 X")) as server:
        run = eugpt("ask", "x", "-v", base_url=server.base_url, env={"EUGPT_DEBUG": "1"})
    assert run.returncode == 41
    assert KEY.encode() not in run.stdout + run.stderr


def test_the_form_of_the_error_line_comes_from_a_profile_and_not_from_the_prompt(tmp_path: Path) -> None:
    (tmp_path / "eugpt").mkdir()
    (tmp_path / "eugpt" / "config.toml").write_text('[profile.default]\nerrors = "json"\n')
    profile = eugpt("ask", "x", "-p", "no", env={"XDG_CONFIG_HOME": str(tmp_path)})
    prompt = eugpt("ask", "--nope", "--", "--errors", "json")
    assert json.loads(profile.stderr)["error"]["exit"] == 2
    assert prompt.stderr.startswith(b"eugpt: usage: ")


@pytest.mark.parametrize(("signum", "ends"), [(signal.SIGTERM, -signal.SIGTERM), (None, 40)])
def test_an_error_line_that_nobody_reads_does_not_hold_the_end(signum: signal.Signals | None, ends: int) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    with suppress(BlockingIOError):
        while True:
            os.write(write, b"." * 4096)
    os.set_blocking(write, True)
    with (
        serving(http(b"{}", status="400 X")) as server,
        subprocess.Popen(
            [EUGPT, "ask", "-I", "x", "--max-time", "60" if signum else "4"],
            stderr=write,
            env={"EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": server.base_url},
        ) as run,
    ):
        os.close(write)
        if signum:
            time.sleep(1)
            run.send_signal(signum)
        try:
            assert run.wait(30) == ends
        finally:
            run.kill()
    with open(read, "rb") as pipe:
        assert pipe.read().strip(b".") == b""


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("text", [b"it's", b"'$HOME' `id`\\n\nEOF\n" * 20_000], ids=["short", "long"])
def test_curl_sends_the_same(text: bytes) -> None:
    with serving(http(DOCUMENT)) as server:
        url = f"{server.base_url}/[1-2]"
        shown = eugpt("ask", "--curl", "--max-time", "50", base_url=url, env={"EUGPT_API_KEY": None}, stdin=text)
        assert b" --max-time 50 " in shown.stdout
        env = {"PATH": os.defpath, "EUGPT_API_KEY": KEY}
        subprocess.run(["sh"], input=shown.stdout, env=env, check=True, capture_output=True)
        eugpt("ask", base_url=url, stdin=text)
    curl, ours = server.received
    assert (curl.path, curl.body, curl.headers["authorization"]) == (
        ours.path,
        ours.body,
        ours.headers["authorization"],
    )


def test_curl_trusts_the_same_certificates() -> None:
    shown = eugpt("ask", "x", "--curl", "--ca-file", "/my certs.pem", base_url="https://eugpt.invalid")
    assert b" --cacert '/my certs.pem' " in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "env", "code"),
    [(["x"], {"EUGPT_API_KEY": None}, 30), ([], {}, 2), (["x", "-p", KEY], {}, 2), (["x", "-f", "/nowhere"], {}, 31)],
)
def test_what_ends_before_anything_is_sent_has_a_trailer_and_facts(
    tmp_path: Path, arguments: list[str], env: dict[str, str | None], code: int
) -> None:
    run = eugpt("raw-events", *arguments, "--trailer", "--meta", str(tmp_path / "meta"), env=env)
    file = eugpt("raw-events", *arguments, "--trailer", "-o", str(tmp_path / "out"), env=env)
    [trailer] = map(json.loads, run.stdout.splitlines())
    meta = json.loads((tmp_path / "meta").read_bytes())
    assert (run.returncode, trailer["type"], trailer["exit"], meta["exit"]) == (code, "eugpt.end", code, code)
    assert KEY.encode() not in run.stdout + run.stderr
    assert (file.returncode, file.stdout, (tmp_path / "out").exists()) == (code, b"", False)


def test_closed_and_full_stdout() -> None:
    env = {"PATH": os.defpath, "EUGPT_API_KEY": KEY}
    with serving(http(DOCUMENT)) as server:
        env["EUGPT_BASE_URL"] = server.base_url
        closed = subprocess.run(["sh", "-c", f"{EUGPT} ask -I x >&-"], env=env, capture_output=True, check=False)
        assert server.received == []
        full = subprocess.run(["sh", "-c", f"{EUGPT} ask -I x >/dev/full"], env=env, capture_output=True, check=False)
    assert (closed.returncode, full.returncode) == (32, 32)
    assert b"eugpt: output: " in closed.stderr
    assert b"eugpt: output: " in full.stderr


def test_a_closed_pipe_ends_by_sigpipe_and_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    with serving(http(DOCUMENT)) as server:
        run = subprocess.run(
            [EUGPT, "ask", "-I", "x"],
            stdout=write,
            stderr=subprocess.PIPE,
            env={"EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": server.base_url},
            check=False,
        )
    os.close(write)
    assert (run.returncode, run.stderr) == (-signal.SIGPIPE, b"")


def test_max_time_bounds_the_wait_for_stdin() -> None:
    with subprocess.Popen(
        [EUGPT, "ask", "x", "--max-time", "0.5"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"EUGPT_API_KEY": KEY},
    ) as run:
        assert run.stderr
        assert run.stderr.read().startswith(b"eugpt: timeout: ")
        assert run.wait() == 61


def test_version_and_help() -> None:
    assert eugpt("--version").stdout.startswith(b"eugpt 0.")
    page = eugpt("--help", env={"COLUMNS": "80"})
    assert page.returncode == 0
    assert max(map(len, page.stdout.decode().splitlines())) <= 80


def test_standard_input_that_another_process_has_made_non_blocking() -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    with (
        serving(http(DOCUMENT)) as server,
        subprocess.Popen(
            [EUGPT, "ask"],
            stdin=read,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": server.base_url},
        ) as run,
    ):
        os.write(write, b"a")
        while select.select([read], [], [], 0)[0]:  # until it has read that, and found no more
            time.sleep(0.01)
        time.sleep(0.2)
        os.write(write, b"b")
        os.close(write)
        assert run.stderr
        assert (run.wait(), run.stderr.read()) == (0, b"")
    os.close(read)
    assert json.loads(server.received[0].body)["input"] == "ab"


def test_a_key_file_is_not_cut_to_a_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"k" * 10_000)
    with serving(http(DOCUMENT)) as server:
        run = eugpt("ask", "x", "--api-key-file", str(tmp_path / "key"), base_url=server.base_url)
    assert (run.returncode, server.received) == (30, [])


def test_the_longest_timeout_is_one() -> None:
    def slowly(connection: socket.socket) -> None:
        time.sleep(1)
        connection.sendall(http(DOCUMENT))

    with serving(slowly) as server:
        run = eugpt("ask", "x", "--timeout", "1e9", "--retries", "0", base_url=server.base_url)
    assert (run.returncode, run.stderr) == (0, b"")


def test_two_signals_at_once_end_it_by_the_first_and_quietly() -> None:
    with (
        serving(held_open(b"")) as server,
        subprocess.Popen(
            [EUGPT, "stream", "-I", "x"],
            stderr=subprocess.PIPE,
            env={"EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": server.base_url},
        ) as run,
    ):
        while not server.received:
            time.sleep(0.01)
        run.send_signal(signal.SIGTERM)
        run.send_signal(signal.SIGHUP)
        assert run.stderr
        assert run.stderr.read() == b""
    assert run.returncode in (-signal.SIGTERM, -signal.SIGHUP)


def test_the_answer_and_its_facts_do_not_go_to_one_file_by_two_names(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    with serving(http(DOCUMENT)) as server:
        run = eugpt("ask", "x", "-o", str(tmp_path / "link"), "--meta", f"{tmp_path}/./file", base_url=server.base_url)
    assert (run.returncode, server.received) == (2, [])


def test_the_answer_and_its_facts_may_go_to_one_terminal_or_pipe(tmp_path: Path) -> None:
    with serving(http(DOCUMENT)) as server, open(tmp_path / "both", "wb") as both:
        run = subprocess.run(
            [EUGPT, "ask", "-I", "x", "-o", "/dev/stdout", "--meta", "/dev/stderr"],
            stdout=both,
            stderr=both,
            env={"EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": server.base_url},
            check=False,
        )
    assert run.returncode == 0
    assert (tmp_path / "both").read_bytes().count(b"\n") == 2


def test_the_error_line_as_json_has_every_member_and_the_hint() -> None:
    run = eugpt("ask", "--errors", "json", "x", env={"EUGPT_API_KEY": None})
    assert run.returncode == 30
    error = json.loads(run.stderr)["error"]
    assert " ".join(error) == (
        "kind exit message http_status type code detail retryable retry_after attempts request_id conversation_id hint"
    )
    assert "EUGPT_API_KEY" in error["hint"]
