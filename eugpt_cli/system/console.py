"""The world around a command: its environment, streams, signals and deadline, as one object."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from eugpt_cli.errors import ConfigError, EugptError, Internal
from eugpt_cli.system.interrupts import Interrupts, run_at_end
from eugpt_cli.system.streams import DUMB, StandardStreams, Transient
from eugpt_cli.text.redaction import redact

LIMITS: dict[int | None, str] = {
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files",
    errno.ENOMEM: "out of memory",
}
NO_THREAD = "can't start new thread"  # a RuntimeError of CPython, without a number


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

    def fault_of(self, error: BaseException) -> EugptError:
        """The error to report: what nobody has worded is a limit of this machine, a broken installation or a defect."""
        if isinstance(error, EugptError):
            return error
        if isinstance(error, ImportError) and not (error.name or "eugpt_cli").startswith("eugpt_cli"):
            from eugpt_cli.system.installation import incomplete

            message, hint = incomplete(error)
            return ConfigError(message, hint=hint)
        if isinstance(error, MemoryError):
            _free(error)
        number = errno.ENOMEM if isinstance(error, MemoryError) else getattr(error, "errno", None)
        limit = "too many threads" if str(error) == NO_THREAD else LIMITS.get(number)
        if limit:  # nothing may be imported for it: that takes files and memory
            return ConfigError(limit, hint="ulimit -a shows the limits of this shell")
        return Internal(
            f"{type(error).__name__}: {redact(str(error), self.secret)}",
            hint="this is a defect in eugpt; EUGPT_DEBUG=1 shows where",
        )

    def leave(self, code: int) -> None:
        """Ends the process now; nothing of ours is buffered."""
        run_at_end()
        os._exit(code)


def _free(error: BaseException) -> None:
    """Lets go of what the functions held that the error has left: there is to be memory to report it."""
    place = error.__traceback__
    while place:
        with suppress(RuntimeError):  # one that is still running
            place.tb_frame.clear()
        place = place.tb_next
