"""The world around a command: its environment, streams, signals and deadline, as one object."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from eugpt_cli.system.interrupts import Interrupts, run_at_end
from eugpt_cli.system.streams import DUMB, StandardStreams, Transient


class Console(StandardStreams, Interrupts):
    """What a command is given of the process; `errors` is the form of the error line."""

    def __init__(self) -> None:
        self.environ: Mapping[str, str] = os.environ
        StandardStreams.__init__(self, self.environ.get("EUGPT_API_KEY"))  # until it is known which key is used
        Interrupts.__init__(self)
        self.errors: str | None = None

    @property
    def has_status_line(self) -> bool:
        """Whether a line may come and go on standard error: a terminal that can move its cursor, without -q."""
        return not self.quiet and self.is_terminal(2) and self.environ.get("TERM", "dumb") not in DUMB

    @contextmanager
    def showing(self, line: Transient) -> Iterator[None]:
        """Keeps the line on the terminal whenever nothing else is being written."""
        self._transient, self._on_beat = line, line.tick
        try:
            yield
        finally:
            self._transient = self._on_beat = None
            line.clear()

    def begin_line(self) -> None:
        """Wipes the `^C` that a terminal echoes, so that a message stands alone."""
        if self.has_status_line:
            self.draw("\r\x1b[K")

    def leave(self, code: int) -> None:
        """Ends the process now; nothing of ours is buffered."""
        run_at_end()
        os._exit(code)
