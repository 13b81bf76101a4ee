"""Locks between processes: a file each in the state folder, held by flock(2), gone with whoever holds it.

Whoever lets a lock go removes its file, so a holder checks that the path still leads to the file it has locked.
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
    """The patience of one turn: `seconds` for all its locks together; `tell` is called once if it takes a moment."""

    def __init__(self, seconds: float, tell: Callable[[], None] = lambda: None) -> None:
        self._seconds = seconds
        self._tell = tell
        self._start = time.monotonic()
        self._told = False
        self._pause, self._longest = POLL_SECONDS

    def rest(self) -> None:
        """A pause before the next try. Raises Busy when the time is over."""
        waited = time.monotonic() - self._start
        if waited >= self._seconds:
            raise Busy(
                f"the conversation is locked by another run (waited {self._seconds:g} s)",
                hint="--lock-wait SECONDS waits longer",
            )
        if waited >= TELL_AFTER_SECONDS and not self._told:
            self._told = True
            self._tell()
        time.sleep(min(self._pause, self._seconds - waited))
        self._pause = min(self._pause * 1.5, self._longest)


def acquire(path: str, wait: Wait) -> int:
    """The descriptor to release. Raises Busy, or OSError where there can be no lock."""
    while (held := _try(path)) is None:
        wait.rest()
    return held


def release(path: str, held: int) -> None:
    with suppress(OSError):
        os.unlink(path)
    os.close(held)


def _try(path: str) -> int | None:
    """A descriptor that holds the lock, or None if another does."""
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
