"""How far a batch is, on stderr: a bar on a terminal, a line each half minute elsewhere."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Protocol, cast

from eugpt_cli.batch.statistics import Statistics

LINE_SECONDS = 30.0


class Progress(Protocol):
    def beat(self) -> None:
        """Some time has gone by."""

    def close(self) -> None: ...


class Silent:
    """Nobody wants to know."""

    def beat(self) -> None: ...

    def close(self) -> None: ...


def progress(state: "State", draw: Callable[[str], None] | None, tell: Callable[[str], None] | None) -> Progress:
    """A bar where it can be drawn, lines where they can be told."""
    if draw:
        with suppress(ModuleNotFoundError):
            return Bar(state, draw)
    return Lines(state, tell) if tell else Silent()


class State:
    """What there is to tell; `share` is the part of the input that has been read, None if nobody knows."""

    def __init__(self, statistics: Statistics, limit: Callable[[], int], share: Callable[[], float | None]) -> None:
        self._statistics = statistics
        self._limit = limit
        self.share = share
        self._started = time.monotonic()

    def text(self) -> str:
        statistics = self._statistics
        rate = statistics.done / max(time.monotonic() - self._started, 0.001)
        parts = [f"{statistics.done} done, {statistics.failed} failed, {rate:.1f}/s, {self._limit()} at once"]
        share = self.share()
        if share and rate:
            seen = statistics.done + statistics.skipped
            parts.append(f"about {_duration((seen / share - seen) / rate)} left")
        return ", ".join(parts)


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
            self._tell(f"eugpt: batch: {self._state.text()}")

    def close(self) -> None:
        """Every line is out already."""


class Bar:
    """Rich's bar; rich is loaded here and nowhere else. Raises ModuleNotFoundError without it."""

    def __init__(self, state: State, put: Callable[[str], None]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Rich

        self._state = state
        self._rich = Rich(
            BarColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(file=cast(IO[str], _File(put)), force_terminal=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._rich.add_task(state.text(), total=None)
        self._rich.start()

    def beat(self) -> None:
        share = self._state.share()
        known: dict[str, Any] = {} if share is None else {"total": 1.0, "completed": share}
        self._rich.update(self._task, description=self._state.text(), refresh=True, **known)

    def close(self) -> None:
        self._rich.stop()


class _File:
    """Standard error as rich wants it."""

    encoding = "utf-8"

    def __init__(self, put: Callable[[str], None]) -> None:
        self.write = put

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return True
