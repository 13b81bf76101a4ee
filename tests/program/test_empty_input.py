"""Input that turns out to be empty: sent, told where somebody looks, refused with --require-input."""

import json
from pathlib import Path

import pytest

from tests.fixtures import DOCUMENT, UUID
from tests.support.emulator import Terminal
from tests.support.forked_program import eugpt
from tests.support.rawserver import http, serving

NOTE = b"eugpt: note: standard input is empty\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "empty"),
    [
        (["Sum up"], b"", "standard input is"),
        (["Sum up"], b"\n", "standard input is"),
        (["Sum up"], b"\xef\xbb\xbf", "standard input is"),
        (["Sum up", "-f", "{empty}"], None, "{empty} is"),
        (["Sum up", "-f", "{empty}", "-f", "{full}"], None, "{empty} is"),
        (["Sum up", "-f", "{empty}"], b"", "standard input and {empty} are"),
        (["Sum up", "-f", "-"], b"", "standard input is"),
        (["--file-id", UUID], b"", "standard input is"),
        (["-f", "{empty}", "-f", "{full}"], b"", "standard input and {empty} are"),
        (["Sum up"], None, None),
        (["Sum up", "-I"], b"", None),
        (["Sum up"], b"\n\n", None),
        (["Sum up", "-f", "{full}"], b"x", None),
    ],
)
@pytest.mark.parametrize("command", ["ask", "stream", "raw-events", "chat"])
def test_what_is_empty(
    command: str, arguments: list[str], stdin: bytes | None, empty: str | None, tmp_path: Path
) -> None:
    names = {"empty": str(tmp_path / "empty"), "full": str(tmp_path / "full")}
    (tmp_path / "empty").write_text("")
    (tmp_path / "full").write_text("text")
    words = [command, *(word.format(**names) for word in arguments)]
    told = f"{empty.format(**names)} empty" if empty else ""
    with serving(http(DOCUMENT)) as server:
        plain = eugpt(*words, "-q", base_url=server.base_url, stdin=stdin)
        loud = eugpt(*words, "-v", base_url=server.base_url, stdin=stdin)
        sent = len(server.received)
        strict = eugpt(*words, "-q", "--require-input", base_url=server.base_url, stdin=stdin)
        checked = len(server.received) - sent
    assert (plain.returncode, plain.stderr, loud.returncode, sent) == (0, b"", 0, 2)
    assert (f"eugpt: note: {told}\n" if told else "is empty") in loud.stderr.decode() or not told
    assert bool(told) == (b" empty\n" in loud.stderr)
    if told:
        assert (strict.returncode, strict.stdout, checked) == (31, b"", 0)
        assert strict.stderr.decode() == f"eugpt: input: {told}\n"
    else:
        assert (strict.returncode, checked) == (0, 1)


def test_a_terminal_is_told() -> None:
    with serving(http(DOCUMENT)) as server:
        with Terminal("ask", "Sum up", "-f", "/dev/null", base_url=server.base_url) as terminal:
            assert terminal.end() == (0, None)
            assert "eugpt: note: /dev/null is empty" in terminal.lines()
        quiet = eugpt("ask", "Sum up", base_url=server.base_url, stdin=b"")
        silent = eugpt("ask", "Sum up", "-q", "-v", base_url=server.base_url, stdin=b"")
    assert (quiet.stderr, NOTE in silent.stderr) == (b"", False)


def test_nothing_at_all_is_still_a_mistake() -> None:
    run = eugpt("ask", stdin=b"")
    assert (run.returncode, run.stdout) == (2, b"")
    assert b"nothing to send" in run.stderr
    strict = eugpt("ask", "--require-input", "--errors", "json", stdin=b"")
    assert (strict.returncode, json.loads(strict.stderr)["error"]["message"]) == (31, "standard input is empty")
