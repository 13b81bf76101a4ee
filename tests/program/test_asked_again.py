"""--again: what the next request says, how often there is one, and what of it is told."""

import json
from pathlib import Path

import pytest

from tests.fixtures import UUID
from tests.support.forked_program import eugpt
from tests.support.rawserver import SSE_HEAD, Script, chunk, http, reset_after, serving, sse

USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5, "details": {"cached": 1}}
BUSY = http(b'{"detail":"busy"}', status="503 Service Unavailable")


def answer(text: str) -> bytes:
    document = {"id": "r", "object": "response", "status": "completed", "output_text": text, "usage": USAGE}
    return http(json.dumps(document).encode())


def test_the_rejected_answer_and_the_reason_follow_the_input() -> None:
    with serving(answer("It is 3."), answer("[3"), answer("3")) as server:
        run = eugpt("ask", "How many?", "--extract", "json", "--again", "2", base_url=server.base_url)
    first, second, third = (json.loads(request.body) for request in server.received)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"3\n", b"")
    assert first["input"] == "How many?"
    assert second["input"] == (
        "How many?\n\n<rejected_answer>\nIt is 3.\n</rejected_answer>\n\n<reason>\n"
        "the answer is no JSON value: expecting value (line 1, column 1)\n</reason>\n\n"
        "This answer to what is asked above was rejected for this reason. Answer again, so that it is accepted."
    )
    assert third["input"].startswith("How many?\n\n<rejected_answer>\n[3\n</rejected_answer>\n\n<reason>\n")
    assert third["input"].count("rejected_answer") == 2
    assert {**first, "input": 0} == {**second, "input": 0} == {**third, "input": 0}


def test_with_uploaded_files_it_is_one_more_item() -> None:
    with serving(answer("x"), answer("3")) as server:
        arguments = ["ask", "x", "--file-id", UUID, "--extract", "json", "--again", "1"]
        run = eugpt(*arguments, base_url=server.base_url)
    first, second = (json.loads(request.body)["input"] for request in server.received)
    assert run.returncode == 0
    assert second[:-1] == first
    assert second[-1]["role"] == "user"
    assert second[-1]["content"][0]["text"].startswith("<rejected_answer>\nx\n")


@pytest.mark.parametrize("again", [0, 1, 3])
def test_never_more_than_so_often(again: int, tmp_path: Path) -> None:
    meta = tmp_path / "meta"
    with serving(answer("no")) as server:
        arguments = ["ask", "x", "--check", "false", "--again", str(again), "--meta", str(meta)]
        run = eugpt(*arguments, base_url=server.base_url)
    told = json.loads(meta.read_text())
    assert (run.returncode, run.stdout, len(server.received)) == (82, b"", again + 1)
    assert (told["tries"], told["attempts"], told["error"]["attempts"]) == (again + 1, again + 1, again + 1)
    assert told["usage"] == {
        "input_tokens": 3 * (again + 1),
        "output_tokens": 2 * (again + 1),
        "total_tokens": 5 * (again + 1),
        "details": {"cached": again + 1},
    }


CUT = reset_after(SSE_HEAD + chunk(sse('{"type":"response.output_text.delta","delta":"Hel"}')))


@pytest.mark.parametrize(
    ("scripts", "code", "attempts", "tries"),
    [
        ((BUSY, BUSY, answer("no"), BUSY, BUSY, answer("yes")), 0, 6, 2),
        ((BUSY, answer("no"), CUT, answer("no"), answer("yes")), 82, 4, 2),
        ((answer("no"), BUSY, BUSY, BUSY, answer("yes")), 53, 4, 2),
        ((answer("no"), CUT, CUT, CUT, answer("yes")), 62, 4, 2),
        ((answer("no"), http(b'{"detail":"x"}', status="400 Bad"), answer("yes")), 40, 2, 2),
    ],
)
def test_retries_are_no_tries(
    scripts: tuple[Script, ...], code: int, attempts: int, tries: int, tmp_path: Path
) -> None:
    meta = tmp_path / "meta"
    with serving(*scripts) as server:
        arguments = ["ask", "x", "--check", "grep -q yes", "--again", "1", "--meta", str(meta)]
        run = eugpt(*arguments, base_url=server.base_url)
    told = json.loads(meta.read_text())
    assert (run.returncode, run.stdout) == (code, b"" if code else b"yes\n")
    assert (len(server.received), told["attempts"], told["tries"]) == (attempts, attempts, tries)


def test_what_was_wrong_is_told_with_verbose() -> None:
    with serving(answer("no"), answer("yes")) as server:
        run = eugpt("ask", "x", "--check", "grep -q yes", "--again", "1", "-v", base_url=server.base_url)
    assert b"\n* rejected: the check failed with 1; asking again\n" in run.stderr


def test_a_broken_check_asks_no_more() -> None:
    with serving(answer("no")) as server:
        run = eugpt("ask", "x", "--check", "no-such-command", "--again", "5", base_url=server.base_url)
    assert (run.returncode, len(server.received)) == (30, 1)


def test_partial_prints_only_the_last_rejected_answer() -> None:
    with serving(answer("one"), answer("two")) as server:
        run = eugpt("ask", "x", "--check", "false", "--again", "1", "--partial", base_url=server.base_url)
    assert (run.returncode, run.stdout) == (82, b"two\n")


def test_in_a_conversation_the_answer_is_checked_once() -> None:
    with serving(answer("no"), answer("yes")) as server:
        run = eugpt("ask", "x", "-c", UUID, "--check", "grep -q yes", base_url=server.base_url)
    assert (run.returncode, run.stdout, len(server.received)) == (82, b"", 1)
