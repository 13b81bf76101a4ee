"""The interactive chat, driven on a pty as in front of a screen, with and without prompt_toolkit and rich."""

import json
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.emulator import Terminal, without
from tests.support.program import eugpt
from tests.support.rawserver import SSE_HEAD, RawServer, Script, chunk, http, serving, sse

ID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
OTHER = "1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c"
Env = dict[str, str | None]

CREATED = {"type": "response.created", "response": {"conversation_id": ID, "status": "in_progress"}}
DONE = {"type": "response.completed", "response": {"status": "completed"}}
TOOL = {"type": "response.output_item.added", "item": {"type": "web_search_call"}}

MARKDOWN = """# Title

Some **strong** and `code` words, and more of them.

- an item that is longer than one line is wide

```python
def f(): return "a line of code that is longer than forty columns"
```

| name | value |
|---|---:|
| a | 1 |
| long name | 22 |
"""
STYLED = """Title

Some strong and code words, and more of
them.

• an item that is longer than one line
  is wide

─── python
def f(): return "a line of code that is
longer than forty columns"
───

name        value
─────────────────
a               1
long name      22""".splitlines()
WIDE = "長い日本語の文章" * 6 + "\n"
ESCAPES = "a \x1b[31mb \x1b]0;t\x07 \x9b2J \u202ec\n"
SHOWN = "a \\x1b[31mb \\x1b]0;t\\x07 \\x9b2J \\u202ec"


@pytest.fixture
def home(tmp_path: Path) -> Env:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture(params=["with", "without"])
def kit(request: pytest.FixtureRequest, home: Env, tmp_path: Path) -> Env:
    """The environment, with and without what the extra brings."""
    return home if request.param == "with" else home | without(tmp_path / "bare", "prompt_toolkit", "rich")


def is_bare(env: Env) -> bool:
    return "PYTHONPATH" in env


def event(data: dict[str, Any]) -> bytes:
    return chunk(sse(json.dumps(data)))


def delta(text: str) -> bytes:
    return event({"type": "response.output_text.delta", "delta": text})


def answer(text: str, *before: dict[str, Any]) -> bytes:
    """In small pieces, as a model writes."""
    deltas = b"".join(delta(text[at : at + 7]) for at in range(0, len(text), 7))
    return SSE_HEAD + b"".join(map(event, (CREATED, *before))) + deltas + event(DONE) + b"0\r\n\r\n"


class Halves:
    """Sends one half of an answer, and the other when it is told to; `left` tells that the client has gone before."""

    def __init__(self, first: str, second: str, *before: dict[str, Any]) -> None:
        self._halves = (b"".join(map(event, before)) + (delta(first) if first else b""), delta(second))
        self.go = threading.Event()
        self.left = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + event(CREATED) + self._halves[0])
        connection.settimeout(0.02)
        while not self.go.is_set():
            try:
                if not connection.recv(1):
                    self.left.set()
                    return
            except TimeoutError:
                continue
        connection.sendall(self._halves[1] + event(DONE) + b"0\r\n\r\n")


def asked(server: RawServer) -> list[tuple[str, str | None]]:
    bodies = [json.loads(request.body) for request in server.received]
    return [(body["input"], body.get("conversation_id")) for body in bodies]


def after(lines: list[str], message: str, *, last: bool = False) -> list[str]:
    """What is shown below a message (its first or its last one), up to the next prompt."""
    said = [number for number, line in enumerate(lines) if line == f"> {message}"]
    below = lines[said[-1 if last else 0] + 1 :]
    return below[: next(n for n, line in enumerate(below) if line.startswith(">") and line[1:2] in ("", " "))]


def unwrapped(lines: list[str]) -> str:
    return "".join(lines)


@pytest.mark.parametrize("size", [(80, 24), (40, 10)], ids=str)
def test_answers_on_a_screen(kit: Env, size: tuple[int, int]) -> None:
    scripts = (answer(MARKDOWN), answer(WIDE), answer(ESCAPES))
    with serving(*scripts) as server, Terminal("chat", base_url=server.base_url, env=kit, size=size) as terminal:
        for message in ("one", "two", "three"):
            terminal.prompt()
            terminal.say(message)
            terminal.until(lambda said=message: f"> {said}" in terminal.lines())  # type: ignore[misc]
        terminal.prompt()
        lines = terminal.lines()
        terminal.type("\x04")
        assert terminal.end() == (0, None)
        assert f"conversation {ID} · eugpt chat -c {ID}" in unwrapped(terminal.lines())
        assert terminal.cooked
    if is_bare(kit):
        assert unwrapped(after(lines, "one")) == MARKDOWN.replace("\n", "").replace(" ", " ") or size == (40, 10)
    elif size == (40, 10):
        assert after(lines, "one") == STYLED
    assert unwrapped(after(lines, "two")) == WIDE.strip()
    assert unwrapped(after(lines, "three")).replace(" ", "") == SHOWN.replace(" ", "")
    assert asked(server) == [("one", None), ("two", ID), ("three", ID)]


def test_ctrl_c_stops_an_answer_and_keeps_the_session(kit: Env, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    halves = Halves("half a line", "never")
    with serving(halves, answer("whole")) as server, Terminal("chat", base_url=server.base_url, env=kit) as terminal:
        terminal.prompt()
        terminal.say("one")
        terminal.until("half a line")
        terminal.type("\x03")
        assert halves.left.wait(60)
        terminal.prompt()
        assert after(terminal.lines(), "one") == ["half a line", "stopped"]
        terminal.say(f"/save {saved}")
        terminal.until("broke off")
        terminal.prompt()
        terminal.type("\x03")
        terminal.until(lambda: terminal.lines()[-2:] == [">", ">"])
        terminal.say("two")
        terminal.until("whole")
        terminal.prompt()
        terminal.say("/quit")
        assert terminal.end() == (0, None)
    assert asked(server) == [("one", None), ("two", ID)]


def test_what_is_typed_during_an_answer_is_the_next_message(kit: Env) -> None:
    halves = Halves("first ", "half")
    with serving(halves, answer("whole")) as server, Terminal("chat", base_url=server.base_url, env=kit) as terminal:
        terminal.prompt()
        terminal.say("one")
        terminal.until("first")
        terminal.say("two")
        halves.go.set()
        terminal.until("whole")
        terminal.prompt()
        assert after(terminal.lines(), "one") == ["first half"]
    assert asked(server) == [("one", None), ("two", ID)]


def test_a_paste_of_200_lines_is_one_message(kit: Env) -> None:
    lines = [f"line {number} 日本" for number in range(200)]
    pasted = "\r".join(lines)
    with (
        serving(answer("got it")) as server,
        Terminal("chat", base_url=server.base_url, env=kit, size=(40, 10)) as terminal,
    ):
        terminal.prompt()
        assert b"\x1b[?2004h" in terminal.raw
        terminal.type(f"\x1b[200~{pasted}\x1b[201~")
        terminal.until("line 199")
        terminal.type("\r")
        terminal.until("got it")
        terminal.prompt()
    assert asked(server) == [("\n".join(lines), None)]


def test_a_failed_turn_can_be_sent_again(kit: Env) -> None:
    down = http(b'{"detail":"down"}', status="503 Busy")
    scripts = (answer("first"), down, answer("second"))
    with serving(*scripts) as server, Terminal("chat", base_url=server.base_url, env=kit, size=(200, 24)) as terminal:
        terminal.prompt()
        terminal.say("/retry")
        terminal.until("nothing to send again")
        for message, says in (("one", "first"), ("two", "hint: "), ("/retry", "second")):
            terminal.prompt()
            terminal.say(message)
            terminal.until(says)
        terminal.prompt()
        assert after(terminal.lines(), "two") == [
            f"eugpt: unavailable: down; the turn may have been stored in conversation {ID} (HTTP 503)",
            "hint: /retry sends it again, and the conversation may then contain it twice",
        ]
        assert after(terminal.lines(), "/retry", last=True) == [
            "sending it again; the conversation may now contain it twice",
            "second",
        ]
        terminal.type("\x04")
        assert terminal.end() == (0, None)
    assert asked(server) == [("one", None), ("two", ID), ("two", ID)]


def test_another_size_while_an_answer_streams(kit: Env) -> None:
    first = "A line that **is** whole.\nand one that was beg"
    second = "un at another size\nlast *line*\n"
    halves = Halves(first, second)
    with serving(halves) as server, Terminal("chat", base_url=server.base_url, env=kit) as terminal:
        terminal.prompt()
        terminal.say("one")
        terminal.until("was beg")
        before = len(terminal.raw)
        terminal.resize(40, 10)
        halves.go.set()
        terminal.prompt()
        after = terminal.raw[before:]
        last = "last *line*" if is_bare(kit) else "last line"
        assert terminal.lines()[-2:] == [last, ">"]
    assert after.startswith(b"un at another size\r\n")


@contextmanager
def named(name: str, conversation_id: str, server: RawServer, home: Env) -> Iterator[None]:
    """The name stands for this conversation at this server."""
    assert eugpt("conversation", "name", name, conversation_id, env=home, base_url=server.base_url).returncode == 0
    yield


def test_the_words_with_a_slash(home: Env, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("facts")
    saved = tmp_path / "saved"
    steps = [
        ("/id", "new conversation"),
        ("/save x", "no answer to save yet"),
        ("/hlep", "unknown command /hlep; did you mean /help? Start with a space to send it as text"),
        ("/xyz", "unknown command /xyz; /help lists them. Start with a space to send it as text"),
        ("/file", "/file PATH: attach a text file to the next message"),
        ("/name", "/name NAME: name this conversation"),
        ("/save", "/save FILE: write the last answer to FILE"),
        ("exit", "to leave, type /quit or press Ctrl-D; to send 'exit' as a message, start with a space"),
        ("quit", "to leave, type /quit or press Ctrl-D; to send 'quit' as a message, start with a space"),
        (f"/file {tmp_path}/none", "eugpt: input: "),
        (f"/file {tmp_path}/notes", "notes to the next message"),
        ("/instructions be brief", "be brief"),
        ("/name taken", f"eugpt: config: taken is the name of conversation {OTHER}"),
        ("/name mine", "new conversation mine"),
        (" /one", "answer"),
        (f"/save {tmp_path}/none/x", "eugpt: output: "),
        (f"/save {saved}", f"wrote the last answer to {saved}"),
        (f"/save {tmp_path}/notes", f"{tmp_path}/notes exists; repeat the command to replace it"),
        (f"/save {saved}", f"{saved} exists; repeat the command to replace it"),
        (f"/save {saved}", f"wrote the last answer to {saved}"),
        ("/id", f"conversation mine {ID}"),
        ("/instructions -", "no instructions"),
        ("two", "and so on"),
        ("/help", "Alt-Enter"),
    ]
    scripts = (answer("**answer**\x1b"), answer("and so on"))
    with (
        serving(*scripts) as server,
        named("taken", OTHER, server, home),
        Terminal("chat", base_url=server.base_url, env=home, size=(250, 50)) as terminal,
    ):
        for number, (message, says) in enumerate(steps, 1):
            terminal.prompt()
            terminal.say(message)
            terminal.until(lambda n=number: "\n".join(terminal.lines()).count("\n>") > n)  # type: ignore[misc]
            shown = terminal.lines()
            assert says in "\n".join(shown[len(shown) - shown[::-1].index(f"> {message}") - 1 :])
        terminal.prompt()
        terminal.say("/quit")
        assert terminal.end() == (0, None)
        assert f"conversation mine {ID} · eugpt chat -c mine" in terminal.lines()
    body, second = (json.loads(received.body) for received in server.received)
    assert "instructions" not in second
    assert body["input"] == f' /one\n\n<file name="{tmp_path}/notes">\nfacts\n</file>'
    assert body["instructions"] == "be brief"
    assert saved.read_text() == "**answer**\x1b\n"
    assert (tmp_path / "notes").read_text() == "facts"
    listed = json.loads(eugpt("conversation", "list", "--json", env=home).stdout)
    assert [(entry["name"], entry["id"]) for entry in listed] == [("mine", ID), ("taken", OTHER)]


def test_help_tells_of_the_keys_that_there_are(kit: Env) -> None:
    with (
        serving(answer("ok")) as server,
        Terminal("chat", base_url=server.base_url, env=kit, size=(100, 40)) as terminal,
    ):
        terminal.prompt()
        terminal.say("/help")
        terminal.until("Ctrl-C")
        assert ("Alt-Enter" in "\n".join(terminal.lines())) != is_bare(kit)


def test_what_was_typed_is_kept_for_the_arrow_keys(kit: Env, tmp_path: Path) -> None:
    past = tmp_path / "state/eugpt/history" / ID
    with serving(answer("ok")) as server:
        for messages, options in ((["one", "two"], ()), (["three"], ("--no-history",))):
            with Terminal("chat", "-c", "work", *options, base_url=server.base_url, env=kit) as terminal:
                for message in messages:
                    terminal.prompt()
                    terminal.say(message)
                    terminal.until(lambda said=message: after_ok(terminal, said))  # type: ignore[misc]
                terminal.prompt()
                terminal.type("\x04")
                terminal.end()
        assert past.read_bytes() == b'"one"\n"two"\n'
        assert stat.S_IMODE(past.stat().st_mode) == 0o600
        with Terminal("chat", "-c", "work", base_url=server.base_url, env=kit) as terminal:
            terminal.prompt()
            terminal.type("\x1b[A\x1b[A")
            terminal.until(lambda: terminal.lines()[-1] == "> one")
            terminal.type("\r")
            terminal.until("ok")
            terminal.prompt()
    assert [said for said, _ in asked(server)] == ["one", "two", "three", "one"]
    eugpt("conversation", "forget", "work", env=kit, base_url=server.base_url)
    assert not past.exists()


def test_the_first_thing_kept_makes_the_folders_for_this_user_alone(home: Env, tmp_path: Path) -> None:
    with serving(answer("ok")) as server, Terminal("chat", base_url=server.base_url, env=home) as terminal:
        terminal.prompt()
        terminal.say("one")
        terminal.until(lambda: after_ok(terminal, "one"))
        terminal.prompt()
        terminal.type("\x04")
        terminal.end()
    folders = [folder for folder in (tmp_path / "state").rglob("*") if folder.is_dir()]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (tmp_path / "state", *folders)} == {0o700}
    assert len(folders) > 1


def after_ok(terminal: Terminal, message: str) -> bool:
    lines = terminal.lines()
    return f"> {message}" in lines and "ok" in lines[lines.index(f"> {message}") :]


def test_a_message_of_several_lines(home: Env) -> None:
    with serving(answer("ok")) as server, Terminal("chat", base_url=server.base_url, env=home) as terminal:
        terminal.prompt()
        terminal.type("one\x1b\rtwo\r")
        terminal.until("ok")
        terminal.prompt()
    assert asked(server) == [("one\ntwo", None)]


def test_the_use_of_a_tool_is_shown_and_goes_away(kit: Env) -> None:
    halves = Halves("", "found", TOOL)
    with serving(halves) as server, Terminal("chat", base_url=server.base_url, env=kit) as terminal:
        terminal.prompt()
        terminal.say("one")
        terminal.until("using web_search, 1 s")
        halves.go.set()
        terminal.until("found")
        terminal.prompt()
        assert after(terminal.lines(), "one") == ["found"]


def test_ctrl_c_says_that_the_turn_may_have_been_stored(kit: Env) -> None:
    halves = Halves("half", "never")
    scripts = (answer("first"), halves, answer("second"))
    with serving(*scripts) as server, Terminal("chat", base_url=server.base_url, env=kit, size=(200, 24)) as terminal:
        terminal.prompt()
        terminal.say("one")
        terminal.until("first")
        terminal.prompt()
        terminal.say("two")
        terminal.until("half")
        terminal.type("\x03")
        terminal.prompt()
        assert after(terminal.lines(), "two") == [
            "half",
            f"stopped; the turn may have been stored in conversation {ID}; "
            "/retry sends it again, and the conversation may then contain it twice",
        ]
        terminal.say("/retry")
        terminal.until("second")
        terminal.prompt()
        assert "sending it again; the conversation may now contain it twice" in terminal.lines()
    assert asked(server) == [("one", None), ("two", ID), ("two", ID)]


def test_three_ctrl_c_tell_how_to_leave(kit: Env) -> None:
    with serving(b"") as server, Terminal("chat", base_url=server.base_url, env=kit) as terminal:
        for count in range(3):
            terminal.until(lambda n=count: [line[:1] for line in terminal.lines()].count(">") > n)  # type: ignore[misc]
            assert "to leave" not in "\n".join(terminal.lines())
            terminal.type("\x03")
        terminal.until("to leave, type /quit or press Ctrl-D")
        terminal.prompt()
        terminal.type("\x04")
        assert terminal.end() == (0, None)


def test_help_wraps_between_words(kit: Env) -> None:
    with serving(b"") as server, Terminal("chat", base_url=server.base_url, env=kit, size=(40, 30)) as terminal:
        terminal.prompt()
        terminal.say("/help")
        terminal.until("Ctrl-D")
        terminal.prompt()
        shown = after(terminal.lines(), "/help")
    wide = [line for line in shown if line[:1] == " "]
    assert wide
    assert all(line.startswith("                    ") for line in wide)
    words = " ".join(" ".join(shown).split())
    assert "set the system prompt; @FILE reads it from a file, - removes it" in words


@pytest.mark.parametrize("moment", ["prompt", "typing", "answer"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP], ids=lambda end: end.name)
def test_other_signals_end_it_and_leave_the_terminal_well(end: signal.Signals, moment: str, kit: Env) -> None:
    with serving(Halves("half", "")) as server, Terminal("chat", base_url=server.base_url, env=kit) as terminal:
        terminal.prompt()
        if moment == "answer":
            terminal.say("one")
            terminal.until("half")
        if moment == "typing":
            terminal.type("typing this quickly now")
        terminal.kill(end)
        assert terminal.end() == (None, end)
        assert terminal.cooked


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP], ids=lambda end: end.name)
def test_a_signal_that_comes_with_an_alarm_is_not_lost(end: signal.Signals, kit: Env) -> None:
    """Readline runs the handler of the second signal over the exception of the first."""
    with serving(answer("ok")) as server, Terminal("chat", base_url=server.base_url, env=kit) as terminal:
        terminal.prompt()
        for signum in (signal.SIGSTOP, end, signal.SIGALRM, signal.SIGCONT):
            terminal.kill(signum)
        assert terminal.end() == (None, end)


def test_a_dumb_terminal_gets_no_escapes(home: Env) -> None:
    env = home | {"TERM": "dumb"}
    with serving(answer("**ok**", TOOL)) as server, Terminal("chat", base_url=server.base_url, env=env) as terminal:
        terminal.prompt()
        terminal.say("one")
        terminal.until("**ok**")
        terminal.type("\x04")
        terminal.end()
        assert b"\x1b" not in terminal.raw


def test_plain_leaves_markdown_as_it_is(home: Env) -> None:
    with (
        serving(answer("**ok**")) as server,
        Terminal("chat", "--plain", base_url=server.base_url, env=home) as terminal,
    ):
        terminal.prompt()
        terminal.say("one")
        terminal.until("**ok**")
        terminal.prompt()
        assert after(terminal.lines(), "one") == ["**ok**"]


@pytest.mark.parametrize(
    ("options", "env", "code", "says"),
    [
        ((), {"EUGPT_API_KEY": None}, 30, "eugpt: config: no API key"),
        (("-c", "a b"), {}, 30, "cannot be a name"),
        (("-f", "/nonexistent"), {}, 31, "eugpt: input: /nonexistent"),
        (("-I",), {}, 2, "nothing to send"),
        (("-o", "/dev/null"), {}, 2, "nothing to send"),
        (("--max-time", "0.7"), {}, 61, "--max-time has passed"),
    ],
    ids=str,
)
def test_what_ends_before_the_first_message(options: tuple[str, ...], env: Env, code: int, says: str, kit: Env) -> None:
    with (
        serving(b"") as server,
        Terminal("chat", *options, base_url=server.base_url, env=kit | env, size=(200, 24)) as terminal,
    ):
        assert terminal.end() == (code, None)
        assert says in "\n".join(terminal.lines())
        assert terminal.cooked
    assert server.received == []


def test_a_new_name_that_may_have_been_mistyped(home: Env) -> None:
    with (
        serving(b"") as server,
        named("work", OTHER, server, home),
        Terminal("chat", "-c", "wrok", base_url=server.base_url, env=home) as terminal,
    ):
        terminal.prompt()
        assert terminal.lines()[0] == "new conversation wrok · did you mean work? · /help"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "the service returned no conversation id, so it will not remember this message"),
        (("-c", "work"), "eugpt: not_the_api: the service returned no conversation id"),
    ],
)
def test_a_service_that_names_no_conversation(words: tuple[str, ...], says: str, home: Env) -> None:
    script: Script = SSE_HEAD + delta("ok") + event(DONE) + b"0\r\n\r\n"
    with serving(script) as server, Terminal("chat", *words, base_url=server.base_url, env=home) as terminal:
        terminal.prompt()
        terminal.say("one")
        terminal.until(says)
        terminal.prompt()
        terminal.type("\x04")
        assert terminal.end() == (0, None)
