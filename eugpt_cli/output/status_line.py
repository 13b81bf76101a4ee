"""The line that shows a person at a terminal what a run is waiting for, until the first byte of the answer.

Loaded only where standard error is a terminal that can move its cursor. No thread draws it: the console's heartbeat
does. The cursor stays where it is, so that nothing else on its line is touched (`printf 'Answer: '; eugpt ask Hi`).
"""

import math
import os
import select
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from eugpt_cli.api.observer import Observer
from eugpt_cli.api.request import Request
from eugpt_cli.errors import EugptError
from eugpt_cli.text.escapes import one_line

if TYPE_CHECKING:
    from eugpt_cli.http.response import Response

SIGN_AFTER_SECONDS = 1.0
STDERR = 2
# Save the cursor, wrap no line, erase the rest of this one; afterwards wrap again, cursor and colours as they were.
BEFORE, AFTER = "\x1b7\x1b[?7l\x1b[K", "\x1b[?7h\x1b8"
ERASE = "\x1b[K"


class StatusLine:
    """Draws on the terminal behind standard error, if this process is in its foreground and it takes bytes at once."""

    def __init__(self, *, dim: bool) -> None:
        self._style, self._plain = ("\x1b[2m", "\x1b[0m") if dim else ("", "")
        self._text = ""

    def show(self, text: str) -> None:
        """Replaces the text. Draws nothing while output is stopped (Ctrl-S): a signal handler must not wait."""
        if text != self._text and _is_foreground() and _takes_bytes():
            self._text = text
            fitting = text[: max(_columns() - 1, 0)]
            _draw(f"{BEFORE}{self._style}{fitting}{self._plain}{AFTER}")

    def clear(self) -> None:
        if self._text:
            self._text = ""
            _draw(ERASE)


def _is_foreground() -> bool:
    """Whether the shell has not put this process into the background; so too where it has no controlling terminal."""
    with suppress(OSError):
        return os.tcgetpgrp(STDERR) == os.getpgrp()
    return True


def _takes_bytes() -> bool:
    poll = select.poll()
    poll.register(STDERR, select.POLLOUT)
    return bool(poll.poll(0))


def _columns() -> int:
    with suppress(OSError):
        return os.get_terminal_size(STDERR).columns or 80
    return 80


def _draw(picture: str) -> None:
    with suppress(OSError):
        os.write(STDERR, picture.encode("utf-8", "replace"))


class SignsOfLife(Observer):
    """What a turn is doing, as a status line: shown after a second without a sign, gone once `emitted` says so.

    An observer of the request that passes everything on to `inner`.
    """

    def __init__(self, line: StatusLine, inner: Observer, emitted: Callable[[], bool]) -> None:
        self._line = line
        self._inner = inner
        self._is_emitted = emitted
        self._attempts = 0
        self._quiet_since = time.monotonic()
        self.waiting_for("starting")

    def waiting_for(self, what: str, *, of: float | None = None) -> None:
        """What is done from now on; `of` is the most seconds that it may take."""
        self._since = time.monotonic()
        limit = "" if of is None else f" of {of:g}"
        self._text: Callable[[], str] = lambda: f"{what}, {int(time.monotonic() - self._since)}{limit} s"

    def tick(self) -> None:
        """Called now and then by a signal handler, between any two instructions of the run."""
        if not self._is_emitted() and time.monotonic() - self._quiet_since >= SIGN_AFTER_SECONDS:
            self._line.show(self._text())

    def clear(self) -> None:
        """Makes room for something else that is about to be written, which is a sign too."""
        self._quiet_since = time.monotonic()
        self._line.clear()

    def sending(self, request: Request, is_sent: Callable[[], bool]) -> None:
        self._inner.sending(request, is_sent)
        self._attempts += 1
        again = f"attempt {self._attempts}: " if self._attempts > 1 else ""
        host = request.target.host
        self._since = time.monotonic()

        def text() -> str:
            step = "waiting for the answer" if is_sent() else f"connecting to {host}"
            return f"{again}{step}, {int(time.monotonic() - self._since)} s"

        self._text = text

    def answered(self, response: "Response") -> None:
        self._inner.answered(response)

    def tool(self, name: str) -> None:
        self._inner.tool(name)
        self.waiting_for(f"using {one_line(name)}")

    def again(self, fault: EugptError, pause: float) -> None:
        self._inner.again(fault, pause)
        status = f" (HTTP {fault.http_status})" if fault.http_status else ""
        until = time.monotonic() + pause
        self._text = lambda: f"{fault.exit.label}{status}, retry in {max(math.ceil(until - time.monotonic()), 0)} s"
