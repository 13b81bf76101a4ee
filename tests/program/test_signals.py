"""Signals end the process by the signal itself, wherever it stands, after it has cleaned up. Section 6."""

import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.fixtures import EVENTS
from tests.support.program import EUGPT, KEY, environment, eugpt, start
from tests.support.rawserver import SSE_HEAD, chunk, held_open, http, serving, sse, stream

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
CREATED = SSE_HEAD + chunk(sse(*EVENTS[:2]))
Run = subprocess.Popen[bytes]


def waits_until(is_so: Callable[[], bool]) -> None:
    """Looks until it is so; the number only tells an end from a hang."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def unread(descriptor: int) -> int:
    """How many bytes lie in a pipe."""
    return int(struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0"))[0])


def ended(run: Run, signum: signal.Signals) -> bytes:
    """Its standard error, once the signal has ended it."""
    run.send_signal(signum)
    return run.communicate(timeout=60)[1]


@contextmanager
def waiting_for_stdin(words: list[str]) -> Iterator[Run]:
    with start("stream", *words, base_url="http://127.0.0.1:1", stdin=subprocess.PIPE) as run:
        assert run.stdin
        descriptor = run.stdin.fileno()
        os.write(descriptor, b"some")
        waits_until(lambda: unread(descriptor) == 0)
        yield run


@contextmanager
def running_the_key_command(words: list[str], tmp_path: Path) -> Iterator[Run]:
    (tmp_path / "config" / "eugpt").mkdir(parents=True)
    more_than_a_pipe_holds = "head -c 1000000 /dev/zero"  # so it is being read when the file appears
    command = f"api_key_command = '{more_than_a_pipe_holds}; echo >{tmp_path}/config/runs; exec sleep 600'"
    (tmp_path / "config" / "eugpt" / "config.toml").write_text(f"[profile.default]\n{command}\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "EUGPT_API_KEY": None}
    with start("stream", "x", *words, base_url="http://127.0.0.1:1", env=env) as run:
        waits_until((tmp_path / "config" / "runs").exists)
        yield run


@contextmanager
def connecting(words: list[str]) -> Iterator[Run]:
    """Inside the handshake of TLS, once everything is loaded."""
    hello: list[bytes] = []

    def script(connection: socket.socket) -> None:
        hello.append(connection.recv(1))
        while connection.recv(65536):
            pass

    with (
        serving(script, deaf=True) as server,
        start("stream", "x", "-v", *words, base_url=f"https://127.0.0.1:{server.port}") as run,
    ):
        waits_until(lambda: bool(hello))
        assert run.stderr
        assert run.stderr.readline() == b"* connecting directly, begun at the start\n"
        yield run


@contextmanager
def before_the_answer(words: list[str]) -> Iterator[Run]:
    with serving(held_open(b"")) as server, start("stream", "x", *words, base_url=server.base_url) as run:
        server.wait()
        yield run


@contextmanager
def in_the_answer(words: list[str]) -> Iterator[Run]:
    with serving(held_open(CREATED)) as server, start("stream", "x", base_url=server.base_url) as run:
        assert run.stdout
        assert run.stdout.read(3) == b"Hel"
        yield run


@contextmanager
def in_a_pause(words: list[str]) -> Iterator[Run]:
    refusal = http(b"", status="429 X", extra="Retry-After: 50\r\n")
    with serving(refusal) as server, start("stream", "x", "-v", *words, base_url=server.base_url) as run:
        assert run.stderr
        while not run.stderr.readline().startswith(b"* quota: "):
            pass
        yield run


@contextmanager
def writing(words: list[str]) -> Iterator[Run]:
    """Nobody reads what it prints, and the pipe is full."""
    read, write = os.pipe()
    delta = chunk(sse(json.dumps({"type": "response.output_text.delta", "delta": "x" * 100_000})))
    with (
        serving(held_open(SSE_HEAD + delta)) as server,
        start("stream", "x", base_url=server.base_url, stdout=write) as run,
    ):
        waits_until(lambda: unread(read) >= 60_000)
        yield run
    os.close(read)
    os.close(write)


STAGES: dict[str, Callable[..., AbstractContextManager[Run]]] = {
    "waiting for stdin": waiting_for_stdin,
    "running the key's command": running_the_key_command,
    "connecting": connecting,
    "before the answer": before_the_answer,
    "in the answer": in_the_answer,
    "in a pause": in_a_pause,
    "writing": writing,
}


@pytest.mark.parametrize("signum", SIGNALS, ids=lambda signum: signum.name)
@pytest.mark.parametrize("stage", STAGES)
def test_a_signal_at_every_stage(tmp_path: Path, stage: str, signum: signal.Signals) -> None:
    answer, meta = tmp_path / "answer", tmp_path / "meta"
    answer.write_text("old")
    begin = STAGES[stage]
    words = ["-o", str(answer), "--meta", str(meta)]
    with begin(words, *([tmp_path] if "command" in stage else [])) as run:
        said = ended(run, signum)
    assert (run.returncode, said) == (-signum, b"")
    assert answer.read_text() == "old"
    if stage not in ("in the answer", "writing"):
        assert json.loads(meta.read_text())["exit"] == 128 + signum
    assert {path.name for path in tmp_path.iterdir()} <= {"answer", "meta", "config"}


@pytest.mark.parametrize("signum", SIGNALS, ids=lambda signum: signum.name)
def test_what_the_shell_sees(tmp_path: Path, signum: signal.Signals) -> None:
    script = f"sh -c 'echo $$ >{tmp_path}/pid; exec {EUGPT} stream x'; echo $?"
    with (
        serving(held_open(CREATED)) as server,
        subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, env=environment(server.base_url)) as run,
    ):
        assert run.stdout
        assert run.stdout.read(3) == b"Hel"
        os.kill(int((tmp_path / "pid").read_text()), signum)
        assert run.communicate(timeout=60)[0] == f"{128 + signum}\n".encode()


def test_a_loop_stops(tmp_path: Path) -> None:
    """Ctrl-C reaches shell and eugpt alike; the shell goes on with its loop unless eugpt dies by the signal."""
    script = f"for n in 1 2 3; do {EUGPT} stream $n; done; echo after"
    with (
        serving(held_open(CREATED)) as server,
        subprocess.Popen(
            ["bash", "-c", script], stdout=subprocess.PIPE, env=environment(server.base_url), start_new_session=True
        ) as run,
    ):
        assert run.stdout
        assert run.stdout.read(3) == b"Hel"
        os.killpg(run.pid, signal.SIGINT)
        assert run.communicate(timeout=60)[0] == b""
    assert (run.returncode, len(server.received)) == (-signal.SIGINT, 1)


@pytest.mark.parametrize(
    ("before", "signum"),
    [("nohup", signal.SIGHUP), *((f"trap '' {signum.name[3:]}; exec", signum) for signum in SIGNALS)],
)
def test_an_ignored_signal_stays_ignored(before: str, signum: signal.Signals) -> None:
    script = f"{before} {EUGPT} stream x"
    asked: list[socket.socket] = []

    def play(connection: socket.socket) -> None:
        asked.append(connection)
        connection.sendall(CREATED)
        while connection.recv(1) != b"":
            pass

    with (
        serving(play) as server,
        subprocess.Popen(
            ["sh", "-c", f"exec {script}" if before == "nohup" else script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(server.base_url),
        ) as run,
    ):
        assert run.stdout
        assert run.stdout.read(3) == b"Hel"
        for _ in range(3):
            run.send_signal(signum)
        asked[0].sendall(chunk(sse(*EVENTS[2:])))
        said, _ = run.communicate(timeout=60)
    assert (run.returncode, said) == (0, b"lo\n")


def test_a_closed_pipe_leaves_no_file_behind(tmp_path: Path) -> None:
    """The answer's pipe is closed, and --meta tells of it."""
    read, write = os.pipe()
    os.close(read)
    meta = tmp_path / "meta"
    with (
        serving(stream(*EVENTS)) as server,
        start("stream", "x", "--meta", str(meta), base_url=server.base_url, stdout=write) as run,
    ):
        os.close(write)
        assert run.communicate(timeout=60)[1] == b""
    assert (run.returncode, json.loads(meta.read_text())["exit"]) == (-signal.SIGPIPE, 141)
    assert [path.name for path in tmp_path.iterdir()] == ["meta"]


CRASH = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "json":
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Finder())
from eugpt_cli.__main__ import main
sys.argv = ["eugpt", "ask", "-I", "x"]
main()
"""
DESTRUCTOR = """
import os, signal, time
from eugpt_cli.system.console import Console
class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
console = Console()
last = Last()
try:
    with console.signals():
        del last
        time.sleep(60)
except BaseException as stopped:
    console.die(stopped.signum)
"""


@pytest.mark.parametrize("code", [CRASH, DESTRUCTOR], ids=["while orjson loads", "in a destructor"])
def test_a_signal_where_its_exception_does_harm_or_is_lost(code: str) -> None:
    env = {"EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": "http://127.0.0.1:1/v1"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (-signal.SIGTERM, b"")


def test_serve_ends_as_its_command_did_also_where_that_was_killed() -> None:
    run = eugpt("serve", "--", "sh", "-c", "kill -9 $$")
    assert (run.returncode, run.stdout, run.stderr) == (-signal.SIGKILL, b"", b"")
