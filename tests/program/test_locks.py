"""Turns in one conversation never overlap on this machine; whatever ends a run, its lock ends with it."""

import json
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest

from tests.support.program import EUGPT, environment, eugpt, start
from tests.support.rawserver import SSE_HEAD, RawServer, Script, chunk, serving, sse, stream

ID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
OTHER = "1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c"
DONE = json.dumps({"type": "response.completed", "response": {"conversation_id": ID, "status": "completed"}})
DELTA = '{"type":"response.output_text.delta","delta":"x"}'
WHOLE = stream(DELTA, DONE)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


class Crowd:
    """Counts who is inside; each stays until another comes, or for a moment."""

    def __init__(self) -> None:
        self.peak = 0
        self._inside = 0
        self._changed = threading.Condition()

    def __call__(self, connection: socket.socket) -> None:
        with self._changed:
            self._inside += 1
            self.peak = max(self.peak, self._inside)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.peak > 1, 0.1)
            self._inside -= 1
        connection.sendall(WHOLE)


class Gate:
    """Lets nobody out before it is opened; `entered` tells that somebody is in."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + chunk(sse(DELTA)))
        self.entered.set()
        assert self.opened.wait(60)
        connection.sendall(chunk(sse(DONE)) + b"0\r\n\r\n")


@contextmanager
def occupied(home: dict[str, str], *after: Script) -> Iterator[tuple[RawServer, subprocess.Popen[bytes]]]:
    """A server, and a run that has begun a turn there and waits for its end."""
    gate = Gate()
    with serving(gate, *after) as server:
        holder = start("stream", "-c", ID, "x", env=home, base_url=server.base_url)
        try:
            assert gate.entered.wait(60)
            yield server, holder
        finally:
            gate.opened.set()
            holder.kill()
            holder.communicate()


@pytest.mark.parametrize("name", [ID, "work"], ids=["id", "name"])
def test_ten_runs_in_one_conversation_take_turns(name: str, home: dict[str, str]) -> None:
    crowd = Crowd()
    with serving(crowd) as server:
        eugpt("conversation", "name", "work", ID, env=home, base_url=server.base_url)
        runs = [
            start(command, "-c", name, "x", env=home, base_url=server.base_url)
            for command in ("ask", "stream", "chat", "raw-events", "stream") * 2
        ]
        ends = [(run.communicate(), run.returncode) for run in runs]
    assert [(err, code) for (_, err), code in ends] == [(b"", 0)] * 10
    assert crowd.peak == 1
    assert {json.loads(request.body)["conversation_id"] for request in server.received} == {ID}
    assert len(server.received) == 10


def test_a_name_is_begun_once(home: dict[str, str]) -> None:
    crowd = Crowd()
    with serving(crowd) as server:
        runs = [start("chat", "-c", "new", "x", env=home, base_url=server.base_url) for _ in range(4)]
        assert [(run.communicate(), run.returncode) for run in runs] == [((b"x\n", b""), 0)] * 4
    assert crowd.peak == 1
    assert [json.loads(request.body).get("conversation_id") for request in server.received] == [None, ID, ID, ID]


def test_a_busy_conversation_and_those_who_need_not_wait(home: dict[str, str]) -> None:
    with occupied(home, WHOLE) as (server, _):
        wait = ("--lock-wait", "0")
        busy = eugpt("ask", "-c", ID.upper(), "x", *wait, "--errors", "json", env=home, base_url=server.base_url)
        assert (busy.returncode, busy.stdout, len(server.received)) == (33, b"", 1)
        error = json.loads(busy.stderr)["error"]
        assert (error["kind"], error["retryable"], error["attempts"]) == ("busy", True, 0)
        by_variable = eugpt("ask", "-c", ID, "x", env={**home, "EUGPT_LOCK_WAIT": "0.05"}, base_url=server.base_url)
        assert by_variable.returncode == 33
        assert by_variable.stderr == (
            b"eugpt: busy: the conversation is locked by another run (waited 0.05 s)\n"
            b"hint: to wait longer, use --lock-wait SECONDS\n"
        )
        for free in ((), ("-c", OTHER)):
            assert eugpt("stream", "x", *free, *wait, env=home, base_url=server.base_url).returncode == 0


def test_a_trailer_tells_that_it_was_busy(home: dict[str, str], tmp_path: Path) -> None:
    meta = tmp_path / "meta.json"
    with occupied(home) as (server, _):
        words = ("raw-events", "-c", ID, "x", "--lock-wait", "0", "--trailer", "--meta", str(meta))
        run = eugpt(*words, env=home, base_url=server.base_url)
    assert run.returncode == 33
    assert json.loads(run.stdout)["outcome"] == json.loads(meta.read_bytes())["outcome"] == "busy"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda end: end.name)
def test_whoever_is_killed_leaves_no_lock(end: signal.Signals, home: dict[str, str]) -> None:
    with occupied(home, WHOLE) as (server, holder):
        holder.send_signal(end)
        assert holder.wait(60) == -end
        run = eugpt("ask", "-c", ID, "x", "--lock-wait", "0", env=home, base_url=server.base_url)
    assert (run.returncode, run.stderr) == (0, b"")
    assert list((Path(home["XDG_STATE_HOME"]) / "eugpt/locks").iterdir()) == []


def test_waiting_is_said_on_a_terminal(home: dict[str, str]) -> None:
    gate = Gate()
    with serving(gate, WHOLE) as server:
        holder = start("stream", "-c", ID, "x", env=home, base_url=server.base_url)
        assert gate.entered.wait(60)
        env = environment(server.base_url, home)
        terminal = pexpect.spawn(EUGPT, ["ask", "-I", "-c", ID, "x"], env=env, encoding="utf-8", timeout=60)
        piped = start("ask", "-c", ID, "x", env=home, base_url=server.base_url)
        terminal.expect("waiting up to 60 s for another run in this conversation\r\n")
        gate.opened.set()
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert (terminal.before, terminal.exitstatus) == ("x\r\n", 0)
        assert (piped.communicate(), piped.returncode) == ((b"x\n", b""), 0)
        holder.communicate()


@pytest.mark.parametrize("home", [None, "file", "link-to-nothing"])
def test_where_no_lock_can_be_had_it_goes_on_without(home: str | None, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link-to-nothing").symlink_to("unmounted")
    env: dict[str, str | None] = {"HOME": str(tmp_path / home)} if home else {}
    with serving(WHOLE) as server:
        quiet = eugpt("stream", "-c", ID, "x", env=env, base_url=server.base_url)
        told = eugpt("stream", "-c", ID, "x", "-v", env=env, base_url=server.base_url)
        named = eugpt("chat", "-c", "new", "x", env=env, base_url=server.base_url)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, b"x\n", b"")
    assert told.stderr.startswith(b"* no lock on the conversation: ")
    assert (named.returncode, named.stdout, len(server.received)) == (30, b"", 2)
    assert named.stderr.startswith(b"eugpt: config: ")
