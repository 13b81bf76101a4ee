"""The run's deadline, and the alarm that enforces it and lets no signal wait unnoticed.

Python runs a signal's handler between two instructions. A signal that comes just before a system call blocks waits for
that call's end, so the alarm goes off every BEAT_SECONDS as well: it interrupts the call, and Python looks.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from eugpt_cli.errors import OutOfTime, Stopped

LAST_WORDS_SECONDS = 2.0
BEAT_SECONDS = 0.25


class Alarm:
    """SIGALRM, armed for the deadline or the next beat, whichever comes first."""

    def __init__(self) -> None:
        self._deadline: float | None = None
        self._beats = False
        self._lost: BaseException | None = None
        self._on_beat: Callable[[], None] | None = None

    def start(self) -> None:
        """Arms it; from now on an exception that a destructor swallows is raised again, too."""
        signal.signal(signal.SIGALRM, self._ring)
        sys.unraisablehook = self._unraisable
        self._beats = True
        self._arm()

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def limit(self, seconds: float | None) -> None:
        """Sets the deadline of the whole run: OutOfTime is raised then, whatever is being done."""
        if seconds is not None:
            self._deadline = time.monotonic() + seconds
            self._arm()

    def grant_last_words(self) -> None:
        """Moves a deadline so that the error line can be written, but not wait for ever for a reader."""
        if self._deadline is not None:
            self._deadline = max(self._deadline, time.monotonic() + LAST_WORDS_SECONDS)
            self._arm()

    def left(self) -> float | None:
        """Seconds until the deadline, None without one."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    def _arm(self) -> None:
        """Arms it for the deadline, and until then for the next beat."""
        signal.setitimer(signal.ITIMER_REAL, _first(self._deadline, self._beats), BEAT_SECONDS)

    @contextmanager
    def without_heartbeat(self) -> Iterator[None]:
        """Only the deadline rings in here: an event loop sees signals itself, and complains of one while it closes."""
        before, self._beats = self._beats, False
        self._arm()
        try:
            yield
        finally:
            self._beats = before
            self._arm()

    def _unraisable(self, swallowed: "sys.UnraisableHookArgs") -> None:
        """Raises again, in a moment, what a signal raised in a destructor, where nothing can be raised."""
        if isinstance(swallowed.exc_value, Stopped | OutOfTime):
            self._lost = swallowed.exc_value
            signal.setitimer(signal.ITIMER_REAL, 0.001)

    def _ring(self, signum: int, frame: FrameType | None) -> None:
        """Calls no method of ours: while C code as readline holds an exception, no inherited one is found."""
        lost, self._lost = self._lost, None
        if lost:
            raise lost
        if self._deadline is not None and time.monotonic() >= self._deadline:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise OutOfTime("--max-time has passed")
        if self._on_beat:
            self._on_beat()
        signal.setitimer(signal.ITIMER_REAL, _first(self._deadline, self._beats), BEAT_SECONDS)


def _first(deadline: float | None, beats: bool) -> float:
    """Seconds until the alarm: the deadline or the next beat, 0 for none."""
    waits = [] if deadline is None else [max(deadline - time.monotonic(), 0.001)]
    return min([*waits, BEAT_SECONDS] if beats else waits, default=0.0)
