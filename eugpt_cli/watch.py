"""Who is told what happens on the way of a request: nobody, or the user with -v."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from eugpt_cli.errors import EugptError
from eugpt_cli.mask import MASK
from eugpt_cli.request import Request
from eugpt_cli.terminal import brief, one_line

if TYPE_CHECKING:
    from eugpt_cli.transport import Response


class Watch:
    """Told, and does not care."""

    def sending(self, request: Request) -> None:
        """An attempt begins."""

    def answered(self, response: "Response") -> None:
        """Status and headers are there."""

    def tool(self, name: str) -> None:
        """The service has begun to use a tool."""

    def again(self, fault: EugptError, pause: float) -> None:
        """An attempt has failed; after `pause` seconds there is another."""


class Verbose(Watch):
    """A line for each thing: `>` is sent, `<` has come, `*` is what eugpt or the service does."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def sending(self, request: Request) -> None:
        self._tell(f"> POST {request.target.url}")
        for name, value in request.headers(MASK):
            self._tell(f"> {name}: {value}")

    def answered(self, response: "Response") -> None:
        self._tell(f"< HTTP {response.status} {one_line(response.reason)}".rstrip())
        for name, value in response.headers.items():
            self._tell(f"< {one_line(name)}: {one_line(value)}")

    def tool(self, name: str) -> None:
        self._tell(f"* tool {one_line(name)}")

    def again(self, fault: EugptError, pause: float) -> None:
        self._tell(f"* {fault.exit.label}: {brief(fault.message)}; trying again in {pause:.1f} s")


class Activity(Watch):
    """What is being done just now, told in a few words which the next ones replace."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def sending(self, request: Request) -> None:
        self._show("waiting")

    def tool(self, name: str) -> None:
        self._show(one_line(name))

    def again(self, fault: EugptError, pause: float) -> None:
        self._show(f"{fault.exit.label}, trying again in {pause:.1f} s")
