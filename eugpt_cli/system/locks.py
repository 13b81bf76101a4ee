"""Locks between processes: one file each, held by flock(2), released by the kernel when the holder ends.

A holder removes the file when it releases the lock. So whoever acquires one checks that the path still names the file
that it has locked; otherwise two processes could hold "the" lock, each on a file of its own.
"""

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress

from eugpt_cli.errors import Busy

TELL_AFTER_SECONDS = 1.0
POLL_SECONDS = (0.01, 0.25)  # the first pause and the longest


class Wait:
    """How long one turn waits: `seconds` for all its locks together; calls `tell` once after a second."""

    def __init__(self, seconds: float, tell: Callable[[], None] = lambda: None) -> None:
        self._seconds = seconds
        self._tell = tell
        self._start = time.monotonic()
        self._told = False
        self._pause, self._longest = POLL_SECONDS

    def rest(self) -> None:
        """Sleeps before the next try, longer each time. Raises Busy when the time is over."""
        waited = time.monotonic() - self._start
        if waited >= self._seconds:
            raise Busy(
                f"the conversation is locked by another run (waited {self._seconds:g} s)",
                hint="to wait longer, use --lock-wait SECONDS",
            )
        if waited >= TELL_AFTER_SECONDS and not self._told:
            self._told = True
            self._tell()
        time.sleep(min(self._pause, self._seconds - waited))
        self._pause = min(self._pause * 1.5, self._longest)


def acquire(path: str, wait: Wait) -> int:
    """Returns the descriptor to release. Raises Busy, or OSError where files cannot be locked."""
    while (held := _try(path)) is None:
        wait.rest()
    return held


def release(path: str, held: int) -> None:
    with suppress(OSError):
        os.unlink(path)
    os.close(held)


def _try(path: str) -> int | None:
    """A descriptor that holds the lock, or None if another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
