"""`chat` with lines from a pipe: turns in order, and none after the first that fails."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.forked_program import eugpt
from tests.support.program import start
from tests.support.rawserver import RawServer, Script, http, serving, stream

ID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
Env = dict[str, str]


@pytest.fixture
def home(tmp_path: Path) -> Env:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def answer(text: str, conversation: str | None = ID) -> bytes:
    delta = {"type": "response.output_text.delta", "delta": text}
    done = {"type": "response.completed", "response": {"status": "completed", "conversation_id": conversation}}
    return stream(json.dumps(delta), json.dumps(done))


def bodies(server: RawServer) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in server.received]


ANSWERS: tuple[Script, ...] = (answer("one"), answer("two\n"), answer("three"))


def test_each_line_is_a_turn_in_order(home: Env, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("facts\n")
    words = ("chat", "-c", "work", "--each-line", "-i", "brief", "-f", str(tmp_path / "notes"))
    with serving(*ANSWERS) as server:
        run = eugpt(*words, env=home, base_url=server.base_url, stdin=b"a\n\n b \r\nc")
    assert (run.returncode, run.stdout, run.stderr) == (0, b"one\ntwo\nthree\n", b"")
    inputs = [(body["input"], body.get("conversation_id"), body["instructions"]) for body in bodies(server)]
    wrapped = f'a\n\n<file name="{tmp_path}/notes">\nfacts\n</file>'
    assert inputs == [(wrapped, None, "brief"), (" b \r", ID, "brief"), ("c", ID, "brief")]


def test_a_turn_waits_for_the_answer_before_it_and_for_no_more_lines(home: Env) -> None:
    pipe = subprocess.PIPE
    with (
        serving(*ANSWERS) as server,
        start("chat", "--each-line", env=home, base_url=server.base_url, stdin=pipe) as run,
    ):
        assert run.stdin
        assert run.stdout
        for line, said in ((b"a\n", b"one\n"), (b"b\n", b"two\n")):
            run.stdin.write(line)
            run.stdin.flush()
            assert run.stdout.readline() == said
        run.stdin.close()
        assert run.wait() == 0
    assert [body.get("conversation_id") for body in bodies(server)] == [None, ID]


def test_it_stops_at_the_first_failure(home: Env, tmp_path: Path) -> None:
    meta = tmp_path / "meta"
    with serving(ANSWERS[0], http(b'{"detail":"no quota"}', status="429 Quota"), ANSWERS[2]) as server:
        words = ("chat", "-c", "work", "--each-line", "--meta", str(meta))
        run = eugpt(*words, env=home, base_url=server.base_url, stdin=b"a\n\nb\nc\n")
    assert (run.returncode, run.stdout, len(server.received)) == (49, b"one\n", 2)
    assert run.stderr.startswith(b"eugpt: quota: line 3: no quota (HTTP 429)\n")
    told = json.loads(meta.read_bytes())
    assert (told["exit"], told["attempts"], told["conversation_id"]) == (49, 1, ID)


@pytest.mark.parametrize(
    ("stdin", "code", "says"),
    [
        (b"a\n\xff\n", 31, b"line 2 of standard input is not UTF-8 at byte 0"),
        (b"a\nb\0\n", 31, b"line 2 of standard input contains a NUL at byte 1"),
        (b"", 2, b"nothing to send"),
        (b"\n \n", 2, b"nothing to send"),
        (None, 2, b"nothing to send"),
    ],
)
def test_bad_lines(stdin: bytes | None, code: int, says: bytes, home: Env) -> None:
    with serving(*ANSWERS) as server:
        run = eugpt("chat", "-c", ID, "--each-line", env=home, base_url=server.base_url, stdin=stdin)
    sent = 1 if code == 31 else 0
    assert (run.returncode, run.stdout, len(server.received)) == (code, b"one\n" * sent, sent)
    assert says in run.stderr


@pytest.mark.parametrize("more", [("hi",), ("-f", "-"), ("-I",), ("-",)], ids=" ".join)
def test_lines_come_from_nowhere_else(more: tuple[str, ...]) -> None:
    run = eugpt("chat", "--each-line", *more, stdin=b"a\n")
    assert (run.returncode, run.stdout) == (2, b"")


def test_without_an_id_there_is_no_second_line(home: Env) -> None:
    with serving(answer("one", None)) as server:
        run = eugpt("chat", "-c", "work", "--each-line", env=home, base_url=server.base_url, stdin=b"a\nb\n")
    assert (run.returncode, run.stdout, len(server.received)) == (63, b"one\n", 1)
    assert run.stderr.startswith(b"eugpt: not_the_api: the service returned no conversation id, so work")


def test_a_file_gets_every_answer_or_none(home: Env, tmp_path: Path) -> None:
    path = tmp_path / "answers"
    cut = answer("half")[:-60]
    words = ("chat", "-c", ID, "--each-line", "-o", str(path), "--retry-unsafe")
    with serving(ANSWERS[0], cut, ANSWERS[1]) as server:
        run = eugpt(*words, env=home, base_url=server.base_url, stdin=b"a\nb\n")
    assert (run.returncode, run.stdout, len(server.received)) == (0, b"", 3)
    assert path.read_bytes() == b"one\ntwo\n"
    with serving(ANSWERS[0], http(b"", status="404 Gone")) as server:
        run = eugpt(*words, env=home, base_url=server.base_url, stdin=b"a\nb\n")
    assert (run.returncode, path.read_bytes()) == (44, b"one\ntwo\n")


def test_a_dry_run_shows_each_request(home: Env) -> None:
    run = eugpt("chat", "-c", ID, "--each-line", "--dry-run", env={**home, "EUGPT_API_KEY": ""}, stdin=b"a\nb\n")
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(line["input"], line["conversation_id"]) for line in lines] == [("a", ID), ("b", ID)]


def test_a_flag_in_a_profile_is_true_or_false(tmp_path: Path) -> None:
    path = tmp_path / "eugpt/config.toml"
    path.parent.mkdir()
    for value, code in (("true", 0), ("false", 0), ("'yes'", 30)):
        path.write_text(f"[profile.default]\nplain = {value}\n")
        run = eugpt("chat", "hi", "--dry-run", env={"XDG_CONFIG_HOME": str(tmp_path)})
        assert run.returncode == code
    assert run.stderr.decode() == f"eugpt: config: {path}, line 2: plain must be true or false, not 'yes'\n"


def test_what_earlier_lines_have_shown_does_not_forbid_another_attempt(home: Env) -> None:
    with serving(ANSWERS[0], http(b"", status="503 Busy"), ANSWERS[1]) as server:
        words = ("chat", "-c", ID, "--each-line", "--retry-unsafe")
        run = eugpt(*words, env=home, base_url=server.base_url, stdin=b"a\nb\n")
    assert (run.returncode, run.stdout, run.stderr) == (0, b"one\ntwo\n", b"")
