"""The end of a test that waits for what never comes."""

import os
import signal
import subprocess
from contextlib import suppress

from pytest_timeout import is_debugging  # type: ignore[import-untyped]

AGAIN_SECONDS = 10.0  # whoever catches it, or waits on the way out, is told again


class TimeIsUpError(BaseException):
    """A test has used up its time. No Exception, nor pytest's own: Hypothesis would run the example again, and hang."""


def ring_after(seconds: float) -> None:
    """Ends what this process has started since then, and raises TimeIsUpError in its main thread; 0 calls it off."""

    def ring(*_: object) -> None:
        if not is_debugging():
            end_processes(seconds + AGAIN_SECONDS)
            raise TimeIsUpError(f"no end after {seconds:g} s")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS if seconds else 0)


def end_processes(seconds: float) -> None:
    """Kills all processes below this one that are no older, so that nobody waits for them, and none goes on alone."""
    line = ["ps", "-A", "-o", "pid=,ppid=,etime="]
    listing = subprocess.run(line, capture_output=True, text=True, timeout=AGAIN_SECONDS, check=False).stdout
    rows = [(int(pid), int(parent), _seconds(elapsed)) for pid, parent, elapsed in map(str.split, listing.splitlines())]
    below, found = {os.getpid()}, {os.getpid()}
    while found:
        found = {pid for pid, parent, _ in rows if parent in found} - below
        below |= found
    for pid, _, elapsed in rows:
        if pid in below - {os.getpid()} and elapsed <= seconds:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _seconds(elapsed: str) -> int:
    """Those of [[days-]hours:]minutes:seconds, as ps shows them."""
    days, _, clock = elapsed.rpartition("-")
    hours, minutes, seconds = [0, *map(int, clock.split(":"))][-3:]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds
