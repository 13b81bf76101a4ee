"""What a batch shows while it runs, and what it takes: a bar on a terminal only, and memory that does not grow."""

import os
import re
import subprocess
import threading
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest

from tests.support.batches import ndjson, numbered, rows, start
from tests.support.manyserver import Body, Reply, document, echo, refusal, serving
from tests.support.program import EUGPT, KEY, eugpt

BEGINNING = r"\r\x1b\[K"  # of a bar drawn anew


def spawn(command: str, base_url: str, columns: int = 120, **env: str) -> pexpect.spawn:
    """A shell's command on a terminal."""
    environ = {"PATH": os.defpath, "EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": base_url, "TERM": "xterm", **env}
    return pexpect.spawn(
        "/bin/sh", ["-c", command], env=environ, encoding="utf-8", timeout=60, dimensions=(24, columns)
    )


def rest(child: pexpect.spawn) -> str:
    """All that the terminal is still sent."""
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    return str(child.before)


def test_a_bar_on_a_terminal_and_nowhere_else(tmp_path: Path) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(ndjson(numbered(50)))
    command = f"{EUGPT} batch {source}"
    gate = threading.Event()

    def answer(body: Body) -> Reply:
        if int(body["input"].split()[1]) >= 20:
            gate.wait(60)
        return echo(body)

    with serving(answer) as server:
        child = spawn(f"{command} > {output}", server.base_url)
        child.expect_exact("20 done, 0 failed")
        gate.set()
        shown = rest(child)
        assert "8 at once, about " in shown
        assert shown.split("eugpt: batch: ")[0].endswith("\r\x1b[K"), "the bar is gone"
        assert len(rows(output.read_bytes())) == 50

        assert "\x1b" not in rest(spawn(f"{command} -q > {output}", server.base_url))
        assert "\x1b" not in rest(spawn(f"{command} > {output}", server.base_url, TERM="dumb"))
        assert "\x1b[3" not in rest(spawn(f"{command} > {output}", server.base_url, NO_COLOR="1"))
        assert "at once" not in rest(spawn(command, server.base_url)), "the rows are there already"


@pytest.mark.parametrize("columns", [5, 40, 80, 200])
def test_the_bar_never_wraps(tmp_path: Path, columns: int) -> None:
    source = tmp_path / "items"
    source.write_bytes(ndjson(numbered(500)))
    gate = threading.Event()

    def answer(body: Body) -> Reply:
        if int(body["input"].split()[1]) >= 300:
            gate.wait(60)
        return refusal(400) if body["input"].endswith("7") else echo(body)

    with serving(answer) as server:
        child = spawn(f"{EUGPT} batch {source} > {tmp_path}/rows; true", server.base_url, columns)
        child.expect_exact("300 done"[: columns - 1])
        child.expect(BEGINNING)
        gate.set()
        lines = re.split(BEGINNING, rest(child).partition("\r\x1b[Keugpt: ")[0])
    assert max(map(len, lines)) < columns
    assert (columns < 80) != any("[#" in line for line in lines)
    assert (columns < 60) != any(" left" in line for line in lines)


def test_a_bar_that_is_interrupted_leaves_its_line(tmp_path: Path) -> None:
    source = tmp_path / "items"
    source.write_bytes(ndjson(numbered(9)))
    gate = threading.Event()

    def answer(body: Body) -> Reply:
        gate.wait(60)
        return echo(body)

    with serving(answer) as server:
        child = spawn(f"{EUGPT} batch {source} > {tmp_path}/rows; true", server.base_url, 80)
        child.expect_exact("0 done, 0 failed")
        child.sendintr()
        child.expect_exact(
            "\r\x1b[Keugpt: batch: stopping: waiting for 8 requests in flight; Ctrl-C again to quit now\r\n"
        )
        gate.set()


def test_what_the_service_says_cannot_command_the_terminal() -> None:
    """An escape sequence that sets the clipboard, in the message of a retry and of the last error."""
    evil = "no\x1b]52;c;cm0gLXJmIC8=\x07\r\nand more\u202e" + "x" * 5000
    items = ndjson([{"custom_id": "an\x1b[2Jid\n", "input": "x"}])
    with serving(lambda body: refusal(503, evil, Retry_After="0")) as server:
        run = eugpt("batch", "-v", "--retries", "1", base_url=server.base_url, stdin=items)
    told = run.stderr.decode()
    assert "retrying in 0.0 s" in told
    assert not set(told) & {"\x1b", "\x07", "\r", "\u202e"}
    assert all(len(line) < 700 for line in told.splitlines())
    assert "an\\x1b[2Jid" in told


def test_rows_on_a_terminal_have_no_control_characters() -> None:
    with serving(lambda body: document("a\u009bm\u202eb")) as server:
        shown = rest(spawn(f'echo \'{{"input":"1"}}\' | {EUGPT} batch -q', server.base_url))
    assert "\u009b" not in shown
    assert "\u202e" not in shown
    assert '"ok":true' in shown


def peak(items: int, base_url: str) -> int:
    """The most memory that a batch over so many large items has held."""
    process = start("-q", base_url=base_url, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=None)
    assert process.stdin
    for number in range(items):
        process.stdin.write(ndjson([{"input": f"{number}" + "x" * 100_000}]))
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


def test_memory_does_not_grow_with_the_input() -> None:
    """60 MB of items through a pipe take no more than one."""
    with serving(lambda body: document("x")) as server:
        assert peak(600, server.base_url) < 1.4 * peak(10, server.base_url)
