"""A sink that measures what goes through it: the bytes that reach standard output or the file of --output."""

from collections.abc import Callable
from signal import SIGPIPE

from eugpt_cli.errors import OutputError, Stopped
from eugpt_cli.text.digest import ByteDigest
from eugpt_cli.text.redaction import Sink


class MeasuredSink:
    """Passes everything on to `sink`; `begin` is given the digest of each answer, and of each attempt at one."""

    def __init__(self, sink: Sink, begin: Callable[[ByteDigest], None]) -> None:
        self._sink = sink
        self._begin = begin
        self._committed = False
        self.terminal = sink.terminal
        self._start()

    @property
    def emitted(self) -> bool:
        return self._sink.emitted

    def write(self, data: bytes) -> None:
        """Counts first: whoever reads the bytes may send a signal before they are counted."""
        self._digest.update(data)
        try:
            self._sink.write(data)
        except OutputError:
            self._digest.take_back()
            raise
        except Stopped as stop:
            if stop.signum == SIGPIPE:
                self._digest.take_back()
            raise

    def restart(self) -> None:
        self._sink.restart()
        self._start()

    def keep(self) -> None:
        self._sink.keep()

    def commit(self) -> None:
        self._sink.commit()
        self._committed = True

    def discard(self) -> None:
        """A file that was not committed has got nothing; what was shown stays."""
        if not self._committed and not self.emitted:
            self._start()
        self._sink.discard()

    def _start(self) -> None:
        self._digest = ByteDigest()
        self._begin(self._digest)
