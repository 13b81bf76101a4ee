"""Standard input: when it is read, what of it is sent, and what is said when it cannot be. Section 3."""

import hashlib
import json
import os
import pty
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.fixtures import DOCUMENT
from tests.support.program import eugpt, shell, start
from tests.support.rawserver import RawServer, http, serving
from tests.support.terminal import on_terminal

HELLO = (0, b"Hello\n", b"")


@pytest.fixture
def server() -> Iterator[RawServer]:
    with serving(http(DOCUMENT)) as running:
        yield running


def inputs(server: RawServer) -> list[str]:
    return [json.loads(request.body)["input"] for request in server.received]


# the shell's redirection, whether a prompt is given, and what is sent; None: exit 2, nothing is sent
KINDS: list[tuple[str, str, str | None]] = [
    ("printf 'doc\\n' | eugpt ask", "", "doc"),
    ("printf 'doc\\n' | eugpt ask", "sum", "sum\n\ndoc"),
    ("printf 'doc\\n' | eugpt ask", "-", "doc"),
    ("eugpt ask <in", "", "file"),
    ("eugpt ask <in", "sum", "sum\n\nfile"),
    ("{ read -r skipped; eugpt ask sum; } <lines", "", "sum\n\ntwo\nthree"),
    ("eugpt ask </dev/null", "sum", "sum"),
    ("eugpt ask </dev/null", "", None),
    ("eugpt ask </dev/null", "-", None),
    ("eugpt ask </dev/zero", "sum", "sum"),
    ("eugpt ask </dev/zero", "", None),
    ("eugpt ask <&-", "sum", "sum"),
    ("eugpt ask <&-", "", None),
    ("eugpt ask <empty", "", None),
    ("eugpt ask <empty", "sum", "sum"),
    ("eugpt ask -I <in", "sum", "sum"),
    ("eugpt ask -I <in", "", None),
    ("printf 'doc\\n' | eugpt ask -f -", "sum", 'sum\n\n<file name="-">\ndoc\n</file>'),
    ("eugpt ask -f empty", "sum", 'sum\n\n<file name="empty">\n\n</file>'),
    ("eugpt ask -f empty -f in", "", '<file name="empty">\n\n</file>\n\n<file name="in">\nfile\n</file>'),
    ("eugpt ask -f empty -f /dev/null", "", None),
    ("eugpt ask -f - <&-", "", None),
]


@pytest.mark.parametrize(("command", "prompt", "sent"), KINDS)
def test_kinds(server: RawServer, tmp_path: Path, command: str, prompt: str, sent: str | None) -> None:
    for name, content in {"in": "file\n", "empty": "", "lines": "one\ntwo\nthree\n"}.items():
        (tmp_path / name).write_text(content)
    words = command.replace("ask", f"ask {prompt}", 1) if prompt else command
    run = shell(f"cd {tmp_path}; {words}", base_url=server.base_url)
    if sent is None:
        assert (run.returncode, run.stdout, server.received) == (2, b"", [])
        assert run.stderr.startswith(b"eugpt: usage: nothing to send")
        assert b"\nhint: " in run.stderr
    else:
        assert (run.returncode, run.stdout, run.stderr) == HELLO
        assert inputs(server) == [sent]


def test_a_socket(server: RawServer) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, start("ask", "sum", base_url=server.base_url, stdin=theirs.fileno()) as run:
        ours.sendall(b"over a ")
        ours.sendall(b"socket\n")
        ours.shutdown(socket.SHUT_WR)
        assert (*run.communicate(timeout=60), run.returncode) == (b"Hello\n", b"", 0)
    assert inputs(server) == ["sum\n\nover a socket"]


def test_a_terminal_is_no_input(server: RawServer) -> None:
    given = on_terminal("ask", "sum", base_url=server.base_url)
    missing = on_terminal("ask", base_url=server.base_url)
    typed = on_terminal("ask", "-", base_url=server.base_url, keys=b"typed\n\x04")
    assert (given.output, given.exit) == (b"Hello\r\n", 0)
    assert (missing.exit, b"nothing to send" in missing.output) == (2, True)
    assert typed.exit == 0
    assert inputs(server) == ["sum", "typed"]


# bytes of standard input, and what is sent of them
EXACT = [
    (b"\xef\xbb\xbfafter a BOM\n", "after a BOM"),
    (b"a\xef\xbb\xbfb", "a\ufeffb"),
    (b"two\n\n", "two\n"),
    (b"  \t spaces \r\n", "  \t spaces \r"),
    (b"\x1b[31m\x07\x7f\xc2\x9b", "\x1b[31m\x07\x7f\x9b"),
    ("\u2028\u202e\U0001f600é".encode(), "\u2028\u202e\U0001f600é"),
    (b"x" * 65535 + "é".encode() + b"\n", "x" * 65535 + "é"),
    (b"\xef\xbb\xbf" + b"y" * 65536 + b"\n\n", "y" * 65536 + "\n"),
]


@pytest.mark.parametrize(("stdin", "sent"), EXACT, ids=lambda value: repr(value)[:20])
def test_exact_bytes(server: RawServer, stdin: bytes, sent: str) -> None:
    run = eugpt("ask", stdin=stdin, base_url=server.base_url)
    assert (run.returncode, run.stdout, run.stderr) == HELLO
    assert inputs(server) == [sent]


# bytes of standard input, and what the error names
NOT_TEXT = [
    (b"\xff", "byte 0"),
    (b"abc\xfe\n", "byte 3"),
    (b"ab\xc3", "byte 2"),
    (b"ab\xe2\x82", "byte 2"),
    (b"\xc0\xaf", "byte 0"),
    (b"\xed\xa0\x80", "byte 0"),
    (b"\xef\xbb\xbfab\xff", "byte 5"),
    (b"x" * 65535 + b"\xc3\x28", "byte 65535"),
    (b"x" * 65536 + b"\xff", "byte 65536"),
    ("é".encode() * 50_000 + b"\x80", "byte 100000"),
    (b"\0", "byte 0"),
    (b"x" * 70_000 + b"\0", "byte 70000"),
    (b"ok\0\xff", "byte 2"),
    (b"ok\xff\0", "byte 2"),
]


@pytest.mark.parametrize(("stdin", "where"), NOT_TEXT, ids=lambda value: repr(value)[:30])
def test_what_is_no_text_is_refused_by_its_offset(server: RawServer, stdin: bytes, where: str) -> None:
    run = eugpt("ask", "sum", stdin=stdin, base_url=server.base_url)
    assert (run.returncode, run.stdout, server.received) == (31, b"", [])
    line, *_ = run.stderr.decode().splitlines()
    assert line.startswith("eugpt: input: standard input ")
    assert line.endswith(where)


def test_an_unreadable_descriptor(server: RawServer, tmp_path: Path) -> None:
    run = shell(f"eugpt ask sum 0>{tmp_path}/writable", base_url=server.base_url)
    assert (run.returncode, run.stdout, server.received) == (31, b"", [])
    assert run.stderr.startswith(b"eugpt: input: standard input ")


def test_100_megabytes(server: RawServer, tmp_path: Path) -> None:
    line = b"0123456789abcdef" * 4 + b"-\xc3\xa9\n"
    big = line * (100_000_000 // len(line))
    (tmp_path / "big").write_bytes(big)
    with (tmp_path / "big").open("rb") as file, start("ask", base_url=server.base_url, stdin=file.fileno()) as run:
        assert (*run.communicate(timeout=120), run.returncode) == (b"Hello\n", b"", 0)
    [sent] = inputs(server)
    assert hashlib.sha256(sent.encode()).digest() == hashlib.sha256(big[:-1]).digest()


@contextmanager
def waiting(server: RawServer, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run with an open pipe as its standard input, into which nothing has been written yet."""
    with start("ask", *arguments, base_url=server.base_url, stdin=subprocess.PIPE) as run:
        yield run


def test_an_idle_pipe(server: RawServer) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(waiting(server, *words)) for words in ((), ("-q", "sum"), ("-",))]
        noted = stack.enter_context(waiting(server, "sum"))
        assert noted.stderr
        note = noted.stderr.readline()
        assert b"-I" in note
        assert note.startswith(b"eugpt: ")
        assert server.received == []
        assert (*noted.communicate(b"late\n", timeout=60), noted.returncode) == (b"Hello\n", b"", 0)
        for run in silent:
            assert (*run.communicate(b"late\n", timeout=60), run.returncode) == (b"Hello\n", b"", 0)
    assert sorted(inputs(server)) == ["late", "late", "sum\n\nlate", "sum\n\nlate"]


def test_a_slow_producer_is_waited_for(server: RawServer) -> None:
    run = shell(
        "{ printf a; sleep 0.3; printf '\\303'; sleep 0.3; printf '\\251\\n'; } | eugpt ask", base_url=server.base_url
    )
    assert (run.returncode, run.stdout, run.stderr) == HELLO
    assert inputs(server) == ["aé"]


@pytest.mark.parametrize("arguments", [("sum",), (), ("-",)])
@pytest.mark.parametrize("first", [b"", b"some"])
def test_max_time_bounds_the_wait(server: RawServer, arguments: tuple[str, ...], first: bytes) -> None:
    with waiting(server, *arguments, "--max-time", "0.5") as run:
        assert run.stdin
        assert run.stderr
        run.stdin.write(first)
        run.stdin.flush()
        assert run.stderr.read().startswith(b"eugpt: timeout: ")
        assert run.wait(60) == 61
    assert server.received == []


LOOP = "printf 'one\\ntwo\\nthree\\n' | while read -r line; do eugpt ask {} \"$line\"; done"


@pytest.mark.parametrize(("option", "sent"), [("-I", ["one", "two", "three"]), ("", ["one\n\ntwo\nthree"])])
def test_a_while_read_loop(server: RawServer, option: str, sent: list[str]) -> None:
    run = shell(LOOP.format(option), base_url=server.base_url)
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout == b"Hello\n" * len(sent)
    assert inputs(server) == sent


def test_a_terminal_that_has_gone(server: RawServer) -> None:
    ours, theirs = pty.openpty()
    with start("ask", "-", base_url=server.base_url, stdin=theirs) as run:
        os.close(theirs)
        os.close(ours)
        _, said = run.communicate(timeout=60)
    assert (run.returncode, server.received) in ((31, []), (2, []))
    assert said.startswith((b"eugpt: input: ", b"eugpt: usage: "))
