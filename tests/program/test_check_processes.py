"""Commands of the caller's, --check and api_key_command: whatever ends the run, nothing of them is left."""

import json
import os
import random
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.emulator import Terminal
from tests.support.program import EUGPT, KEY, environment, eugpt, start
from tests.support.rawserver import http, serving

ANSWER = http(b'{"id":"r","status":"completed","output_text":"a"}')
WAIT_SECONDS = 30
# A group of processes that ignore what asks them politely; the file has its leader once all of them are there.
STUBBORN = "trap '' INT TERM HUP; sleep 600 & (sleep 601; true) & cat >&2; echo $$ >{0}.part; mv {0}.part {0}; wait"


def group(leader: int) -> set[int]:
    """The processes of a group, but for those that have ended and that nobody has asked about."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, number = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(number) == leader and state not in "ZX":
            found.add(int(folder.name))
    return found


@contextmanager
def started(*arguments: str, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A run beside the test, which does not outlive it."""
    with start(*arguments, **how) as run:
        try:
            yield run
        finally:
            run.kill()


def until(there: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not there():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.01)


def leader_of(path: Path) -> int:
    until(path.exists)
    return int(path.read_text())


def gone(leader: int) -> None:
    """A process that is killed takes a moment to go; these are to be killed, not left to end."""
    until(lambda: not group(leader))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_of_a_check(signum: int, tmp_path: Path) -> None:
    pid, old = tmp_path / "pid", tmp_path / "old"
    old.write_text("yesterday's\n")
    arguments = ("ask", "x", "-o", str(old), "--check", STUBBORN.format(pid))
    with serving(ANSWER) as server, started(*arguments, base_url=server.base_url) as run:
        leader = leader_of(pid)
        until(lambda: len(group(leader)) >= 3)
        run.send_signal(signum)
        out, err = run.communicate(timeout=WAIT_SECONDS)
    assert (run.returncode, out, err) == (-signum, b"", b"")
    assert (old.read_text(), os.listdir(tmp_path)) == ("yesterday's\n", os.listdir(tmp_path))
    gone(leader)


def test_the_time_limit_leaves_nothing_of_a_check(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with serving(ANSWER) as server:
        run = eugpt("ask", "x", "--max-time", "1.5", "--check", STUBBORN.format(pid), base_url=server.base_url)
    assert (run.returncode, run.stdout) == (61, b"")
    gone(leader_of(pid))


def test_the_end_of_a_check_ends_what_it_left_behind(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with serving(ANSWER) as server:
        run = eugpt("ask", "x", "--check", f"echo $$ >{pid}; sleep 600 & exit 0", base_url=server.base_url)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"a\n", b"")
    gone(leader_of(pid))


@pytest.mark.parametrize("options", [(), ("--schema", "{folder}/schema.json")], ids=["check", "schema"])
def test_a_signal_at_any_moment_leaves_nothing(options: tuple[str, ...], tmp_path: Path) -> None:
    """Wherever it strikes: while the command is started, runs, has ended; in the validator's life, too."""
    (tmp_path / "schema.json").write_text("{}")
    words = [word.format(folder=tmp_path) for word in options]
    chance = random.Random(7)
    mark = f"61{os.getpid()}"
    document = json.dumps({"id": "r", "status": "completed", "output_text": "1"}).encode()
    with serving(http(document)) as server:
        for _ in range(20):
            command = f"sleep {mark} & sleep 0.02"
            arguments = ("ask", "x", *words, "--check", command)
            with started(*arguments, base_url=server.base_url) as run:
                server.wait()
                time.sleep(chance.uniform(0, 0.06))
                run.send_signal(signal.SIGTERM)
                run.communicate(timeout=WAIT_SECONDS)
            assert run.returncode in (0, -signal.SIGTERM)
    until(lambda: not running(mark))


def running(word: str) -> list[str]:
    """The command lines that hold it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"\0{word}\0".encode() in line:
            found.append(line.decode())
    return found


def profile(folder: Path, command: str) -> dict[str, str | None]:
    (folder / "eugpt").mkdir()
    (folder / "eugpt" / "config.toml").write_text(f"[profile.default]\napi_key_command = {json.dumps(command)}\n")
    return {"XDG_CONFIG_HOME": str(folder), "EUGPT_API_KEY": None}


def test_the_time_limit_leaves_nothing_of_a_key_command(tmp_path: Path) -> None:
    """Nor does the pipe behind us stay open: what reads it sees its end when we end."""
    env = profile(tmp_path, f"echo $$ >{tmp_path}/pid; sleep 600; true")
    with serving(ANSWER) as server, started("ask", "x", "--max-time", "1", base_url=server.base_url, env=env) as run:
        out, err = run.communicate(timeout=WAIT_SECONDS)
    assert (run.returncode, out, server.received) == (61, b"", [])
    assert b"--max-time has passed" in err
    gone(leader_of(tmp_path / "pid"))


def test_a_key_command_leaves_nothing_behind(tmp_path: Path) -> None:
    env = profile(tmp_path, f"echo $$ >{tmp_path}/pid; sleep 600 & echo {KEY}")
    with serving(ANSWER) as server:
        run = eugpt("ask", "x", base_url=server.base_url, env=env)
    assert (run.returncode, run.stdout) == (0, b"a\n")
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"
    gone(leader_of(tmp_path / "pid"))


def test_a_key_command_may_ask_at_the_terminal(tmp_path: Path) -> None:
    """As password managers do; Ctrl-C there ends us like Ctrl-C anywhere."""
    env = profile(tmp_path, "printf 'Master password: ' >/dev/tty; read key </dev/tty; echo $key")
    with serving(ANSWER) as server:
        with Terminal("ask", "x", base_url=server.base_url, env=env) as terminal:
            terminal.until("Master password:")
            terminal.say(KEY)
            terminal.until(lambda: terminal.lines()[-1] == "a")
            assert terminal.end() == (0, None)
        with Terminal("ask", "x", base_url=server.base_url, env=env) as terminal:
            terminal.until("Master password:")
            terminal.type("\x03")
            assert terminal.end() == (None, signal.SIGINT)
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"
    assert len(server.received) == 1


def test_a_key_command_in_the_background_does_not_take_the_terminal(tmp_path: Path) -> None:
    """It goes on reading for the shell in front."""
    env = environment("http://127.0.0.1:9/v1", {**profile(tmp_path, "echo x; exit 3"), "TERM": "dumb"})
    script = f'set -m; "{EUGPT}" ask x -I & wait $!; echo "code $?"; read line; echo "got $line"'
    primary, secondary = os.openpty()
    with subprocess.Popen(
        ["bash", "-c", script], stdin=secondary, stdout=secondary, stderr=secondary, env=env, start_new_session=True
    ) as shell:
        os.close(secondary)
        os.write(primary, b"word\n")
        seen = b""
        while select.select([primary], [], [], WAIT_SECONDS)[0]:
            try:
                seen += os.read(primary, 65536)
            except OSError:
                break
        shell.wait(WAIT_SECONDS)
    os.close(primary)
    assert b"code 30" in seen
    assert b"got word" in seen
