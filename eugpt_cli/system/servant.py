"""A copy of this process that answers lines with lines: for code that may crash, run for ever, or hold signals back."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from eugpt_cli.system.interrupts import SIGNALS, at_end, signals_held

Answer = Callable[[bytes], bytes]


class Lost(Exception):
    """The servant died over a line, of `signum`."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Servant:
    """Begins to `make` its function at once; it is forked, so it is begun before any thread is.

    Making it and each answer may take so many seconds; then SIGALRM ends it, which needs nothing of Python's.
    """

    def __init__(self, make: Callable[[], Answer], seconds: float) -> None:
        """Raises OSError if this machine allows no other process."""
        theirs, self._to = os.pipe()
        self._from, ours = os.pipe()
        self._lock = threading.Lock()
        with signals_held():
            self._pid = os.fork()
            if self._pid == 0:
                _serve(make, seconds, theirs, ours)
        at_end(self.close)
        os.close(theirs)
        os.close(ours)

    def ask(self, line: bytes) -> bytes:
        """The answer to one line, both without line ends. Raises Lost."""
        with self._lock:
            data = memoryview(line + b"\n")
            answer = b""
            try:
                while data:
                    data = data[os.write(self._to, data) :]
                while not answer.endswith(b"\n"):
                    part = os.read(self._from, 1 << 16)
                    if not part:
                        raise Lost(self._end())
                    answer += part
            except BrokenPipeError:
                raise Lost(self._end()) from None
            return answer[:-1]

    def close(self) -> None:
        """Ends it, whatever it does."""
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._end()

    def _end(self) -> int:
        """The signal that it died of; 0 if that is not known."""
        pid, self._pid = self._pid, 0
        with suppress(ChildProcessError):
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) * -1 if pid else 0
        return 0


def _serve(make: Callable[[], Answer], seconds: float, inlet: int, outlet: int) -> NoReturn:
    """Answers lines until there are none; nothing of the process that it was copied from is kept open."""
    try:
        for signum in SIGNALS:
            signal.signal(signum, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        _keep_only(inlet, outlet)
        with open(0, "rb") as lines, open(1, "wb") as answers:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            answer = make()
            signal.setitimer(signal.ITIMER_REAL, 0)
            for line in lines:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                said = answer(line)
                signal.setitimer(signal.ITIMER_REAL, 0)
                answers.write(said + b"\n")
                answers.flush()
    finally:
        os._exit(0)


def _keep_only(inlet: int, outlet: int) -> None:
    """The two become standard input and output."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    inlet, outlet = (os.dup(fd) if fd < 3 else fd for fd in (inlet, outlet))
    os.dup2(inlet, 0)
    os.dup2(outlet, 1)
    os.dup2(nowhere, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
