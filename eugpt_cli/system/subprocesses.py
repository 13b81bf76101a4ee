"""Commands that others wrote, each in a process group of its own, of which nothing outlives us.

What ends a run, a signal or the deadline, is raised in the main thread. It waits until a command that is being started
is known, and ends those that still run on its way out; the commands of other threads end when the process does.
"""

import errno
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, NamedTuple

from eugpt_cli.errors import Stopped
from eugpt_cli.system.interrupts import at_end, signals_held

POLL_SECONDS = 0.05  # until the end of a command is noticed whose children hold its output open
KEPT_BYTES = 1 << 16  # of what it says, the last
CHUNK = 1 << 16
LAST_READS = 16  # of CHUNK bytes each, once it has ended
UNKNOWN = 1 << 8  # in place of an exit status; a command has one below it
_running: set["subprocess.Popen[bytes]"] = set()
_lock = threading.RLock()


class Ended(NamedTuple):
    """How a command ended: its exit status, or minus the signal that it died of, and the end of what it said."""

    status: int
    said: bytes


def without_key(environ: Mapping[str, str], key: str | None) -> dict[str, str]:
    """The environment without the variables that are made for the key, and without any that holds it."""
    return {name: value for name, value in environ.items() if name != "EUGPT_API_KEY" and not (key and key in value)}


def check(command: str, environ: Mapping[str, str], given: bytes) -> Ended:
    """Runs a shell command with `given` as standard input. What it prints goes nowhere; its standard error is kept.

    It has no terminal. Raises OSError if it cannot be started, or nobody knows how it ended.
    """
    with _group(
        ["/bin/sh", "-c", command],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        said = _exchange(process, given, process.stderr)
        return Ended(_status(process), said)


def capture(words: Sequence[str], environ: Mapping[str, str]) -> Ended:
    """Runs a command without input and keeps what it prints. It may ask at the terminal, if we may.

    Raises OSError if it cannot be started, or nobody knows how it ended, and Stopped if it died of Ctrl-C.
    """
    with (
        _terminal() as hand_over,
        _group(words, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, process_group=0) as process,
    ):
        hand_over(process.pid)
        said = _exchange(process, b"", process.stdout)
        status = _status(process)
    if status == -signal.SIGINT:
        raise Stopped(signal.SIGINT)
    return Ended(status, said)


def kill_all() -> None:
    """Ends every command that runs, with its group; from now on no thread starts another."""
    _lock.acquire()
    for process in _running:
        _kill(process)


@contextmanager
def _group(words: Sequence[str], **how: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A command that leads a process group; the group is killed at the end. Raises OSError."""
    process: subprocess.Popen[bytes] | None = None
    at_end(kill_all)
    try:
        with signals_held(), _lock:
            process = subprocess.Popen(words, **how)
            _running.add(process)
        yield process
    finally:
        if process:
            _kill(process)
            _has_ended(process, 0)
            _running.discard(process)
            for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
                with suppress(OSError):  # it has not taken all that was given
                    pipe.close()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Ends the group, which has its leader's number, also where only others are left in it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _status(process: "subprocess.Popen[bytes]") -> int:
    """Waits for its end: the exit status, or minus a signal. Raises ChildProcessError if somebody else was told it."""
    _has_ended(process, 0)
    if process.returncode == UNKNOWN:
        raise ChildProcessError(errno.ECHILD, "nobody knows how it ended")
    return process.returncode


def _has_ended(process: "subprocess.Popen[bytes]", how: int = os.WNOHANG) -> bool:
    """Whether it has. Its own `poll` and `wait` hold a lock, and a signal may come before they let go of it."""
    if process.returncode is None:
        try:
            pid, status = os.waitpid(process.pid, how)
        except ChildProcessError:  # a signal came after it had been asked, or the system did not keep it
            process.returncode = UNKNOWN
            return True
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode is not None


def _exchange(process: "subprocess.Popen[bytes]", given: bytes, outlet: IO[bytes] | None) -> bytes:
    """Writes what the command takes and reads what it says, until it ends or closes both; returns the last of it."""
    assert outlet
    said = bytearray()
    with selectors.DefaultSelector() as selector:
        os.set_blocking(outlet.fileno(), False)
        selector.register(outlet, selectors.EVENT_READ, lambda: _read(outlet, said))
        if inlet := process.stdin:
            os.set_blocking(inlet.fileno(), False)
            selector.register(inlet, selectors.EVENT_WRITE, _feeder(inlet, memoryview(given)))
        while selector.get_map() and not _has_ended(process):
            for key, _ in selector.select(POLL_SECONDS):
                if not key.data():
                    selector.unregister(key.fileobj)
                    if key.fileobj is inlet:
                        inlet.close()
    if _has_ended(process):
        _kill(process)  # what it has left behind says nothing more
        for _ in range(LAST_READS):
            if not _read(outlet, said):
                break
    return bytes(said)


def _feeder(inlet: IO[bytes], rest: memoryview) -> Callable[[], bool]:
    """A function that writes what the pipe takes, and returns whether any is left."""

    def feed() -> bool:
        nonlocal rest
        try:
            rest = rest[os.write(inlet.fileno(), rest[:CHUNK]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:  # the command has seen enough
            rest = rest[:0]
        return bool(rest)

    return feed


def _read(outlet: IO[bytes], said: bytearray) -> bool:
    """Adds what has come; returns whether more may come."""
    try:
        data = os.read(outlet.fileno(), CHUNK)
    except BlockingIOError:
        return True
    said += data
    del said[:-KEPT_BYTES]
    return bool(data)


@contextmanager
def _terminal() -> Iterator[Callable[[int], None]]:
    """Gives a function that lets a process group read the terminal if ours may; at the end we may again."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        yield lambda group: None
        return
    ours = os.getpgrp()
    in_front = os.tcgetpgrp(terminal) == ours
    stop = signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # Ctrl-Z would stop the command alone, and nobody continue it

    def hand_over(group: int) -> None:
        if in_front:
            os.tcsetpgrp(terminal, group)
            os.killpg(group, signal.SIGCONT)  # it may have read too early, and been stopped for it

    try:
        yield hand_over
    finally:
        signal.signal(signal.SIGTSTP, stop)
        write = signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # we are in the background now
        if in_front:
            os.tcsetpgrp(terminal, ours)
        signal.signal(signal.SIGTTOU, write)
        os.close(terminal)
