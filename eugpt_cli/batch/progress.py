"""How far a batch is, on stderr: a bar on a terminal, a line each half minute elsewhere."""

import time
from collections.abc import Callable
from typing import Protocol

from eugpt_cli.batch.statistics import Statistics

LINE_SECONDS = 30.0
BAR = range(10, 31)  # columns of the bar
ERASE = "\r\x1b[K"


class Progress(Protocol):
    def beat(self) -> None:
        """Some time has gone by."""

    def close(self) -> None:
        """Nothing of it is left on the screen."""


class Silent:
    """Nobody wants to know."""

    def beat(self) -> None: ...

    def close(self) -> None: ...


class State:
    """What progress shows; `share` is the part of the input that was read, None if unknown."""

    def __init__(self, statistics: Statistics, limit: Callable[[], int], share: Callable[[], float | None]) -> None:
        self._statistics = statistics
        self._limit = limit
        self.share = share
        self._started = time.monotonic()

    def parts(self) -> list[str]:
        """The facts to show, the most important first."""
        statistics = self._statistics
        rate = statistics.done / max(time.monotonic() - self._started, 0.001)
        parts = [f"{statistics.done} done, {statistics.failed} failed", f"{rate:.1f}/s", f"{self._limit()} at once"]
        share = self.share()
        if share and rate:
            seen = statistics.done + statistics.skipped
            parts.append(f"about {_duration((seen / share - seen) / rate)} left")
        return parts


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Lines:
    """A line each half minute."""

    def __init__(self, state: State, tell: Callable[[str], None]) -> None:
        self._state = state
        self._tell = tell
        self._next = time.monotonic() + LINE_SECONDS

    def beat(self) -> None:
        if time.monotonic() >= self._next:
            self._next += LINE_SECONDS
            self._tell(f"eugpt: batch: {', '.join(self._state.parts())}")

    def close(self) -> None:
        """Every line is out already."""


class Bar:
    """One line of the terminal, drawn anew with each beat and never wrapped: what does not fit is left out.

    The cursor stays as it is, so that a killed run leaves nothing to repair.
    """

    def __init__(self, state: State, draw: Callable[[str], None], columns: Callable[[], int]) -> None:
        self._state = state
        self._draw = draw
        self._columns = columns

    def beat(self) -> None:
        room = self._columns() - 1  # in the last column some terminals wrap
        text, *others = self._state.parts()
        for part in others:
            text += f", {part}" if len(text) + 2 + len(part) <= room else ""
        self._draw(f"{ERASE}{self._bar(room - len(text) - 1)}{text[: max(room, 0)]}")

    def close(self) -> None:
        self._draw(ERASE)

    def _bar(self, room: int) -> str:
        share, width = self._state.share(), min(room, BAR[-1])
        if share is None or width not in BAR:
            return ""
        full = round(share * (width - 2))
        return f"[{'#' * full}{'-' * (width - 2 - full)}] "
