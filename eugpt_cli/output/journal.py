"""The journal of --log: a line of JSON for each run, for each turn of a chat, and for each item of a batch.

A line never holds text of a prompt or an answer, and never the key: what the service names is kept only as far as it is
a name. It is appended by one write, with O_APPEND, under a lock of the file, so that many runs share one journal. The
next run takes away what a killed run or a full disk has left of a line.
"""

import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import orjson

from eugpt_cli import __version__
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.errors import EugptError, OutputError, Stopped, UsageError
from eugpt_cli.output.destinations import DescriptorSink, direct
from eugpt_cli.output.report import meta
from eugpt_cli.system.console import Console
from eugpt_cli.system.streams import reason
from eugpt_cli.text.escapes import dump
from eugpt_cli.text.redaction import redact

LOCK_SECONDS = 2.0  # then it is written without: somebody holds the lock who is no eugpt
LOCK_POLL_SECONDS = 0.005
TAIL = 1 << 16
START = b'{"at":'
WORD = re.compile(r"[\w.:/@+-]{1,200}")
NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,100}")


class Journal:
    """One file, opened for each line, so that it can be rotated during a long run."""

    def __init__(self, path: str, command: str, label: str | None, base_url: str | None, console: Console) -> None:
        self._path = path
        self._console = console
        self._facts = {"command": command, "label": label, "eugpt": __version__, "base_url": base_url}
        self._last: object = None  # the outcome that was written last
        self._end: BaseException | None = None  # and how it ended
        self._sink: DescriptorSink | None = None  # what is no file is opened once

    def _open(self) -> None:
        """Makes the file, or sees whether it can be written to. Raises OutputError."""
        self._sink = direct(self._path, self._console)
        if self._sink is None:
            os.close(_opened(self._path))

    @contextmanager
    def run(self, outcome: Outcome) -> Iterator[None]:
        """A run, whose line has this outcome; where it has turns, only what goes wrong outside of them has a line.

        Raises OutputError at once if the file cannot be opened.
        """
        try:
            self._open()
            yield
            if self._last is None:
                self.add(outcome, None)
        except BaseException as end:
            if end is not self._end and outcome is not self._last:
                self._fail(outcome if self._last is None else Outcome(), end)
            raise

    @contextmanager
    def turn(self, outcome: Outcome) -> Iterator[None]:
        """One turn of several."""
        try:
            yield
            self.add(outcome, None)
        except BaseException as end:
            if outcome is not self._last:
                self._fail(outcome, end)
            raise

    def add(self, outcome: Outcome, end: EugptError | Stopped | None, **more: Any) -> None:
        """The line of one request, or of none that was made. Raises OutputError."""
        with nullcontext() if self._sink else self._console.signals_blocked():  # a pipe may have to be waited for
            self._last, self._end = outcome, end
            try:
                self.write({**more, **_cleaned(meta(outcome, end))})
            except OutputError as fault:
                self._end = fault
                raise

    def write(self, facts: Mapping[str, Any]) -> None:
        """One line: these facts (with `at`), and those of the run. Raises OutputError."""
        line = redact(dump({"at": facts["at"], **self._facts, **facts}), self._console.secret)
        self._put(f"{line}\n".encode())

    def _fail(self, outcome: Outcome, end: BaseException) -> None:
        """Ignores a problem with the journal where another problem is already being reported."""
        with suppress(OutputError, Stopped):
            if not isinstance(end, UsageError):
                self.add(outcome, end if isinstance(end, Stopped) else self._console.fault_of(end))

    def _put(self, line: bytes) -> None:
        if self._sink:
            self._sink.write(line)
            return
        fd = _opened(self._path)
        try:
            _append(fd, line)
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {reason(error)}") from None
        finally:
            os.close(fd)


def _opened(path: str) -> int:
    try:
        with suppress(PermissionError):
            return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason(error)}") from None


def _append(fd: int, line: bytes) -> None:
    """Raises OSError; the file then is as it was before."""
    locked = _lock(fd)
    if not _ends_a_line(fd, mend=locked):
        line = b"\n" + line
    before = os.fstat(fd).st_size
    written = os.write(fd, line)
    if written < len(line):
        if locked:
            os.ftruncate(fd, before)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _lock(fd: int) -> bool:
    """Whether no other eugpt writes to the file until it is closed."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOCK_POLL_SECONDS)
        except OSError:  # a file system without locks
            return False


def _ends_a_line(fd: int, *, mend: bool) -> bool:
    """Whether a line can follow; half a line of ours is taken away for that, if nobody else writes (`mend`)."""
    size = os.fstat(fd).st_size
    try:
        tail = os.pread(fd, TAIL, max(0, size - TAIL))
    except OSError:  # it may not be read
        return True
    half = tail[tail.rfind(b"\n") + 1 :]
    if not half:
        return True
    if not mend or not _is_half_a_line(half):
        return False
    with suppress(OSError):  # a file to which one may only append
        os.ftruncate(fd, size - len(half))
        return True
    return False


def _is_half_a_line(tail: bytes) -> bool:
    """Whether it begins as a line of ours does, and is not a whole one that somebody took the end of line from."""
    if not tail.startswith(START[: len(tail)]):
        return False
    with suppress(orjson.JSONDecodeError):
        orjson.loads(tail)
        return False
    return True


def _cleaned(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of --meta without any text: names, numbers, and of an error what kind it is."""
    error = facts["error"]
    if error:
        code = error["code"]
        facts["error"] = {
            "kind": error["kind"],
            "exit": error["exit"],
            "http_status": error["http_status"],
            "code": code if isinstance(code, int) else _matching(WORD, code),
        }
    for name in ("response_id", "conversation_id", "request_id", "status"):
        facts[name] = _matching(WORD, facts[name])
    facts["model"] = _matching(NAME, facts["model"])
    facts["tools"] = [_matching(WORD, tool) for tool in facts["tools"]]
    facts["usage"] = _numbers(facts["usage"])
    return facts


def _matching(form: re.Pattern[str], value: Any) -> str | None:
    return value if isinstance(value, str) and form.fullmatch(value) else None


def _numbers(value: Any) -> Any:
    """What of the usage is a number, by its name."""
    if isinstance(value, Mapping):
        return {name: _numbers(member) for name, member in value.items() if WORD.fullmatch(name)}
    return value if isinstance(value, int | float) else None
