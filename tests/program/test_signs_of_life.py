"""What a person at a terminal sees while a run waits, on a pty: a line after a second, gone before the first byte."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.emulator import Terminal
from tests.support.program import EUGPT, start
from tests.support.rawserver import SSE_HEAD, RawServer, chunk, http, serving, sse, stream

ID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
DELTA = '{"type":"response.output_text.delta","delta":"the answer"}'
TOOL = '{"type":"response.output_item.added","item":{"type":"web_search_call"}}'
DONE = json.dumps({"type": "response.completed", "response": {"conversation_id": ID, "status": "completed"}})
DOWN = http(b"", status="503 X", extra="Retry-After: 2\r\n")
SIZES = pytest.mark.parametrize("size", [(80, 24), (40, 10)], ids=str)
LONGER_THAN_A_SECOND = 1.6


class Door:
    """Answers once it is opened, after `before`."""

    def __init__(self, *before: str) -> None:
        self._before = before
        self.opened = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + (chunk(sse(*self._before)) if self._before else b""))
        assert self.opened.wait(60)
        connection.sendall(chunk(sse(DELTA, DONE)) + b"0\r\n\r\n")


def late(connection: socket.socket) -> None:
    """Answers after more than a second, whoever looks."""
    threading.Event().wait(LONGER_THAN_A_SECOND)
    connection.sendall(stream(DELTA, DONE))


def ends(terminal: Terminal, code: int = 0) -> list[str]:
    """The screen at the end of a run."""
    assert terminal.end() == (code, None)
    return terminal.lines()


@SIZES
@pytest.mark.parametrize("command", ["ask", "stream", "chat"])
def test_the_line_counts_the_seconds_and_leaves_no_trace(command: str, size: tuple[int, int]) -> None:
    door = Door()
    with serving(door) as server, Terminal(command, "Hi", base_url=server.base_url, size=size) as terminal:
        terminal.until("waiting for the answer, 1 s")
        terminal.until("waiting for the answer, 2 s")
        assert terminal.lines() == ["waiting for the answer, 2 s"]
        door.opened.set()
        lines = ends(terminal)
    answer, *rest = lines
    assert (answer, "".join(rest)) == ("the answer", f"conversation {ID}" if command == "chat" else "")


@SIZES
def test_a_retry_is_counted_down(size: tuple[int, int]) -> None:
    door = Door()
    with (
        serving(DOWN, DOWN, door) as server,
        Terminal("stream", "Hi", base_url=server.base_url, size=size) as terminal,
    ):
        terminal.until("unavailable (HTTP 503), retry in 1 s")
        terminal.until("unavailable (HTTP 503), retry in 2 s")
        terminal.until("attempt 3: waiting for the answer, 1 s")
        door.opened.set()
        assert ends(terminal) == ["the answer"]
    assert len(server.received) == 3


@contextmanager
def occupied(home: dict[str, str | None]) -> Iterator[tuple[RawServer, Door]]:
    """A server, and a run that holds the lock of conversation ID until the door is opened."""
    door = Door(TOOL)
    with serving(door, stream(DELTA, DONE)) as server:
        holder = start("stream", "-c", ID, "x", env=home, base_url=server.base_url)
        try:
            server.wait()
            yield server, door
        finally:
            door.opened.set()
            holder.kill()
            holder.communicate()


@SIZES
@pytest.mark.parametrize("command", ["ask", "stream", "chat"])
def test_a_lock_that_another_run_holds(command: str, size: tuple[int, int], tmp_path: Path) -> None:
    home: dict[str, str | None] = {"XDG_STATE_HOME": str(tmp_path)}
    with (
        occupied(home) as (server, door),
        Terminal(command, "-c", ID, "Hi", base_url=server.base_url, env=home, size=size) as terminal,
    ):
        terminal.until("waiting for another run, 1 of 60 s")
        terminal.until("waiting for another run, 2 of 60 s")
        door.opened.set()
        assert ends(terminal)[0] == "the answer"


def test_a_lock_that_stays(tmp_path: Path) -> None:
    home: dict[str, str | None] = {"XDG_STATE_HOME": str(tmp_path)}
    words = ("stream", "-c", ID, "Hi", "--lock-wait", "2")
    with (
        occupied(home) as (server, _),
        Terminal(*words, base_url=server.base_url, env=home, size=(200, 24)) as terminal,
    ):
        terminal.until("waiting for another run, 1 of 2 s")
        lines = ends(terminal, 33)
        assert lines[0].startswith("eugpt: busy: ")


def test_a_tool() -> None:
    door = Door(TOOL)
    with serving(door) as server, Terminal("ask", "Hi", base_url=server.base_url) as terminal:
        terminal.until("using web_search, 1 s")
        door.opened.set()
        assert ends(terminal) == ["the answer"]


def test_a_connection_that_takes_long() -> None:
    with serving(b"", deaf=True) as _, socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        words = ("ask", "Hi", "--connect-timeout", "2", "--retries", "0")
        with Terminal(*words, base_url=url, size=(200, 24)) as terminal:
            terminal.until("connecting to 127.0.0.1, 1 s")
            lines = ends(terminal, 60)
            assert lines[0].startswith("eugpt: unreachable: ")


def test_no_color_has_the_line_without_colour() -> None:
    door = Door()
    env: dict[str, str | None] = {"NO_COLOR": "1"}
    with serving(door) as server, Terminal("ask", "Hi", base_url=server.base_url, env=env) as terminal:
        terminal.until("waiting for the answer, 1 s")
        door.opened.set()
        assert ends(terminal) == ["the answer"]
        assert b"m" not in terminal.raw.replace(b"waiting for the answer", b"")


@pytest.mark.parametrize("command", ["ask", "stream", "chat"])
@pytest.mark.parametrize(
    ("options", "env"),
    [(["-q"], {}), ([], {"TERM": "dumb"}), ([], {"TERM": None}), ([], {"TERM": "unknown"})],
    ids=["quiet", "dumb", "no TERM", "unknown"],
)
def test_who_does_not_want_it_sees_nothing(command: str, options: list[str], env: dict[str, str | None]) -> None:
    with (
        serving(late) as server,
        Terminal(command, "Hi", *options, base_url=server.base_url, env=env) as terminal,
    ):
        lines = ends(terminal)
        assert lines[0] == "the answer"
        assert b"\x1b" not in terminal.raw
        assert b"waiting" not in terminal.raw


def script(text: str, server: RawServer, tmp_path: Path) -> Terminal:
    """A shell on the terminal, which knows `eugpt` as the installed one and `$file`."""
    env: dict[str, str | None] = {"file": str(tmp_path / "file")}
    return Terminal("-c", text.replace("eugpt", EUGPT), base_url=server.base_url, env=env, program="/bin/sh")


def test_nothing_of_it_goes_into_a_file(tmp_path: Path) -> None:
    with serving(late) as server, script('eugpt ask Hi 2>"$file"', server, tmp_path) as terminal:
        assert ends(terminal) == ["the answer"]
        assert b"\x1b" not in terminal.raw
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("command", ["stream", "ask", "stream -o /dev/stdout", "ask -o /dev/stdout"])
def test_an_answer_that_goes_into_a_file(command: str, tmp_path: Path) -> None:
    door = Door()
    with serving(door) as server, script(f'eugpt {command} Hi >"$file"', server, tmp_path) as terminal:
        terminal.until("waiting for the answer, 1 s")
        door.opened.set()
        assert ends(terminal) == []
    assert (tmp_path / "file").read_bytes() == b"the answer\n"


def test_it_leaves_alone_what_stands_before_it_on_its_line(tmp_path: Path) -> None:
    door = Door()
    with serving(door) as server, script("printf 'Answer: '; eugpt ask Hi", server, tmp_path) as terminal:
        terminal.until("Answer: waiting for the answer, 1 s")
        door.opened.set()
        assert ends(terminal) == ["Answer: the answer"]


def test_a_run_in_the_background_does_not_draw(tmp_path: Path) -> None:
    with serving(late) as server, script("set -m; eugpt ask Hi & wait", server, tmp_path) as terminal:
        assert ends(terminal) == ["the answer"]
        assert b"\x1b" not in terminal.raw


def test_the_lines_of_verbose_stand_for_themselves() -> None:
    door = Door()
    with serving(door) as server, Terminal("stream", "-v", "Hi", base_url=server.base_url) as terminal:
        terminal.until("waiting for the answer, 1 s")
        door.opened.set()
        *told, answer = ends(terminal)
    assert answer == "the answer"
    assert all(line[:2] in ("> ", "< ", "* ") for line in told)


def test_it_is_gone_before_an_error_and_after_ctrl_c() -> None:
    def refuse(connection: socket.socket) -> None:
        threading.Event().wait(LONGER_THAN_A_SECOND)
        connection.sendall(http(b'{"detail":"no"}', status="403 X"))

    with serving(refuse) as server, Terminal("ask", "Hi", base_url=server.base_url) as terminal:
        assert ends(terminal, 43) == ["eugpt: forbidden: no (HTTP 403)"]
        assert b"waiting" in terminal.raw
    door = Door()
    with serving(door) as server, Terminal("ask", "Hi", base_url=server.base_url) as terminal:
        terminal.until("waiting for the answer, 1 s")
        terminal.type("\x03")
        assert terminal.end() == (None, 2)
        assert terminal.lines() == ["^C"]
        door.opened.set()


@pytest.mark.parametrize("json_errors", [False, True], ids=["text", "json"])
def test_ctrl_c_says_that_the_turn_may_have_been_stored(json_errors: bool, tmp_path: Path) -> None:
    door = Door()
    words = ("chat", "-c", ID, "Hi", *(("--errors", "json") if json_errors else ()))
    env: dict[str, str | None] = {"XDG_STATE_HOME": str(tmp_path)}
    with serving(door) as server, Terminal(*words, base_url=server.base_url, env=env, size=(400, 24)) as terminal:
        terminal.until("waiting for the answer, 1 s")
        terminal.type("\x03")
        assert terminal.end() == (None, 2)
        [line] = terminal.lines()
        door.opened.set()
    told = json.loads(line)["error"]["message"] if json_errors else line
    prefix = "" if json_errors else "eugpt: sigint: "
    assert told == f"{prefix}stopped; the turn may have been stored in conversation {ID}"


@pytest.mark.parametrize("command", ["stream", "chat"])
def test_it_never_comes_back_into_an_answer(command: str) -> None:
    def pausing(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + chunk(sse(DELTA)))
        threading.Event().wait(LONGER_THAN_A_SECOND)
        connection.sendall(chunk(sse(DELTA, DONE)) + b"0\r\n\r\n")

    with serving(pausing) as server, Terminal(command, "Hi", base_url=server.base_url) as terminal:
        assert ends(terminal)[0] == "the answerthe answer"
        assert b"\x1b" not in terminal.raw.partition(b"the answer")[2]
