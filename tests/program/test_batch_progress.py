"""What a batch shows while it runs, and what it takes: a bar on a terminal only, and memory that does not grow."""

import os
import subprocess
import threading
from pathlib import Path

import pexpect  # type: ignore[import-untyped]

from tests.support.batches import ndjson, numbered, rows, start
from tests.support.manyserver import Body, Reply, document, echo, serving
from tests.support.program import EUGPT, KEY, eugpt


def spawn(command: str, base_url: str, **env: str) -> pexpect.spawn:
    """A shell's command on a terminal."""
    environ = {"PATH": os.defpath, "EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": base_url, "TERM": "xterm", **env}
    return pexpect.spawn("/bin/sh", ["-c", command], env=environ, encoding="utf-8", timeout=60, dimensions=(24, 120))


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
        assert "\x1b[?25h" in shown, "the cursor is shown again"
        assert len(rows(output.read_bytes())) == 50

        assert "\x1b" not in rest(spawn(f"{command} -q > {output}", server.base_url))
        assert "\x1b" not in rest(spawn(f"{command} > {output}", server.base_url, TERM="dumb"))
        assert "\x1b[3" not in rest(spawn(f"{command} > {output}", server.base_url, NO_COLOR="1"))
        assert "at once" not in rest(spawn(command, server.base_url)), "the rows are there already"


def test_rich_is_loaded_for_the_bar_only() -> None:
    with serving() as server:
        run = eugpt("batch", base_url=server.base_url, stdin=b'{"input":"1"}', env={"PYTHONPROFILEIMPORTTIME": "1"})
    loaded = {line.rpartition(b"|")[2].strip().partition(b".")[0] for line in run.stderr.splitlines()}
    assert b"httpx" in loaded
    assert b"rich" not in loaded


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
