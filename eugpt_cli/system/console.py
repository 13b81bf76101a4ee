"""The world around the process: the three streams as bytes, what they are, the environment, signals and leaving."""

import os
import select
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from eugpt_cli.errors import InputError, OutOfTime, OutputError, Stopped
from eugpt_cli.text.redaction import redact

IDLE_NOTE_SECONDS = 3.0
LAST_WORDS_SECONDS = 2.0
BEAT_SECONDS = 0.25  # Python overlooks a signal that comes just before a system call, until the next one comes
READ_SIZE = 1 << 16
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_came: set[int] = set()  # the signals since they are listened to


class Console:
    """One object for everything outside; `secret` never leaves through it, `errors` is the form of the error line."""

    def __init__(self) -> None:
        self.environ: Mapping[str, str] = os.environ
        self.secret = self.environ.get("EUGPT_API_KEY")  # until it is known which key is used
        self.errors: str | None = None
        self.quiet = False
        self._deadline: float | None = None
        self._beats = False
        self._lost: BaseException | None = None
        self._closed = {fd for fd in (0, 1, 2) if not _is_open(fd)}
        for _ in self._closed:  # a socket must not land on a standard stream's number
            os.open(os.devnull, os.O_RDWR)

    def out(self, text: str) -> None:
        self.write((redact(text, self.secret) + "\n").encode("utf-8", "replace"))

    def write(self, data: bytes) -> None:
        """All bytes to standard output, at once. Raises OutputError, or Stopped for a closed pipe."""
        self.check_output()
        write(1, data, "standard output")

    def check_output(self) -> None:
        """Raises OutputError before anything is sent, if standard output is closed."""
        if 1 in self._closed:
            raise OutputError("standard output is closed")

    def error(self, text: str) -> None:
        """A line on standard error, or silence where there is none."""
        text = redact(text, self.secret)
        try:
            if 2 not in self._closed:
                _write_all(2, (text + "\n").encode("utf-8", "replace"))
        except OSError:
            self._closed.add(2)

    def note(self, text: str) -> None:
        """A line that the user may do without."""
        if not self.quiet:
            self.error(text)

    def draw(self, picture: str) -> None:
        """What the terminal behind standard error is to show, cursor movements included."""
        with suppress(OSError):
            _write_all(2, picture.encode("utf-8", "replace"))

    def is_terminal(self, fd: int) -> bool:
        return fd not in self._closed and os.isatty(fd)

    def has_input(self) -> bool:
        """Whether standard input is a pipe, a regular file or a socket."""
        if 0 in self._closed:
            return False
        mode = os.fstat(0).st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)

    def read_input(self, idle: Callable[[], None]) -> Iterator[bytes]:
        """Standard input in pieces; `idle` is called once if nothing has come for 3 s. Raises InputError."""
        try:
            if not select.select([0], [], [], IDLE_NOTE_SECONDS)[0]:
                idle()
            buffer = memoryview(bytearray(READ_SIZE))
            while piece := _read(0, buffer):
                yield piece
        except OSError as error:
            raise InputError(f"standard input cannot be read: {reason(error)}") from None

    def input_size(self) -> int:
        """The bytes of standard input, 0 if it is no regular file."""
        facts = os.fstat(0)
        return facts.st_size if stat.S_ISREG(facts.st_mode) else 0

    @contextmanager
    def signals(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGHUP raise Stopped in here; one that is ignored (nohup) stays ignored."""
        _came.clear()
        before = {signum: signal.getsignal(signum) for signum in SIGNALS}
        for signum in SIGNALS:
            if before[signum] is not signal.SIG_IGN:
                signal.signal(signum, _stop)
        signal.signal(signal.SIGALRM, self._beat)
        sys.unraisablehook = self._unraisable
        self._beats = True
        self._wind()
        yield
        for signum in SIGNALS:
            signal.signal(signum, before[signum])

    @contextmanager
    def signals_blocked(self) -> Iterator[None]:
        """Signals come only after it: modules do not bear their exceptions while they load, and orjson crashes.

        A thread that is started in here never sees one.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGALRM})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def pending_signal(self) -> Stopped | None:
        """The first signal since they are listened to, also if its exception was lost on the way."""
        return next(map(Stopped, _came), None)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Only in here does SIGINT raise Stopped, and once; afterwards it is ignored."""
        signal.signal(signal.SIGINT, _interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal behind standard output."""
        try:
            columns, rows = os.get_terminal_size(1)
        except OSError:
            return 80, 24
        return columns or 80, rows or 24

    def limit(self, seconds: float | None) -> None:
        """From now on the whole run takes at most so long: then OutOfTime is raised wherever it stands."""
        if seconds is not None:
            self._deadline = time.monotonic() + seconds
            self._wind()

    def grant_last_words(self) -> None:
        """Under --max-time, what is still to be said must not wait for ever for somebody to read it."""
        if self._deadline is not None:
            self._deadline = max(self._deadline, time.monotonic() + LAST_WORDS_SECONDS)
            self._wind()

    def left(self) -> float | None:
        """Seconds until the limit, None without one."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    def _wind(self) -> None:
        """The alarm goes at the limit, and until then now and then: nothing waits long with a signal overlooked."""
        waits = [max(left, 0.001)] if (left := self.left()) is not None else []
        first = min([*waits, BEAT_SECONDS] if self._beats else waits, default=0.0)
        signal.setitimer(signal.ITIMER_REAL, first, BEAT_SECONDS)

    @contextmanager
    def without_heartbeat(self) -> Iterator[None]:
        """In here only the limit rings: an event loop sees signals by itself, and complains of one while it closes."""
        before, self._beats = self._beats, False
        self._wind()
        try:
            yield
        finally:
            self._beats = before
            self._wind()

    def _unraisable(self, told: "sys.UnraisableHookArgs") -> None:
        """What a signal raised where nothing can be raised, in a destructor, is raised again in a moment."""
        if isinstance(told.exc_value, Stopped | OutOfTime):
            self._lost = told.exc_value
            signal.setitimer(signal.ITIMER_REAL, 0.001)

    def _beat(self, signum: int, frame: FrameType | None) -> None:
        if self._lost:
            lost, self._lost = self._lost, None
            raise lost
        left = self.left()
        if left is not None and left <= 0:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise OutOfTime("--max-time has passed")
        self._wind()

    def exec(self, path: str, arguments: Sequence[str]) -> NoReturn:
        """Another program takes the place of this one; an alarm would outlive us, and end it. Raises OSError."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.execv(path, [path, *arguments])  # noqa: S606

    def leave(self, code: int) -> None:
        """Ends the process now; nothing of ours is buffered."""
        os._exit(code)

    def die(self, signum: int) -> None:
        """Ends the process by the signal itself, so that shells and their loops see it."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        with suppress(OSError):  # SIGKILL has no handler that could be taken away
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signum})
        os.kill(os.getpid(), signum)
        os._exit(128 + signum)


def reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def write(fd: int, data: bytes, name: str) -> None:
    """All bytes to a descriptor. Raises OutputError, or Stopped for a closed pipe."""
    try:
        _write_all(fd, data)
    except BrokenPipeError:
        raise Stopped(signal.SIGPIPE) from None
    except OSError as error:
        raise OutputError(f"{name} cannot be written: {reason(error)}") from None


def _read(fd: int, buffer: memoryview) -> bytes:
    """Waits also where another process has made the descriptor non-blocking.

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


def _stop(signum: int, frame: FrameType | None) -> None:
    """The first signal ends the run, the same once more the process; another adds nothing: some send two at once."""
    if signum in _came:
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
    _came.add(signum)
    if len(_came) == 1:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise Stopped(signum)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_IGN)
    raise Stopped(signum)
