"""How long connecting may take: look-up, TCP, proxy and TLS together (--connect-timeout)."""

import time

from eugpt_cli.errors import Unreachable


class ConnectDeadline:
    """The seconds left to connect, counted from its creation."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def left(self, what: str) -> float:
        """The seconds left for `what`. Raises Unreachable if none are."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise self.over(what)
        return left

    def over(self, what: str) -> Unreachable:
        return Unreachable(f"{what} within {self._seconds:g} s")
