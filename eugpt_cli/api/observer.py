"""Observers of a request on its way. By default, they do nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from eugpt_cli.api.request import Request
from eugpt_cli.errors import EugptError

if TYPE_CHECKING:
    from eugpt_cli.http.response import Response


class Observer:
    """Told, and does not care."""

    def sending(self, request: Request, is_sent: Callable[[], bool]) -> None:
        """An attempt begins; `is_sent` says whether it is connected and has begun to send."""

    def answered(self, response: "Response") -> None:
        """Status and headers are there."""

    def tool(self, name: str) -> None:
        """The service has begun to use a tool."""

    def again(self, fault: EugptError, pause: float) -> None:
        """Called when an attempt has failed and the next one starts in `pause` seconds."""
