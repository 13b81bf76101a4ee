"""How long a server may stay silent."""

import time

from eugpt_cli.errors import TimedOut

LONGEST_WAIT = 1e6  # seconds; a socket takes 2**32 ms for none at all


class SilenceTimer:
    """How long the server may stay silent: call `beat` at each event, or each chunk of a document. Raises TimedOut.

    `sent`: the request, or a part of it, may have left.
    """

    def __init__(self, seconds: float) -> None:
        self.sent = False
        self._seconds = seconds
        self.beat()

    def beat(self) -> None:
        self._until = time.monotonic() + self._seconds

    def left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise self.over()
        return min(left, LONGEST_WAIT)

    def over(self) -> TimedOut:
        return TimedOut(f"the service has been silent for {self._seconds:g} s")
