"""The three standard streams as bytes: what they are, and writing that ends whole or in an error."""

import os
import select
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol

from eugpt_cli.errors import InputError, OutputError, Stopped
from eugpt_cli.text.redaction import redact

IDLE_NOTE_SECONDS = 3.0
READ_SIZE = 1 << 16
PIPE_SIZE = 1 << 16  # bytes that fit into a pipe
WIDE_PIPE_SIZE = 1 << 18

DUMB = ("dumb", "unknown", "")  # terminals that cannot move their cursor


class Transient(Protocol):
    """A line of the terminal that makes room for whatever is written."""

    def tick(self) -> None:
        """Draws it, if it is time to; called at every heartbeat, in a signal handler."""

    def clear(self) -> None:
        """Takes it away."""


class StandardStreams:
    """Standard input, output and error; `secret` never leaves through them, `quiet` silences notes."""

    def __init__(self, secret: str | None) -> None:
        self.secret = secret
        self.quiet = False
        self._transient: Transient | None = None
        self._closed = {fd for fd in (0, 1, 2) if not _is_open(fd)}
        for _ in self._closed:  # a socket must not land on a standard stream's number
            os.open(os.devnull, os.O_RDWR)

    def out(self, text: str) -> None:
        self.write((redact(text, self.secret) + "\n").encode("utf-8", "replace"))

    def write(self, data: bytes) -> None:
        """Writes all bytes to standard output, unbuffered. Raises OutputError, or Stopped for a closed pipe."""
        self.check_output()
        self.clear_line()
        write(1, data, "standard output")

    def check_output(self) -> None:
        """Raises OutputError before anything is sent, if standard output is closed."""
        if 1 in self._closed:
            raise OutputError("standard output is closed")

    def error(self, text: str) -> None:
        """Prints a line on standard error; a closed one is ignored."""
        text = redact(text, self.secret)
        self.clear_line()
        try:
            if 2 not in self._closed:
                _write_all(2, (text + "\n").encode("utf-8", "replace"))
        except OSError:
            self._closed.add(2)

    def note(self, text: str) -> None:
        """Prints a line that -q silences."""
        if not self.quiet:
            self.error(text)

    def clear_line(self) -> None:
        """Takes away the line that comes and goes on the terminal, if it is there."""
        if self._transient:
            self._transient.clear()

    def draw(self, picture: str) -> None:
        """Draws on the terminal behind standard error, cursor movements included."""
        with suppress(OSError):
            _write_all(2, picture.encode("utf-8", "replace"))

    def is_terminal(self, fd: int) -> bool:
        return fd not in self._closed and os.isatty(fd)

    def has_input(self) -> bool:
        """Whether standard input is a pipe, a regular file or a socket."""
        return 0 not in self._closed and has_input()

    def read_input(self, idle: Callable[[], None]) -> Iterator[bytes]:
        """Yields standard input as it comes; calls `idle` once if no byte has come for 3 s. Raises InputError."""
        try:
            if not select.select([0], [], [], IDLE_NOTE_SECONDS)[0]:
                idle()
            buffer = memoryview(bytearray(READ_SIZE))
            while piece := _read(0, buffer):
                yield piece
        except OSError as error:
            raise InputError(f"standard input cannot be read: {reason(error)}") from None

    def input_size(self) -> int:
        """The size of standard input in bytes, 0 unless it is a regular file."""
        facts = os.fstat(0)
        return facts.st_size if stat.S_ISREG(facts.st_mode) else 0

    def size(self, fd: int = 1) -> tuple[int, int]:
        """Columns and rows of the terminal behind a standard stream."""
        try:
            columns, rows = os.get_terminal_size(fd)
        except OSError:
            return 80, 24
        return columns or 80, rows or 24


def reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def has_input() -> bool:
    """Whether the descriptor of standard input is a pipe, a regular file or a socket."""
    mode = os.fstat(0).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def is_readable() -> bool:
    """Whether standard input has something to read, or its end."""
    return bool(select.select([0], [], [], 0)[0])


def are_open() -> bool:
    """Whether all three have their descriptors, so that no file or socket can get one of these numbers."""
    return all(map(_is_open, (0, 1, 2)))


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def write(fd: int, data: bytes, name: str) -> None:
    """Writes all bytes to a descriptor. Raises OutputError, or Stopped for a closed pipe."""
    try:
        _write_all(fd, data)
    except BrokenPipeError:
        raise Stopped(signal.SIGPIPE) from None
    except OSError as error:
        raise OutputError(f"{name} cannot be written: {reason(error)}") from None


def widen(fd: int) -> None:
    """Makes room for large writes, if this is a pipe: with less, writer and reader wait for each other each time."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # no pipe, or this user's pipes have all the memory that they may have
            if fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) < WIDE_PIPE_SIZE:
                fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, WIDE_PIPE_SIZE)


def _read(fd: int, buffer: memoryview) -> bytes:
    """Reads, and waits also where another process has made the descriptor non-blocking.

    Into one buffer: a large new one, cut short for each small read, leaves holes which the heap grows around.
    """
    while True:
        try:
            return bytes(buffer[: os.readv(fd, [buffer])])
        except BlockingIOError:
            select.select([fd], [], [])


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            select.select([], [fd], [])
