"""Where an answer goes: standard output, an open descriptor or device, or a file that is replaced whole."""

import os
import re
import select
import stat
from collections.abc import Callable
from contextlib import suppress

from eugpt_cli.errors import OutputError, Stopped
from eugpt_cli.system.console import Console
from eugpt_cli.system.files import to_disk
from eugpt_cli.system.streams import PIPE_SIZE, reason, widen, write
from eugpt_cli.text.redaction import Sink

DESCRIPTORS = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}
FOLDER_ENDS = ("/", "/.", "/..")
DESCRIPTOR = r"/(?:dev|proc/self)/fd/(\d{1,6})"


class DescriptorSink:
    """A descriptor whose bytes are out once they are written."""

    def __init__(self, fd: int, name: str, before: Callable[[], None]) -> None:
        """`before` is called before each write: it clears the status line."""
        self.terminal = os.isatty(fd)
        self._before = before
        self._line_is_open = False
        self._is_wide = False
        self.emitted = False
        self._fd = fd
        self._name = name

    def write(self, data: bytes) -> None:
        if data:
            self.emitted = True
            self._line_is_open = not data.endswith(b"\n")
            self._before()
            if len(data) > PIPE_SIZE and not self._is_wide:
                self._is_wide = True
                widen(self._fd)
            write(self._fd, data, self._name)

    def sync(self) -> None:
        with suppress(OSError):  # a pipe or a terminal has nothing to sync
            to_disk(self._fd)

    def restart(self) -> None:
        """Nothing has been written."""

    def keep(self) -> None:
        self.emitted = False

    def commit(self) -> None:
        """Everything is out already."""
        self._line_is_open = False

    def discard(self) -> None:
        """What is out stays; a message that follows it in the same place begins a line of its own."""
        if self._line_is_open and (self.terminal or _is_standard_error(self._fd)) and _takes_more(self._fd):
            with suppress(OutputError, Stopped):
                self.write(b"\n")


def destination(path: str | None, console: Console) -> Sink:
    """The sink for a path; None and `-` are standard output. Raises OutputError, before anything is sent."""
    sink = direct(path, console)
    if sink:
        return sink
    from eugpt_cli.system.replacement import Replacement

    return Replacement(str(path))


def direct(path: str | None, console: Console) -> DescriptorSink | None:
    """Like `destination`, but None for a regular file, existing or not, whose name is no folder's."""
    if path is None or path == "-":
        console.check_output()
        return DescriptorSink(1, "standard output", console.clear_line)
    fd = descriptor_of(path)
    if fd is not None:
        return DescriptorSink(_duplicate(fd, path), path, console.clear_line)
    if path.endswith(FOLDER_ENDS):  # realpath(3) would drop them
        raise OutputError(f"{path} cannot be written: is a directory")
    return DescriptorSink(_open(path), path, console.clear_line) if _is_special(path) else None


def _is_standard_error(fd: int) -> bool:
    """Whether both lead to one place, as after 2>&1."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(fd), os.fstat(2))
    return False


def _takes_more(fd: int) -> bool:
    """Whether a byte can be written without waiting for somebody to read."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(0))


def descriptor_of(path: str) -> int | None:
    """The number of the open descriptor that a path names, None for the path of a file."""
    numbered = re.fullmatch(DESCRIPTOR, path)
    return int(numbered[1]) if numbered else DESCRIPTORS.get(path)


def _is_special(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_NOCTTY)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason(error)}") from None


def _duplicate(fd: int, path: str) -> int:
    try:
        return os.dup(fd)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason(error)}") from None
